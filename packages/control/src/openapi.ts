/** OpenAPI 3.1 of the control plane, made from the very schemas that validate (`core/wire/api`). */
import swagger from '@fastify/swagger';
import { clearanceHeader, rawPaths, type Route, sessionCookie } from '@atf/core/wire/api';
import { manifestSchema } from '@atf/core/wire/manifest';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';

const security: Readonly<Record<Route['auth'], readonly Record<string, string[]>[]>> = {
  public: [],
  person: [{ session: [] }, { operator: [] }],
  gateway: [{ gatewayProof: [] }],
  instance: [{ dpop: [] }],
  host: [{ hostCredential: [] }],
};

/** What a route tells OpenAPI besides its schemas. */
export function documentation(operationId: string, route: Route): Record<string, unknown> {
  const needs = [
    ...(route.roles === undefined ? [] : [`Roles: ${route.roles.join(', ')}.`]),
    ...(route.presence === true
      ? ['Needs fresh presence of the person; the operator token is refused.']
      : []),
    ...(route.clearance === true
      ? [`Once a person has a factor, may need a granted clearance (header ${clearanceHeader}).`]
      : []),
  ];
  // A console session is not enough for others than the console, and presence is not shown by a token on disk.
  const allowed = route.presence === true ? [{ session: [] }] : security[route.auth];
  return {
    operationId,
    summary: route.summary,
    tags: [operationId.split('.')[0] ?? 'control'],
    security: allowed,
    ...(needs.length === 0 ? {} : { description: needs.join(' ') }),
  };
}

/** Registers the generator; must come before the routes. */
export async function registerOpenapi(
  app: FastifyInstance,
  controlUrl: string,
  version: string,
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'ATF control plane',
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: controlUrl }],
      components: {
        securitySchemes: {
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: sessionCookie,
            description: 'Console session; x-atf-csrf for all but GET.',
          },
          operator: { type: 'http', scheme: 'bearer', description: 'The host operator’s token.' },
          gatewayProof: {
            type: 'apiKey',
            in: 'header',
            name: 'authorization',
            description: 'GatewayProof <jwt>',
          },
          hostCredential: { type: 'http', scheme: 'bearer', description: 'Of a host application.' },
          dpop: { type: 'apiKey', in: 'header', name: 'dpop', description: 'DPoP proof (RFC 9449).' },
        },
      },
    },
    transform: jsonSchemaTransform,
  });
}

/** `/openapi.json` and the published JSON Schema of the manifest. */
export function documentRoutes(app: FastifyInstance): void {
  let document: string | undefined;
  app.get(rawPaths.openapi, { schema: { hide: true } }, async (_request, reply) => {
    document ??= JSON.stringify(app.swagger());
    return reply.type('application/json').send(document);
  });
  const manifest = JSON.stringify({
    $id: 'urn:atf:schema:manifest',
    title: 'ATF agent manifest',
    ...z.toJSONSchema(manifestSchema, { io: 'input' }),
  });
  app.get(rawPaths.manifestSchema, { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/schema+json').send(manifest),
  );
}
