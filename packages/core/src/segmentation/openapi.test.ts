import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSchema } from '../data/schema.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import { classify } from './classify.ts';
import { OperationIndex, readArguments, readFields } from './http-match.ts';
import { type HttpOperation, leastClassOf, operationOf } from './http-operation.ts';
import { writeRequest } from './http-request.ts';
import { describeService } from './openapi.ts';

const document = (paths: JsonObject, components: JsonObject = {}, openapi = '3.1.0'): JsonObject => ({
  openapi,
  info: { title: 'T', version: '1' },
  paths,
  components,
});
const answers = { '200': { description: 'ok' } };

function only(
  operation: JsonObject,
  path = '/things',
  method = 'post',
  components: JsonObject = {},
  openapi = '3.1.0',
): JsonObject {
  const described = describeService(
    document({ [path]: { [method]: { responses: answers, ...operation } } }, components, openapi),
  );
  if (!described.ok) throw new Error(described.problem);
  const [definition] = described.definitions;
  if (definition === undefined) throw new Error(JSON.stringify(described.leftOut));
  return definition;
}

function leftOut(
  operation: JsonObject,
  path = '/things',
  method = 'post',
  components: JsonObject = {},
): string {
  const described = describeService(
    document(
      { '/ok': { get: { responses: answers } }, [path]: { [method]: { responses: answers, ...operation } } },
      components,
    ),
  );
  return described.ok ? (described.leftOut[0]?.why ?? 'nothing') : described.problem;
}

const jsonBody = (schema: Json, required = true): JsonObject => ({
  requestBody: { required, content: { 'application/json': { schema } } },
});
const takes = (definition: JsonObject, args: JsonObject): boolean =>
  compileSchema(definition['inputSchema'] as JsonObject)?.(args) === true;
const http = (definition: JsonObject): HttpOperation => {
  const operation = operationOf(definition);
  if (operation === undefined) throw new Error('no operation');
  return operation;
};

describe('a document', () => {
  it.each<[string, Json]>([
    ['a list', []],
    ['Swagger 2', { swagger: '2.0', paths: {} }],
    ['another version', { openapi: '4.0.0', paths: {} }],
    ['no paths', { openapi: '3.1.0' }],
    ['no operation', { openapi: '3.1.0', paths: {} }],
  ])('that is %s is refused', (_, given) => {
    expect(describeService(given).ok).toBe(false);
  });

  it('gives each operation a name, its schema and its request', () => {
    const definition = only({
      operationId: 'things/make new',
      summary: 'Makes',
      ...jsonBody({ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }),
    });
    expect(definition).toMatchObject({
      name: 'things_make_new',
      title: 'Makes',
      inputSchema: { properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false },
      http: {
        method: 'POST',
        path: '/things',
        body: { type: 'application/json', form: 'json', members: ['a'], required: true },
      },
    });
  });

  it('leaves out what it cannot govern as a whole, and says why', () => {
    const cookie = { parameters: [{ name: 'c', in: 'cookie', required: true, schema: { type: 'string' } }] };
    const override = {
      parameters: [
        { name: 'X-HTTP-Method-Override', in: 'header', required: true, schema: { type: 'string' } },
      ],
    };
    const deep = {
      parameters: [
        { name: 'f', in: 'query', required: true, style: 'deepObject', schema: { type: 'object' } },
      ],
    };
    expect(leftOut(cookie)).toContain('cookie');
    expect(leftOut(override)).toContain('X-HTTP-Method-Override');
    expect(leftOut(deep)).toContain('deepObject');
    expect(leftOut({}, '/report.{format}')).toContain('whole segments');
    expect(leftOut({}, '/a/../b')).toContain('whole segments');
    expect(leftOut({}, '//evil')).toContain('whole segments');
    expect(leftOut({}, '/things/{id}')).toContain('do not fit');
    expect(leftOut(jsonBody({ $ref: 'https://evil.example.com/schema.json' }))).toContain('outside');
    expect(leftOut(jsonBody({ $ref: '#/components/schemas/Missing' }))).toContain('nowhere');
    expect(
      leftOut(jsonBody({ $ref: '#/components/schemas/A' }), '/things', 'post', {
        schemas: { A: { $ref: '#/components/schemas/A' } },
      }),
    ).toContain('nowhere');
    expect(leftOut(jsonBody({ type: 'object', $dynamicRef: '#x' }))).toContain('$dynamicRef');
    expect(leftOut({ requestBody: { required: true, content: { 'multipart/form-data': {} } } })).toContain(
      'media type',
    );
  });

  it('an optional parameter that is not served is no argument', () => {
    const definition = only(
      { parameters: [{ name: 'Authorization', in: 'header', schema: { type: 'string' } }] },
      '/things',
      'get',
    );
    expect(http(definition).parameters).toEqual([]);
    expect(takes(definition, { Authorization: 'x' })).toBe(false);
  });

  it('of two operations with the same path or name only the first counts', () => {
    const described = describeService(
      document({
        '/a/{x}': {
          get: {
            operationId: 'one',
            parameters: [{ name: 'x', in: 'path', schema: { type: 'string' } }],
            responses: answers,
          },
        },
        '/a/{y}': {
          get: {
            operationId: 'two',
            parameters: [{ name: 'y', in: 'path', schema: { type: 'string' } }],
            responses: answers,
          },
        },
        '/b': { get: { operationId: 'one', responses: answers } },
      }),
    );
    expect(described).toMatchObject({ ok: true, definitions: [{ name: 'one' }] });
    expect(described.ok && described.leftOut.map(({ why }) => why)).toEqual([
      'another operation has the same path',
      'another operation is called one',
    ]);
  });

  it('reads schemas of 3.0 as they are meant', () => {
    const schema = {
      type: 'object',
      required: ['id', 'amount'],
      properties: {
        id: { type: 'string', readOnly: true },
        amount: { type: 'number', minimum: 0, exclusiveMinimum: true },
        note: { type: 'string', nullable: true },
        self: { $ref: '#/components/schemas/Node', description: 'not beside a reference' },
      },
    };
    const components = {
      schemas: {
        Node: {
          type: 'object',
          properties: { next: { $ref: '#/components/schemas/Node' } },
          additionalProperties: false,
        },
      },
    };
    const definition = only(jsonBody(schema), '/things', 'post', components, '3.0.3');
    expect(takes(definition, { amount: 1, note: null, self: { next: { next: {} } } })).toBe(true);
    expect(takes(definition, { amount: 0 })).toBe(false);
    expect(takes(definition, { amount: 1, id: 'mine' })).toBe(false);
    expect(takes(definition, { amount: 1, self: { next: { other: 1 } } })).toBe(false);
    expect(takes(definition, { amount: 1, note: 7 })).toBe(false);
  });

  it('a body that is no plain object is one argument', () => {
    const definition = only(jsonBody({ type: 'array', items: { type: 'integer' } }));
    expect(takes(definition, { body: [1] })).toBe(true);
    expect(takes(definition, { body: ['a'] })).toBe(false);
    const open = only(jsonBody({ type: 'object', properties: { a: {} }, additionalProperties: true }));
    expect(http(open).body?.members).toBeUndefined();
  });
});

describe('the class of an operation', () => {
  it.each([
    ['get', 'things', 'read'],
    ['get', 'deleteThings', 'admin'],
    ['post', 'searchThings', 'write'],
    ['put', 'getThing', 'write'],
    ['patch', 'things', 'write'],
    ['delete', 'getThings', 'admin'],
    ['post', 'sendThings', 'send'],
  ])('%s %s is %s', (method, operationId, expected) => {
    const definition = only({ operationId }, '/things', method);
    const facts = {
      domain: 'd',
      outputTrust: 'trusted' as const,
      siblings: [],
      atLeast: leastClassOf(http(definition)),
    };
    expect(classify(definition, facts).class).toBe(expected);
  });
});

const operation: HttpOperation = {
  method: 'POST',
  path: '/a/{id}/b/{n}',
  parameters: [
    { argument: 'id', in: 'path', name: 'id', type: 'string' },
    { argument: 'n', in: 'path', name: 'n', type: 'number' },
    { argument: 'q', in: 'query', name: 'q', type: 'string' },
    { argument: 'many', in: 'query', name: 'many', type: 'string', list: 'repeated' },
    { argument: 'some', in: 'query', name: 'some', type: 'number', list: 'commas' },
    { argument: 'on', in: 'query', name: 'on', type: 'boolean' },
  ],
  body: { type: 'application/json', form: 'json', members: ['x', 'y'], required: false },
  answers: [],
  streams: false,
};
const index = new OperationIndex([{ tool: 't', http: operation }]);

/** As the door reads what was written. */
function readBack(target: string, body: string | undefined): unknown {
  const [path = '', query] = target.split('?', 2);
  const matched = index.match('POST', path);
  if (matched.kind !== 'operation') return matched;
  const read = readArguments(operation, {
    path: matched.path,
    query,
    header: () => undefined,
    body: body === undefined ? undefined : (JSON.parse(body) as Json),
  });
  return read.ok ? read.args : read;
}

describe('a request', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed());
  const segment = text.filter(
    (value) => /^[^/\\;%?#\x00-\x1f\x7f]+$/.test(value) && value !== '.' && value !== '..',
  );
  const args = fc.record(
    {
      id: segment,
      n: fc.integer(),
      q: text,
      many: fc.array(text, { minLength: 1, maxLength: 4 }),
      some: fc.array(fc.integer(), { minLength: 1, maxLength: 4 }),
      on: fc.boolean(),
      x: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: ['id', 'n'] },
  );

  it('is read as the arguments that it was written from, whatever they are', () => {
    fc.assert(
      fc.property(args, (given) => {
        const written = writeRequest(operation, given as JsonObject);
        if (!written.ok) throw new Error(written.problem);
        const { target, body } = written.request;
        expect(target).toMatch(/^\/a\/[^/?#]+\/b\/[^/?#]+(?:\?[^?#]*)?$/);
        const content = body?.content;
        const plain = JSON.parse(JSON.stringify(given)) as unknown;
        expect(readBack(target, typeof content === 'string' ? content : undefined)).toEqual(plain);
      }),
      { numRuns: 500 },
    );
  });

  it('never leaves its segment, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (id) => {
        const written = writeRequest(operation, { id, n: 1 });
        if (!written.ok) return;
        const path = new URL(`http://h/base${written.request.target}`).pathname;
        expect(path.split('/')).toHaveLength(6);
        expect(decodeURIComponent(decodeURIComponent(path)).split(/[/\\;]/)).toHaveLength(6);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['.', '..', '', 'a/b', 'a\\b', '%2e', 'a;b', 'a?b', 'a#b', 'a\u0000', '\ud800'])(
    'a path does not hold %j',
    (id) => {
      expect(writeRequest(operation, { id, n: 1 }).ok).toBe(false);
    },
  );

  it('the more concrete path counts, and only that', () => {
    const get = (path: string): HttpOperation => ({
      method: 'GET',
      path,
      parameters: [],
      answers: [],
      streams: false,
    });
    const paths = new OperationIndex([
      { tool: 'one', http: get('/orders/{id}') },
      { tool: 'export', http: { ...get('/orders/export'), method: 'POST' } },
      { tool: 'mine', http: get('/{kind}/export') },
    ]);
    const tool = (method: string, path: string) => {
      const matched = paths.match(method, path);
      return matched.kind === 'operation' ? matched.operation.tool : matched.kind;
    };
    expect(tool('GET', '/orders/7')).toBe('one');
    expect(tool('POST', '/orders/export')).toBe('export');
    expect(tool('GET', '/orders/export')).toBe('nothing');
    expect(tool('GET', '/bills/export')).toBe('mine');
    expect(tool('get', '/orders/7')).toBe('nothing');
    expect(tool('GET', '/orders/%2e%2e')).toBe('unreadable');
  });

  it('fields of a form have one reading', () => {
    expect(readFields('a=1&b=c+d%26')).toEqual({ a: '1', b: 'c d&' });
    for (const text of ['a=1&a=2', 'a', '=1', 'a=%ff', 'a=1;b=2']) expect(readFields(text)).toBeUndefined();
  });

  it('bytes are base64 in one spelling, headers stay on their line', () => {
    const bytes: HttpOperation = {
      ...operation,
      path: '/f',
      parameters: [{ argument: 'h', in: 'header', name: 'X-H', type: 'string' }],
      body: { type: 'application/pdf', form: 'bytes', required: true },
    };
    expect(writeRequest(bytes, { body: 'AAE=' })).toMatchObject({
      ok: true,
      request: { body: { type: 'application/pdf' } },
    });
    for (const body of ['AAE', 'AAF=', '!!!!', 'AA E='])
      expect(writeRequest(bytes, { body }).ok, body).toBe(false);
    for (const h of ['a\r\nb: c', 'a\u0000', ' a', 'é'])
      expect(writeRequest(bytes, { h, body: '' }).ok, h).toBe(false);
  });
});
