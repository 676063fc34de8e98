/**
 * The gateway's front door: raw HTTP with a bound on everything, Host checked against DNS rebinding, one address per tool server. It keeps
 * nothing of a stranger's body: it authenticates, reads, parses, hands over to the pipeline and writes the answer; it decides nothing.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { problemOf, type Refusal, refusal } from '@atf/core/errors';
import { authzenPaths } from '@atf/core/wire/authzen';
import type { FeedTopic } from '@atf/core/wire/feed';
import { type ActionFront, type ActionReply, matchAction } from './action-front.ts';
import { actionDocument } from './action-openapi.ts';
import type { AnswerStream, HttpFront } from './http-front.ts';
import { finishStream, openStream, readsStreams, streamFor } from './agent-stream.ts';
import { type EnforcementDoor, isEnforcement, isExtAuthz } from './enforcement-door.ts';
import { denying } from './ext-authz-front.ts';
import { closing, goneOf, pathOf, plain, readBody, text } from './http-io.ts';
import type { Listeners } from './listeners.ts';
import { McpFront } from './mcp-front.ts';
import type { Pipeline } from './pipeline.ts';
import { progressFor } from './progress.ts';
import {
  challengesOf,
  metadataPath,
  resourceMetadata,
  resourcePathOf,
  stepUpChallenge,
} from './protected-resource.ts';
import { httpPrefix, isUpload, serviceAddress } from './protocols/http-door.ts';
import { encodeAccepted, encodeProblem, encodeProtocolRefusal } from './protocols/mcp-encode.ts';
import { parseAgentRequest, parseOptionsDefault, refusedOrigin } from './protocols/mcp-parse.ts';
import { serverNameOf } from './protocols/mcp-wire.ts';
import type { EncodedResponse, RawRequest, RequestId } from './protocols/protocol.ts';
import { createTlsServer, type DoorTls } from './tls.ts';

export interface ServerBounds {
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
  readonly connectionsMax: number;
  readonly requestsMax: number;
  /** Reading one request. */
  readonly requestMs: number;
}

export const serverBoundsDefault: ServerBounds = {
  bodyBytesMax: 1_048_576,
  headerBytesMax: 16_384,
  connectionsMax: 4_096,
  requestsMax: 2_048,
  requestMs: 15_000,
};

export interface ServerInput {
  readonly pipeline: Pipeline;
  readonly actions: ActionFront;
  readonly services: HttpFront;
  readonly enforcement: EnforcementDoor;
  /** Values of `Host` under which this gateway is known, in lower case. Asked once the port is known. */
  readonly hosts: (port: number) => readonly string[];
  /** Address by which agents know this gateway, without a trailing slash. */
  readonly publicUrl: () => string;
  /** Who issues access tokens; undefined while control has not said. */
  readonly issuer: () => string | undefined;
  readonly ready: () => { readonly ok: boolean; readonly why: string | undefined };
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>;
  /** TLS of the front door; absent: plain HTTP. */
  readonly tls?: DoorTls | undefined;
  /** An unexpected fault, with the id that the caller is told. */
  readonly onFault: (error: unknown) => string;
  readonly bounds?: ServerBounds;
}

const nothing = new Uint8Array();

export class GatewayServer {
  readonly #input: ServerInput;
  readonly #bounds: ServerBounds;
  readonly #server: Server;
  readonly #front: McpFront;
  #hosts: ReadonlySet<string> = new Set();
  #requests = 0;
  #draining = false;

  constructor(input: ServerInput) {
    this.#input = input;
    this.#front = new McpFront(input.pipeline);
    this.#bounds = input.bounds ?? serverBoundsDefault;
    const { headerBytesMax, requestMs, connectionsMax } = this.#bounds;
    const options = {
      maxHeaderSize: headerBytesMax,
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      keepAliveTimeout: 30_000,
      insecureHTTPParser: false,
    };
    this.#server = input.tls === undefined ? createServer(options) : createTlsServer(input.tls, options);
    this.#server.on('request', (request, response) => void this.#serve(request, response));
    this.#server.maxConnections = connectionsMax;
    this.#server.maxHeadersCount = 100;
    this.#server.on('clientError', (_, socket) => {
      if (socket.writable)
        socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
  }

  /** @throws with `code` EADDRINUSE or EACCES. */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const { port: bound } = this.#server.address() as AddressInfo;
    this.#hosts = new Set(this.#input.hosts(bound));
    return bound;
  }

  /** Takes no more; resolves when what runs is answered, or after `boundMs`. */
  async drain(boundMs: number): Promise<void> {
    this.#draining = true;
    this.#input.actions.close();
    this.#front.listeners.close();
    this.#server.close();
    this.#server.closeIdleConnections();
    const deadline = performance.now() + boundMs;
    while (this.#requests > 0 && performance.now() < deadline)
      await new Promise((next) => setTimeout(next, 10));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++;
    try {
      write(response, await this.#answer(request, response));
    } catch (error) {
      const id = this.#input.onFault(error);
      const fault = encodeProblem(null, refusal('internal.fault', `Fault ${id}`));
      write(response, isExtAuthz(pathOf(request.url ?? '/')) ? denying(fault) : fault);
    } finally {
      this.#requests--;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<EncodedResponse> {
    const path = pathOf(request.url ?? '/');
    // A proxy hands in a request with the Host that it had; which one that may be is known once the proxy is.
    if (!isExtAuthz(path) && !this.#hosts.has((request.headers.host ?? '').toLowerCase()))
      return plain(refusal('request.origin_refused', 'The Host is not one of this gateway.'));
    if (request.method === 'GET' && path === '/healthz')
      return text(200, 'text/plain; charset=utf-8', 'ok\n');
    if (request.method === 'GET' && path === '/readyz') return this.#readiness();
    if (request.method === 'GET' && path === '/metrics') {
      const metrics = await this.#input.metrics();
      return text(200, metrics.type, metrics.text);
    }
    if (request.method === 'GET' && path.startsWith(metadataPath)) return this.#metadata(path);
    if (request.method === 'GET' && path === '/openapi.json')
      return text(200, 'application/json', actionDocument(this.#input.publicUrl()));
    if (request.method === 'GET' && path === authzenPaths.metadata) return this.#input.enforcement.metadata();
    const isAction = path.startsWith('/v1/');
    const isService = path.startsWith(httpPrefix);
    const isQuestion = isEnforcement(path);
    if (!isAction && !isService && !isQuestion && !path.startsWith('/mcp/'))
      return plain(refusal('request.not_found'));
    if (this.#draining || this.#requests > this.#bounds.requestsMax) {
      const busy = plain(refusal('request.overloaded'));
      return isExtAuthz(path) ? denying(busy) : busy;
    }
    if (isQuestion) return await this.#input.enforcement.answer(request, response);
    if (isService) return await this.#service(request, response);
    return isAction ? await this.#action(request, response, path) : await this.#mcp(request, response);
  }

  #readiness(): EncodedResponse {
    const { ok, why } = this.#input.ready();
    return text(ok ? 200 : 503, 'text/plain; charset=utf-8', `${ok ? 'ready' : (why ?? 'not ready')}\n`);
  }

  #metadata(path: string): EncodedResponse {
    const resourcePath = resourcePathOf(path);
    if (resourcePath === undefined) return plain(refusal('request.not_found'));
    const issuer = this.#input.issuer();
    if (issuer === undefined) return plain(refusal('containment.feed_stale'));
    const metadata = resourceMetadata(this.#input.publicUrl(), resourcePath, issuer);
    return text(200, 'application/json', JSON.stringify(metadata));
  }

  /** A request of the action API: who asks is known before a byte of the body is kept. */
  async #action(request: IncomingMessage, response: ServerResponse, path: string): Promise<EncodedResponse> {
    const { pipeline, actions } = this.#input;
    const head = { method: request.method ?? '', url: path, headers: request.headers };
    const matched = matchAction(head.method, path);
    if (typeof matched === 'string') return plain(refusal(matched));
    if (matched.operation === 'permits.keys') return this.#encodeAction(head, actions.keys());
    // No browser has business here, and none may be made to act.
    if (request.headers.origin !== undefined)
      return plain(refusal('request.origin_refused', 'The action API is not for pages.'));
    const gone = goneOf(response);
    const source = request.socket.remoteAddress ?? 'unknown';
    const caller = pipeline.authenticate(head, source);
    if (!caller.ok) return plain(caller.refusal, this.#told(head, caller.refusal, false));
    const posts = request.method === 'POST';
    if (posts && !/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return plain(refusal('request.media_type_unsupported'));
    const body = posts ? await readBody(request, this.#bounds.bodyBytesMax) : nothing;
    if (body === 'too_large') return plain(this.#tooLarge());
    if (body === 'gone') return plain(refusal('request.malformed'));
    const query = new URLSearchParams((request.url ?? '').split('?', 2)[1] ?? '');
    return this.#encodeAction(head, await actions.serve(matched, caller.credential, { body, query, gone }));
  }

  /** A request in the words of a service: who asks and what for is known before a byte of the body is kept. */
  async #service(request: IncomingMessage, response: ServerResponse): Promise<EncodedResponse> {
    const { pipeline, services } = this.#input;
    const head = { method: request.method ?? '', url: pathOf(request.url ?? '/'), headers: request.headers };
    if (request.headers.origin !== undefined)
      return plain(refusal('request.origin_refused', 'Services are not for pages.'));
    const gone = goneOf(response);
    const caller = pipeline.authenticate(head, request.socket.remoteAddress ?? 'unknown');
    if (!caller.ok) return plain(caller.refusal, this.#told(head, caller.refusal, false));
    const address = serviceAddress(request.url ?? '/');
    if (address === undefined) return plain(refusal('request.not_found'));
    const { credential } = caller;
    const asked = { method: head.method, rawHeaders: request.rawHeaders, address };
    const begun = await services.begin(credential, asked, gone);
    if ('status' in begun) return closing(begun);
    if ('refusal' in begun) return plain(begun.refusal, this.#told(head, begun.refusal, begun.stepUp));
    const digest = request.headers['content-digest'];
    const uploads = isUpload(begun, typeof digest === 'string' ? digest : undefined);
    const body = uploads ? request : await readBody(request, this.#bounds.bodyBytesMax);
    if (body === 'too_large') return plain(this.#tooLarge());
    if (body === 'gone') return plain(refusal('request.malformed'));
    const stream = streamInto(response);
    const answer = await services.finish(credential, begun, asked, { body, gone, stream });
    // What was cut must not look whole.
    if (stream.begun()) endStream(response, 'status' in answer && answer.status < 400);
    if ('refusal' in answer) return plain(answer.refusal, this.#told(head, answer.refusal, answer.stepUp));
    return uploads && !request.complete ? closing(answer) : answer;
  }

  #tooLarge(): Refusal {
    return refusal('request.too_large', `A request may have ${this.#bounds.bodyBytesMax} bytes.`);
  }

  async #mcp(request: IncomingMessage, response: ServerResponse): Promise<EncodedResponse> {
    const { pipeline } = this.#input;
    const gone = goneOf(response);
    const head = { method: request.method ?? '', url: request.url ?? '/', headers: request.headers };
    if (head.method === 'GET' && readsStreams(head.headers))
      return await this.#standing(head, request, response, gone);
    // Other methods have no action behind them: the parser says what is served.
    if (head.method !== 'POST') return protocolRefused({ ...head, body: nothing });
    // Before a byte of the body is kept: strangers must not fill the memory. The server drops what is left unread.
    const source = request.socket.remoteAddress ?? 'unknown';
    const caller = pipeline.authenticate({ ...head, url: pathOf(head.url) }, source);
    if (!caller.ok) return this.#problem(head, null, caller.refusal);
    const body = await readBody(request, this.#bounds.bodyBytesMax);
    if (body === 'too_large') return closing(encodeProblem(null, this.#tooLarge()));
    if (body === 'gone') return closing(encodeProblem(null, refusal('request.malformed')));
    const raw: RawRequest = { ...head, body };
    const parsed = parseAgentRequest(raw);
    if (parsed.kind === 'refusal') {
      pipeline.refusals.unauthenticated(caller.credential.agentId, parsed.code);
      return encodeProtocolRefusal(parsed);
    }
    const stream = streamFor(head.headers, response);
    const door = { gone, stream, onProgress: progressFor(parsed, stream) };
    const front = async () => await this.#front.answer(caller.credential, parsed, door);
    const answer = parsed.kind === 'listen' ? await this.#unhurried(front) : await front();
    return 'status' in answer ? answer : this.#problem(head, answer.id, answer.refusal, answer.stepUp);
  }

  /** The standing stream of the elder revisions. No body, so nothing to parse; no session, so nothing to resume. */
  async #standing(
    head: Head,
    request: IncomingMessage,
    response: ServerResponse,
    gone: AbortSignal,
  ): Promise<EncodedResponse> {
    const server = serverNameOf(head.url);
    if (server === undefined) return plain(refusal('request.not_found'));
    const refused = refusedOrigin({ ...head, body: nothing });
    if (refused !== undefined) return encodeProtocolRefusal(refused);
    const caller = this.#input.pipeline.authenticate(
      { ...head, url: pathOf(head.url) },
      request.socket.remoteAddress ?? 'unknown',
    );
    if (!caller.ok) return this.#problem(head, null, caller.refusal);
    const open = () => openStream(response);
    const why = await this.#unhurried(
      async () => await this.#front.standing(caller.credential, server, open, gone),
    );
    return why === undefined ? encodeAccepted() : this.#problem(head, null, why);
  }

  /** What stands open counts as a listener, not as a request under way. */
  async #unhurried<T>(work: () => Promise<T>): Promise<T> {
    this.#requests--;
    try {
      return await work();
    } finally {
      this.#requests++;
    }
  }

  /** A document came or went: for whoever waits. */
  observe(topic: FeedTopic, key: string): void {
    this.#front.observe(topic, key);
  }

  get listeners(): Listeners {
    return this.#front.listeners;
  }

  #problem(head: Head, id: RequestId | null, refused: Refusal, stepUp = false): EncodedResponse {
    return encodeProblem(id, refused, this.#told(head, refused, stepUp));
  }

  /** Headers of a refusal: where credentials come from, and when to come again. */
  #told(head: Head, refused: Refusal, stepUp: boolean): Record<string, string> {
    const { status, retryAfterMs } = problemOf(refused);
    const publicUrl = this.#input.publicUrl();
    const path = pathOf(head.url);
    const { authorization } = head.headers;
    const challenge =
      status === 401
        ? challengesOf({ publicUrl, path, authorization, refusal: refused })
        : stepUp
          ? stepUpChallenge(publicUrl, path)
          : undefined;
    return {
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    };
  }

  #encodeAction(head: Head, reply: ActionReply): EncodedResponse {
    if ('document' in reply) return text(reply.status, 'application/json', JSON.stringify(reply.document));
    const { problem, refused, stepUp } = reply;
    const encoded = text(problem.status, 'application/problem+json', JSON.stringify(problem));
    return { ...encoded, headers: { ...encoded.headers, ...this.#told(head, refused, stepUp) } };
  }
}

type Head = Omit<RawRequest, 'body'>;

function protocolRefused(raw: RawRequest): EncodedResponse {
  const parsed = parseAgentRequest(raw, parseOptionsDefault);
  return parsed.kind === 'refusal'
    ? encodeProtocolRefusal(parsed)
    : plain(refusal('request.method_not_allowed'));
}

function write(response: ServerResponse, encoded: EncodedResponse): void {
  const { status, headers, body } = encoded;
  if (finishStream(response, encoded)) return;
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, headers);
  response.end(body);
}

/** Gives an answer on while it comes, as fast as the caller takes it. */
function streamInto(response: ServerResponse): AnswerStream & { begun(): boolean } {
  let begun = false;
  return {
    begun: () => begun,
    begin({ status, headers }) {
      begun = true;
      if (!response.destroyed) response.writeHead(status, headers).flushHeaders();
    },
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (response.destroyed) return reject(new Error('the caller has gone'));
        response.write(chunk, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

function endStream(response: ServerResponse, whole: boolean): void {
  if (whole) response.end();
  else response.destroy();
}
