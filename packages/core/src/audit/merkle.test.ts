import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CompactRange,
  emptyRoot,
  leafHash,
  type NodeId,
  nodeHash,
  proveConsistency,
  proveInclusion,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './merkle.ts';

const archive = join(
  process.env.ATF_DATA ?? join(import.meta.dirname, '../../../../../shared/data'),
  'merkle/testdata.tar.gz',
);

interface Vector {
  leafIdx: number;
  treeSize: number;
  start: number;
  end: number;
  size: number;
  size1: number;
  size2: number;
  root: string;
  root1: string;
  root2: string;
  leafHash: string;
  proof: string[] | null;
  desc: string;
  wantErr: boolean;
}

const bytes = (text: string | null): Uint8Array => Buffer.from(text ?? '', 'base64');

const checks: Record<string, (v: Vector, proof: Uint8Array[]) => boolean> = {
  inclusion: (v, proof) =>
    verifyInclusion({
      index: v.leafIdx,
      size: v.treeSize,
      leaf: bytes(v.leafHash),
      root: bytes(v.root),
      proof,
    }),
  subtreeinclusion: (v, proof) =>
    verifySubtreeInclusion({
      index: v.leafIdx,
      start: v.start,
      end: v.end,
      leaf: bytes(v.leafHash),
      root: bytes(v.root),
      proof,
    }),
  consistency: (v, proof) =>
    verifyConsistency({
      olderSize: v.size1,
      newerSize: v.size2,
      olderRoot: bytes(v.root1),
      newerRoot: bytes(v.root2),
      proof,
    }),
  subtreeconsistency: (v, proof) =>
    verifySubtreeConsistency({
      start: v.start,
      end: v.end,
      size: v.size,
      subtreeRoot: bytes(v.root1),
      root: bytes(v.root2),
      proof,
    }),
};

const present = existsSync(archive);
if (!present) console.warn(`SKIPPED: public Merkle vectors are not at ${archive}; set ATF_DATA`);

describe.skipIf(!present)('public vectors of transparency-dev/merkle', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'atf-merkle-'));
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(Object.keys(checks))('%s: positive and negative', (kind) => {
    const files = readdirSync(join(folder, 'testdata', kind), { recursive: true, encoding: 'utf8' }).filter(
      (f) => f.endsWith('.json'),
    );
    let accepted = 0;
    const wrong: string[] = [];
    for (const file of files) {
      const vector = JSON.parse(readFileSync(join(folder, 'testdata', kind, file), 'utf8')) as Vector;
      const verified = checks[kind]?.(vector, (vector.proof ?? []).map(bytes));
      if (verified === vector.wantErr) wrong.push(`${file}: ${vector.desc}`);
      if (verified) accepted += 1;
    }
    expect(wrong).toEqual([]);
    expect(files.length).toBeGreaterThan(80);
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(files.length);
  });
});

/** MTH straight from the text of RFC 6962 §2.1, to hold the compact range to. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot;
  if (leaves.length === 1) return leaves[0] as Uint8Array;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

const leaves = Array.from({ length: 300 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));
const readNodes = (ids: readonly NodeId[]): Promise<Uint8Array[]> =>
  Promise.resolve(
    ids.map(({ level, index }) => rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))),
  );

test('the compact range agrees with the definition at every size and can be resumed', () => {
  let range = new CompactRange();
  for (let size = 0; size < leaves.length; size++) {
    expect(range.root()).toEqual(rootOf(leaves.slice(0, size)));
    range = new CompactRange(range.size, range.hashes());
    range.append(leaves[size] as Uint8Array);
  }
  expect(() => new CompactRange(3, [leaves[0] as Uint8Array])).toThrow(/disagree/);
});

test('generated inclusion proofs verify, and only for their leaf, index and size', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(299), async (size, seed) => {
      const index = seed % size;
      const proof = await proveInclusion(readNodes, index, size);
      const claim = {
        index,
        size,
        leaf: leaves[index] as Uint8Array,
        root: rootOf(leaves.slice(0, size)),
        proof,
      };
      expect(verifyInclusion(claim)).toBe(true);
      expect(verifyInclusion({ ...claim, leaf: nodeHash(claim.leaf, claim.leaf) })).toBe(false);
      expect(verifyInclusion({ ...claim, proof: [...proof, claim.leaf] })).toBe(false);
      if (size > 1) expect(verifyInclusion({ ...claim, index: (index + 1) % size })).toBe(false);
    }),
    { seed: 6962, numRuns: 200 },
  );
});

test('generated consistency proofs verify, and only for their pair of trees', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(299), async (newerSize, seed) => {
      const olderSize = (seed % newerSize) + 1;
      const proof = await proveConsistency(readNodes, olderSize, newerSize);
      const olderRoot = rootOf(leaves.slice(0, olderSize));
      const newerRoot = rootOf(leaves.slice(0, newerSize));
      const claim = { olderSize, newerSize, olderRoot, newerRoot, proof };
      expect(verifyConsistency(claim)).toBe(true);
      expect(verifyConsistency({ ...claim, olderRoot: nodeHash(olderRoot, olderRoot) })).toBe(false);
      expect(verifyConsistency({ ...claim, newerRoot: nodeHash(newerRoot, newerRoot) })).toBe(false);
    }),
    { seed: 9162, numRuns: 200 },
  );
  await expect(async () => proveConsistency(readNodes, 5, 4)).rejects.toThrow(/out of order/);
});
