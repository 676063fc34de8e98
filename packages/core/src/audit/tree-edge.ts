/**
 * Room: audit (B-1). The right edge of a tiled tree: everything needed to append without reading the tree again, and what an append
 * adds or changes, as exact tiles and bundles. Pure: values in, values out; an edge is never changed in place, so that whoever fails
 * to persist the outcome still holds the tree as it was.
 */
import { CompactRange, emptyRoot, foldRight, leafHash, rowRoot } from './merkle.ts';
import {
  decodeBundle,
  decodeTile,
  encodeBundle,
  encodeTile,
  rowLength,
  tilePath,
  tileWidth,
} from './tiles.ts';

/** `rows[l]` holds the hashes of the rightmost, unfinished tile of level l; `bundle` the entries beside `rows[0]`. */
export interface TreeEdge {
  readonly size: number;
  readonly rows: readonly (readonly Uint8Array[])[];
  readonly bundle: readonly Uint8Array[];
}

export const emptyEdge: TreeEdge = { size: 0, rows: [], bundle: [] };

/** A static file of the log (tlog-tiles): a hash tile or an entry bundle under its path. */
export interface LogFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface Growth {
  readonly edge: TreeEdge;
  readonly root: Uint8Array;
  /** Leaf hashes of the new entries, in order. */
  readonly hashes: readonly Uint8Array[];
  /** New and changed files; for the same edge and entries always the same bytes. */
  readonly files: readonly LogFile[];
}

/** Root of the tree behind an edge: the complete subtrees of every row, largest first. */
export function edgeRoot(edge: TreeEdge): Uint8Array {
  if (edge.size === 0) return emptyRoot;
  const parts = edge.rows.map((row) => {
    const range = new CompactRange();
    for (const hash of row) range.append(hash);
    return range.hashes();
  });
  return foldRight(parts.reverse().flat());
}

/** Appends entries. @throws RangeError for an entry above 65,535 bytes. */
export function growTree(edge: TreeEdge, entries: readonly Uint8Array[]): Growth {
  const rows = edge.rows.map((row) => [...row]);
  let bundle = [...edge.bundle];
  let size = edge.size;
  const touched = new Set<number>();
  const files: LogFile[] = [];
  const hashes: Uint8Array[] = [];

  const push = (level: number, hash: Uint8Array): void => {
    const row = rows[level] ?? [];
    rows[level] = row;
    row.push(hash);
    touched.add(level);
    if (row.length < tileWidth) return;
    const index = rowLength(level, size) / tileWidth - 1;
    files.push({ path: tilePath({ level, index, width: tileWidth }), bytes: encodeTile(row) });
    rows[level] = [];
    push(level + 1, rowRoot(row));
  };
  for (const entry of entries) {
    const hash = leafHash(entry);
    hashes.push(hash);
    bundle.push(entry);
    size += 1;
    if (bundle.length === tileWidth) {
      const index = size / tileWidth - 1;
      files.push({
        path: tilePath({ level: 'entries', index, width: tileWidth }),
        bytes: encodeBundle(bundle),
      });
      bundle = [];
    }
    push(0, hash);
  }
  if (entries.length > 0 && bundle.length > 0) {
    const index = Math.floor(size / tileWidth);
    files.push({
      path: tilePath({ level: 'entries', index, width: bundle.length }),
      bytes: encodeBundle(bundle),
    });
  }
  for (const level of touched) {
    const row = rows[level] as Uint8Array[];
    if (row.length === 0) continue;
    const index = Math.floor(rowLength(level, size) / tileWidth);
    files.push({ path: tilePath({ level, index, width: row.length }), bytes: encodeTile(row) });
  }
  const grown: TreeEdge = { size, rows, bundle };
  return { edge: grown, root: edgeRoot(grown), hashes, files };
}

/** Reads the edge of a stored tree of `size` leaves; undefined when a file is missing or does not have the length it must have. */
export async function readEdge(
  read: (path: string) => Promise<Uint8Array | undefined>,
  size: number,
): Promise<TreeEdge | undefined> {
  const rows: Uint8Array[][] = [];
  for (let level = 0; rowLength(level, size) > 0; level++) {
    const length = rowLength(level, size);
    const width = length % tileWidth;
    const bytes =
      width === 0
        ? Buffer.alloc(0)
        : await read(tilePath({ level, index: Math.floor(length / tileWidth), width }));
    const row = bytes === undefined ? undefined : decodeTile(bytes, width);
    if (row === undefined) return undefined;
    rows.push(row);
  }
  const width = size % tileWidth;
  if (width === 0) return { size, rows, bundle: [] };
  const bytes = await read(tilePath({ level: 'entries', index: Math.floor(size / tileWidth), width }));
  const bundle = bytes === undefined ? undefined : decodeBundle(bytes, width);
  if (bundle === undefined || !bundle.complete) return undefined;
  const hashed = bundle.entries.map(leafHash);
  // The bundle must be the one behind the row, or the next append would spread the fault.
  if (hashed.some((hash, i) => Buffer.compare(hash, rows[0]?.[i] ?? emptyRoot) !== 0)) return undefined;
  return { size, rows, bundle: bundle.entries };
}
