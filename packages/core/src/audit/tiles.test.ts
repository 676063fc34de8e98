import { expect, test } from 'vitest';
import { leafHash, rowRoot } from './merkle.ts';
import {
  decodeBundle,
  decodeTile,
  encodeBundle,
  encodeTile,
  entryBytesMax,
  nodeOfTile,
  parseTilePath,
  tileOfNode,
  tilePath,
  tilesForGrowth,
} from './tiles.ts';

test.each([
  [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
  [{ level: 0, index: 1067, width: 256 }, 'tile/0/x001/067'],
  [{ level: 3, index: 1_234_067, width: 17 }, 'tile/3/x001/x234/067.p/17'],
  [{ level: 'entries', index: 999, width: 1 }, 'tile/entries/999.p/1'],
] as const)('path of %j', (tile, path) => {
  expect(tilePath(tile)).toBe(path);
  expect(parseTilePath(path)).toEqual(tile);
});

test.each([
  'tile/00/000',
  'tile/0/0',
  'tile/0/x000/000',
  'tile/0/001/067',
  'tile/0/000.p/0',
  'tile/0/000.p/256',
  'tile/0/000.p/01',
  'tile/0/../../checkpoint',
  'tile/64/000',
  'tile/7/000',
  '/tile/0/000',
  'tile/0/000/',
  'tile/0/x999/x999/x999/x999/x999/x999/999',
  'tile/entries/000.p/',
])('refused path %s', (path) => expect(parseTilePath(path)).toBeUndefined());

test('a tree of 70,000 leaves has the tiles of the specification', () => {
  const tiles = tilesForGrowth(0, 70_000);
  const at = (level: number | 'entries') => tiles.filter((tile) => tile.level === level);
  expect(at(0).filter((tile) => tile.width === 256)).toHaveLength(273);
  expect(at(0).filter((tile) => tile.width < 256)).toEqual([{ level: 0, index: 273, width: 112 }]);
  expect(at(1)).toEqual([
    { level: 1, index: 0, width: 256 },
    { level: 1, index: 1, width: 17 },
  ]);
  expect(at(2)).toEqual([{ level: 2, index: 0, width: 1 }]);
  expect(at('entries')).toHaveLength(274);
});

test('growth within one tile rewrites only the right edge', () => {
  expect(tilesForGrowth(255, 256).map(tilePath)).toEqual([
    'tile/entries/000',
    'tile/0/000',
    'tile/1/000.p/1',
  ]);
  expect(tilesForGrowth(256, 258).map(tilePath)).toEqual(['tile/entries/001.p/2', 'tile/0/001.p/2']);
  expect(tilesForGrowth(7, 7)).toEqual([]);
});

test('bundles and tiles round-trip and refuse other lengths', () => {
  const entries = ['', 'a', 'x'.repeat(entryBytesMax)].map((text) => Buffer.from(text));
  const bundle = encodeBundle(entries);
  expect(decodeBundle(bundle, 3)).toEqual({ entries, complete: true });
  expect(decodeBundle(bundle, 2).complete).toBe(false);
  expect(decodeBundle(bundle.subarray(0, 4), 3)).toEqual({ entries: [Buffer.alloc(0)], complete: false });
  expect(() => encodeBundle([Buffer.alloc(entryBytesMax + 1)])).toThrow(RangeError);
  const hashes = entries.map(leafHash);
  expect(decodeTile(encodeTile(hashes), 3)).toEqual(hashes);
  expect(decodeTile(encodeTile(hashes), 2)).toBeUndefined();
});

test('a node inside a tile is recomputed from the hashes of the tile', () => {
  const hashes = Array.from({ length: 16 }, (_, i) => leafHash(Buffer.from([i])));
  const { tile, from, to } = tileOfNode({ level: 2, index: 3 }, 16);
  expect(tile).toEqual({ level: 0, index: 0, width: 16 });
  expect(nodeOfTile(hashes, from, to)).toEqual(rowRoot(hashes.slice(12, 16)));
  expect(nodeOfTile(hashes.slice(0, 13), from, to)).toBeUndefined();
  expect(tileOfNode({ level: 9, index: 1 }, 70_000)).toEqual({
    tile: { level: 1, index: 0, width: 256 },
    from: 2,
    to: 4,
  });
});
