/** Whole tables out of a database and back into an empty one, and migrations that fail half-way, on whichever database the run was given. */
import { RefusalError } from '@atf/core/errors';
import { sql } from 'kysely';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Migration, Tx } from '../context.ts';
import { migrate, migrateFilled } from '../db/migrate.ts';
import { migrations } from '../db/migrations.ts';
import { type TestDb, testDb } from '../db/test-db.ts';
import { checkedLines, Writing } from './folder.ts';
import { keptOf } from './kept.ts';
import { inOrder } from './restore.ts';
import {
  continueCounting,
  insertRows,
  isEmptySchema,
  migrationsHere,
  references,
  rowsOf,
  tablesHere,
} from './store.ts';

let test: TestDb;
let folder: string;
beforeAll(async () => {
  test = await testDb();
  folder = mkdtempSync(join(tmpdir(), 'atf-rows-'));
});
afterAll(async () => {
  await test.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Everything in a table, as text. */
const allOf = async (table: string): Promise<string[]> =>
  test.db.transaction().execute(async (tx) => {
    const rows: string[] = [];
    for await (const row of rowsOf(tx, table)) rows.push(row);
    return rows;
  });

describe('tables', () => {
  it('each one stands in the list of what a backup holds of it', async () => {
    expect(await tablesHere(test.db)).toEqual(Object.keys(keptOf).sort());
  });

  it('come after those that they refer to', async () => {
    const refers = await test.db.transaction().execute(references);
    const ordered = inOrder(Object.keys(keptOf), refers);
    expect(ordered).toHaveLength(Object.keys(keptOf).length);
    expect(refers.length).toBeGreaterThan(0);
    for (const { from, to } of refers) expect(ordered.indexOf(to)).toBeLessThan(ordered.indexOf(from));
  });
});

describe('rows', () => {
  const names = ['x', 'line\u2028end\u2029\u0085\r\n\t"\\', '\u{1f9ea}é', "'); drop table person; --", ''];
  const person = (name: string, at: number) => ({
    tenant: 't',
    id: `p${at}`,
    name,
    email: `p${at}@example.com`,
    email_key: `p${at}@example.com`,
    roles: JSON.stringify(['operator']),
    bootstrap: at % 2 === 0,
    passphrase: null,
    created_at: Number.MAX_SAFE_INTEGER,
  });
  const bytes = Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256));
  const passkey = {
    tenant: 't',
    credential_id: 'c',
    person_id: 'p1',
    public_key: bytes,
    counter: 0,
    transports: JSON.stringify(['internal']),
    created_at: 1,
  };

  afterEach(async () => {
    for (const table of ['passkey', 'person', 'audit_pending'] as const)
      await test.db.deleteFrom(table).execute();
  });

  it('go out and come back as they were, through a file, however many there are', async () => {
    const people = Array.from({ length: 1_500 }, (_, at) => person(names[at % names.length] ?? '', at));
    await test.db.insertInto('person').values(people).execute();
    await test.db.insertInto('passkey').values(passkey).execute();
    const tables = ['person', 'passkey'];
    const before = await Promise.all(tables.map(allOf));
    const writing = new Writing(folder);
    for (const [at, table] of tables.entries())
      await writing.bytes(`tables/${table}.jsonl`, (before[at] ?? []).map((row) => `${row}\n`).join(''));
    await test.db.deleteFrom('passkey').execute();
    await test.db.deleteFrom('person').execute();
    await test.db.transaction().execute(async (tx) => {
      for (const table of tables) {
        const path = `tables/${table}.jsonl`;
        const rows: string[] = [];
        for await (const row of checkedLines(folder, path, writing.sums.get(path) ?? '')) rows.push(row);
        expect(await insertRows(tx, table, rows)).toBe(rows.length);
      }
    });
    expect((await Promise.all(tables.map(allOf))).map((rows) => rows.sort())).toEqual(
      before.map((rows) => rows.sort()),
    );
    const back = await test.db.selectFrom('passkey').select('public_key').executeTakeFirstOrThrow();
    expect(Buffer.from(back.public_key)).toEqual(bytes);
    await expect(async () => {
      for await (const _ of checkedLines(folder, 'tables/person.jsonl', '0'.repeat(64))) continue;
    }).rejects.toThrow(RefusalError);
  });

  it('that the database numbers go on being numbered after the last', async () => {
    const pending = { tenant: 't', entries: '[]', leaves: 1, gateway: null, epoch: null, seq: null };
    await test.db.insertInto('audit_pending').values([pending, pending]).execute();
    const rows = await allOf('audit_pending');
    await test.db.deleteFrom('audit_pending').execute();
    await test.db.transaction().execute(async (tx) => {
      await insertRows(tx, 'audit_pending', rows);
      await continueCounting(tx);
    });
    const ids = rows.map((row) => (JSON.parse(row) as { id: number }).id);
    const next = await test.db
      .insertInto('audit_pending')
      .values(pending)
      .returning('id')
      .executeTakeFirstOrThrow();
    expect(next.id).toBe(Math.max(...ids) + 1);
  });
});

describe('migrations', () => {
  const halfDone: Migration = {
    name: '9998_half_done',
    async up(db) {
      await sql`create table half_done (x text)`.execute(db);
      await sql`select 1 / 0`.execute(db);
    },
  };
  const tableThere = async (name: string) => (await tablesHere(test.db)).includes(name);

  it('one that fails leaves nothing of itself, and those before it stand', async () => {
    const before = await migrationsHere(test.db);
    const good: Migration = {
      name: '9997_good',
      up: async (db) => void (await sql`create table good_one (x text)`.execute(db)),
    };
    await expect(migrate(test.db, [...migrations, good, halfDone], 1)).rejects.toThrow();
    expect(await migrationsHere(test.db)).toEqual([...before, good.name]);
    expect(await tableThere('half_done')).toBe(false);
    expect(await tableThere('good_one')).toBe(true);
    await sql`drop table good_one`.execute(test.db);
    await sql`delete from migration where name = ${good.name}`.execute(test.db);
  });

  it('of a database that is filled on the way are all of them or none', async () => {
    await sql`create schema elsewhere`.execute(test.db);
    const inEmpty = async (fill: (tx: Tx) => Promise<void>, all: readonly Migration[]): Promise<boolean> => {
      const failed = await test.db
        .transaction()
        .execute(async (tx) => {
          await sql`set local search_path to elsewhere`.execute(tx);
          expect(await isEmptySchema(tx)).toBe(true);
          const earlier = migrations.map(({ name }) => name).filter((name) => name < '0005');
          await migrateFilled(tx, all, earlier, { fill: () => fill(tx), nowMs: 1 });
          expect(await tablesHere(tx)).toEqual(Object.keys(keptOf).sort());
        })
        .then(
          () => false,
          () => true,
        );
      const left = await sql<{ n: number }>`
        select count(*)::int as n from information_schema.tables where table_schema = 'elsewhere'`.execute(
        test.db,
      );
      expect(left.rows[0]?.n).toBe(failed ? 0 : Object.keys(keptOf).length);
      return failed;
    };
    expect(await inEmpty(() => Promise.reject(new Error('no more disk')), migrations)).toBe(true);
    expect(await inEmpty(async () => undefined, [...migrations, halfDone])).toBe(true);
    // Rows of an earlier schema are carried on: this one gathered each leaf in a row of its own.
    const leaf = async (tx: Tx) => {
      await sql`insert into audit_pending (tenant, entry, leaf_hash) values ('t', 'leaf'::bytea, '\\x00'::bytea)`.execute(
        tx,
      );
    };
    expect(await inEmpty(leaf, migrations)).toBe(false);
    const carried = await sql<{ entries: string }>`select entries from elsewhere.audit_pending`.execute(
      test.db,
    );
    expect(carried.rows).toEqual([{ entries: '["leaf"]' }]);
    await sql`drop schema elsewhere cascade`.execute(test.db);
  });
});
