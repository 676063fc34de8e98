/**
 * The HTTP server of the control plane: registers exactly the routes of `core/wire/api`, and for each does the same in the same order: Host,
 * origin, who calls, may they, is the body well-formed, then the room's handler. Rooms with streams bring a plugin of their own.
 */
import { refuse, RefusalError, refusal } from '@atf/core/errors';
import { type OperationId, type Route, type RouteAuth, rawPaths, routes } from '@atf/core/wire/api';
import { type JsonBounds, parseStrict } from '@atf/core/wire/json';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Server } from 'node:http';
import { authenticate, checkHost, checkOrigin, cookieToClear, type Gatekeeper } from './authenticate.ts';
import { consoleFiles, isConsolePath } from './console-files.ts';
import type { Actor, Call, Handler } from './context.ts';
import { metricsOf, observeRoutes } from './observe.ts';
import { documentation, documentRoutes, registerOpenapi } from './openapi.ts';
import { errorHandler, publicRefusal, sendRefusal } from './problem.ts';
import { securityHeaders } from './security-headers.ts';
import { connectionKey } from './tls.ts';

export type AllHandlers = { readonly [K in OperationId]: Handler<K> };

/** Raw routes of a room (streams, files). `authenticate` gives the actor, or refuses by throwing; Host and origin are checked already. */
export interface RoomScope {
  readonly authenticate: (request: FastifyRequest, auth: RouteAuth, roles?: Route['roles']) => Promise<Actor>;
}
export type RoomPlugin = (app: FastifyInstance, scope: RoomScope) => Promise<void> | void;

export interface ServerInput {
  readonly keeper: Gatekeeper;
  readonly handlers: AllHandlers;
  readonly plugins: readonly RoomPlugin[];
  /** The listening server that requests arrive on. */
  readonly server: Server;
  readonly consoleDir: string | undefined;
  readonly version: string;
}

const bodyBytesDefault = 262_144;
/** Bodies that carry arguments, results or definitions: as text inside JSON they may grow by escapes. */
const bodyBytes: Partial<Record<OperationId, number>> = {
  'gateway.requestApproval': 4 * 1_048_576,
  'gateway.finishApproval': 16 * 1_048_576,
  'gateway.discovered': 8 * 1_048_576,
  'servers.define': 4 * 1_048_576,
  'agents.register': 1_048_576,
  'policy.propose': 6 * 1_048_576,
  decide: 4 * 1_048_576,
};
const requestTimeoutMs = 30_000;
const keepAliveMs = 15_000;
const pathParamMax = 300;
const depthMax = 64;
const valuesMax = 500_000;

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor | undefined;
    operation: string;
  }
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? request.url;
}

function checkRoles(actor: Actor, roles: Route['roles']): void {
  if (roles === undefined || actor.kind !== 'person') return;
  if (!actor.person.roles.some((role) => roles.includes(role)))
    refuse('people.not_allowed', `needs one of: ${roles.join(', ')}`);
}

/** JSON is parsed strictly (duplicate keys, unsafe numbers, depth); other media types are refused by Fastify itself. */
function strictBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    if (bytes.byteLength === 0) return done(null, undefined);
    const bounds: JsonBounds = {
      bytesMax: request.routeOptions.bodyLimit ?? bodyBytesDefault,
      depthMax,
      valuesMax,
    };
    const parsed = parseStrict(bytes, bounds);
    if (parsed.ok) return done(null, parsed.value);
    const { problem, offset } = parsed;
    const code = problem === 'too_large' ? 'request.too_large' : 'request.malformed';
    done(new RefusalError(refusal(code, `JSON: ${problem} at ${offset}`)));
  });
}

class ControlServer {
  private readonly input: ServerInput;
  private readonly app: FastifyInstance;

  constructor(input: ServerInput, app: FastifyInstance) {
    this.input = input;
    this.app = app;
  }

  private async enter(
    request: FastifyRequest,
    auth: RouteAuth,
    route: Pick<Route, 'roles' | 'presence'>,
  ): Promise<Actor> {
    const actor = await authenticate(this.input.keeper, auth, request.raw, pathOf(request));
    checkRoles(actor, route.roles);
    if (route.presence === true && actor.kind === 'person' && actor.by === 'token') {
      refuse('people.presence_required', 'the operator token proves nobody’s presence');
    }
    return actor;
  }

  private async handle<K extends OperationId>(
    key: K,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const body = request.body as Call<K>['body'];
    let actor = request.actor ?? refuse('internal.fault');
    if (actor.kind === 'instance') {
      const { instanceId } = (body ?? {}) as { instanceId?: unknown };
      actor = { ...actor, instanceId: typeof instanceId === 'string' ? instanceId : '' };
    }
    const handler: Handler<K> = this.input.handlers[key];
    return handler(this.input.keeper.control, {
      params: request.params as Call<K>['params'],
      query: request.query as Call<K>['query'],
      body,
      actor,
      headers: request.headers,
      connectionKey: connectionKey(request.raw),
      setHeader: (name, value) => void reply.header(name, value),
    });
  }

  private operation<K extends OperationId>(key: K): void {
    const route: Route = routes[key];
    const { params, query, body, response } = route;
    this.app.route({
      method: route.method,
      url: route.path,
      bodyLimit: bodyBytes[key] ?? bodyBytesDefault,
      schema: {
        ...documentation(key, route),
        ...(params === undefined ? {} : { params }),
        ...(query === undefined ? {} : { querystring: query }),
        ...(body === undefined ? {} : { body }),
        response: { 200: response },
      },
      onRequest: async (request) => {
        request.operation = key;
        request.actor = await this.enter(request, route.auth, route);
      },
      handler: (request, reply) => this.handle(key, request, reply),
    });
  }

  operations(): void {
    for (const key of Object.keys(routes) as OperationId[]) this.operation(key);
  }

  scope(): RoomScope {
    return {
      authenticate: (request, auth, roles) => this.enter(request, auth, roles === undefined ? {} : { roles }),
    };
  }
}

/** Host and origin of every request; headers of every answer. */
function edges(app: FastifyInstance, { keeper }: ServerInput): void {
  const { control } = keeper;
  const headers = securityHeaders(control.config.controlUrl, false);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers);
    const path = pathOf(request);
    // Probes come by the address of the container, and learn nothing.
    if (path === rawPaths.health || path === rawPaths.ready) return;
    checkHost(control, request.headers.host);
    // The route counts, not the address: `/%761/me` is another spelling of one of ours.
    const route = request.routeOptions.url ?? path;
    if (path.startsWith('/v1/') || route.startsWith('/v1/')) checkOrigin(control, request.headers);
  });
}

function measured(app: FastifyInstance, input: ServerInput): void {
  const { control } = input.keeper;
  const metrics = metricsOf(control);
  app.addHook('onResponse', async (request, reply) => {
    metrics.requestSeconds.observe(
      { operation: request.operation, status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
  });
  const answerFault = errorHandler(control.log);
  app.setErrorHandler((fault, request, reply) => {
    const refused = publicRefusal(fault, control.log, {
      method: request.method,
      operation: request.operation,
    });
    metrics.refusals.inc({ code: refused.code });
    const cookie = cookieToClear(control, request.headers, fault);
    if (cookie !== undefined) reply.header('set-cookie', cookie);
    answerFault(new RefusalError(refused), request, reply);
  });
  observeRoutes(app, control, metrics);
}

function notFound(app: FastifyInstance, controlUrl: string, page: Buffer | undefined): void {
  app.setNotFoundHandler((request, reply) => {
    if (page === undefined || !isConsolePath(request.method, pathOf(request), request.headers.accept)) {
      return sendRefusal(reply, refusal('request.not_found'));
    }
    return reply
      .headers({ ...securityHeaders(controlUrl, true), 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(page);
  });
}

/** Builds the server on `input.server`, which listens already; ready to answer when it resolves. */
export async function buildServer(input: ServerInput): Promise<FastifyInstance> {
  const { controlUrl } = input.keeper.control.config;
  const app = Fastify({
    logger: false,
    serverFactory: (handler) => {
      input.server.on('request', handler);
      return input.server;
    },
    bodyLimit: bodyBytesDefault,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    return503OnClosing: true,
    routerOptions: { maxParamLength: pathParamMax },
    frameworkErrors: (fault, _request, reply) => {
      void sendRefusal(reply as unknown as FastifyReply, publicRefusal(fault, input.keeper.control.log, {}));
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('actor', undefined);
  app.decorateRequest('operation', 'raw');
  strictBodies(app);
  edges(app, input);
  measured(app, input);
  await registerOpenapi(app, controlUrl, input.version);
  documentRoutes(app);
  const server = new ControlServer(input, app);
  // In scopes of their own, after the generator of OpenAPI is there to see the routes.
  await app.register(async (scope) => {
    new ControlServer(input, scope).operations();
  });
  for (const plugin of input.plugins) {
    await app.register(async (scope) => {
      await plugin(scope, server.scope());
    });
  }
  const files =
    input.consoleDir === undefined ? undefined : await consoleFiles(app, input.consoleDir, controlUrl);
  notFound(app, controlUrl, files?.page);
  await app.ready();
  return app;
}
