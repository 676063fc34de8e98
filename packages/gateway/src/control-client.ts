/**
 * Requests from the gateway to control: typed by the routes of core/wire/api.ts, proved by the gateway's key, bounded in time and size,
 * answers validated. It never throws and never repeats a request that control may have received: whether something may be sent twice is for the caller.
 * Of several replicas it asks one until that one cannot be reached.
 */
import { type Refusal, errors, type ErrorCode, refusal } from '@atf/core/errors';
import { type OperationId, type ResponseOf, type Route, routes } from '@atf/core/wire/api';
import { isJsonObject, parseStrict } from '@atf/core/wire/json';
import { Pool } from 'undici';
import type { ControlAnswer, ControlCall, ControlPort } from './ports.ts';
import { type ControlTls, untrusted } from './tls.ts';

export const controlTimeoutMsDefault = 5_000;
const answerBytesMax = 16 * 1_048_576;
const answerBounds = { bytesMax: answerBytesMax, depthMax: 80, valuesMax: 500_000 };
const connectionsMax = 16;

export interface ControlClientInput {
  /** Addresses of control, without a trailing slash: one or more replicas. */
  readonly urls: readonly string[];
  /** The value of the `authorization` header for one request. */
  readonly authorization: (method: string, url: string) => string | undefined;
  /** For addresses with `https:`. */
  readonly tls?: ControlTls | undefined;
  readonly timeoutMs?: number;
}

/** A raw answer: bytes as they came. */
export interface RawAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Faults of a connection that was never made: nothing was sent. */
const notConnected: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** What came of one attempt at one address. */
type Attempt =
  | { readonly answer: RawAnswer }
  /** `distrusted`: why its certificate was not taken. */
  | { readonly answer: undefined; readonly sent: boolean; readonly distrusted?: string | undefined };

const unreachable = (
  sent: boolean,
  distrusted?: string,
): { readonly ok: false; readonly refusal: Refusal; readonly sent: boolean } => ({
  ok: false,
  refusal: refusal(
    'containment.feed_stale',
    distrusted === undefined
      ? 'The control plane did not answer.'
      : `The certificate of the control plane is not trusted (${distrusted}); name its authority with --ca.`,
  ),
  sent,
});

export class ControlClient implements ControlPort {
  readonly #input: ControlClientInput;
  readonly #pools: readonly Pool[];
  #at = 0;

  constructor(input: ControlClientInput) {
    const timeoutMs = input.timeoutMs ?? controlTimeoutMsDefault;
    this.#input = input;
    this.#pools = input.urls.map(
      (url) =>
        new Pool(new URL(url).origin, {
          connections: connectionsMax,
          connectTimeout: timeoutMs,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          keepAliveTimeout: 30_000,
          allowH2: false,
          ...(input.tls === undefined ? {} : { connect: { ...input.tls } }),
        }),
    );
  }

  /** This address answers: it is asked from now on. */
  prefer(url: string): void {
    this.#at = Math.max(0, this.#input.urls.indexOf(url));
  }

  async request<K extends OperationId>(
    operation: K,
    call: ControlCall<K>,
  ): Promise<ControlAnswer<ResponseOf<K>>> {
    const route: Route = routes[operation];
    const params = (call.params ?? {}) as Record<string, string>;
    const path = route.path.replace(/:([a-zA-Z]+)/g, (_, name: string) =>
      encodeURIComponent(params[name] ?? ''),
    );
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const attempt = await this.#attempt(route.method, path, body, { 'content-type': 'application/json' });
    if (attempt.answer === undefined) return unreachable(attempt.sent, attempt.distrusted);
    const { answer } = attempt;
    const parsed = parseStrict(answer.body, answerBounds);
    if (answer.status >= 200 && answer.status < 300) {
      const read = parsed.ok ? route.response.safeParse(parsed.value) : undefined;
      return read?.success === true ? { ok: true, value: read.data as ResponseOf<K> } : unreachable(true);
    }
    // A 5xx may come after the change was made.
    const sent = answer.status >= 500;
    return {
      ok: false,
      refusal: refusalOf(parsed.ok ? parsed.value : undefined) ?? unreachable(sent).refusal,
      sent,
    };
  }

  /** One request with a raw body; undefined when no whole answer came in time. */
  async send(
    method: Route['method'],
    path: string,
    body: string | Uint8Array | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<RawAnswer | undefined> {
    return (await this.#attempt(method, path, body, headers)).answer;
  }

  /** Goes on to the next replica while nothing was sent; after a request without an answer the next one is asked next time. */
  async #attempt(
    method: Route['method'],
    path: string,
    body: string | Uint8Array | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Attempt> {
    const { length } = this.#input.urls;
    for (let tried = 1; ; tried++) {
      const at = this.#at;
      const attempt = await this.#once(at, method, path, body, headers);
      if (attempt.answer !== undefined) return attempt;
      // Another request may have gone on already.
      if (this.#at === at) this.#at = (at + 1) % length;
      if (attempt.sent || tried >= length) return attempt;
    }
  }

  async #once(
    at: number,
    method: Route['method'],
    path: string,
    body: string | Uint8Array | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Attempt> {
    const url = this.#input.urls[at] ?? '';
    const authorization = this.#input.authorization(method, `${url}${path}`);
    const timeoutMs = this.#input.timeoutMs ?? controlTimeoutMsDefault;
    try {
      const answer = await (this.#pools[at] as Pool).request({
        method,
        path,
        headers: {
          accept: 'application/json',
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : headers),
        },
        body: body ?? null,
        signal: AbortSignal.timeout(timeoutMs * 2),
      });
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        bytes += chunk.byteLength;
        if (bytes > answerBytesMax) return { answer: undefined, sent: true };
        chunks.push(chunk);
      }
      return { answer: { status: answer.statusCode, body: Buffer.concat(chunks) } };
    } catch (fault) {
      const { code } = fault as { code?: unknown };
      const distrusted = untrusted(fault);
      const reached = distrusted === undefined && !(typeof code === 'string' && notConnected.has(code));
      return { answer: undefined, sent: reached, distrusted };
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }
}

/** A refusal of control, as its problem document (RFC 9457) says it; unknown codes say nothing here. */
function refusalOf(value: unknown): Refusal | undefined {
  if (!isJsonObject(value) || typeof value['code'] !== 'string' || !Object.hasOwn(errors, value['code']))
    return undefined;
  const { code, detail, retryAfterMs } = value;
  const later = typeof retryAfterMs === 'number' ? { retryAfterMs } : {};
  return refusal(code as ErrorCode, typeof detail === 'string' ? detail.slice(0, 500) : undefined, later);
}
