/** Room: activity. Reads leaves by their places in the log: the index finds them, the bundles of the log say what they are. */
import { decodeEntry, type Entry } from '@atf/core/audit/entry';
import { refuse } from '@atf/core/errors';
import type { WitnessingView } from '@atf/core/wire/api';
import { tileWidth } from '@atf/core/audit/tiles';
import { bundleEntries } from '../audit/log-files.ts';
import type { LogStanding } from '../audit/sequencer.ts';
import type { TileStore } from '../audit/tile-store.ts';

/** What the activity needs of the log. */
export interface ReadableLog {
  readonly store: TileStore;
  status(): LogStanding;
  /** Entries of the tree, signed or about to be. */
  treeSize(): Promise<number>;
  /** How its witnesses stand; undefined: none are asked. */
  witnessing(): WitnessingView | undefined;
  /** Told after each signed checkpoint; gives a function that ends it. */
  onSigned(listener: () => void): () => void;
}

export interface ReadLeaf {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: Entry;
}

/** A partial bundle is replaced when the log grows; the newest size then finds its successor. */
const attemptsMax = 5;

/** The entries of one bundle of the signed log. Refuses `audit.log_damaged` when its file is gone for good. */
async function bundleAt(log: ReadableLog, at: number): Promise<Uint8Array[]> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const entries = await bundleEntries(log.store, at, log.status().signedSize);
    if (entries !== undefined) return entries;
  }
  return refuse('audit.log_damaged', `entry bundle ${at}`);
}

/** The leaves at these places, in the order asked for. Places beyond the signed log, and leaves that this version cannot read, are left out. */
export async function leavesAt(log: ReadableLog, places: readonly number[]): Promise<ReadLeaf[]> {
  const size = log.status().signedSize;
  const bundles = new Map<number, Uint8Array[]>();
  const leaves: ReadLeaf[] = [];
  for (const index of places) {
    if (index >= size) continue;
    const at = Math.floor(index / tileWidth);
    const entries = bundles.get(at) ?? (await bundleAt(log, at));
    bundles.set(at, entries);
    const bytes = entries[index % tileWidth];
    const entry = bytes === undefined ? undefined : decodeEntry(bytes);
    if (bytes !== undefined && entry !== undefined) leaves.push({ index, bytes, entry });
  }
  return leaves;
}
