/**
 * Databases (S-1), through the front door: twelve agents share one tool that runs SQL on a real PostgreSQL, each with rights of its own on tables. What is not on
 * its list is refused, does not reach the database, and stands in the log under the name of the agent that tried.
 */
import { appendFileSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyAnalysis } from '@atf/core/wire/policy-analysis';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import { call, Product, released, resume, root, type Signed, until } from './product.ts';
import { logSettled, readLog } from './read-log.ts';
import { readerManifest } from './reader-manifest.ts';
import { Warehouse } from './warehouse.ts';

const refused = 'segmentation.table_not_granted';
/** No name of a table: it must not stand in the log. */
const literal = 'nightingale';

interface Case {
  readonly agent: string;
  /** `tables` of its manifest, in YAML. */
  readonly tables: string;
  /** A query and what it answers. */
  readonly may: readonly [sql: string, answer: string];
  /** A query that is not its business, and what the refusal names. */
  readonly mayNot: readonly [sql: string, named: string];
}

const reads = (...names: string[]) => `{ ${names.map((name) => `${name}: [read]`).join(', ')} }`;
const cases: readonly Case[] = [
  {
    agent: 'sql-orders',
    tables: reads('orders'),
    may: ['select sum(total) from orders', '100'],
    mayNot: [`select salary from payroll where '${literal}' <> ''`, 'read public.payroll'],
  },
  {
    agent: 'sql-customers',
    tables: reads('public.customers'),
    may: ['select email from public.customers where id = 2', 'grace@example.com'],
    mayNot: ['select * from orders', 'read public.orders'],
  },
  {
    agent: 'sql-names',
    tables: '{ customers: { read: [id, name] } }',
    may: ['select name from customers order by id', 'Ada'],
    mayNot: ['select email from customers', '(email)'],
  },
  {
    agent: 'sql-star',
    tables: '{ customers: { read: [id, name] } }',
    may: ['select count(*) from customers', '2'],
    mayNot: ['select * from customers', 'all columns of public.customers'],
  },
  {
    agent: 'sql-join',
    tables: reads('orders', 'customers'),
    may: ['select c.name, o.total from orders o join customers c on c.id = o.customer_id', 'Grace'],
    mayNot: ['select o.id from orders o join payroll p on p.id = o.id', 'read public.payroll'],
  },
  {
    agent: 'sql-tickets',
    tables: reads('tickets'),
    may: ["select title from tickets where status = 'open'", 'late'],
    mayNot: ["update tickets set status = 'closed'", 'policy'],
  },
  {
    agent: 'sql-payroll',
    tables: reads('payroll'),
    may: ['select salary from payroll', '4711'],
    mayNot: ['select p.salary, c.name from payroll p, customers c', 'read public.customers'],
  },
  {
    agent: 'sql-view',
    tables: reads('orders_by_customer'),
    may: ['select total from orders_by_customer where customer_id = 1', '30'],
    mayNot: ['select total from orders', 'read public.orders'],
  },
  {
    agent: 'sql-with',
    tables: reads('orders'),
    may: [
      'with big as (select * from orders where total > 50) select note is null as empty from big',
      'true',
    ],
    mayNot: ['with orders as (select * from payroll) select * from orders', 'read public.payroll'],
  },
  {
    agent: 'sql-nested',
    tables: reads('orders', 'tickets'),
    may: ['select id from tickets where id in (select id from orders)', '1'],
    mayNot: ['select id from tickets where id in (select id from payroll)', 'read public.payroll'],
  },
  {
    agent: 'sql-nothing',
    tables: '{}',
    may: ['select 40 + 2 as answer', '42'],
    mayNot: ['select id from orders', 'read public.orders'],
  },
];
/** The twelfth may also change what it reads, after a person has released exactly that. */
const junior = 'junior-support';
const juniorTables = '{ tickets: { read: [id, status], update: [status] } }';

const warehouse = new Warehouse();
const clients = new Map<string, Client>();
let product: Product;
let approver: Signed;

const withTables = (manifest: string, tables: string) =>
  `${manifest}databases:\n  - { tool: warehouse/query, tables: ${tables} }\n`;
const clientOf = (agent: string): Client => {
  const client = clients.get(agent);
  if (client === undefined) throw new Error(`no client of ${agent}`);
  return client;
};
const query = (agent: string, sql: string) => call(clientOf(agent), 'query', { sql });

beforeAll(async () => {
  const [url, started] = await Promise.all([warehouse.start(), Product.start()]);
  product = started;
  approver = await product.signIn('paula.reyes@example.com');
  appendFileSync(join(product.dataDir, 'gateway', 'servers.yaml'), '\nwarehouse:\n  privateNetwork: true\n');
  const operator = await product.operator();
  const facts = { domain: 'orders', outputTrust: 'trusted', stateless: true } as const;
  await operator.call('servers.add', {
    body: { name: 'warehouse', transport: { kind: 'http', url }, ...facts },
  });
  await until('the warehouse to be discovered', async () => {
    const { items } = await operator.call('servers.list');
    return items.find(({ name }) => name === 'warehouse')?.discoveredAt;
  });
  const params = { server: 'warehouse', name: 'query' };
  const found = await operator.call('tools.show', { params });
  // It is taken for SQL at once; which database reads it, a person says.
  expect(found.classification.arguments.sql).toBe('sql');
  await operator.call('tools.classify', {
    params,
    body: {
      class: 'read',
      sensitivity: 'internal',
      database: {
        dialect: 'postgresql',
        schema: 'public',
        tables: { payroll: { sensitivity: 'confidential' } },
      },
    },
  });
  // What is said of its tables stays while somebody says something else.
  const { classification } = await operator.call('tools.classify', {
    params,
    body: { database: { dialect: 'postgresql', schema: 'public', functions: ['st_distance'] } },
  });
  expect(classification.database?.tables).toEqual({ payroll: { sensitivity: 'confidential' } });
  for (const { agent, tables } of cases) {
    const manifest = withTables(readerManifest(agent, ['warehouse/query']), tables);
    await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    clients.set(agent, await (await product.agent(agent)).mcp('warehouse'));
  }
  const before = readFileSync(join(root, 'examples/workspace/agents/junior-support.yaml'), 'utf8');
  const wider = before
    .replace(/^version: .*$/m, 'version: 9.0.0')
    .replace('tools:\n', 'tools:\n  - warehouse/query\n');
  const manifest = withTables(wider, juniorTables);
  const { id } = await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  const scope = { kind: 'agent' as const, id };
  await operator.call('containment.stop', { body: { scope, state: 'paused', reason: 'wider rights' } });
  await resume(await product.signIn('yuki.mori@example.com'), { scope, reason: 'reviewed', ceiling: 'none' });
  clients.set(
    junior,
    await until('the Junior to be served', async () => {
      const client = await (await product.agent(junior)).mcp('warehouse').catch(() => undefined);
      const answer = await client
        ?.callTool({ name: 'query', arguments: { sql: 'select id from tickets' } })
        .catch(() => undefined);
      return answer !== undefined && answer.isError !== true ? client : undefined;
    }),
  );
}, 240_000);
afterAll(async () => {
  await product?.remove();
  await warehouse.stop();
});

describe('twelve agents of one tool', () => {
  it.each(cases)('$agent gets what is on its list, and nothing else', async ({ agent, may, mayNot }) => {
    const answer = await query(agent, may[0]);
    expect(answer.isError, answer.text).toBe(false);
    expect(answer.text).toContain(may[1]);

    const before = warehouse.executed.length;
    const no = await query(agent, mayNot[0]);
    // An Intern that tries to write is told of its level first.
    expect(no).toMatchObject({
      isError: true,
      atf: { code: mayNot[1] === 'policy' ? 'policy.not_permitted' : refused },
    });
    if (mayNot[1] !== 'policy') expect(no.text).toContain(mayNot[1]);
    expect(warehouse.executed).toHaveLength(before);
  });

  it('the twelfth changes a row after a person has released exactly that statement', async () => {
    const sql = "update tickets set status = 'closed' where id = 1";
    const before = warehouse.executed.length;
    const asked = await query(junior, sql);
    expect(asked.atf.code).toBe('maturity.approval_required');
    expect(warehouse.executed).toHaveLength(before);
    // The tool is one for reading; this statement is not.
    const { approvalId = '' } = asked.atf;
    expect(await approver.client.call('approvals.show', { params: { id: approvalId } })).toMatchObject({
      class: 'write',
      reversible: false,
      because: expect.stringContaining('update public.tickets (status)'),
    });
    await released(approver, approvalId, () => query(junior, sql));
    expect(await warehouse.rows('select status from tickets')).toEqual([{ status: 'closed' }]);
    expect(warehouse.executed.filter((each) => each === sql)).toHaveLength(1);

    // No approval can help where the list ends.
    for (const other of ["update tickets set title = 'x'", 'delete from tickets', 'delete from payroll'])
      expect((await query(junior, other)).isError).toBe(true);
    expect((await query(junior, "update tickets set title = 'x'")).atf.code).toBe(refused);
  });

  it('what is no plain query is refused, and nothing of it reaches the database', async () => {
    const before = warehouse.executed.length;
    const tries: readonly (readonly [sql: string, code: string])[] = [
      ['drop table orders', 'segmentation.query_not_governed'],
      ['select 1; drop table orders', 'segmentation.query_unreadable'],
      ["select pg_read_file('/etc/passwd')", 'segmentation.query_not_governed'],
      ["copy orders to program 'true'", 'segmentation.query_not_governed'],
      ['set role postgres', 'segmentation.query_not_governed'],
      [`selec '${literal}'`, 'segmentation.query_unreadable'],
    ];
    for (const [sql, code] of tries) {
      const answer = await query('sql-orders', sql);
      expect(answer, sql).toMatchObject({ isError: true, atf: { code } });
      expect(answer.text).not.toContain(literal);
    }
    expect(warehouse.executed).toHaveLength(before);
  });

  it('every query is on record with its agent: what it did to which tables, and none of its values', async () => {
    await logSettled(product);
    const { report, entries } = await readLog(product);
    expect(report.problems).toEqual([]);
    const decisions = entries
      .filter(({ type }) => type === 'action.intent' || type === 'action.refused')
      .map(({ type, body }) => ({ type, body: body as Record<string, unknown> }))
      .filter(({ body }) => body['tool'] === 'query');
    for (const { agent } of cases) {
      const own = decisions.filter(({ body }) => body['agent'] === agent);
      expect(own.map(({ type }) => type).slice(0, 2), agent).toEqual(['action.intent', 'action.refused']);
    }
    // A session has read what its tables are classified as: payroll is more than the tool, orders are not.
    const read = (agent: string) =>
      decisions
        .filter(({ type, body }) => type === 'action.intent' && body['agent'] === agent)
        .map(({ body }) => body['facts'] as { tool: { classification: { sensitivity: string } } })
        .map(({ tool }) => tool.classification.sensitivity);
    expect([new Set(read('sql-payroll')), new Set(read('sql-orders'))]).toEqual([
      new Set(['confidential']),
      new Set(['internal']),
    ]);
    const [, theft] = decisions.filter(({ body }) => body['agent'] === 'sql-orders');
    expect(theft?.body).toMatchObject({
      code: refused,
      responsibleId: expect.any(String),
      facts: {
        query: {
          verdict: 'read',
          uses: [{ table: 'public.payroll', operation: 'read', columns: ['salary'] }],
        },
      },
    });
    expect(JSON.stringify(entries)).not.toContain(literal);
    // As many statements as the log says: none ran beside it.
    const ran = decisions.filter(({ type }) => type === 'action.intent');
    expect(warehouse.executed).toHaveLength(ran.length);

    const shown = await atf([
      'activity',
      '--agent',
      'sql-orders',
      '--control',
      product.ready.controlUrl,
      '--data',
      product.dataDir,
    ]);
    expect(shown.stdout, shown.stderr).toContain('payroll');
  });
});

describe('what is dangerous together', () => {
  const register = async (name: string, version: string, tables: string) => {
    const manifest = withTables(
      readerManifest(name, ['warehouse/query', 'back-office/send_email'])
        .replace('[orders, finance]', '[orders, communication]')
        .replace('version: 1.0.0', `version: ${version}`),
      tables,
    );
    await (await product.operator()).call('agents.register', { body: { manifest, format: 'yaml' } });
  };
  /** Of the agent itself: what others keep in the same domain is another matter. */
  const leaksOf = async (agent: string, ...args: string[]) => {
    const ran = await atf(
      [
        'policy',
        'analyze',
        '--level',
        'principal',
        '--agent',
        agent,
        ...args,
        '--data',
        product.dataDir,
        '--json',
      ],
      { env: { XDG_CONFIG_HOME: `${product.home}/config` } },
    );
    expect(ran.code, ran.stderr).toBe(0);
    const [analysis] = documents(ran) as unknown as readonly PolicyAnalysis[];
    return (analysis?.findings ?? []).filter(({ kind }) => kind === 'leak');
  };

  it('goes by the tables that an agent may use, and the least to take away is one of them', async () => {
    await register('sql-mailer', '1.0.0', reads('orders'));
    expect(await leaksOf('sql-mailer')).toEqual([]);
    await register('sql-mailer', '2.0.0', reads('orders', 'payroll'));
    const [leak, ...others] = await leaksOf('sql-mailer');
    expect(others).toEqual([]);
    const payroll = { tool: 'warehouse/query', table: { name: 'public.payroll', operation: 'read' } };
    expect(leak).toMatchObject({
      severity: 'medium',
      says: expect.stringContaining('warehouse/query (read public.payroll) (confidential'),
      suggestion: expect.stringContaining('warehouse/query (read public.payroll) of sql-mailer'),
      path: [
        { part: 'source', ...payroll },
        { part: 'sink', tool: 'back-office/send_email' },
      ],
      sources: [payroll],
      cut: [payroll],
      counts: { cut: 1, cutRights: 1 },
    });
    // What it says to take away is the whole of it.
    await register('sql-mailer', '3.0.0', reads('orders'));
    expect(await leaksOf('sql-mailer')).toEqual([]);
  });

  it('sees what a guardrail of policy never permits, table by table', async () => {
    const dir = join(product.home, 'never-table');
    cpSync(join(root, 'policies'), dir, { recursive: true });
    appendFileSync(
      join(dir, 'guardrails.cedar'),
      '\n@id("never.table")\n@requirement("S-2")\nforbid (principal, action, resource)\nwhen { context has tables && context.tables.contains("payroll") };\n',
    );
    await register('sql-guarded', '1.0.0', reads('orders', 'payroll'));
    expect((await leaksOf('sql-guarded')).map(({ severity }) => severity)).toEqual(['medium']);
    expect(await leaksOf('sql-guarded', '--policies', dir)).toEqual([]);
  });
});
