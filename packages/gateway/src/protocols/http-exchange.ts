/**
 * One HTTP request to a tool server and its response (segmentation S-1, data D-4), straight on undici's `dispatch`: bounded in bytes and
 * time, redirects and compressed bodies refused. The response is here whole, or a stream when the caller says so at its head.
 * Addresses are vetted by the dispatcher (dialer.ts); what the bytes mean is for the protocol.
 */
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

export interface ExchangeRequest {
  readonly url: URL;
  readonly method: Dispatcher.HttpMethod;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | Uint8Array | Readable | undefined;
  readonly signal: AbortSignal | undefined;
  /** Until the head of the response. */
  readonly headMs: number;
  /** Until the end of the response; undefined: a stream that stands. */
  readonly wholeMs: number | undefined;
  /** Of a response that is not streamed. */
  readonly bytesMax: number;
  readonly streams: (head: ExchangeHead) => boolean;
  /** Of a response that is streamed, from its head to its end; absent: `wholeMs` goes on. */
  readonly streamMs?: number;
}

/** Headers in lower case. */
export interface ExchangeHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ExchangeResponse extends ExchangeHead {
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
}

export class ResponseTooLargeError extends Error {}
export class ResponseMalformedError extends Error {}
export class ResponseRedirectError extends Error {}

/** The value of a header; of one that came twice, the first. */
export function headerOf({ headers }: ExchangeHead, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return typeof value === 'object' ? value[0] : value;
}

/**
 * Sends one request, once. Rejects with the reason of the signal, a `TimeoutError`, the error of the socket, {@link ResponseTooLargeError} or
 * {@link ResponseMalformedError}; a stream that has begun errors with the same.
 */
export function exchange(dispatcher: Dispatcher, request: ExchangeRequest): Promise<ExchangeResponse> {
  return new Promise((resolve, reject) => {
    const handler = new Exchange(request, resolve, reject);
    if (request.signal?.aborted === true) return handler.cut(request.signal.reason as Error);
    try {
      dispatcher.dispatch(
        {
          origin: request.url.origin,
          path: `${request.url.pathname}${request.url.search}`,
          method: request.method,
          headers: [...request.headers],
          body: request.body ?? null,
          headersTimeout: request.headMs,
          bodyTimeout: 0,
        },
        handler,
      );
    } catch (error) {
      handler.cut(error as Error);
    }
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #resolve: (response: ExchangeResponse) => void;
  readonly #reject: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #head: ExchangeHead | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ended: Error | true | undefined;

  constructor(
    request: ExchangeRequest,
    resolve: (response: ExchangeResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = request.wholeMs === undefined ? undefined : setTimeout(this.#late, request.wholeMs);
    request.signal?.addEventListener('abort', this.#aborted, { once: true });
  }

  readonly #late = (): void => this.cut(new DOMException('the response took too long', 'TimeoutError'));

  readonly #aborted = (): void => this.cut(this.#request.signal?.reason as Error);

  /** Ends it for `why`, on both sides. */
  cut(why: Error): void {
    if (!this.#end(why)) return;
    if (this.#stream === undefined) this.#reject(why);
    else this.#stream.error(why);
    this.#controller?.abort(why);
  }

  /** True for whoever ends it first. */
  #end(how: Error | true): boolean {
    if (this.#ended !== undefined) return false;
    this.#ended = how;
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#aborted);
    return true;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended instanceof Error) controller.abort(this.#ended);
  }

  onResponseStart(_: unknown, status: number, headers: ExchangeHead['headers']): void {
    // 103 and its like come before the head that counts.
    if (status < 200) return;
    const head = { status, headers };
    this.#head = head;
    // Redirects could lead anywhere, and a compressed body is larger than it looks; none was asked for.
    if (status >= 300 && status <= 399)
      return this.cut(new ResponseRedirectError('the tool server redirects'));
    if ((headerOf(head, 'content-encoding') ?? 'identity').toLowerCase() !== 'identity')
      return this.cut(new ResponseMalformedError('the response is compressed'));
    if (!this.#request.streams(head)) return;
    if (this.#request.streamMs !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(this.#late, this.#request.streamMs);
    }
    this.#resolve({ ...head, body: this.#streamed() });
  }

  #streamed(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (stream) => {
        this.#stream = stream;
      },
      pull: () => this.#controller?.resume(),
      cancel: () => {
        if (this.#end(true)) this.#controller?.abort(new Error('the reader has gone'));
      },
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // After a pause undici says nothing before it goes on; taken for a chunk, that would pause it again for ever.
    if (this.#ended !== undefined || chunk.length === 0) return;
    if (this.#stream !== undefined) {
      this.#stream.enqueue(chunk);
      if ((this.#stream.desiredSize ?? 0) <= 0) controller.pause();
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes > this.#request.bytesMax)
      return this.cut(new ResponseTooLargeError('the response is too large'));
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#end(true)) return;
    if (this.#stream !== undefined) return this.#stream.close();
    const [first = new Uint8Array()] = this.#chunks;
    const body = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : first;
    this.#resolve({ ...(this.#head as ExchangeHead), body });
  }

  onResponseError(_: unknown, error: Error): void {
    this.cut(error);
  }
}
