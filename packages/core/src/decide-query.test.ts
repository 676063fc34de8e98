/** SQL in the decision (S-1, S-2): what a statement raises a call to, what policies are asked about it, and that its record gives the decision again. */
import { describe, expect, it } from 'vitest';
import {
  agentDoc,
  approvalFor,
  definitionDigest,
  manifestDigest,
  permits,
  policyOf,
  receivedOf,
  toolDoc,
  worldOf,
} from './decide.fixture.ts';
import { decide } from './decide.ts';
import { sha256 } from './digest.ts';
import { parseManifest } from './identity/manifest.ts';
import { factsOf } from './record.ts';
import { replay } from './replay.ts';
import type { QueryFact, TableUse } from './wire/database.ts';
import { agentDocSchema, classificationSchema, type ToolDoc } from './wire/feed.ts';
import { canonicalJson } from './wire/json.ts';
import type { PolicyQuestion, World } from './world.ts';

const tool: ToolDoc = {
  ...toolDoc,
  classification: {
    ...toolDoc.classification,
    class: 'read',
    reversible: true,
    idempotent: true,
    writeSafe: true,
    arguments: { sql: 'sql' },
    database: { dialect: 'postgresql', schema: 'public' },
  },
};
const ref = `${tool.server}/${tool.name}`;
const agent = {
  ...agentDoc,
  limits: [],
  databases: [
    {
      tool: ref,
      tables: {
        orders: ['read' as const, 'insert' as const, 'update' as const, 'delete' as const],
        'public.customers': { read: ['id', 'name'] },
      },
    },
  ],
};
const does = (
  ...uses: readonly [table: string, operation: TableUse['operation'], ...columns: string[]][]
): QueryFact => ({
  verdict: 'read',
  uses: uses.map(([table, operation, ...columns]) => ({ table, operation, columns })),
});
const world = (query: QueryFact | undefined, more: Partial<World> = {}): World =>
  worldOf({ agent, tool, query, ...more });
const args = { sql: 'select 1' };
const received = receivedOf({ args, argsDigest: sha256(canonicalJson(args)) });

describe('the statement decides what the call is', () => {
  it.each<[TableUse['operation'], string]>([
    ['read', 'read'],
    ['insert', 'write'],
    ['update', 'write'],
    ['delete', 'admin'],
  ])('%s counts as %s, and what was said of a tool for reading is not said of it', (operation, action) => {
    const asked: PolicyQuestion[] = [];
    const policy = policyOf((question) => {
      asked.push(question);
      return permits;
    });
    const decision = decide(received, world(does(['public.orders', operation, 'id']), { policy }));
    expect(decision).toMatchObject({ outcome: 'allow', actionClass: action });
    const reads = operation === 'read';
    for (const { action: of, tool: used, context } of asked) {
      expect(of).toBe(action);
      expect(used.classification).toMatchObject({ reversible: reads, idempotent: reads, writeSafe: reads });
      expect(context).toMatchObject({
        tables: ['public.orders', 'orders'],
        columns: ['public.orders.id', 'orders.id'],
        operations: [operation],
      });
    }
  });

  it('never lowers a class', () => {
    const execute = { ...tool, classification: { ...tool.classification, class: 'execute' as const } };
    expect(decide(received, world(does(['public.orders', 'read']), { tool: execute })).actionClass).toBe(
      'execute',
    );
    const { class: _, ...unclassified } = tool.classification;
    const unknown = { ...tool, classification: unclassified };
    expect(decide(received, world(does(['public.orders', 'read']), { tool: unknown })).actionClass).toBe(
      'admin',
    );
  });

  it('meets a human checkpoint on its class', () => {
    const careful = { ...agent, checkpoints: [{ class: 'write' as const, reason: 'stock moves' }] };
    const seen: boolean[] = [];
    const policy = policyOf(({ context }) => {
      seen.push(context.humanCheckpoint);
      return permits;
    });
    decide(received, world(does(['public.orders', 'read']), { agent: careful, policy }));
    decide(received, world(does(['public.orders', 'update', 'id']), { agent: careful, policy }));
    expect(seen).toEqual([false, false, true, true]);
  });
});

describe('what is not on the list', () => {
  it.each<[string, QueryFact | undefined, string]>([
    ['another table', does(['public.payroll', 'read']), 'table_not_granted'],
    ['the same name in another schema', does(['hr.orders', 'read']), 'table_not_granted'],
    ['another column', does(['public.customers', 'read', 'email']), 'table_not_granted'],
    ['every column', does(['public.customers', 'read', '*']), 'table_not_granted'],
    ['another operation', does(['public.customers', 'update', 'name']), 'table_not_granted'],
    ['one of several', does(['public.orders', 'read'], ['public.payroll', 'read']), 'table_not_granted'],
    ['a table with the name of a member of objects', does(['constructor', 'read']), 'table_not_granted'],
    ['what nobody read', undefined, 'query_unreadable'],
    [
      'what does not parse',
      { verdict: 'refused', code: 'segmentation.query_unreadable', problem: 'it cannot be parsed' },
      'query_unreadable',
    ],
  ])('%s is refused, with an approval too', (_name, query, code) => {
    const approval = approvalFor(received);
    for (const more of [{}, { approval }])
      expect(decide(received, world(query, more))).toMatchObject({
        outcome: 'refuse',
        refusal: { code: `segmentation.${code}` },
        checks: expect.arrayContaining([
          expect.objectContaining({ name: 'govern_query', verdict: 'refuse' }),
        ]),
      });
  });

  it('a table that is listed under two names is what both give', () => {
    const twice = {
      ...agent,
      databases: [{ tool: ref, tables: { orders: ['read' as const], 'public.orders': { read: ['id'] } } }],
    };
    const asked = (column: string) =>
      decide(received, world(does(['public.orders', 'read', column]), { agent: twice })).outcome;
    expect([asked('id'), asked('total')]).toEqual(['allow', 'refuse']);
  });

  it('tables for a tool that nobody took for SQL: nothing runs', () => {
    const plain = { ...tool, classification: toolDoc.classification };
    expect(decide(received, world(undefined, { tool: plain })).refusal?.code).toBe(
      'segmentation.query_unreadable',
    );
  });

  it('tools without SQL have no such check', () => {
    const { checks } = decide(receivedOf(), worldOf());
    expect(checks.map(({ name }) => name)).not.toContain('govern_query');
  });
});

it.each<[string, QueryFact]>([
  ['a granted statement', does(['public.orders', 'update', 'note'])],
  ['a refused one', does(['public.payroll', 'read', 'salary'])],
  [
    'one that was not read',
    { verdict: 'refused', code: 'segmentation.query_not_governed', problem: 'drop is not governed' },
  ],
])('the record of %s gives the decision again', (_name, query) => {
  const given = world(query);
  const decision = decide(received, given);
  const { credential } = received;
  const body = {
    ...{ actionId: received.actionId, agentId: agent.id, agent: agent.name, agentVersion: agent.version },
    ...{ manifestDigest, instanceId: credential.instanceId, sid: credential.sid, jti: credential.jti },
    ...{ proof: credential.proof, responsibleId: agent.ownerId, protocol: received.protocol },
    ...{ server: received.server, tool: received.tool, class: decision.actionClass, definitionDigest },
    ...{ level: decision.effectiveLevel, outcome: decision.outcome, code: decision.refusal?.code },
    ...{ checks: decision.checks, policies: decision.policies, policyDigest: given.policy?.digest },
    ...{ obligations: decision.obligations, facts: factsOf(received, given, decision) },
  };
  const text = JSON.stringify(body);
  const again = replay(JSON.parse(text), canonicalJson(args), {
    policy: () => given.policy,
    definition: () => ({ name: tool.name }),
    manifest: () => agent,
  });
  expect(again).toMatchObject({ verdict: 'agrees' });
  // Without its fact it is not the same decision.
  const bent = JSON.parse(text) as { facts: { query?: unknown } };
  delete bent.facts.query;
  expect(
    replay(bent, canonicalJson(args), {
      policy: () => given.policy,
      definition: () => ({}),
      manifest: () => agent,
    }).verdict,
  ).toBe(decision.refusal?.code === 'segmentation.query_unreadable' ? 'agrees' : 'differs');
});

describe('manifest and classification', () => {
  const manifest = (databases: unknown) =>
    parseManifest(
      JSON.stringify({
        name: 'a',
        version: '1.0.0',
        owner: 'o@example.com',
        technicalOwner: 't@example.com',
        businessOwner: 'b@example.com',
        purpose: 'reads',
        domain: 'sales',
        dataDomains: ['sales'],
        capabilities: ['read'],
        tools: ['warehouse/query'],
        escalation: 'b@example.com',
        model: { provider: 'p', name: 'm' },
        databases,
      }),
      'json',
    );
  const one = (tables: unknown) => [{ tool: 'warehouse/query', tables }];

  it.each<[string, unknown]>([
    ['operations', one({ orders: ['read', 'insert'] })],
    ['columns', one({ 'public.customers': { read: ['id', 'name'], delete: 'all' } })],
    ['a name with blanks', one({ 'Order Items': ['read'] })],
    ['no table', one({})],
  ])('takes %s', (_name, databases) => expect(manifest(databases).ok).toBe(true));

  it.each<[string, unknown]>([
    ['a tool that is not listed', [{ tool: 'warehouse/other', tables: {} }]],
    ['a tool twice', [...one({}), ...one({})]],
    ['an unknown operation', one({ orders: ['truncate'] })],
    ['no operation', one({ orders: [] })],
    ['no operation as an object', one({ orders: {} })],
    ['no column', one({ orders: { read: [] } })],
    ['a star', one({ orders: { read: ['*'] } })],
    ['a pattern of tables', one({ '*': ['read'] })],
    ['quotes', one({ '"orders"': ['read'] })],
    ['three names', one({ 'db.public.orders': ['read'] })],
    ['columns of a deletion', one({ orders: { delete: ['id'] } })],
    ['a table without rights', one({ orders: null })],
  ])('refuses %s', (_name, databases) => expect(manifest(databases)).toMatchObject({ ok: false }));

  it('refuses a dialect that nobody reads, and functions that are none', () => {
    const said = (database: unknown) =>
      classificationSchema.safeParse({ ...tool.classification, database }).success;
    expect(said({ dialect: 'postgresql', schema: 'public', functions: ['st_distance'] })).toBe(true);
    for (const wrong of [
      {},
      { dialect: 'oracle' },
      { dialect: 'sqlite', functions: ['a; b'] },
      { dialect: 'mysql', schema: 'a.b' },
    ])
      expect(said(wrong), JSON.stringify(wrong)).toBe(false);
    expect(agentDocSchema.safeParse(agent).success).toBe(true);
  });
});
