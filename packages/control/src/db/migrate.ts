/**
 * Room: db. Runs migrations forward, each in its own transaction, in the order of their names. There is no way back: a change that must
 * be undone is another migration. Take a backup before an upgrade.
 */
import { refuse } from '@atf/core/errors';
import { type Kysely, sql } from 'kysely';
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

/**
 * Brings the schema up to date; returns the names that ran now. Refuses `storage.newer` when the database holds a migration that this
 * version does not know: an older program must not write into a newer schema. @throws when a migration fails; it is then not recorded.
 */
export async function migrate<T>(db: Kysely<T>, all: readonly Migration[], nowMs: number): Promise<string[]> {
  const sorted = ordered(all);
  const base = db as unknown as Kysely<MigrationTable>;
  await base.transaction().execute(async (tx) => {
    // "If not exists" alone fails when two replicas make it at once.
    await sql`select pg_advisory_xact_lock(${advisoryKey})`.execute(tx);
    await tx.schema
      .createTable('migration')
      .ifNotExists()
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('applied_at', 'bigint', (c) => c.notNull())
      .execute();
  });
  const ran: string[] = [];
  for (const migration of sorted) {
    await base.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(${advisoryKey})`.execute(tx);
      const done = await tx.selectFrom('migration').select('name').execute();
      const unknown = done.find((row) => !sorted.some((known) => known.name === row.name));
      if (unknown !== undefined) refuse('storage.newer', `unknown migration ${unknown.name}`);
      if (done.some((row) => row.name === migration.name)) return;
      await migration.up(tx as unknown as Kysely<unknown>);
      await tx.insertInto('migration').values({ name: migration.name, applied_at: nowMs }).execute();
      ran.push(migration.name);
    });
  }
  return ran;
}
