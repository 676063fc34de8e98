/**
 * Room: audit. Reads of a stored log: single entries, and roots at any size it ever had. Everything is found from the size of the tree;
 * a partial file that was replaced by its full one in the meantime is found there.
 */
import { foldRight, type NodeId, rangeNodes } from '@atf/core/audit/merkle';
import {
  decodeBundle,
  decodeTile,
  nodeOfTile,
  type TileId,
  tileOfNode,
  tilePath,
  tileWidth,
  widthAt,
} from '@atf/core/audit/tiles';
import type { TileStore } from './tile-store.ts';

async function tileBytes(store: TileStore, tile: TileId): Promise<Uint8Array | undefined> {
  const exact = await store.get(tilePath(tile));
  return exact ?? (tile.width === tileWidth ? undefined : store.get(tilePath({ ...tile, width: tileWidth })));
}

async function nodeAt(store: TileStore, id: NodeId, size: number): Promise<Uint8Array | undefined> {
  const { tile, from, to } = tileOfNode(id, size);
  const bytes = await tileBytes(store, tile);
  const hashes = bytes === undefined ? undefined : decodeTile(bytes, bytes.length / 32);
  return hashes === undefined ? undefined : nodeOfTile(hashes, from, to);
}

/** Root that the log had at `older` entries, out of its files at `size`; undefined when one of them is missing. */
export async function rootAt(store: TileStore, older: number, size: number): Promise<Uint8Array | undefined> {
  const nodes: Uint8Array[] = [];
  for (const id of rangeNodes(0, older)) {
    const hash = await nodeAt(store, id, size);
    if (hash === undefined) return undefined;
    nodes.push(hash);
  }
  return foldRight(nodes);
}

/** Hashes of complete subtrees, for proofs (core/audit/merkle.ts). @throws when a file is missing. */
export function nodeReader(
  store: TileStore,
  size: number,
): (ids: readonly NodeId[]) => Promise<Uint8Array[]> {
  return async (ids) => {
    const hashes: Uint8Array[] = [];
    for (const id of ids) {
      const hash = await nodeAt(store, id, size);
      if (hash === undefined) throw new Error('a tile of the log is missing');
      hashes.push(hash);
    }
    return hashes;
  };
}

/** The entries of bundle `index` in the log of `size` entries; undefined when the file is missing or malformed. */
export async function bundleEntries(
  store: TileStore,
  index: number,
  size: number,
): Promise<Uint8Array[] | undefined> {
  const width = widthAt(0, index, size);
  const bytes = await tileBytes(store, { level: 'entries', index, width });
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
