import { describe, expect, test } from 'vitest';
import { cosign } from './cosignature.ts';
import { type LogPolicy, parseLogPolicy, withSignatures } from './log-policy.ts';
import { emptyRoot } from './merkle.ts';
import { parseNote, type SignedNote } from './signed-note.ts';
import { formatTlogProof, parseTlogProof, proofBytesMax, verifyTlogProof } from './tlog-proof.ts';
import { logVkey, TestTree, testWitness } from './witnessing.fixture.ts';

const nowMs = 1_800_000_000_000;
const tree = new TestTree(300);
const found = parseLogPolicy(Buffer.from(`log ${logVkey}\nwitness one ${testWitness(1).vkey}\nquorum one\n`));
const policy = (found as { policy: LogPolicy }).policy;
const note = parseNote(tree.note(300)) as SignedNote;
const cosigned = withSignatures(note, [cosign(note.text, testWitness(1).signer, nowMs / 1_000)]);
const proofOf = async (index: number, changed: Partial<Parameters<typeof formatTlogProof>[0]> = {}) =>
  formatTlogProof({
    index,
    proof: await tree.inclusion(index, 300),
    checkpoint: cosigned,
    record: tree.entries[index],
    ...changed,
  });
const verify = (text: string) => verifyTlogProof(text, policy, nowMs);

describe('a proof', () => {
  test.each([0, 1, 255, 256, 298, 299])('of entry %i verifies with nothing but the policy', async (index) => {
    const text = await proofOf(index);
    expect(text.split('\n').slice(0, 3)).toEqual([
      'c2sp.org/tlog-proof@v1',
      `extra ${tree.entries[index]?.toString('base64')}`,
      `index ${index}`,
    ]);
    expect(verify(text)).toMatchObject({ ok: true, index, checkpoint: { size: 300 } });
  });

  test('the record may come from elsewhere; another one is refused', async () => {
    const text = await proofOf(7, { record: undefined });
    expect(verify(text)).toMatchObject({ ok: false, problem: 'record_missing' });
    expect(verifyTlogProof(text, policy, nowMs, tree.entries[7])).toMatchObject({ ok: true });
    expect(verifyTlogProof(await proofOf(7), policy, nowMs, tree.entries[8])).toMatchObject({
      ok: false,
      problem: 'not_included',
    });
  });

  test('a changed record, index, hash or checkpoint is refused', async () => {
    const index = 7;
    expect(verify(await proofOf(index, { record: Buffer.from('leaf 8') })).ok).toBe(false);
    expect(verify((await proofOf(index)).replace('index 7', 'index 6')).ok).toBe(false);
    expect(verify((await proofOf(index)).replace('index 7', 'index 300')).ok).toBe(false);
    const proof = await tree.inclusion(index, 300);
    for (const i of proof.keys()) {
      const changed = proof.map((hash, j) => (i === j ? emptyRoot : hash));
      expect(verify(await proofOf(index, { proof: changed }))).toMatchObject({ problem: 'not_included' });
    }
    expect(verify(await proofOf(index, { proof: proof.slice(1) })).ok).toBe(false);
    expect(verify(await proofOf(index, { checkpoint: tree.note(300) }))).toMatchObject({
      problem: 'no_quorum',
      words: expect.stringContaining('one') as string,
    });
  });

  test.each([
    ['nothing', () => ''],
    ['another header', (text: string) => text.replace('@v1', '@v2')],
    ['no index', (text: string) => text.replace('index 7\n', '')],
    ['index with a leading zero', (text: string) => text.replace('index 7', 'index 07')],
    ['extra after index', (text: string) => text.replace(/(extra .*\n)(index 7\n)/, '$2$1')],
    ['extra that is no base64', (text: string) => text.replace(/extra .*/, 'extra !')],
    ['carriage returns', (text: string) => text.replaceAll('\n', '\r\n')],
    [
      'a hash too many',
      (text: string) => text.replace('index 7\n', `index 7\n${'A'.repeat(43)}=\n`.repeat(60)),
    ],
    ['too long', (text: string) => `${text}${'x'.repeat(proofBytesMax)}`],
  ])('refused: %s', async (_what, change) => {
    const text = await proofOf(7);
    expect(parseTlogProof(text)).toBeDefined();
    expect(verify(change(text))).toMatchObject({ ok: false, problem: 'malformed' });
  });
});
