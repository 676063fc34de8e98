/**
 * Room: audit (B-1). The static form of the log: C2SP tlog-tiles paths, hash tiles and entry bundles. Pure encoding and arithmetic;
 * where the bytes are kept is the business of a tile store.
 */
import { hashBytes, type NodeId, rowRoot } from './merkle.ts';

/** Hashes in a full tile, entries in a full bundle (tlog-tiles, "Merkle Tree"). */
export const tileWidth = 256;
const tileHeight = 8;
/** Largest entry: its length is a big-endian uint16 (tlog-tiles, "Log entries"). */
export const entryBytesMax = 65_535;
/** Largest bundle: 256 entries of the largest size with their length prefixes. */
export const bundleBytesMax = tileWidth * (entryBytesMax + 2);
/** Levels that a tree of fewer than 2^53 leaves can have. */
export const tileLevelMax = 6;
const indexDigitsMax = 18;

/** One hash tile or entry bundle. `width` 256 is full; 1 to 255 is partial. */
export interface TileId {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

function indexPath(index: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  }
  return path;
}

/** `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]` (tlog-tiles). @throws RangeError on impossible coordinates. */
export function tilePath(tile: TileId): string {
  const { level, index, width } = tile;
  const levelFits = level === 'entries' || (Number.isInteger(level) && level >= 0 && level <= tileLevelMax);
  if (
    !levelFits ||
    !Number.isSafeInteger(index) ||
    index < 0 ||
    !Number.isInteger(width) ||
    width < 1 ||
    width > tileWidth
  ) {
    throw new RangeError('tile coordinates out of range');
  }
  return `tile/${level}/${indexPath(index)}${width === tileWidth ? '' : `.p/${width}`}`;
}

const pathPattern =
  /^tile\/(entries|[0-9]|[1-5][0-9]|6[0-3])\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** The reverse of `tilePath`; undefined for anything that is not exactly one canonical path. */
export function parseTilePath(path: string): TileId | undefined {
  if (path.length > 80) return undefined;
  const found = pathPattern.exec(path);
  if (found === null) return undefined;
  const digits = (found[2] as string).replaceAll(/[x/]/g, '');
  if (digits.length > indexDigitsMax) return undefined;
  const level = found[1] === 'entries' ? 'entries' : Number(found[1]);
  const tile: TileId = {
    level,
    index: Number(digits),
    width: found[3] === undefined ? tileWidth : Number(found[3]),
  };
  if (
    tile.width > tileWidth ||
    !Number.isSafeInteger(tile.index) ||
    (level !== 'entries' && level > tileLevelMax)
  )
    return undefined;
  return tilePath(tile) === path ? tile : undefined;
}

/** Hashes that the tree of `size` leaves has at a tile level: floor(size / 256^level). */
export function rowLength(level: number, size: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** Width of tile `index` at `level` in the tree of `size` leaves; 0 when there is none. */
export function widthAt(level: number, index: number, size: number): number {
  return Math.max(0, Math.min(tileWidth, rowLength(level, size) - index * tileWidth));
}

/** All tiles and bundles that change or appear when the tree grows from one size to the next, lower levels first. */
export function tilesForGrowth(olderSize: number, newerSize: number): TileId[] {
  const tiles: TileId[] = [];
  if (newerSize <= olderSize) return tiles;
  const span = (level: number, name: TileId['level']): void => {
    const first = Math.floor(rowLength(level, olderSize) / tileWidth);
    const last = Math.floor((rowLength(level, newerSize) - 1) / tileWidth);
    for (let index = first; index <= last; index++)
      tiles.push({ level: name, index, width: widthAt(level, index, newerSize) });
  };
  span(0, 'entries');
  for (let level = 0; rowLength(level, newerSize) > 0; level++) {
    if (rowLength(level, newerSize) > rowLength(level, olderSize)) span(level, level);
  }
  return tiles;
}

export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(hashes as Uint8Array[]);
}

/** Hashes of a tile of `width`; undefined when the bytes have another length. */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  if (bytes.length !== width * hashBytes) return undefined;
  return Array.from({ length: width }, (_, i) => bytes.subarray(i * hashBytes, (i + 1) * hashBytes));
}

/** Entries with their uint16 length prefixes. @throws RangeError for an entry that is too large. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const total = entries.reduce((sum, entry) => sum + 2 + entry.length, 0);
  const bundle = Buffer.allocUnsafe(total);
  let at = 0;
  for (const entry of entries) {
    if (entry.length > entryBytesMax) throw new RangeError('entry too large for a bundle');
    bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/** What a bundle holds. `complete` is false when it does not end exactly after `width` entries; `entries` are those before the fault. */
export function decodeBundle(
  bytes: Uint8Array,
  width: number,
): { readonly entries: Uint8Array[]; readonly complete: boolean } {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    if (at + 2 > bytes.length) return { entries, complete: false };
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    if (at + 2 + length > bytes.length) return { entries, complete: false };
    entries.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return { entries, complete: at === bytes.length };
}

/** The narrowest tile of a tree of `size` leaves that holds what is needed for node `id`, and where the hashes stand in it. */
export function tileOfNode(
  id: NodeId,
  size: number,
): { readonly tile: TileId; readonly from: number; readonly to: number } {
  const level = Math.floor(id.level / tileHeight);
  const span = 2 ** (id.level - level * tileHeight);
  const first = id.index * span;
  const index = Math.floor(first / tileWidth);
  const from = first - index * tileWidth;
  return { tile: { level, index, width: widthAt(level, index, size) }, from, to: from + span };
}

/** Hash of node `id` out of the decoded tile that `tileOfNode` names. */
export function nodeOfTile(hashes: readonly Uint8Array[], from: number, to: number): Uint8Array | undefined {
  return hashes.length < to ? undefined : rowRoot(hashes.slice(from, to));
}
