/**
 * Room: audit (B-1). Roots that a tiled tree had when it was smaller, out of its tiles as they are now. Pure: whoever calls reads the tiles.
 */
import { foldRight, type NodeId, rangeNodes } from './merkle.ts';
import { decodeTile, nodeOfTile, type TileId, tileOfNode } from './tiles.ts';

/** Bytes of a hash tile, or of the full one that replaced it; undefined when neither is there. */
export type TileReader = (tile: TileId) => Promise<Uint8Array | undefined>;

/** Hash of a complete subtree in the tree of `size` entries; undefined when its tile is missing or malformed. */
export async function nodeAt(read: TileReader, id: NodeId, size: number): Promise<Uint8Array | undefined> {
  const { tile, from, to } = tileOfNode(id, size);
  const bytes = await read(tile);
  const hashes = bytes === undefined ? undefined : decodeTile(bytes, bytes.length / 32);
  return hashes === undefined ? undefined : nodeOfTile(hashes, from, to);
}

/** Root that the tree had at `older` entries, out of its tiles at `size`; undefined when one of them is missing. */
export async function rootAt(read: TileReader, older: number, size: number): Promise<Uint8Array | undefined> {
  const nodes: Uint8Array[] = [];
  for (const id of rangeNodes(0, older)) {
    const hash = await nodeAt(read, id, size);
    if (hash === undefined) return undefined;
    nodes.push(hash);
  }
  return foldRight(nodes);
}
