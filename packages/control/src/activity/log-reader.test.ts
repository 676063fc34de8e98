import { encodeEntry } from '@atf/core/audit/entry';
import { encodeBundle } from '@atf/core/audit/tiles';
import { describe, expect, it } from 'vitest';
import type { TileStore } from '../audit/tile-store.ts';
import { leavesAt, type ReadableLog } from './log-reader.ts';

const leaf = (n: number) =>
  encodeEntry(
    { type: 'audit.log_opened', at: '2026-11-20T12:00:00.000Z', tenant: 'main', body: { n } },
    { control: `c${n}` },
  ) as Uint8Array;

/** A log whose partial bundle exists at one width only, and which grows under the reader's hands. */
function growing(sizes: readonly number[], stored: number): ReadableLog {
  let looks = 0;
  const status = () => ({
    size: stored,
    signedSize: sizes[Math.min(looks++, sizes.length - 1)] as number,
    checkpoint: '',
    signedAt: 0,
    fenced: false,
  });
  const bundle = encodeBundle(Array.from({ length: stored }, (_, n) => leaf(n)));
  const store = {
    get: async (path: string) => (path === `tile/entries/000.p/${stored}` ? bundle : undefined),
  } as Partial<TileStore> as TileStore;
  const treeSize = async () => stored;
  return { store, status, treeSize, witnessing: () => undefined, onSigned: () => () => undefined };
}

describe('reading leaves', () => {
  it('finds them when the bundle is replaced by a longer one between two looks', async () => {
    const leaves = await leavesAt(growing([2, 2, 3], 3), [1, 0]);
    expect(leaves.map(({ index, entry }) => [index, entry.body])).toEqual([
      [1, { n: 1 }],
      [0, { n: 0 }],
    ]);
  });

  it('says that the log is damaged when a bundle is gone, instead of showing less', async () => {
    await expect(leavesAt(growing([2], 3), [0])).rejects.toMatchObject({
      refusal: { code: 'audit.log_damaged' },
    });
  });

  it('leaves out what is not signed yet', async () => {
    expect(await leavesAt(growing([3], 3), [3, 9])).toEqual([]);
  });
});
