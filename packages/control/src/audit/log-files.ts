/**
 * Room: audit. Reads of a stored log: single entries, and roots at any size it ever had. Everything is found from the size of the tree;
 * a partial file that was replaced by its full one in the meantime is found there.
 */
import type { NodeId } from '@atf/core/audit/merkle';
import { decodeBundle, type TileId, tilePath, tileWidth, widthAt } from '@atf/core/audit/tiles';
import { nodeAt, rootAt as rootIn } from '@atf/core/audit/tree-read';
import type { TileStore } from './tile-store.ts';

async function tileBytes(store: TileStore, tile: TileId): Promise<Uint8Array | undefined> {
  const exact = await store.get(tilePath(tile));
  return exact ?? (tile.width === tileWidth ? undefined : store.get(tilePath({ ...tile, width: tileWidth })));
}

/** Root that the log had at `older` entries, out of its files at `size`; undefined when one of them is missing. */
export function rootAt(store: TileStore, older: number, size: number): Promise<Uint8Array | undefined> {
  return rootIn((tile) => tileBytes(store, tile), older, size);
}

/** Hashes of complete subtrees, for proofs (core/audit/merkle.ts). @throws when a file is missing. */
export function nodeReader(
  store: TileStore,
  size: number,
): (ids: readonly NodeId[]) => Promise<Uint8Array[]> {
  return async (ids) => {
    const hashes: Uint8Array[] = [];
    for (const id of ids) {
      const hash = await nodeAt((tile) => tileBytes(store, tile), id, size);
      if (hash === undefined) throw new Error('a tile of the log is missing');
      hashes.push(hash);
    }
    return hashes;
  };
}

/** The file of bundle `index` as the log of `size` entries has it, or as it is after more were added; undefined when it is missing. */
export function bundleBytes(store: TileStore, index: number, size: number): Promise<Uint8Array | undefined> {
  return tileBytes(store, { level: 'entries', index, width: widthAt(0, index, size) });
}

/** The entries of bundle `index` in the log of `size` entries; undefined when the file is missing or malformed. */
export async function bundleEntries(
  store: TileStore,
  index: number,
  size: number,
): Promise<Uint8Array[] | undefined> {
  const width = widthAt(0, index, size);
  const bytes = await bundleBytes(store, index, size);
  if (bytes === undefined) return undefined;
  const { entries } = decodeBundle(bytes, width);
  return entries.length === width ? entries : undefined;
}

/** One leaf, its exact bytes. */
export async function readEntry(
  store: TileStore,
  logIndex: number,
  size: number,
): Promise<Uint8Array | undefined> {
  if (!Number.isSafeInteger(logIndex) || logIndex < 0 || logIndex >= size) return undefined;
  return (await bundleEntries(store, Math.floor(logIndex / tileWidth), size))?.[logIndex % tileWidth];
}
