/**
 * Room: db. Runs migrations forward, each in its own transaction, in the order of their names. There is no way back: a change that must
 * be undone is another migration. Take a backup before an upgrade.
 */
import { refuse } from '@atf/core/errors';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Migration } from '../context.ts';

interface MigrationTable {
  migration: { name: string; applied_at: number };
}

/** Any fixed number: the key of PostgreSQL's advisory lock that lets one replica migrate at a time. */
const advisoryKey = 0x617466;

function ordered(all: readonly Migration[]): Migration[] {
  const sorted = [...all].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  sorted.forEach((migration, at) => {
    if (migration.name === sorted[at - 1]?.name)
      throw new Error(`two migrations are named ${migration.name}`);
  });
  return sorted;
}

async function makeTable(tx: Transaction<MigrationTable>): Promise<void> {
  // "If not exists" alone fails when two replicas make it at once.
  await sql`select pg_advisory_xact_lock(${advisoryKey})`.execute(tx);
  await tx.schema
    .createTable('migration')
    .ifNotExists()
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('applied_at', 'bigint', (c) => c.notNull())
    .execute();
}

async function apply(tx: Transaction<MigrationTable>, migration: Migration, nowMs: number): Promise<void> {
  await migration.up(tx as unknown as Kysely<unknown>);
  await tx.insertInto('migration').values({ name: migration.name, applied_at: nowMs }).execute();
}

/** Refuses `storage.newer` when one of these names is of no migration that this version knows: an older program must not write into a newer schema. */
export function refuseUnknown(names: readonly string[], known: readonly Migration[]): void {
  const unknown = names.find((name) => !known.some((migration) => migration.name === name));
  if (unknown !== undefined) refuse('storage.newer', `unknown migration ${unknown}`);
}

/**
 * Brings the schema up to date; returns the names that ran now. Refuses `storage.newer` when the database holds a migration that this
 * version does not know. @throws when a migration fails; it is then not recorded.
 */
export async function migrate<T>(db: Kysely<T>, all: readonly Migration[], nowMs: number): Promise<string[]> {
  const sorted = ordered(all);
  const base = db as unknown as Kysely<MigrationTable>;
  await base.transaction().execute(makeTable);
  const ran: string[] = [];
  for (const migration of sorted) {
    await base.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(${advisoryKey})`.execute(tx);
      const done = await tx.selectFrom('migration').select('name').execute();
      refuseUnknown(
        done.map(({ name }) => name),
        sorted,
      );
      if (done.some((row) => row.name === migration.name)) return;
      await apply(tx, migration, nowMs);
      ran.push(migration.name);
    });
  }
  return ran;
}

/**
 * Makes the schema of an earlier version in an empty database, has it filled, and brings it up to date, all in the transaction of the caller: what
 * fails leaves nothing. Refuses `storage.newer`.
 */
export async function migrateFilled<T>(
  outer: Transaction<T>,
  all: readonly Migration[],
  earlier: readonly string[],
  { fill, nowMs }: { readonly fill: () => Promise<void>; readonly nowMs: number },
): Promise<void> {
  const tx = outer as unknown as Transaction<MigrationTable>;
  const sorted = ordered(all);
  refuseUnknown(earlier, sorted);
  await makeTable(tx);
  for (const migration of sorted) if (earlier.includes(migration.name)) await apply(tx, migration, nowMs);
  await fill();
  for (const migration of sorted) if (!earlier.includes(migration.name)) await apply(tx, migration, nowMs);
}
