/**
 * Requests from the gateway to control: typed by the routes of core/wire/api.ts, proved by the gateway's key, bounded in time and size,
 * answers validated. It never throws and never repeats a request: whether something may be sent twice is for the caller.
 */
import { type Refusal, errors, type ErrorCode, refusal } from '@atf/core/errors';
import { type OperationId, type ResponseOf, type Route, routes } from '@atf/core/wire/api';
import { isJsonObject, parseStrict } from '@atf/core/wire/json';
import { Pool } from 'undici';
import type { ControlAnswer, ControlCall, ControlPort } from './ports.ts';

export const controlTimeoutMsDefault = 5_000;
const answerBytesMax = 16 * 1_048_576;
const answerBounds = { bytesMax: answerBytesMax, depthMax: 80, valuesMax: 500_000 };
const connectionsMax = 16;

export interface ControlClientInput {
  /** Address of control, without a trailing slash. */
  readonly url: string;
  /** The value of the `authorization` header for one request. */
  readonly authorization: (method: string, url: string) => string | undefined;
  readonly timeoutMs?: number;
}

/** A raw answer: bytes as they came. */
export interface RawAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

const unreachable = (
  sent: boolean,
): { readonly ok: false; readonly refusal: Refusal; readonly sent: boolean } => ({
  ok: false,
  refusal: refusal('containment.feed_stale', 'The control plane did not answer.'),
  sent,
});

export class ControlClient implements ControlPort {
  readonly #input: ControlClientInput;
  readonly #pool: Pool;

  constructor(input: ControlClientInput) {
    const timeoutMs = input.timeoutMs ?? controlTimeoutMsDefault;
    this.#input = input;
    this.#pool = new Pool(new URL(input.url).origin, {
      connections: connectionsMax,
      connectTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: 30_000,
    });
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
    const answer = await this.send(route.method, path, body, { 'content-type': 'application/json' });
    if (answer === undefined) return unreachable(true);
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
    const { url } = this.#input;
    const authorization = this.#input.authorization(method, `${url}${path}`);
    const timeoutMs = this.#input.timeoutMs ?? controlTimeoutMsDefault;
    try {
      const answer = await this.#pool.request({
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
        if (bytes > answerBytesMax) return undefined;
        chunks.push(chunk);
      }
      return { status: answer.statusCode, body: Buffer.concat(chunks) };
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
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
