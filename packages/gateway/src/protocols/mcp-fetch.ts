/**
 * The HTTP leg to tool servers (data D-1, D-4, segmentation S-1): every response bounded in bytes and time, JSON bodies
 * parsed strictly before the SDK sees them, redirects refused. Addresses are pinned elsewhere, by the dispatcher that is
 * handed in; this file does not resolve names.
 */
import { randomUUID } from 'node:crypto';
import { type Json, parseStrict } from '@atf/core/wire/json';
import { type Dispatcher, getGlobalDispatcher } from 'undici';
import { type ExchangeHead, exchange, headerOf, ResponseMalformedError } from './http-exchange.ts';
import { costOf, eventsIn, Pace, readingPace, rest } from './pace.ts';

export type FetchBounds = {
  /** One response body, or one event stream that answers a request, in bytes. */
  readonly bodyBytesMax: number;
  readonly depthMax: number;
  readonly valuesMax: number;
  /** One request with its whole response. */
  readonly requestMs: number;
};

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` for the SDK's transport. A standing event stream (GET, and `subscriptions/listen` of 2026-07-28) is bounded per message by the SDK's own reader, and in pace, not in length. Undici's
 * own `fetch` costs several times as much as the exchange beneath.
 */
export function boundedFetch(bounds: FetchBounds, dispatcher: Dispatcher = getGlobalDispatcher()): Fetch {
  const pace = new Pace(readingPace);
  return async (url, init = {}) => {
    const method = init.method ?? 'GET';
    const standing =
      method === 'GET' || new Headers(init.headers).get('mcp-method') === 'subscriptions/listen';
    const response = await exchange(dispatcher, {
      url: new URL(url),
      method,
      headers: [...new Headers(init.headers)].flat(),
      body: typeof init.body === 'string' ? init.body : undefined,
      signal: init.signal ?? undefined,
      headMs: bounds.requestMs,
      wholeMs: standing ? undefined : bounds.requestMs,
      bytesMax: bounds.bodyBytesMax,
      streams: (head) => eventStream.test(headerOf(head, 'content-type') ?? ''),
    });
    const { status, body } = response;
    if (body instanceof ReadableStream) {
      const stream = standing
        ? pacedStream(body, pace)
        : answeredStream(body, pace, bounds.bodyBytesMax, requestIdOf(init));
      return new Response(stream, { status, headers: pairsOf(response) });
    }
    if (!/^application\/json\b/i.test(headerOf(response, 'content-type') ?? ''))
      return answerOf(response, body, undefined);
    const parsed = parseStrict(body, { ...bounds, bytesMax: bounds.bodyBytesMax });
    if (!parsed.ok && isOk(status)) throw new ResponseMalformedError('the answer is not strict JSON');
    return answerOf(response, body, parsed.ok ? parsed.value : undefined);
  };
}

const eventStream = /^text\/event-stream\b/i;
const isOk = (status: number): boolean => status >= 200 && status <= 299;

function pairsOf({ headers }: ExchangeHead): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((each): [string, string] => [name, each]),
  );
}

/** As much of a `Response` as the SDK's transport reads, over a body that is here whole. `json` gives what was parsed strictly. */
function answerOf(head: ExchangeHead, bytes: Uint8Array, json: Json | undefined): Response {
  const answer = {
    status: head.status,
    statusText: '',
    ok: isOk(head.status),
    type: 'default',
    url: '',
    redirected: false,
    body: null,
    headers: {
      get: (name: string) => headerOf(head, name) ?? null,
      has: (name: string) => headerOf(head, name) !== undefined,
    },
    text: async () => Buffer.from(bytes).toString('utf8'),
    json: async () => {
      if (json === undefined) throw new ResponseMalformedError('the answer is not JSON');
      return json;
    },
  };
  return answer as unknown as Response;
}

/** A standing stream, not read faster than a tool server has reason to speak. */
function pacedStream(body: ReadableStream<Uint8Array>, pace: Pace): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      controller.enqueue(value);
      await rest(pace.spend(costOf(eventsIn(value), value.byteLength), performance.now()));
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/**
 * An event stream that ends without an answer leaves the SDK waiting for a reconnection that is not wanted here: whatever
 * way it ends, an error for the request is its last event. Where the answer came before, the SDK ignores it.
 */
function answeredStream(
  body: ReadableStream<Uint8Array>,
  pace: Pace,
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
        if (bytes <= bytesMax) {
          controller.enqueue(value);
          // Its bytes are bounded as a whole: only what comes in many events is slowed, not one large result.
          return await rest(pace.spend(eventsIn(value), performance.now()));
        }
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
