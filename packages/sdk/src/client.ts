/**
 * The client of the control plane's API, typed by the route table (`@atf/core/wire/api`): one method, every operation. It runs in
 * Node and in the browser, so it uses `fetch` and nothing of Node.
 *
 * What is sent and what comes back are both checked against the contract. Deliberately not here: retries (a caller knows whether
 * a change may be repeated), credentials (given by `headers` for each request, or the browser's cookie), caching.
 */
import { type ErrorCode, errors } from '@atf/core/errors';
import {
  type BodyIn,
  type OperationId,
  type ParamsIn,
  type QueryIn,
  type ResponseOf,
  type Route,
  routes,
} from '@atf/core/wire/api';
import { z } from 'zod';
import { readBounded } from './bounded-body.ts';
import { ControlAnswerInvalid, ControlRefusal, ControlUnreachable, localRefusal } from './control-refusal.ts';

export const requestTimeoutMsDefault = 15_000;
/** An action's story may hold a result of 4 MiB beside its arguments and records. */
export const responseBytesMax = 16 * 1_048_576;

type Part<Name extends string, T> = [T] extends [undefined]
  ? { readonly [K in Name]?: undefined }
  : Record<never, never> extends T
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };
/** What one operation wants: exactly the parts that its route names; optional where every field of the part is. */
export type CallInput<K extends OperationId> = Part<'params', ParamsIn<K>> &
  Part<'query', QueryIn<K>> &
  Part<'body', BodyIn<K>>;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Further headers of this one request, for example a DPoP proof. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ControlClientOptions {
  /** `http://localhost:7780`; in the console's page `location.origin`. */
  readonly baseUrl: string;
  readonly fetch?: typeof globalThis.fetch;
  /** Headers of every request (the operator's token, the console's page token); asked for each time, so that they may change. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Longest wait for an answer. */
  readonly timeoutMs?: number;
}

type CallArguments<K extends OperationId> =
  Record<never, never> extends CallInput<K>
    ? [input?: CallInput<K>, options?: CallOptions]
    : [input: CallInput<K>, options?: CallOptions];

interface LooseInput {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

export const problemSchema = z.object({
  title: z.string().max(300),
  status: z.int(),
  code: z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(errors, code)),
  requirement: z.string().max(10).optional(),
  detail: z.string().max(2_000).optional(),
  help: z.string().max(500),
  policies: z.array(z.string().max(200)).max(1_000).optional(),
  retryAfterMs: z.number().optional(),
});

export class ControlClient {
  readonly baseUrl: string;
  private readonly fetch: typeof globalThis.fetch;
  private readonly headers: () => Readonly<Record<string, string>>;
  private readonly timeoutMs: number;

  constructor(options: ControlClientOptions) {
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.headers = options.headers ?? (() => ({}));
    this.timeoutMs = options.timeoutMs ?? requestTimeoutMsDefault;
  }

  /**
   * Calls one operation of the API.
   * @throws ControlRefusal when control (or the contract, before sending) says no; ControlUnreachable when nothing answers in
   * time; ControlAnswerInvalid when the answer is not the contract's; an AbortError when `options.signal` was fired.
   */
  async call<K extends OperationId>(
    operation: K,
    ...[input, options]: CallArguments<K>
  ): Promise<ResponseOf<K>> {
    const route: Route = routes[operation];
    const given: LooseInput = input ?? {};
    const path = pathOf(route, operation, given.params);
    const query = queryOf(route, operation, given.query);
    const body = bodyOf(route, operation, given.body);
    const { status, text } = await this.request(route.method, `${path}${query}`, body, options);
    const answer = parseAnswer(operation, status, text);
    if (status < 200 || status >= 300) throw refusalOf(operation, status, answer);
    const parsed = route.response.safeParse(answer);
    if (!parsed.success) throw new ControlAnswerInvalid(operation, status, firstIssue(parsed.error));
    return parsed.data as ResponseOf<K>;
  }

  /** A raw GET under the same address and credentials: log tiles, the checkpoint, health. Resolves with any status. */
  async get(path: string, options?: CallOptions): Promise<{ status: number; bytes: Uint8Array }> {
    return this.exchange('GET', path, undefined, options);
  }

  /** A raw POST of bytes under the same address and credentials. Resolves with any status. */
  async post(
    path: string,
    body: Uint8Array<ArrayBuffer>,
    options: CallOptions,
  ): Promise<{ status: number; bytes: Uint8Array }> {
    return this.exchange('POST', path, body, options);
  }

  private async request(
    method: string,
    path: string,
    body: string | undefined,
    options: CallOptions | undefined,
  ) {
    const { status, bytes } = await this.exchange(method, path, body, options);
    return { status, text: new TextDecoder().decode(bytes) };
  }

  private async exchange(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
    options: CallOptions = {},
  ) {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? this.timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    try {
      const response = await this.fetch(`${this.baseUrl}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...this.headers(),
          ...options.headers,
        },
        credentials: 'same-origin',
        redirect: 'error',
        cache: 'no-store',
        signal,
        ...(body === undefined ? {} : { body }),
      });
      return { status: response.status, bytes: await readBounded(response, responseBytesMax) };
    } catch (cause) {
      if (options.signal?.aborted === true) throw cause;
      throw new ControlUnreachable(this.baseUrl, timeout.aborted, cause);
    }
  }
}

function checked(schema: z.ZodType | undefined, operation: string, part: string, value: unknown): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value ?? {});
  if (!parsed.success)
    throw localRefusal('request.malformed', `${operation}: ${part}: ${firstIssue(parsed.error)}`);
  return parsed.data;
}

function pathOf(route: Route, operation: string, given: unknown): string {
  const params = checked(route.params, operation, 'address', given) as Record<string, unknown> | undefined;
  return route.path.replaceAll(/:([a-z]+)/gi, (_, name: string) =>
    encodeURIComponent(String(params?.[name])),
  );
}

function queryOf(route: Route, operation: string, given: unknown): string {
  const query = checked(route.query, operation, 'query', given) as Record<string, unknown> | undefined;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? '' : `?${search.toString()}`;
}

function bodyOf(route: Route, operation: string, given: unknown): string | undefined {
  if (route.body === undefined) return undefined;
  // What is sent is the caller's value: defaults are control's to fill in, so that they live in one place.
  checked(route.body, operation, 'body', given);
  return JSON.stringify(given ?? {});
}

function parseAnswer(operation: string, status: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ControlAnswerInvalid(operation, status, 'not JSON');
  }
}

function refusalOf(operation: string, status: number, answer: unknown): Error {
  const parsed = problemSchema.safeParse(answer);
  if (!parsed.success) return new ControlAnswerInvalid(operation, status, 'not a refusal of the catalogue');
  return new ControlRefusal(parsed.data);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'invalid';
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`;
}
