/**
 * HTTP services upstream (S-1, D-4): one decided call becomes one request, written anew from its arguments and the accepted operation, sent to the address that a
 * person registered, with the credential that only the gateway has. Nothing of an agent's own request gets there as bytes, redirects are not followed, and
 * of the answer only status, body and a few headers come back.
 *
 * A service has no definitions of its own to compare with: what is sent is what a person accepted.
 */
import type { ServerDoc } from '@atf/core/wire/feed';
import { fitsHeader, type HttpOperation, operationOf } from '@atf/core/segmentation/http-operation';
import { writeRequest, type WrittenRequest } from '@atf/core/segmentation/http-request';
import { type Json, type JsonObject, parseStrict } from '@atf/core/wire/json';
import type { ServiceCredential } from '@atf/core/wire/service';
import type { Dispatcher } from 'undici';
import type {
  CallTarget,
  ClockPort,
  ControlPort,
  LiveDefinition,
  Prepared,
  SnapshotPort,
  UpstreamPort,
} from '../ports.ts';
import { exchange, type ExchangeResponse, headerOf, ResponseRedirectError } from './http-exchange.ts';
import { upstreamBoundsDefault } from './mcp-bounds.ts';
import { faultOf } from './mcp-fault.ts';
import type { ToolResult, UpstreamCallOptions, UpstreamCallOutcome, UpstreamFault } from './protocol.ts';

/** Services whose connections and credentials are held. */
export const servicesMax = 500;
/** Pause after control did not give the credential. */
const retryAfterMs = 1_000;

/** Headers of an answer that are given on; cookies, credentials and what is about one connection are not. */
const givenOn = [
  'etag',
  'last-modified',
  'retry-after',
  'content-language',
  'content-disposition',
  'link',
  'x-request-id',
  'x-total-count',
];

export interface HttpServicesInput {
  readonly clock: ClockPort;
  readonly control: ControlPort;
  readonly snapshot: Pick<SnapshotPort, 'tool'>;
  /** Connections to a service, or in plain words why this host makes none. */
  readonly dial: (server: ServerDoc) => Dispatcher | string;
}

interface Exchanged {
  readonly dispatcher: Dispatcher;
  readonly base: string;
  readonly operation: HttpOperation;
  readonly request: WrittenRequest;
  readonly secrets: readonly string[];
}

interface Held {
  readonly epoch: number;
  readonly dispatcher: Dispatcher;
  readonly credential: ServiceCredential | null;
}

const fault = (code: UpstreamFault['code'], dispatched: boolean, detail: string): UpstreamCallOutcome => ({
  kind: 'fault',
  fault: { code, dispatched, detail },
});

const unavailable = (detail: string): Prepared => ({
  ok: false,
  fault: { code: 'upstream.unavailable', dispatched: false, detail },
});

export class HttpServices implements Omit<UpstreamPort, 'kill'> {
  readonly #input: HttpServicesInput;
  readonly #held = new Map<string, Held>();
  readonly #preparing = new Map<string, Promise<Prepared>>();
  readonly #failedAtMs = new Map<string, number>();

  constructor(input: HttpServicesInput) {
    this.#input = input;
  }

  /** Gets the credential of the service as it is now, if this gateway does not hold it. */
  async prepare(server: ServerDoc): Promise<Prepared> {
    if (this.#of(server) !== undefined) return { ok: true };
    const running = this.#preparing.get(server.name);
    if (running !== undefined) return await running;
    const failedAtMs = this.#failedAtMs.get(server.name);
    if (failedAtMs !== undefined && this.#input.clock.monotonicMs() - failedAtMs < retryAfterMs)
      return unavailable('The credential of the service could not be had a moment ago.');
    const preparing = this.#prepare(server).finally(() => this.#preparing.delete(server.name));
    this.#preparing.set(server.name, preparing);
    return await preparing;
  }

  async #prepare(server: ServerDoc): Promise<Prepared> {
    const { clock, control, dial } = this.#input;
    const answer = await control.request('gateway.serviceCredential', { params: { name: server.name } });
    if (!answer.ok || answer.value.epoch !== server.epoch) {
      this.#failedAtMs.set(server.name, clock.monotonicMs());
      return unavailable('The credential of the service is not known yet.');
    }
    const dispatcher = dial(server);
    if (typeof dispatcher === 'string') return unavailable(dispatcher);
    this.#drop(server.name);
    if (this.#held.size >= servicesMax) this.#drop([...this.#held.keys()][0] ?? '');
    this.#failedAtMs.delete(server.name);
    this.#held.set(server.name, { epoch: server.epoch, dispatcher, credential: answer.value.credential });
    return { ok: true };
  }

  live(server: ServerDoc, _: string, name: string): LiveDefinition {
    if (this.#of(server) === undefined) return { state: 'unknown' };
    const tool = this.#input.snapshot.tool(server.name, name);
    return tool === undefined ? { state: 'absent' } : { state: 'offered', digest: tool.definitionDigest };
  }

  /** Sends the request in this tick. Never throws. */
  async call(
    target: CallTarget,
    args: JsonObject,
    options: UpstreamCallOptions,
  ): Promise<UpstreamCallOutcome> {
    const { server, tool } = target;
    const held = this.#of(server);
    const definition = this.#input.snapshot.tool(server.name, tool)?.definition;
    const operation = definition === undefined ? undefined : operationOf(definition);
    if (held === undefined || operation === undefined || server.transport.kind !== 'openapi')
      return fault('upstream.unavailable', false, 'The service is not ready to be asked.');
    const written = writeRequest(operation, args);
    if (!written.ok)
      return fault('upstream.call_refused', false, `No request can be made of it: ${written.problem}.`);
    const request = authenticated(written.request, held.credential);
    if (request === undefined)
      return fault(
        'upstream.call_refused',
        false,
        'An argument takes the place of the credential of the service.',
      );
    const { dispatcher, credential } = held;
    const exchanged = {
      dispatcher,
      base: server.transport.url,
      operation,
      request,
      secrets: secretsOf(credential),
    };
    return await this.#send(exchanged, options);
  }

  async #send(
    { dispatcher, base, operation, request, secrets }: Exchanged,
    { signal, timeoutMs }: UpstreamCallOptions,
  ): Promise<UpstreamCallOutcome> {
    const { body } = request;
    try {
      const response = await exchange(dispatcher, {
        url: addressOf(base, request.target),
        method: request.method,
        headers: [
          ...request.headers.flat(),
          ...['accept', operation.answers.length === 0 ? '*/*' : operation.answers.join(', ')],
          ...['accept-encoding', 'identity', 'user-agent', 'atf-gateway'],
          ...(body === undefined ? [] : ['content-type', body.type]),
        ],
        body: body?.content,
        signal,
        headMs: timeoutMs,
        wholeMs: timeoutMs,
        bytesMax: upstreamBoundsDefault.resultBytesMax,
        streams: () => false,
      });
      if (holds(response, secrets))
        return fault('upstream.protocol_error', true, 'The answer holds the credential of the gateway.');
      return resultOf(response, base);
    } catch (error) {
      if (error instanceof ResponseRedirectError)
        return fault(
          'upstream.protocol_error',
          true,
          'The service redirects, and redirects are not followed.',
        );
      return { kind: 'fault', fault: faultOf(error, { signal, dispatched: true, connection: undefined }) };
    }
  }

  /** Forgets credentials and connections of services that are gone or have changed. */
  sweep(known: (name: string) => ServerDoc | undefined): void {
    for (const [name, { epoch }] of this.#held) if (known(name)?.epoch !== epoch) this.#drop(name);
  }

  async close(): Promise<void> {
    const closing = [...this.#held.values()].map(({ dispatcher }) => dispatcher.destroy());
    this.#held.clear();
    await Promise.allSettled(closing);
  }

  #of(server: ServerDoc): Held | undefined {
    const held = this.#held.get(server.name);
    return held?.epoch === server.epoch ? held : undefined;
  }

  #drop(name: string): void {
    const held = this.#held.get(name);
    this.#held.delete(name);
    // What is under way may end.
    void held?.dispatcher.close().catch(() => undefined);
  }
}

/** The request with the credential; undefined when an argument would stand in its place. */
function authenticated(
  request: WrittenRequest,
  credential: ServiceCredential | null,
): WrittenRequest | undefined {
  if (credential === null) return request;
  if ('query' in credential) {
    const { name, value } = credential.query;
    const [, query = ''] = request.target.split('?', 2);
    if (query.split('&').some((pair) => pair.split('=', 1)[0] === encodeURIComponent(name))) return undefined;
    const separator = request.target.includes('?') ? '&' : '?';
    return {
      ...request,
      target: `${request.target}${separator}${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    };
  }
  const [name, value] = headerWith(credential);
  return request.headers.some(([each]) => each === name)
    ? undefined
    : { ...request, headers: [...request.headers, [name, value]] };
}

function headerWith(credential: Exclude<ServiceCredential, { query: unknown }>): readonly [string, string] {
  if ('bearer' in credential) return ['authorization', `Bearer ${credential.bearer}`];
  if ('header' in credential) return [credential.header.name, credential.header.value];
  const { user, password } = credential.basic;
  return ['authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`];
}

/** Shorter ones stand in any text by chance. */
const secretLengthMin = 8;

/** The spellings in which a service could give its credential back. */
function secretsOf(credential: ServiceCredential | null): readonly string[] {
  if (credential === null) return [];
  const plain =
    'query' in credential
      ? [credential.query.value]
      : 'basic' in credential
        ? [credential.basic.password, headerWith(credential)[1].slice('Basic '.length)]
        : ['bearer' in credential ? credential.bearer : credential.header.value];
  const spellings = plain.flatMap((each) => [
    each,
    JSON.stringify(each).slice(1, -1),
    encodeURIComponent(each),
  ]);
  return [...new Set(spellings)].filter((each) => each.length >= secretLengthMin);
}

/** A service that repeats what it was sent would show an agent what only the gateway has. */
function holds({ body, headers }: ExchangeResponse, secrets: readonly string[]): boolean {
  const bytes = Buffer.from(body as Uint8Array);
  const told = JSON.stringify(headers);
  return secrets.some((secret) => bytes.includes(secret) || told.includes(secret));
}

/** The origin is always that of the base; the target begins with a slash and was written by us. */
function addressOf(base: string, target: string): URL {
  const { origin, pathname } = new URL(base);
  return new URL(`${origin}${pathname.replace(/\/$/, '')}${target}`);
}

const isJsonType = (type: string): boolean => /^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type);

/** Status, body and a few headers of an answer, as a result. An answer of 400 and more is the service's own refusal or failure. */
export function resultOf(response: ExchangeResponse, base: string): UpstreamCallOutcome {
  const bytes = response.body as Uint8Array;
  const [type = ''] = (headerOf(response, 'content-type') ?? '').toLowerCase().split(';');
  const read = contentOf(bytes, type.trim());
  if (read === undefined)
    return fault(
      'upstream.protocol_error',
      true,
      'The service answered with JSON that cannot be read in one way.',
    );
  const location = locationOf(headerOf(response, 'location'), base);
  const headers = Object.fromEntries([
    ...givenOn.flatMap((name) => {
      const value = headerOf(response, name);
      return value === undefined || !fitsHeader(value) ? [] : [[name, value]];
    }),
    ...(location === undefined ? [] : [['location', location]]),
  ]);
  const { status } = response;
  const structured: JsonObject = {
    status,
    ...(bytes.byteLength === 0 ? {} : { ...(type === '' ? {} : { type: type.trim() }), ...read }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
  const result: ToolResult = {
    content: [{ type: 'text', text: JSON.stringify(structured) }],
    structuredContent: structured,
    ...(status >= 400 ? { isError: true } : {}),
  };
  return { kind: 'result', result, resultBytes: bytes.byteLength };
}

/** Where a new thing is, below the service's address; addresses elsewhere are of no use to an agent. */
function locationOf(value: string | undefined, base: string): string | undefined {
  const { origin, pathname } = new URL(base);
  const root = pathname.replace(/\/$/, '');
  if (value === undefined || !URL.canParse(value, base)) return undefined;
  const found = new URL(value, base);
  const isBelow = found.origin === origin && found.pathname.startsWith(`${root}/`);
  return isBelow && fitsHeader(found.pathname) ? found.pathname.slice(root.length) : undefined;
}

/** JSON as its value, text as text, anything else as base64. */
function contentOf(bytes: Uint8Array, type: string): JsonObject | undefined {
  if (bytes.byteLength === 0) return {};
  if (isJsonType(type)) {
    const {
      resultBytesMax: bytesMax,
      resultDepthMax: depthMax,
      resultValuesMax: valuesMax,
    } = upstreamBoundsDefault;
    const parsed = parseStrict(bytes, { bytesMax, depthMax, valuesMax });
    return parsed.ok ? { body: parsed.value as Json } : undefined;
  }
  const text =
    type === '' || /^(?:text\/|application\/(?:xml|x-www-form-urlencoded|x-ndjson|jsonl|yaml))/.test(type);
  if (text) {
    try {
      return { body: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    } catch {
      // Not UTF-8: as bytes.
    }
  }
  return { base64: Buffer.from(bytes).toString('base64') };
}
