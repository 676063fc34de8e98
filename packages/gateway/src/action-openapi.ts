/** OpenAPI 3.1 of the action API, made from the very schemas that validate (core/wire/action). */
import { actionRefusalSchema, actionRoutes } from '@atf/core/wire/action';
import { z } from 'zod';

const content = (schema: z.ZodType, io: 'input' | 'output', type = 'application/json') => ({
  [type]: { schema: z.toJSONSchema(schema, { io, unrepresentable: 'any' }) },
});

function parametersOf(path: string, query: z.ZodType | undefined) {
  const inPath = path.includes(':id')
    ? [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }]
    : [];
  const { properties = {} } =
    query === undefined ? {} : z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' });
  const inQuery = Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema,
  }));
  return [...inPath, ...inQuery];
}

const documents = new Map<string, string>();

/** The document as JSON, for the address under which agents know the gateway. */
export function actionDocument(url: string): string {
  const held = documents.get(url);
  if (held !== undefined) return held;
  const refused = content(actionRefusalSchema, 'output', 'application/problem+json');
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, route] of Object.entries(actionRoutes)) {
    const { path, method, summary, auth, response } = route;
    const query = 'query' in route ? route.query : undefined;
    const body = 'body' in route ? route.body : undefined;
    const item = (paths[path.replace(':id', '{id}')] ??= {});
    item[method.toLowerCase()] = {
      operationId,
      summary,
      tags: [operationId.split('.')[0]],
      security: auth === 'public' ? [] : [{ dpop: [], token: [] }],
      parameters: parametersOf(path, query),
      ...(body === undefined ? {} : { requestBody: { required: true, content: content(body, 'input') } }),
      responses: {
        '200': { description: 'Done, or allowed', content: content(response, 'output') },
        ...(operationId === 'actions.request' || operationId === 'approvals.redeem'
          ? { '202': { description: 'Waits for a person', content: content(response, 'output') } }
          : {}),
        default: { description: 'Refused: what, why, and what would help', content: refused },
      },
    };
  }
  const document = JSON.stringify({
    openapi: '3.1.0',
    info: {
      title: 'ATF action API',
      version: '0.1.0',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url }],
    components: {
      securitySchemes: {
        token: { type: 'apiKey', in: 'header', name: 'authorization', description: 'DPoP <access token>' },
        dpop: { type: 'apiKey', in: 'header', name: 'dpop', description: 'DPoP proof (RFC 9449).' },
      },
    },
    paths,
  });
  documents.set(url, document);
  return document;
}
