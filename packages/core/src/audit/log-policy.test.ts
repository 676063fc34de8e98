import { describe, expect, test } from 'vitest';
import { checkpointSigner, formatVkey } from './checkpoint.ts';
import { cosign } from './cosignature.ts';
import {
  checkQuorum,
  type LogPolicy,
  parseLogPolicy,
  policyBytesMax,
  verifyByPolicy,
  withSignatures,
} from './log-policy.ts';
import { parseNote, type SignedNote } from './signed-note.ts';
import { fixedKey, logVkey, TestTree, testWitness } from './witnessing.fixture.ts';

const nowMs = 1_800_000_000_000;
const witnesses = [1, 2, 3, 4, 5, 6].map(testWitness);
const [w1, w2, w3, w4, w5, w6] = witnesses.map(({ vkey }) => vkey);
const read = (text: string) => parseLogPolicy(Buffer.from(text));
function policyOf(text: string): LogPolicy {
  const found = read(text);
  if (!found.ok) throw new Error(found.problem);
  return found.policy;
}
const tree = new TestTree(20);
const note = parseNote(tree.note(12)) as SignedNote;
/** The checkpoint with cosignatures of these witnesses, by number. */
const cosignedBy = (...numbers: number[]): string =>
  withSignatures(
    note,
    numbers.map((n) => cosign(note.text, testWitness(n).signer, nowMs / 1_000)),
  );

/** The example of the specification. */
const twoLevels = `
log ${logVkey}   https://log.example/
# The first organisation
witness X1 ${w1}
\twitness X2 ${w2} https://x2.example/submit
witness X3 ${w3}
group X-witnesses 2 X1 X2 X3

  # and the second
witness Y1 ${w4}
witness Y2 ${w5}
witness Y3 ${w6}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

describe('quorum', () => {
  const policy = policyOf(twoLevels);
  test.each([
    [[1, 2, 4], true],
    [[2, 3, 6], true],
    [[1, 2, 3, 4, 5, 6], true],
    [[], false],
    [[1, 2], false],
    [[1, 4], false],
    [[4, 5, 6], false],
    [[1, 2, 3], false],
  ])('witnesses %j: %s', (numbers, met) => {
    const verdict = verifyByPolicy(cosignedBy(...numbers), policy, nowMs);
    expect(verdict.ok).toBe(met);
    expect(verdict.quorum?.cosigned.map(({ name }) => name)).toEqual(
      numbers.map((n) => (n <= 3 ? `X${n}` : `Y${n - 3}`)),
    );
  });

  test('what is missing is named', () => {
    const verdict = verifyByPolicy(cosignedBy(1, 4), policy, nowMs);
    expect(verdict).toMatchObject({
      ok: false,
      problem: 'no_quorum',
      words:
        'the checkpoint over 12 entries has no quorum: X-and-Y has 1 of 2 (missing: X-witnesses has 1 of 2 (missing: X2, X3))',
      quorum: { missing: ['X2', 'X3', 'Y2', 'Y3'] },
    });
  });

  test('one witness signing twice, or under two lines, is one witness', () => {
    const first = cosign(note.text, testWitness(1).signer, 1_000);
    const later = cosign(note.text, testWitness(1).signer, 2_000);
    const twice = parseNote(`${note.text}\n${note.signatures[0]?.line}\n${first}\n${later}\n`) as SignedNote;
    const report = checkQuorum(
      policyOf(`witness a ${w1}\nwitness b ${w2}\ngroup g 2 a b\nquorum g\n`),
      twice,
      nowMs,
    );
    expect(report).toMatchObject({ met: false, missing: ['b'], lacks: 'g has 1 of 2 (missing: b)' });
    expect(report.cosigned).toHaveLength(1);
  });

  test('a single witness, and none', () => {
    const one = policyOf(`log ${logVkey}\nwitness a ${w1}\nquorum a\n`);
    expect(verifyByPolicy(cosignedBy(1), one, nowMs).ok).toBe(true);
    expect(verifyByPolicy(cosignedBy(2), one, nowMs)).toMatchObject({ ok: false, problem: 'no_quorum' });
    const none = policyOf(`log ${logVkey}\nquorum none\n`);
    expect(verifyByPolicy(note.text + `\n${note.signatures[0]?.line}\n`, none, nowMs).ok).toBe(true);
  });

  test('cosignatures that are dated more than minutes ahead do not count', () => {
    const one = policyOf(`log ${logVkey}\nwitness a ${w1}\nquorum a\n`);
    expect(verifyByPolicy(cosignedBy(1), one, nowMs - 299_000).ok).toBe(true);
    expect(verifyByPolicy(cosignedBy(1), one, nowMs - 301_000).ok).toBe(false);
  });

  test('cosignatures without a log of the policy are worth nothing', () => {
    const other = formatVkey('other.example/log', checkpointSigner('x', fixedKey(9)).publicKey);
    const policy = policyOf(`log ${other}\nwitness a ${w1}\nquorum a\n`);
    expect(verifyByPolicy(cosignedBy(1), policy, nowMs)).toMatchObject({ ok: false, problem: 'log_unknown' });
    const forged = cosignedBy(1).replace('\n12\n', '\n13\n');
    const own = policyOf(`log ${logVkey}\nwitness a ${w1}\nquorum a\n`);
    expect(verifyByPolicy(forged, own, nowMs)).toMatchObject({ ok: false, problem: 'signature_invalid' });
    expect(verifyByPolicy('rubbish', own, nowMs)).toMatchObject({ ok: false, problem: 'malformed' });
  });

  test('new lines replace those of the same key, and leave others', () => {
    const again = parseNote(cosignedBy(1, 2)) as SignedNote;
    const line = cosign(note.text, testWitness(1).signer, 5);
    const lines = (parseNote(withSignatures(again, [line])) as SignedNote).signatures.map(
      (each) => each.line,
    );
    expect(lines).toHaveLength(3);
    expect(lines).toContain(line);
    expect(lines).not.toContain(again.signatures[1]?.line);
  });
});

describe('a policy file', () => {
  test('that of the specification is read', () => {
    const policy = policyOf(twoLevels);
    expect(policy.logs.map(({ url }) => url)).toEqual(['https://log.example/']);
    expect(policy.witnesses.map(({ name, url }) => [name, url])).toEqual([
      ['X1', undefined],
      ['X2', 'https://x2.example/submit'],
      ['X3', undefined],
      ['Y1', undefined],
      ['Y2', undefined],
      ['Y3', undefined],
    ]);
    expect(policy.quorum).toMatchObject({ kind: 'group', threshold: 2 });
  });

  test('names are octets: letters that look alike are different', () => {
    expect(read(`witness K ${w1}\nwitness \u212a ${w2}\ngroup g all K \u212a\nquorum g\n`).ok).toBe(true);
    expect(read(`witness Zeuge-Ä ${w1}\nquorum Zeuge-Ä\n`)).toMatchObject({
      ok: true,
      policy: { quorum: { name: 'Zeuge-Ä' } },
    });
  });

  const a = `witness a ${w1}\n`;
  const b = `witness b ${w2}\n`;
  test.each([
    ['no quorum', a, 'no quorum'],
    ['two quorums', `${a}quorum a\nquorum a\n`, 'more than one quorum'],
    ['a quorum before its witness', `quorum a\n${a}`, 'not defined on a line before'],
    ['an unknown word', `wittness a ${w1}\n`, 'line 1: a line begins with'],
    ['a witness twice', `${a}witness a ${w2}\nquorum a\n`, 'a is defined twice'],
    ['one key under two names', `${a}witness b ${w1}\nquorum a\n`, 'two witnesses have the key'],
    ['one log twice', `log ${logVkey}\nlog ${logVkey}\nquorum none\n`, 'two logs have the key'],
    ['a witness named none', `witness none ${w1}\nquorum none\n`, 'not none'],
    ['a member none', `${a}group g any a none\nquorum g\n`, 'none is not defined'],
    ['a member twice', `${a}${b}group g 2 a a\nquorum g\n`, 'a is a member twice'],
    ['a member of two groups', `${a}${b}group g any a\ngroup h all a b\nquorum h\n`, 'a is a member twice'],
    ['a group of itself', `${a}group g any g\nquorum g\n`, 'g is not defined'],
    ['no members', `${a}group g all\nquorum a\n`, 'no members'],
    ['threshold 0', `${a}group g 0 a\nquorum g\n`, 'from 1 to 1'],
    ['threshold 2 of 1', `${a}group g 2 a\nquorum g\n`, 'from 1 to 1'],
    ['threshold 1e0', `${a}group g 1e0 a\nquorum g\n`, 'from 1 to 1'],
    ['the key of a log as that of a witness', `witness a ${logVkey}\nquorum a\n`, 'not one for Ed25519'],
    ['the key of a witness as that of a log', `log ${w1}\nquorum none\n`, 'not that of a log'],
    ['a carriage return', `${a}quorum a\r\n`, 'control characters'],
    ['an address that is none', `witness a ${w1} nowhere\nquorum a\n`, 'address'],
    ['too many words', `witness a ${w1} https://x.example/ more\nquorum a\n`, 'at most an address'],
    ['too long', `#${'x'.repeat(policyBytesMax)}\nquorum none\n`, 'longer than'],
  ])('refused: %s', (_what, text, problem) => {
    const found = read(text);
    expect(found.ok).toBe(false);
    expect(found).toMatchObject({ problem: expect.stringContaining(problem) as string });
  });

  test('as many as the specification recommends, and bounds above', () => {
    const many = (count: number): string =>
      Array.from({ length: count }, (_, i) => `witness w${i} ${testWitness(i).vkey}\n`).join('');
    expect(read(`${many(32)}quorum w31\n`).ok).toBe(true);
    expect(read(`${many(33)}quorum w31\n`)).toMatchObject({ ok: false });
  });
});
