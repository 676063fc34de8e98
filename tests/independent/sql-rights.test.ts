/**
 * SQL held to tables (S-1), with PostgreSQL itself as the judge. A role of a real database gets exactly the rights of an agent; whatever PostgreSQL denies that role
 * must not have been allowed by us. Statements are made at random from nested queries, joins, aliases, WITH, whole rows and changes with RETURNING.
 */
import { agentDoc, toolDoc } from '@atf/core/decide.fixture';
import { queryFact } from '@atf/core/segmentation/sql/query-fact';
import { checkQuery } from '@atf/core/segmentation/sql/rights';
import type { DatabaseRights } from '@atf/core/wire/database';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import { sqlParser } from '@atf/gateway/query-reader';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Random } from '../simulator/random.ts';

const columns: Readonly<Record<string, readonly string[]>> = {
  orders: ['id', 'customer_id', 'total', 'note'],
  customers: ['id', 'name', 'email'],
  payroll: ['id', 'salary'],
  tickets: ['id', 'title', 'status', 'owner'],
  notes: ['id', 'body'],
};
const tables: DatabaseRights['tables'] = {
  orders: ['read'],
  customers: { read: ['id', 'name'] },
  tickets: { read: ['id', 'title', 'status'], insert: ['title'], update: ['status'] },
  notes: ['read', 'insert', 'delete'],
};
const schema = `
${Object.entries(columns)
  .map(([table, names]) => `create table ${table} (${names.map((name) => `${name} text`).join(', ')});`)
  .join('\n')}
create role agent;
grant select on orders to agent;
grant select (id, name) on customers to agent;
grant select (id, title, status), insert (title), update (status) on tickets to agent;
grant select, insert, delete on notes to agent;
`;

const tool: ToolDoc = {
  ...toolDoc,
  classification: {
    ...toolDoc.classification,
    arguments: { sql: 'sql' },
    database: { dialect: 'postgresql', schema: 'public' },
  },
};
const agent: AgentDoc = { ...agentDoc, databases: [{ tool: `${tool.server}/${tool.name}`, tables }] };
const allows = (sql: string) => checkQuery(agent, tool, queryFact(sqlParser, tool, { sql })) === undefined;

interface Source {
  readonly alias: string;
  readonly columns: readonly string[];
}

/** Makes statements that mostly mean something: names are those of tables, columns and aliases in sight. */
class Maker {
  readonly #random: Random;
  #aliases = 0;
  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  #table(): { readonly sql: string; readonly source: Source } {
    const name = this.#random.pick(['orders', 'orders', 'customers', 'tickets', 'notes', 'payroll']);
    const from = this.#random.chance(0.2) ? `public.${name}` : name;
    if (this.#random.chance(0.3)) return { sql: from, source: { alias: name, columns: columns[name] ?? [] } };
    // Sometimes the name of another table.
    const alias = this.#random.chance(0.15) ? this.#random.pick(Object.keys(columns)) : `t${this.#aliases++}`;
    return { sql: `${from} as ${alias}`, source: { alias, columns: columns[name] ?? [] } };
  }

  #from(depth: number, queries: readonly Source[]): { readonly sql: string; readonly source: Source } {
    if (depth > 0 && this.#random.chance(0.2)) {
      const inner = this.select(depth - 1, queries, []);
      const alias = `t${this.#aliases++}`;
      return { sql: `(${inner.sql}) as ${alias}`, source: { alias, columns: inner.columns } };
    }
    if (queries.length > 0 && this.#random.chance(0.4)) {
      const query = this.#random.pick(queries);
      return { sql: query.alias, source: query };
    }
    return this.#table();
  }

  #value(depth: number, queries: readonly Source[], sources: readonly Source[]): string {
    const kind = this.#random.int(0, 99);
    if (sources.length === 0 || kind < 8) return this.#random.pick(["'x'", 'null', 'current_user::text']);
    const source = this.#random.pick(sources);
    if (kind < 40) return `${source.alias}.${this.#random.pick(source.columns)}::text`;
    if (kind < 60) return `${this.#random.pick(source.columns)}::text`;
    if (kind < 66) return `${source.alias}::text`;
    if (kind < 70) return `row_to_json(${source.alias}.*)::text`;
    if (kind < 74) return `(${source.alias}).${this.#random.pick(source.columns)}::text`;
    if (kind < 80) return `upper(${source.alias}.${this.#random.pick(source.columns)}::text)`;
    if (depth > 0) return `(${this.select(depth - 1, queries, sources, 1).sql} limit 1)`;
    return 'count(*) over ()::text';
  }

  select(
    depth: number,
    queries: readonly Source[],
    outer: readonly Source[],
    width = this.#random.int(1, 3),
  ): { readonly sql: string; readonly columns: readonly string[] } {
    let head = '';
    let known = queries;
    if (depth > 0 && this.#random.chance(0.25)) {
      // Sometimes it hides a table, and sometimes it reads the very table that it hides.
      const alias = this.#random.chance(0.5)
        ? this.#random.pick(Object.keys(columns))
        : `q${this.#aliases++}`;
      const inner = this.select(depth - 1, queries, []);
      head = `with ${alias} as (${inner.sql}) `;
      known = [...queries, { alias, columns: inner.columns }];
    }
    const froms = Array.from({ length: this.#random.int(1, 2) }, () => this.#from(depth, known));
    const sources = [...froms.map(({ source }) => source), ...outer];
    const list = Array.from({ length: width }, (_, at) => `${this.#value(depth, known, sources)} as c${at}`);
    const where = this.#random.chance(0.4) ? ` where ${this.#value(depth, known, sources)} is not null` : '';
    const group = this.#random.chance(0.08) ? ` order by ${this.#value(0, known, sources)}` : '';
    const sql = `${head}select ${list.join(', ')} from ${froms.map((each) => each.sql).join(', ')}${where}${group}`;
    return { sql, columns: list.map((_, at) => `c${at}`) };
  }

  statement(): string {
    const kind = this.#random.int(0, 99);
    if (kind < 60) return this.select(2, [], []).sql;
    if (kind < 66) return `select * from ${this.#from(1, []).sql}`;
    const table = this.#random.pick(['tickets', 'tickets', 'notes', 'notes', 'orders', 'payroll']);
    const own: Source = { alias: table, columns: columns[table] ?? [] };
    const value = () => this.#value(1, [], [own]);
    const where = this.#random.chance(0.6) ? ` where ${value()} is not null` : '';
    const back = this.#random.chance(0.4) ? ` returning ${this.#random.chance(0.2) ? '*' : value()}` : '';
    if (kind < 76) return `delete from ${table}${where}${back}`;
    if (kind < 88) return `update ${table} set ${this.#random.pick(own.columns)} = ${value()}${where}${back}`;
    const given = this.#random.chance(0.8) ? ` (${this.#random.pick(own.columns)})` : '';
    return `insert into ${table}${given} ${this.select(1, [], [], 1).sql}${back}`;
  }
}

const db = new PGlite();
beforeAll(async () => {
  await db.exec(schema);
  await db.exec('set role agent');
});
afterAll(() => db.close());

/** Code of the error with which PostgreSQL answers the role of the agent; undefined: it ran. Nothing stays. */
async function codeOf(sql: string): Promise<string | undefined> {
  await db.exec('begin');
  try {
    await db.query(sql);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? 'unknown';
  } finally {
    await db.exec('rollback');
  }
}
const denied = '42501';

it('allows nothing that PostgreSQL denies to a role with the same rights', async () => {
  const tally = { ran: 0, allowedAndRan: 0, denied: 0, meaningless: 0 };
  const maker = new Maker(20_261_122);
  for (let n = 0; n < 500; n++) {
    const sql = maker.statement();
    const allowed = allows(sql);
    const code = await codeOf(sql);
    if (code === denied) expect(allowed, sql).toBe(false);
    if (code === denied) tally.denied += 1;
    else if (code !== undefined) tally.meaningless += 1;
    else {
      tally.ran += 1;
      if (allowed) tally.allowedAndRan += 1;
    }
  }
  // The judge was asked about both kinds, and we do not merely refuse everything.
  expect(tally.denied, JSON.stringify(tally)).toBeGreaterThan(150);
  expect(tally.allowedAndRan, JSON.stringify(tally)).toBeGreaterThan(50);
});
