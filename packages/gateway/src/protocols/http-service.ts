/**
 * HTTP services upstream (S-1, D-4): one decided call becomes one request, written anew from its arguments and the accepted operation, sent to the address that a
 * person registered, with the credential that only the gateway has. Nothing of an agent's own request gets there as bytes, redirects are not followed, and
 * of the answer only status, body and a few headers come back.
 *
 * A service has no definitions of its own to compare with: what is sent is what a person accepted.
 */
import type { ServerDoc } from '@atf/core/wire/feed';
import { streamForm } from '@atf/core/data/stream-units';
import { type HttpOperation, operationOf } from '@atf/core/segmentation/http-operation';
import { writeRequest, type WrittenRequest } from '@atf/core/segmentation/http-request';
import type { JsonObject } from '@atf/core/wire/json';
import type { ServiceCredential } from '@atf/core/wire/service';
import type { Level } from '@atf/core/wire/words';
import { Readable } from 'node:stream';
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
import { type AnswerHead, headOf, resultOf, structuredResult } from './http-answer.ts';
import { authenticated, holdsSecret, secretsOf } from './http-credential.ts';
import {
  exchange,
  type ExchangeHead,
  type ExchangeResponse,
  headerOf,
  ResponseRedirectError,
} from './http-exchange.ts';
import {
  isStreamed,
  pump,
  type LookAtStream,
  type ToLookAt,
  type StreamBounds,
  streamBoundsDefault,
  StreamCutError,
  StreamSecretError,
  type StreamSink,
  StreamTooLargeError,
  StreamUninspectedError,
  StreamUnreadableError,
} from './http-stream.ts';
import { upstreamBoundsDefault } from './mcp-bounds.ts';
import { faultOf } from './mcp-fault.ts';
import { heldTo, UploadMismatchError } from './http-upload.ts';
import type { UpstreamCallOptions, UpstreamCallOutcome, UpstreamFault } from './protocol.ts';

/** Services whose connections and credentials are held. */
export const servicesMax = 500;
/** Pause after control did not give the credential. */
const retryAfterMs = 1_000;

export interface HttpServicesInput {
  readonly clock: ClockPort;
  readonly control: ControlPort;
  readonly snapshot: Pick<SnapshotPort, 'tool' | 'settings'>;
  readonly look: LookAtStream;
  /** Connections to a service, or in plain words why this host makes none. */
  readonly dial: (server: ServerDoc) => Dispatcher | string;
  readonly bounds?: StreamBounds;
}

interface Exchanged {
  readonly dispatcher: Dispatcher;
  readonly base: string;
  readonly operation: HttpOperation;
  readonly request: WrittenRequest;
  readonly body: Body | undefined;
  readonly secrets: readonly string[];
  readonly sink: StreamSink | undefined;
  readonly isWhole: (type: string) => boolean;
  readonly level: Level;
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

export class HttpServices implements Omit<UpstreamPort, 'kill' | 'watch'> {
  readonly #input: HttpServicesInput;
  readonly #held = new Map<string, Held>();
  readonly #preparing = new Map<string, Promise<Prepared>>();
  readonly #failedAtMs = new Map<string, number>();
  readonly #sinks = new Map<string, StreamSink>();
  readonly #uploads = new Map<string, AsyncIterable<Uint8Array>>();
  readonly #operations = new WeakMap<object, HttpOperation>();
  readonly #bounds: StreamBounds;

  constructor(input: HttpServicesInput) {
    this.#input = input;
    this.#bounds = input.bounds ?? streamBoundsDefault;
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
    const operation = definition === undefined ? undefined : this.#operationOf(definition);
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
    const body = bodyOf(request, this.#uploads.get(target.action.actionId));
    if (body === 'missing')
      return fault('upstream.call_refused', false, 'The bytes that it is about did not come with it.');
    const { dispatcher, credential } = held;
    const exchanged = {
      dispatcher,
      base: server.transport.url,
      operation,
      request,
      body,
      secrets: secretsOf(credential),
      sink: this.#sinks.get(target.action.actionId),
      isWhole: target.action.isWhole,
      level: target.action.effectiveLevel ?? 'intern',
    };
    return await this.#send(exchanged, options);
  }

  async #send(
    { dispatcher, base, operation, request, body, secrets, sink, isWhole, level }: Exchanged,
    { signal, timeoutMs, onFound, tokens }: UpstreamCallOptions,
  ): Promise<UpstreamCallOutcome> {
    try {
      const streams = (head: ExchangeHead): boolean => {
        const of = headOf(head, base);
        return sink !== undefined && !isWhole(of.type) && mayStream(operation, of, lengthOf(head));
      };
      const response = await exchange(dispatcher, {
        url: addressOf(base, request.target),
        method: request.method,
        headers: [
          ...request.headers.flat(),
          ...['accept', operation.answers.length === 0 ? '*/*' : operation.answers.join(', ')],
          ...['accept-encoding', 'identity', 'user-agent', 'atf-gateway'],
          ...(body?.headers ?? []),
        ],
        body: body?.content,
        signal,
        headMs: timeoutMs,
        wholeMs: timeoutMs,
        bytesMax: upstreamBoundsDefault.resultBytesMax,
        streams,
        streamMs: this.#bounds.wholeMs,
      });
      const whole = response.body instanceof Uint8Array ? response.body : nothing;
      if (holdsSecret(secrets, whole, response.headers))
        return fault('upstream.protocol_error', true, secretTold);
      if (leavesOpen(operation, response.status)) return fault('upstream.unavailable', true, openTold);
      const reader = { level, settings: this.#input.snapshot.settings(), tokens };
      const read = { head: headOf(response, base), charset: charsetOf(response), ...reader };
      if (response.body instanceof Uint8Array || sink === undefined)
        return await this.#collected({ ...response, body: whole }, base, read);
      const { head, look } = await this.#lookAt({ ...read, onFound }, response.body);
      sink.begin(head);
      const streamed = await pump(response.body, sink, { secrets, look }, this.#bounds);
      return structuredResult(head, { streamed: { ...streamed } }, streamed.bytes, look.data());
    } catch (error) {
      return faultOfService(error, signal);
    }
  }

  /** What comes in events or lines is looked at as such, also where it is collected: together, they may say what none of them says. */
  async #collected(response: ExchangeResponse, base: string, read: ToLookAt): Promise<UpstreamCallOutcome> {
    const { type } = read.head;
    const body = response.body as Uint8Array;
    if (!isStreamed(type) || streamForm(type) === 'bytes') return resultOf(response, base);
    const { look } = this.#input.look(read);
    const given = Buffer.concat([await look.take(body), await look.end()]);
    const data = look.data();
    const outcome = resultOf({ ...response, body: given }, base);
    return outcome.kind === 'fault' || data === undefined ? outcome : { ...outcome, data };
  }

  async #lookAt(of: ToLookAt, body: ReadableStream<Uint8Array>): Promise<ReturnType<LookAtStream>> {
    try {
      return this.#input.look(of);
    } catch (error) {
      await body.cancel().catch(() => undefined);
      throw error;
    }
  }

  /** The bytes that come with this action's request, for arguments that only say what they are. Call the function when the action is over. */
  uploadFrom(actionId: string, source: AsyncIterable<Uint8Array>): () => void {
    this.#uploads.set(actionId, source);
    return () => this.#uploads.delete(actionId);
  }

  /** Announces that the answer to this action may be given on as it comes. Call the function when the action is over. */
  streamTo(actionId: string, sink: StreamSink): () => void {
    this.#sinks.set(actionId, sink);
    return () => this.#sinks.delete(actionId);
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

  /** Read once for each definition that control sent. */
  #operationOf(definition: Readonly<Record<string, unknown>>): HttpOperation | undefined {
    const held = this.#operations.get(definition);
    if (held !== undefined) return held;
    const read = operationOf(definition);
    if (read !== undefined) this.#operations.set(definition, read);
    return read;
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

interface Body {
  readonly headers: readonly string[];
  readonly content: string | Uint8Array | Readable;
}

function bodyOf(
  { body }: WrittenRequest,
  source: AsyncIterable<Uint8Array> | undefined,
): Body | undefined | 'missing' {
  if (body === undefined) return undefined;
  const { type, content } = body;
  const headers = ['content-type', type];
  if (typeof content === 'string' || content instanceof Uint8Array) return { headers, content };
  if (source === undefined) return 'missing';
  return {
    headers: [...headers, 'content-length', String(content.bytes)],
    content: Readable.from(heldTo(content, source), { objectMode: false }),
  };
}

const nothing = new Uint8Array();
const secretTold = 'The answer holds the credential of the gateway.';

const cutTold = {
  found: 'What was found in it could not be masked any more.',
  untold: 'Control did not take in time what the session would have read.',
  order: 'It reads like an order to the agent that somebody has put into it.',
  too_long: 'An event or a line of it is too long to be looked at.',
} as const;

const openTold =
  'Something between the gateway and the service answered in its place, so it may have happened.';

/** A go-between had no answer of the service (RFC 9110 §15.6.3, §15.6.5): what was to be changed may be changed, and "failed" would be a guess. */
const leavesOpen = ({ method }: HttpOperation, status: number): boolean =>
  (status === 502 || status === 504) && method !== 'GET' && method !== 'HEAD';

/** Only what the accepted document says may come, and only where it went well. Text goes the same way where it is too long to be held. */
function mayStream(
  { answers, streams }: HttpOperation,
  { status, type }: AnswerHead,
  length: number | undefined,
): boolean {
  const isLong =
    type.startsWith('text/') && length !== undefined && length > upstreamBoundsDefault.resultBytesMax;
  const passes = isLong || (streams && isStreamed(type));
  return passes && status >= 200 && status <= 299 && answers.includes(type);
}

function lengthOf(head: ExchangeHead): number | undefined {
  const length = headerOf(head, 'content-length') ?? '';
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

const charsetOf = (head: ExchangeHead): string | undefined =>
  /;\s*charset\s*=\s*"?([^\s;"]{1,40})"?/i.exec(headerOf(head, 'content-type') ?? '')?.[1];

function faultOfService(error: unknown, signal: AbortSignal): UpstreamCallOutcome {
  if (error instanceof ResponseRedirectError)
    return fault('upstream.protocol_error', true, 'The service redirects, and redirects are not followed.');
  if (error instanceof UploadMismatchError)
    return fault(
      'upstream.aborted',
      true,
      'The bytes were not those that were decided on, so the request was broken off before its end.',
    );
  if (error instanceof StreamSecretError) return fault('upstream.protocol_error', true, secretTold);
  if (error instanceof StreamUnreadableError) return fault('upstream.protocol_error', true, error.message);
  if (error instanceof StreamUninspectedError) return fault('data.uninspected', true, error.message);
  if (error instanceof StreamCutError) {
    const { why, data } = error;
    const cut = { code: 'data.stream_cut', dispatched: true, detail: cutTold[why], data } as const;
    return { kind: 'fault', fault: cut };
  }
  if (error instanceof StreamTooLargeError)
    return fault('upstream.result_too_large', true, 'The stream was longer than allowed.');
  return { kind: 'fault', fault: faultOf(error, { signal, dispatched: true, connection: undefined }) };
}

/** The origin is always that of the base; the target begins with a slash and was written by us. */
function addressOf(base: string, target: string): URL {
  const { origin, pathname } = new URL(base);
  return new URL(`${origin}${pathname.replace(/\/$/, '')}${target}`);
}
