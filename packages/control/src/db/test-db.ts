/**
 * Room: db. A real embedded database for the tests of every room: in memory, with all migrations, private to the caller. The migrated state
 * is made once per set of migration files and kept as a snapshot in the system's folder for temporary files, so that a test starts fast.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Control } from '../context.ts';
import { changeOf } from './change.ts';
import { type Database, openDb } from './open.ts';

const snapshotKeptMs = 3_600_000;

export interface TestDb extends Database {
  /** As {@link Control.change}; `onCommitted` listeners run after each. */
  readonly change: Control['change'];
  readonly onCommitted: Set<() => void>;
}

/** Everything that decides the schema: the migration files of the rooms, and the embedded database's version. */
function snapshotPath(): string {
  const source = join(dirname(fileURLToPath(import.meta.url)), '..');
  const hash = createHash('sha256');
  for (const room of readdirSync(source).sort()) {
    for (const suffix of ['ts', 'js']) {
      const path = join(source, room, `migrations.${suffix}`);
      if (existsSync(path)) hash.update(room).update(readFileSync(path));
    }
  }
  const manifest = fileURLToPath(import.meta.resolve('@electric-sql/pglite'));
  hash.update(readFileSync(manifest));
  return join(tmpdir(), `atf-test-db-${hash.digest('hex').slice(0, 24)}.tar`);
}

/** Snapshots of schemas that nobody runs any more. */
function dropOld(): void {
  for (const name of readdirSync(tmpdir()).filter((item) => item.startsWith('atf-test-db-'))) {
    const path = join(tmpdir(), name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && Date.now() - found.mtimeMs > snapshotKeptMs) rmSync(path, { force: true });
  }
}

/** Tar of an embedded database with all migrations and no rows. */
export async function migratedSnapshot(): Promise<Uint8Array> {
  const path = snapshotPath();
  if (existsSync(path)) return readFileSync(path);
  dropOld();
  const fresh = await openDb({});
  const tar = await fresh.dump();
  await fresh.close();
  const mine = `${path}.${process.pid}-${performance.now()}`;
  writeFileSync(mine, tar, { mode: 0o600 });
  renameSync(mine, path);
  return tar;
}

/** A database of its own on the server that the tests were given, with all migrations; dropped when it is closed. */
async function onServer(server: string): Promise<Database> {
  const name = `t_${randomBytes(8).toString('hex')}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  const once = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await once(`create database ${name}`);
  const database = await openDb({ databaseUrl: url.href });
  return {
    ...database,
    async close() {
      await database.close();
      await once(`drop database ${name} with (force)`);
    },
  };
}

/** Embedded; or on a PostgreSQL, when the test run was given one (`ATF_TEST_POSTGRES`, tests/postgres). `close()` it in `afterAll`. */
export async function testDb(): Promise<TestDb> {
  const server = process.env['ATF_TEST_POSTGRES'];
  const database =
    server === undefined ? await openDb({ snapshot: await migratedSnapshot() }) : await onServer(server);
  const onCommitted = new Set<() => void>();
  const change = changeOf(database, () => {
    for (const listener of onCommitted) listener();
  });
  return { ...database, change, onCommitted };
}
