/**
 * Room: backup. Takes a backup: one consistent state of the database, in one transaction that only reads, and the signed log that belongs to it. A PostgreSQL
 * is read while the product runs; the embedded database has one process, so that the product is stopped meanwhile. The schema stays as it is found: a backup
 * before an upgrade is one of the version before. Nothing has the name of a backup before all of it was read again and verified.
 */
import { parseCheckpointBody } from '@atf/core/audit/checkpoint';
import { parseNote } from '@atf/core/audit/signed-note';
import { refuse } from '@atf/core/errors';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointPath, vkeyPath } from '../audit/open-check.ts';
import { FileTileStore } from '../audit/tile-store.ts';
import type { Db, Tx } from '../context.ts';
import { migrations } from '../db/migrations.ts';
import { refuseUnknown } from '../db/migrate.ts';
import { type Database, openDb } from '../db/open.ts';
import { keyEncryptionKey } from '../keys/key-file.ts';
import { checkKeys } from '../keys/keyring.ts';
import { keyRows } from '../keys/store.ts';
import { checkBackup, type CheckedBackup, logFolder } from './check.ts';
import { entriesOf, finish, refuseFilled, Writing } from './folder.ts';
import { formatSums, formatVersion, keyIdOf, macOf, type Manifest, names } from './format.ts';
import { keptTable } from './kept.ts';
import { logBytes, logPaths, migrationsHere, rowsOf, tablesHere, tenantsHere } from './store.ts';

export interface Place {
  /** Directory of the product or of one replica; absent: only the database. */
  readonly dataDir: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly keyFile: string | undefined;
  /** `ATF_KEY`. */
  readonly keyFromEnvironment: string | undefined;
  readonly version: string;
  readonly nowMs: number;
}

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Left where a backup did not end. */
const partialOf = (folder: string): string => `${folder}.partial`;

export function workspaceIdIn(dataDir: string | undefined): string | undefined {
  const path = join(dataDir ?? '', 'workspace.id');
  if (dataDir === undefined || !existsSync(path)) return undefined;
  const id = readFileSync(path, 'utf8').trim();
  return idPattern.test(id) ? id : undefined;
}

export function keyOf(place: Place, workspaceId: string | undefined): Buffer {
  return keyEncryptionKey({
    fromEnvironment: place.keyFromEnvironment,
    keyFile: place.keyFile,
    dataDir: place.dataDir ?? '/nonexistent',
    workspaceId: workspaceId ?? 'unknown',
    first: false,
  });
}

/** Where the log stands: as rows, or as files beside the embedded database. */
export interface LogSource {
  readonly paths: readonly string[];
  read(path: string): Promise<Uint8Array>;
}

export async function logSource(
  tx: Tx,
  tenant: string,
  tables: readonly string[],
  dataDir: string | undefined,
): Promise<LogSource> {
  const paths = tables.includes('log_file') ? await logPaths(tx, tenant) : [];
  if (paths.includes(checkpointPath)) return { paths, read: (path) => logBytes(tx, tenant, path) };
  const store = new FileTileStore(join(dataDir ?? '/nonexistent', 'log'));
  const gone = (path: string) => refuse('audit.log_damaged', `${path} vanished while it was read.`);
  return {
    paths: await store.everything(),
    read: async (path) => (await store.get(path)) ?? gone(path),
  };
}

export async function tenantHere(tx: Tx): Promise<string> {
  const tenants = await tenantsHere(tx);
  return tenants.length === 1 && tenants[0] !== undefined
    ? tenants[0]
    : refuse('storage.nothing_here', `The database holds the keys of ${tenants.length} tenants.`);
}

/** Rows as lines, counted. */
async function* lines(rows: AsyncIterable<string>, counted: (rows: number) => void): AsyncGenerator<string> {
  let count = 0;
  for await (const row of rows) {
    count += 1;
    yield `${row}\n`;
  }
  counted(count);
}

async function writeTables(tx: Tx, tables: readonly string[], writing: Writing): Promise<Manifest['tables']> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const kept = keptTable(table);
    // A table of somebody else beside ours: what it means is not known here, so that it is neither taken nor passed over in silence.
    if (kept === undefined) refuse('storage.nothing_here', `The table ${table} is none of ATF.`);
    if (kept !== 'rows') continue;
    await writing.file(
      `tables/${table}.jsonl`,
      lines(rowsOf(tx, table), (count) => {
        counts[table] = count;
      }),
    );
  }
  return counts;
}

export type LogEnd = Manifest['log'];

/** Where the log ends, and the checkpoint that says so. Refuses `storage.nothing_here`. */
export async function logEnd(source: LogSource): Promise<LogEnd & { readonly checkpoint: string }> {
  const read = async (path: string) =>
    Buffer.from(source.paths.includes(path) ? await source.read(path) : []).toString('utf8');
  const checkpoint = await read(checkpointPath);
  const head = parseCheckpointBody(parseNote(checkpoint)?.text ?? '');
  const vkey = (await read(vkeyPath)).trim();
  if (head === undefined || vkey === '') return refuse('storage.nothing_here', 'Its log was never signed.');
  const { origin, size, root } = head;
  return { origin, vkey, size, root: Buffer.from(root).toString('base64'), checkpoint };
}

async function writeLog(source: LogSource, writing: Writing): Promise<LogEnd> {
  const { checkpoint: _, ...log } = await logEnd(source);
  for (const path of source.paths) await writing.bytes(`${logFolder}/${path}`, await source.read(path));
  return log;
}

/** Writes everything but the manifest, out of one state of the database. */
async function write(
  db: Db,
  place: Place,
  writing: Writing,
): Promise<{ kek: Buffer; manifest: Omit<Manifest, 'sums'> }> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (tx) => {
      const tables = await tablesHere(tx);
      if (!tables.includes('key') || !tables.includes('migration'))
        refuse('storage.nothing_here', 'The database holds no ATF.');
      const names = await migrationsHere(tx);
      refuseUnknown(names, migrations);
      const tenant = await tenantHere(tx);
      const workspaceId = workspaceIdIn(place.dataDir);
      const kek = keyOf(place, workspaceId);
      checkKeys(await keyRows(tx, tenant), kek);
      const source = await logSource(tx, tenant, tables, place.dataDir);
      const log = await writeLog(source, writing);
      const counts = await writeTables(tx, tables, writing);
      const manifest = {
        format: formatVersion as 1,
        id: randomUUID(),
        at: new Date(place.nowMs).toISOString(),
        version: place.version,
        database: place.databaseUrl === undefined ? ('embedded' as const) : ('postgresql' as const),
        ...(workspaceId === undefined ? {} : { workspaceId }),
        keyId: keyIdOf(kek),
        tenant,
        migrations: names,
        log,
        tables: counts,
      };
      return { kek, manifest };
    });
}

/** The database of this place, which has to be there. Refuses what `openDb` refuses, and `storage.nothing_here`. */
export async function openFound(
  { dataDir, databaseUrl }: Place,
  how: { readonly asFound: boolean },
): Promise<Database> {
  if (databaseUrl === undefined && !existsSync(join(dataDir ?? '', 'db', 'PG_VERSION')))
    refuse('storage.nothing_here', `There is no database in ${dataDir ?? 'this place'}.`);
  // A replica's own directory is locked by the replica; its database is not.
  return openDb(databaseUrl === undefined ? { dataDir, ...how } : { databaseUrl, ...how });
}

/**
 * Takes a backup into `folder`, which is not there yet or empty. Refuses `storage.not_empty`, `storage.nothing_here`, `storage.locked` (the embedded database
 * is in use), `storage.newer`, `storage.key_missing`, and `storage.backup_damaged` when what was written does not verify. @throws when a disk fails.
 */
export async function takeBackup(folder: string, place: Place): Promise<CheckedBackup> {
  await refuseFilled(folder);
  const partial = partialOf(folder);
  if ((await entriesOf(partial)) !== undefined)
    refuse('storage.not_empty', `${partial} is left of a backup that did not end; remove it.`);
  const database = await openFound(place, { asFound: true });
  try {
    await mkdir(partial, { recursive: true, mode: 0o700 });
    const writing = new Writing(partial);
    const { kek, manifest } = await write(database.db, place, writing);
    const sums = formatSums(writing.sums);
    const digest = createHash('sha256').update(sums).digest('hex');
    const bytes = `${JSON.stringify({ ...manifest, sums: digest }, undefined, 2)}\n`;
    await writing.bytes(names.sums, sums, false);
    await writing.bytes(names.manifest, bytes, false);
    await writing.bytes(names.mac, `${macOf(kek, Buffer.from(bytes))}\n`, false);
    const checked = await checkBackup(partial, kek);
    await finish(partial, folder);
    return { ...checked, folder };
  } finally {
    await database.close();
  }
}
