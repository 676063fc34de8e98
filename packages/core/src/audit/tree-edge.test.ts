import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leafHash, rowRoot } from './merkle.ts';
import { tilePath, tilesForGrowth } from './tiles.ts';
import { edgeRoot, emptyEdge, growTree, readEdge, type TreeEdge } from './tree-edge.ts';

const entryOf = (i: number): Uint8Array => Buffer.from(`entry ${i}`);

test('grown in any steps the tree is the same, file by file', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 }),
      async (steps) => {
        let edge: TreeEdge = emptyEdge;
        const files = new Map<string, Uint8Array>();
        for (const step of steps) {
          const older = edge.size;
          const growth = growTree(
            edge,
            Array.from({ length: step }, (_, i) => entryOf(older + i)),
          );
          for (const { path, bytes } of growth.files) files.set(path, bytes);
          expect(growth.files.map(({ path }) => path).sort()).toEqual(
            tilesForGrowth(older, growth.edge.size).map(tilePath).sort(),
          );
          edge = growth.edge;
        }
        const all = Array.from({ length: edge.size }, (_, i) => entryOf(i));
        expect(edgeRoot(edge)).toEqual(rowRoot(all.map(leafHash)));
        const read = async (path: string): Promise<Uint8Array | undefined> => files.get(path);
        expect(await readEdge(read, edge.size)).toEqual(edge);
        const once = growTree(emptyEdge, all);
        for (const { path, bytes } of once.files) expect(files.get(path)).toEqual(bytes);
      },
    ),
    { seed: 42, numRuns: 25 },
  );
});

test('two levels of full tiles', () => {
  const { edge, files, root } = growTree(
    emptyEdge,
    Array.from({ length: 65_536 + 3 }, (_, i) => entryOf(i)),
  );
  expect(edge.rows.map((row) => row.length)).toEqual([3, 0, 1]);
  expect(files.map(({ path }) => path)).toContain('tile/2/000.p/1');
  expect(root).toEqual(edgeRoot(edge));
});

test('a missing, short or foreign edge file is noticed', async () => {
  const { edge, files } = growTree(emptyEdge, [entryOf(0), entryOf(1)]);
  const stored = new Map(files.map(({ path, bytes }) => [path, bytes]));
  for (const path of stored.keys()) {
    const without = async (asked: string): Promise<Uint8Array | undefined> =>
      asked === path ? undefined : stored.get(asked);
    const short = async (asked: string): Promise<Uint8Array | undefined> =>
      asked === path ? stored.get(asked)?.subarray(1) : stored.get(asked);
    expect(await readEdge(without, edge.size)).toBeUndefined();
    expect(await readEdge(short, edge.size)).toBeUndefined();
  }
  const foreign = growTree(emptyEdge, [entryOf(0), entryOf(2)]).files.find(({ path }) =>
    path.includes('entries'),
  );
  const mixed = async (asked: string): Promise<Uint8Array | undefined> =>
    asked === foreign?.path ? foreign.bytes : stored.get(asked);
  expect(await readEdge(mixed, edge.size)).toBeUndefined();
});
