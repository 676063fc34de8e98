/**
 * The HTTP leg to tool servers (data D-1, D-4, segmentation S-1): every response bounded in bytes and time, JSON bodies
 * parsed strictly before the SDK sees them, redirects refused. Addresses are pinned elsewhere, by the dispatcher that is
 * handed in; this file does not resolve names.
 */
import { randomUUID } from 'node:crypto';
import { parseStrict } from '@atf/core/wire/json';
import { type Dispatcher, fetch as undiciFetch } from 'undici';

export type FetchBounds = {
  /** One response body, or one event stream that answers a request, in bytes. */
  readonly bodyBytesMax: number;
  readonly depthMax: number;
  readonly valuesMax: number;
  /** One request with its whole response. */
  readonly requestMs: number;
};

export class ResponseTooLargeError extends Error {}
export class ResponseMalformedError extends Error {}

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** A `fetch` for the SDK's transport. A standing event stream (GET) is bounded per message by the SDK's own reader, not in length. */
export function boundedFetch(bounds: FetchBounds, dispatcher?: Dispatcher): Fetch {
  // undici's own types of fetch and the platform's differ in name only.
  const send = undiciFetch as unknown as (url: string | URL, init: object) => Promise<Response>;
  return async (url, init = {}) => {
    const standing = (init.method ?? 'GET') === 'GET';
    const deadline = standing ? [] : [AbortSignal.timeout(bounds.requestMs)];
    const signal = AbortSignal.any([...(init.signal ? [init.signal] : []), ...deadline]);
    const response = await send(url, {
      ...init,
      redirect: 'error',
      signal,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    if (response.body === null || standing) return response;
    const type = response.headers.get('content-type') ?? '';
    if (/^text\/event-stream\b/i.test(type))
      return rebuilt(response, answeredStream(response.body, bounds.bodyBytesMax, requestIdOf(init)));
    if (!/^application\/json\b/i.test(type))
      return rebuilt(response, response.body.pipeThrough(limit(bounds.bodyBytesMax)));
    const bytes = await readAll(response.body, bounds.bodyBytesMax);
    const parsed = parseStrict(bytes, { ...bounds, bytesMax: bounds.bodyBytesMax });
    if (!parsed.ok && response.ok) throw new ResponseMalformedError('the answer is not strict JSON');
    return rebuilt(response, bytes as Uint8Array<ArrayBuffer>);
  };
}

function rebuilt(response: Response, body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>): Response {
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers: [...headers] });
}

/**
 * An event stream that ends without an answer leaves the SDK waiting for a reconnection that is not wanted here: whatever
 * way it ends, an error for the request is its last event. Where the answer came before, the SDK ignores it.
 */
function answeredStream(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  id: number | string | undefined,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  const finish = (controller: ReadableStreamDefaultController<Uint8Array>, reason: StreamEnd['reason']) => {
    if (id !== undefined) {
      const error = {
        code: -32_000,
        message: 'no answer',
        data: { mark: streamMark, reason } satisfies StreamEnd,
      };
      controller.enqueue(
        Buffer.from(`\n\nevent: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, error })}\n\n`),
      );
    }
    controller.close();
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) return finish(controller, 'ended');
        bytes += value.byteLength;
        if (bytes <= bytesMax) return controller.enqueue(value);
        finish(controller, 'oversized');
        await reader.cancel();
      } catch {
        finish(controller, 'ended');
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Tells our own last event from one that a tool server invents. */
const streamMark = randomUUID();
type StreamEnd = { readonly mark: string; readonly reason: 'ended' | 'oversized' };

/** Why a stream gave no answer, if the data of a JSON-RPC error is ours. */
export function streamEndOf(data: unknown): StreamEnd['reason'] | undefined {
  const end = data as Partial<StreamEnd> | null | undefined;
  return typeof end === 'object' && end?.mark === streamMark ? end.reason : undefined;
}

/** The id of the request that the SDK sends; its body is its own JSON text. */
function requestIdOf(init: RequestInit): number | string | undefined {
  const { id } = JSON.parse(typeof init.body === 'string' ? init.body : '{}') as { id?: number | string };
  return id;
}

function limit(bytesMax: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) controller.error(new ResponseTooLargeError('the answer is too large'));
      else controller.enqueue(chunk);
    },
  });
}

async function readAll(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.pipeThrough(limit(bytesMax))) chunks.push(chunk);
  return Buffer.concat(chunks);
}
