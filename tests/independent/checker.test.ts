/** What ATF writes, held to an implementation that shares nothing with it: checkpoints, tiles, entries, proofs, cosignatures. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cosign } from '@atf/core/audit/cosignature';
import { withSignatures } from '@atf/core/audit/log-policy';
import { parseNote, type SignedNote } from '@atf/core/audit/signed-note';
import { tilePath } from '@atf/core/audit/tiles';
import { formatTlogProof } from '@atf/core/audit/tlog-proof';
import { emptyEdge, growTree } from '@atf/core/audit/tree-edge';
import { formatAddCheckpoint } from '@atf/core/audit/witness';
import { logVkey, origin, TestTree, testWitness } from '@atf/core/audit/witnessing.fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildChecker, type Checker, checkerHelp, hasGo } from './checker.ts';

const there = hasGo();
if (!there) process.stderr.write(checkerHelp);

const size = 1_000;
const tree = new TestTree(size);
let check: Checker;
let folder: string;
const file = (name: string, text: string | Uint8Array): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
/** A changed copy of a file. */
const changed = (path: string, change: (text: string) => string): string =>
  file('changed', change(readFileSync(path, 'utf8')));

describe.skipIf(!there)('an independent implementation', () => {
  beforeAll(() => {
    ({ check, folder } = buildChecker());
  }, 300_000);
  afterAll(() => {
    if (there) rmSync(folder, { recursive: true, force: true });
  });

  it('reads the whole log: signature, every tile, every entry', () => {
    // Grown in uneven steps, as a sequencer does, so that partial tiles are replaced.
    let edge = emptyEdge;
    for (const step of [1, 255, 1, 300, 200, 243]) {
      const growth = growTree(edge, tree.entries.slice(edge.size, edge.size + step));
      for (const { path, bytes } of growth.files) file(join('log', path), bytes);
      edge = growth.edge;
    }
    expect(edge.size).toBe(size);
    file('log/checkpoint', tree.note(size));
    file('log/log.vkey', `${logVkey}\n`);
    const log = join(folder, 'log');
    const root = Buffer.from(tree.root(size)).toString('base64');
    expect(check('log', log)).toEqual({ ok: true, says: `${origin} ${size} ${root}` });
    for (const path of [
      tilePath({ level: 'entries', index: 1, width: 256 }),
      tilePath({ level: 0, index: 2, width: 256 }),
      tilePath({ level: 1, index: 0, width: 3 }),
      'checkpoint',
    ]) {
      const whole = readFileSync(join(log, path));
      const bytes = Buffer.from(whole);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      file(join('log', path), bytes);
      expect(check('log', log).ok, path).toBe(false);
      file(join('log', path), whole);
    }
    expect(check('log', log).ok).toBe(true);
  });

  it.each([
    [0, 1],
    [0, size],
    [5, 7],
    [255, 256],
    [511, 512],
    [998, size],
    [size - 1, size],
  ])('accepts our inclusion proof of entry %i among %i, and no other', async (index, among) => {
    const proof = await tree.inclusion(index, among);
    const text = formatTlogProof({ index, proof, checkpoint: tree.note(among), record: tree.entries[index] });
    const path = file('proof', text);
    expect(check('proof', path, logVkey)).toEqual({ ok: true, says: `${origin} ${among} ${index}` });
    const other = Buffer.from('another record').toString('base64');
    expect(
      check(
        'proof',
        changed(path, (old) => old.replace(/extra .*/, `extra ${other}`)),
        logVkey,
      ).ok,
    ).toBe(false);
  });

  it.each([
    [1, 2],
    [1, size],
    [7, 8],
    [255, 257],
    [256, 512],
    [513, 999],
    [999, size],
  ])('accepts our consistency proof from %i to %i, and none of another history', async (older, newer) => {
    const proof = await tree.consistency(older, newer);
    const request = file('request', formatAddCheckpoint({ oldSize: older, proof, note: tree.note(newer) }));
    expect(check('consistency', request, file('old', tree.note(older)), logVkey)).toEqual({
      ok: true,
      says: `${older} ${newer}`,
    });
    const fork = new TestTree(older, (i) => (i === older - 1 ? 'other' : `leaf ${i}`));
    expect(check('consistency', request, file('old', fork.note(older)), logVkey).ok).toBe(false);
  });

  it('accepts our cosignatures, and none over another text', () => {
    const note = parseNote(tree.note(12)) as SignedNote;
    const { signer, vkey } = testWitness(1);
    const line = cosign(note.text, signer, 1_763_700_000);
    const path = file('cosigned', withSignatures(note, [line]));
    expect(check('cosignature', path, vkey)).toEqual({ ok: true, says: `${signer.name} 1763700000` });
    expect(check('cosignature', path, testWitness(2).vkey).ok).toBe(false);
    const replayed = file('replayed', withSignatures(parseNote(tree.note(13)) as SignedNote, [line]));
    expect(check('cosignature', replayed, vkey).ok).toBe(false);
  });
});
