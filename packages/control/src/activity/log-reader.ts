/** Room: activity. Reads leaves by their places in the log: the index finds them, the bundles of the log say what they are. */
import { decodeEntry, type Entry } from '@atf/core/audit/entry';
import { tileWidth } from '@atf/core/audit/tiles';
import { bundleEntries } from '../audit/log-files.ts';
import type { SequencerStatus } from '../audit/sequencer.ts';
import type { TileStore } from '../audit/tile-store.ts';

/** What the activity needs of the log. */
export interface ReadableLog {
  readonly store: TileStore;
  status(): SequencerStatus;
  /** Told after each signed checkpoint; gives a function that ends it. */
  onSigned(listener: () => void): () => void;
}

export interface ReadLeaf {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: Entry;
}

/** The leaves at these places, in the order asked for. Places beyond the signed log, and leaves that this version cannot read, are left out. */
export async function leavesAt(log: ReadableLog, places: readonly number[]): Promise<ReadLeaf[]> {
  const size = log.status().signedSize;
  const bundles = new Map<number, Uint8Array[] | undefined>();
  const leaves: ReadLeaf[] = [];
  for (const index of places) {
    if (index >= size) continue;
    const at = Math.floor(index / tileWidth);
    if (!bundles.has(at)) bundles.set(at, await bundleEntries(log.store, at, size));
    const bytes = bundles.get(at)?.[index % tileWidth];
    const entry = bytes === undefined ? undefined : decodeEntry(bytes);
    if (bytes !== undefined && entry !== undefined) leaves.push({ index, bytes, entry });
  }
  return leaves;
}
