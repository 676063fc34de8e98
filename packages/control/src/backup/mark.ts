/**
 * Room: backup (R-2, invariants 1, 2, 5 and 8). A database that was brought back by its own means: recovery to a point in time, a snapshot of its disks. It is a past
 * too, and does not know it. This puts the same mark on it that a restored backup carries, so that the next start settles it (settle.ts), and takes out
 * what no backup would have held. Nothing else is changed.
 */
import { refuse } from '@atf/core/errors';
import { randomUUID } from 'node:crypto';
import type { Tx } from '../context.ts';
import { checkKeys } from '../keys/keyring.ts';
import { keyRows } from '../keys/store.ts';
import { replicasThere } from '../replicas/store.ts';
import { keptOf } from './kept.ts';
import { originAfter } from './restore.ts';
import {
  dropSigningKeys,
  emptyTable,
  insertRestoration,
  newestRecordAt,
  newestRestoration,
  type RestorationRow,
  tablesHere,
} from './store.ts';
import {
  keyOf,
  type LogEnd,
  logEnd,
  logSource,
  openFound,
  type Place,
  tenantHere,
  workspaceIdIn,
} from './take.ts';

/** In the place of the id of a backup. */
export const noBackup = 'none';
/** A replica says each second that it is there. */
const thereWithinMs = 10_000;

export interface Marked {
  readonly log: LogEnd;
  /** Time of the newest record. */
  readonly at: number;
  /** Origin under which the log goes on. */
  readonly origin: string;
}

async function mark(tx: Tx, place: Place): Promise<Marked> {
  const { dataDir, nowMs } = place;
  const tenant = await tenantHere(tx);
  checkKeys(await keyRows(tx, tenant), keyOf(place, workspaceIdIn(dataDir)));
  const there = await replicasThere(tx, tenant, thereWithinMs);
  if (there.length > 0)
    refuse('storage.locked', `Control runs on this database: ${there.join(', ')} was there a moment ago.`);
  const source = await logSource(tx, tenant, await tablesHere(tx), dataDir);
  const { checkpoint, ...log } = await logEnd(source);
  const known = await newestRestoration(tx, tenant);
  if (known?.settled_at === null) return { log, at: known.backup_at, origin: known.to_origin };
  const row: Omit<RestorationRow, 'place'> = {
    tenant,
    id: randomUUID(),
    restored_at: nowMs,
    backup_id: noBackup,
    backup_at: (await newestRecordAt(tx, tenant)) ?? nowMs,
    from_origin: log.origin,
    from_vkey: log.vkey,
    from_checkpoint: checkpoint,
    to_origin: originAfter(log.origin, nowMs),
    settled_at: null,
    totals_lifted_at: null,
  };
  for (const [table, kept] of Object.entries(keptOf))
    if (kept === 'void' && table !== 'migration') await emptyTable(tx, table);
  await dropSigningKeys(tx, tenant);
  await insertRestoration(tx, row);
  return { log, at: row.backup_at, origin: row.to_origin };
}

/**
 * Marks it as restored; once is enough, and a second time changes nothing before the next start. Refuses `storage.nothing_here`, `storage.locked` (something runs
 * on it), `storage.key_missing`, `storage.newer`, `storage.database_unreachable`.
 */
export async function markRestored(place: Place): Promise<Marked> {
  const database = await openFound(place, { asFound: false });
  try {
    const marked = await database.db.transaction().execute((tx) => mark(tx, place));
    await database.sync();
    return marked;
  } finally {
    await database.close();
  }
}
