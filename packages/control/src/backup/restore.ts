/**
 * Room: backup. Puts a backup into an empty database and an empty directory: all of it in one transaction, or nothing. What it leaves is not the product of
 * before: it is marked as restored, and the next start stops the fleet and voids what a backup must not bring back (settle.ts) before anything is served.
 */
import { refuse } from '@atf/core/errors';
import { randomBytes, randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointPath, cosignedPath } from '../audit/open-check.ts';
import { FileTileStore } from '../audit/tile-store.ts';
import type { Tx } from '../context.ts';
import { migrateFilled } from '../db/migrate.ts';
import { migrations } from '../db/migrations.ts';
import { type Database, openDb } from '../db/open.ts';
import { checkBackup, type CheckedBackup, logFolder, readManifest } from './check.ts';
import { checkedBytes, checkedLines, refuseFilled } from './folder.ts';
import { keptTable } from './kept.ts';
import {
  continueCounting,
  dropSigningKeys,
  insertLogFile,
  insertRestoration,
  insertRows,
  isEmptySchema,
  references,
  type RestorationRow,
} from './store.ts';
import { keyOf, type Place } from './take.ts';

/** Rows of one statement, and their bytes unless a single one has more. */
const rowsMax = 500;
const bytesMax = 1_048_576;
const filesPerPut = 32;

export interface Restored {
  readonly restoreId: string;
  readonly from: CheckedBackup['manifest'];
  /** Origin under which the log goes on. */
  readonly origin: string;
}

/** Checks a backup under the key of this place and restores nothing. */
export async function checkAt(folder: string, place: Place): Promise<CheckedBackup> {
  const { manifest } = await readManifest(folder);
  return checkBackup(folder, keyOf(place, manifest.workspaceId));
}

/** Parents before their children. */
export function inOrder(
  tables: readonly string[],
  refers: readonly { readonly from: string; readonly to: string }[],
): string[] {
  const ordered: string[] = [];
  const visit = (table: string, above: readonly string[]): void => {
    if (ordered.includes(table) || above.includes(table)) return;
    for (const { from, to } of refers) if (from === table) visit(to, [...above, table]);
    if (tables.includes(table)) ordered.push(table);
  };
  for (const table of tables) visit(table, []);
  return ordered;
}

async function putTable(tx: Tx, { folder, sums, manifest }: CheckedBackup, table: string): Promise<void> {
  const path = `tables/${table}.jsonl`;
  const wrong = () => refuse('storage.backup_damaged', `${path} does not have the rows that it should have.`);
  let [rows, bytes, count]: [string[], number, number] = [[], 0, 0];
  const flush = async () => {
    if (rows.length > 0) count += await insertRows(tx, table, rows);
    [rows, bytes] = [[], 0];
  };
  for await (const line of checkedLines(folder, path, sums.get(path) ?? wrong())) {
    rows.push(line);
    bytes += line.length;
    if (rows.length >= rowsMax || bytes >= bytesMax) await flush();
  }
  await flush();
  if (count !== manifest.tables[table]) wrong();
}

async function putTables(tx: Tx, backup: CheckedBackup): Promise<void> {
  const tables = Object.keys(backup.manifest.tables);
  const strange = tables.find((table) => keptTable(table) !== 'rows');
  if (strange !== undefined) refuse('storage.backup_damaged', `${strange} is no table of a backup.`);
  for (const table of inOrder(tables, await references(tx))) await putTable(tx, backup, table);
  await continueCounting(tx);
}

/** Files of the log, checked as they are read. What a quorum cosigned is of the old origin alone: it stays in the backup. */
async function* logFiles({
  folder,
  sums,
}: CheckedBackup): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  for (const [path, digest] of sums) {
    if (!path.startsWith(`${logFolder}/`) || path === `${logFolder}/${cosignedPath}`) continue;
    yield { path: path.slice(logFolder.length + 1), bytes: await checkedBytes(folder, path, digest) };
  }
}

/** The checkpoint last: what it promises is there before it. */
async function putFiles(backup: CheckedBackup, dataDir: string): Promise<void> {
  const store = new FileTileStore(join(dataDir, 'log'));
  let gathered: { path: string; bytes: Uint8Array }[] = [];
  let last: { path: string; bytes: Uint8Array } | undefined;
  for await (const file of logFiles(backup)) {
    if (file.path === checkpointPath) {
      last = file;
      continue;
    }
    gathered.push(file);
    if (gathered.length < filesPerPut) continue;
    await store.put(gathered);
    gathered = [];
  }
  if (gathered.length > 0) await store.put(gathered);
  if (last !== undefined) await store.put([last]);
}

/** A name that no log of this product had: the name of the first, and which restore it is. */
export function originAfter(origin: string, nowMs: number): string {
  const first = origin.replace(/\/r-[0-9]{8}-[0-9a-f]{8}$/, '');
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '');
  return `${first}/r-${day}-${randomBytes(4).toString('hex')}`;
}

/** Names the directory as the one of the backup was named, so that the key file in its default place is found. */
async function nameDirectory(dataDir: string, workspaceId: string | undefined): Promise<void> {
  if (workspaceId === undefined) return;
  const handle = await open(join(dataDir, 'workspace.id'), 'wx', 0o600);
  try {
    await handle.writeFile(`${workspaceId}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Everything in the database, in one transaction. */
async function putDatabase(
  database: Database,
  backup: CheckedBackup,
  row: Omit<RestorationRow, 'place'>,
): Promise<void> {
  const { manifest } = backup;
  const { tenant } = row;
  await database.db.transaction().execute(async (tx) => {
    const fill = async () => {
      await putTables(tx, backup);
      await dropSigningKeys(tx, tenant);
    };
    await migrateFilled(tx, migrations, manifest.migrations, { fill, nowMs: row.restored_at });
    if (database.kind === 'postgresql')
      for await (const file of logFiles(backup)) await insertLogFile(tx, { tenant, ...file });
    await insertRestoration(tx, row);
  });
  await database.sync();
}

/** Takes away what was put beside a database that then was not filled. The directory was empty, and is ours as long as it is locked. */
async function takeBack(dataDir: string): Promise<void> {
  for (const name of ['log', 'workspace.id', 'db'])
    await rm(join(dataDir, name), { recursive: true, force: true });
}

async function put(database: Database, backup: CheckedBackup, { dataDir, nowMs }: Place): Promise<Restored> {
  if (!(await isEmptySchema(database.db))) refuse('storage.not_empty', 'The database holds something.');
  const { manifest } = backup;
  if (dataDir !== undefined) {
    if (database.kind === 'embedded') await putFiles(backup, dataDir);
    await nameDirectory(dataDir, manifest.workspaceId);
  }
  const restored = {
    restoreId: randomUUID(),
    from: manifest,
    origin: originAfter(manifest.log.origin, nowMs),
  };
  await putDatabase(database, backup, {
    tenant: manifest.tenant,
    id: restored.restoreId,
    restored_at: nowMs,
    backup_id: manifest.id,
    backup_at: Date.parse(manifest.at),
    from_origin: manifest.log.origin,
    from_vkey: manifest.log.vkey,
    from_checkpoint: backup.checkpoint,
    to_origin: restored.origin,
    settled_at: null,
    totals_lifted_at: null,
  });
  return restored;
}

/**
 * Restores. Refuses `storage.not_empty` (directory or database), `storage.key_missing`, `storage.backup_damaged`, `storage.newer`, `storage.database_unreachable`;
 * directory and database are empty then, as they were. @throws when a disk or the database fails.
 */
export async function restoreBackup(folder: string, place: Place): Promise<Restored> {
  const { dataDir, databaseUrl } = place;
  if (dataDir !== undefined) await refuseFilled(dataDir);
  const backup = await checkAt(folder, place);
  const database = await openDb({ dataDir, databaseUrl, asFound: true });
  let restored: Restored | undefined;
  try {
    restored = await put(database, backup, place);
    return restored;
  } finally {
    await database.close();
    if (restored === undefined && dataDir !== undefined) await takeBack(dataDir);
  }
}
