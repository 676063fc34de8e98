import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor, Call } from '../context.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { segmentationRoutes } from './routes.ts';

const secret = 'sk-live-never-in-clear';
let control: TestControl;
let operator: Actor;
beforeAll(async () => {
  control = await testControl({ policies: false });
  operator = control.as(await control.person('Olga Operator', ['operator']));
});
afterAll(() => control.close());

type Op = keyof typeof segmentationRoutes;
function call<K extends Op>(key: K, more: { params?: unknown; body?: unknown; actor?: Actor } = {}) {
  const given = {
    query: undefined,
    body: undefined,
    headers: {},
    setHeader: () => undefined,
    actor: operator,
    ...more,
  };
  return segmentationRoutes[key](control, given as unknown as Call<K>);
}
const gatewayOf = (servers: '*' | string[]): Actor => ({
  kind: 'gateway',
  gatewayId: randomUUID(),
  name: 'gateway',
  servers,
});
const add = (
  name: string,
  credential?: unknown,
  transport: unknown = { kind: 'openapi', url: 'https://shop.example.com/api' },
) =>
  call('servers.add', {
    body: {
      name,
      transport,
      domain: 'shop',
      outputTrust: 'untrusted',
      stateless: false,
      ...(credential === undefined ? {} : { credential }),
    },
  });
const document = (more = '') =>
  `{"openapi":"3.1.0","paths":{"/a":{"get":{"operationId":"listThings","responses":{}}}${more}}}`;
const define = (name: string, body: unknown) => call('servers.define', { params: { name }, body });
const given = (name: string, actor: Actor) => call('gateway.serviceCredential', { params: { name }, actor });

describe('the credential of a service', () => {
  it('is sealed at rest, and given to gateways that carry the service only', async () => {
    expect(await add('shop', { bearer: secret })).toMatchObject({ credential: 'bearer' });
    const row = await control.db
      .selectFrom('tool_server')
      .selectAll()
      .where('name', '=', 'shop')
      .executeTakeFirstOrThrow();
    expect(Buffer.from(row.credential_box ?? []).includes(secret)).toBe(false);
    expect(
      JSON.stringify([await control.doc('server', 'shop'), (await call('servers.list')).items, row]),
    ).not.toContain(secret);
    expect(JSON.stringify(await control.events('segmentation.server_registered'))).not.toContain(secret);
    expect(await given('shop', gatewayOf('*'))).toEqual({ epoch: 1, credential: { bearer: secret } });
    expect(await given('shop', gatewayOf(['shop']))).toMatchObject({ credential: { bearer: secret } });
    expect(await codeOf(given('shop', gatewayOf(['other'])))).toBe('segmentation.server_not_carried');
    expect(await codeOf(given('shop', operator))).toBe('identity.gateway_unknown');
  });

  it('does not open in the place of another service', async () => {
    await add('stall');
    const { credential_kid, credential_box } = await control.db
      .selectFrom('tool_server')
      .selectAll()
      .where('name', '=', 'shop')
      .executeTakeFirstOrThrow();
    await control.db
      .updateTable('tool_server')
      .set({ credential_kid, credential_box })
      .where('name', '=', 'stall')
      .execute();
    expect(await codeOf(given('stall', gatewayOf('*')))).toBe('storage.key_missing');
  });

  it('is replaced under a new epoch, on record by its kind', async () => {
    await call('servers.credential', {
      params: { name: 'shop' },
      body: { credential: { query: { name: 'key', value: secret } } },
    });
    expect(await control.doc('server', 'shop')).toMatchObject({ epoch: 2 });
    expect(await given('shop', gatewayOf('*'))).toMatchObject({
      epoch: 2,
      credential: { query: { name: 'key' } },
    });
    await call('servers.credential', { params: { name: 'shop' }, body: { credential: null } });
    expect(await given('shop', gatewayOf('*'))).toEqual({ epoch: 3, credential: null });
    const events = await control.events('segmentation.credential_set');
    expect(events.map(({ body }) => (body as { kind: string | null }).kind)).toEqual(['query', null]);
    expect(JSON.stringify(events)).not.toContain(secret);
  });

  it('is of HTTP services only', async () => {
    expect(await codeOf(add('pipe', { bearer: secret }, { kind: 'stdio' }))).toBe('request.malformed');
    await add('plain', undefined, { kind: 'stdio' });
    expect(
      await codeOf(call('servers.credential', { params: { name: 'plain' }, body: { credential: null } })),
    ).toBe('request.malformed');
  });
});

describe('the tools of a service', () => {
  it('come from a document that a person hands in, and from nobody else', async () => {
    await add('market');
    const listed = await define('market', { document: document() });
    expect(listed.items).toMatchObject([{ name: 'listThings', state: 'active', effectiveClass: 'read' }]);
    const definitions = [{ name: 'listThings', inputSchema: { type: 'object' } }];
    expect(await codeOf(define('market', { definitions }))).toBe('segmentation.wrong_door');
    expect(
      await codeOf(
        call('gateway.discovered', {
          params: { name: 'market' },
          body: { definitions },
          actor: gatewayOf('*'),
        }),
      ),
    ).toBe('segmentation.wrong_door');
    expect(await codeOf(define('market', {}))).toBe('request.malformed');
    expect(await codeOf(define('market', { document: document(), definitions }))).toBe('request.malformed');
    expect((await control.events('segmentation.tools_defined'))[0]?.body).toMatchObject({
      server: 'market',
      tools: 1,
      document: expect.any(String),
    });
  });

  it.each([
    ['two members of one name', '{"openapi":"3.1.0","openapi":"3.1.0","paths":{}}'],
    ['an alias', 'openapi: &a 3.1.0\npaths: { /a: { get: { responses: *a } } }'],
    ['nothing to govern', '{"openapi":"3.1.0","paths":{}}'],
    ['text', 'hello'],
    ['a prototype', '{"openapi":"3.1.0","paths":{"__proto__":{}}}'],
  ])('a document with %s changes nothing', async (_, text) => {
    expect(await codeOf(define('market', { document: text }))).toBe('request.malformed');
    expect(await call('tools.show', { params: { server: 'market', name: 'listThings' } })).toMatchObject({
      state: 'active',
    });
  });

  it('of a changed document wait, and what cannot be checked is left out with the reason', async () => {
    const look =
      '{"get":{"operationId":"look","parameters":[{"name":"p","in":"query","required":true,"schema":{"type":"string","pattern":"(a+)+$(?=b)"}}],"responses":{}}}';
    const { items, leftOut } = await define('market', {
      document: document(`,"/b":{"post":{"operationId":"addThing","responses":{}}},"/c":${look}`),
    });
    expect(leftOut).toEqual([{ operation: 'look', why: 'one of its schemas cannot be checked' }]);
    expect(items.map(({ name, state, effectiveClass }) => [name, state, effectiveClass])).toEqual([
      ['addThing', 'quarantined', 'write'],
      ['listThings', 'active', 'read'],
    ]);
  });
});
