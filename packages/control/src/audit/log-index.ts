/**
 * Room: audit (B-1, B-2). The index of the activity: rows that point into the log and can be rebuilt from it. What an answer claims is
 * always read from the leaf; the index only finds it.
 */
import { decodeEntry, isGatewaySource } from '@atf/core/audit/entry';
import { leafHash } from '@atf/core/audit/merkle';
import { tileWidth } from '@atf/core/audit/tiles';
import type { Control, Db } from '../context.ts';
import { deleteIndexFrom, indexedRows, type IndexRow, insertIndexRows } from './index-store.ts';
import { bundleEntries } from './log-files.ts';
import type { TileStore } from './tile-store.ts';

/** The row of one leaf. A leaf that this version cannot read is indexed by its place alone. */
export function indexRow(tenant: string, logIndex: number, entry: Uint8Array, hash: Uint8Array): IndexRow {
  const read = decodeEntry(entry);
  const source = read !== undefined && isGatewaySource(read.source) ? read.source : undefined;
  return {
    tenant,
    log_index: logIndex,
    leaf_hash: hash,
    type: read?.type ?? 'audit.unreadable',
    at: read === undefined ? 0 : Date.parse(read.at),
    agent: read?.agent ?? null,
    session: read?.session ?? null,
    action: read?.action ?? null,
    outcome: read?.outcome ?? null,
    gateway: source?.gateway ?? null,
    epoch: source?.epoch ?? null,
    seq: source?.seq ?? null,
    payload: read?.payload?.id ?? null,
  };
}

/**
 * Rebuilds the rows of entries `[from, size)` from the bundles, bundle by bundle. @throws when a bundle is missing: the log itself is
 * then damaged (`atf audit verify` says where).
 */
export async function rebuildIndex(
  change: Control['change'],
  store: TileStore,
  log: { readonly tenant: string; readonly size: number; readonly from: number },
): Promise<void> {
  const { tenant, size } = log;
  const firstBundle = Math.floor(log.from / tileWidth);
  await change((tx) => deleteIndexFrom(tx, tenant, firstBundle * tileWidth));
  for (let n = firstBundle; n * tileWidth < size; n++) {
    const entries = await bundleEntries(store, n, size);
    if (entries === undefined) throw new Error(`bundle ${n} of the log is missing`);
    const rows = entries.map((entry, i) => indexRow(tenant, n * tileWidth + i, entry, leafHash(entry)));
    await change((tx) => insertIndexRows(tx, rows));
  }
}

/** Brings an index that is behind its log up to it; true when there was something to do. */
export async function completeIndex(
  db: Db,
  change: Control['change'],
  store: TileStore,
  log: { readonly tenant: string; readonly size: number },
): Promise<boolean> {
  const indexed = await indexedRows(db, log.tenant);
  if (indexed === log.size) return false;
  await rebuildIndex(change, store, { ...log, from: Math.min(indexed, log.size) });
  return true;
}
