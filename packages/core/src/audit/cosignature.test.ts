import { expect, test } from 'vitest';
import { parseVkey } from './checkpoint.ts';
import { cosign, cosignatureBy, formatWitnessVkey, parseWitnessVkey } from './cosignature.ts';
import { parseNote, type SignedNote, type VerifierKey } from './signed-note.ts';
import { withSignatures } from './log-policy.ts';
import { logVkey, TestTree, testWitness } from './witnessing.fixture.ts';

const tree = new TestTree(20);
const note = parseNote(tree.note(12)) as SignedNote;
const { signer, vkey } = testWitness(1);
const key = parseWitnessVkey(vkey) as VerifierKey;
const added = (lines: readonly string[], to: SignedNote = note): SignedNote =>
  parseNote(withSignatures(to, lines)) as SignedNote;

test('a cosignature verifies under the key of its witness, with its time', () => {
  const cosigned = added([cosign(note.text, signer, 1_763_700_000)]);
  expect(cosigned.signatures).toHaveLength(2);
  expect(cosignatureBy(cosigned, key)?.timeSeconds).toBe(1_763_700_000);
  expect(
    cosignatureBy(cosigned, parseWitnessVkey(testWitness(2).vkey) as VerifierKey),
    'of nobody else',
  ).toBeUndefined();
});

test('the message that is signed is that of the specification', () => {
  const seen: string[] = [];
  const spy = {
    ...signer,
    sign: (text: Uint8Array) => {
      seen.push(Buffer.from(text).toString());
      return signer.sign(text);
    },
  };
  const line = cosign(note.text, spy, 1_679_315_147);
  expect(seen).toEqual([`cosignature/v1\ntime 1679315147\n${note.text}`]);
  const bytes = Buffer.from(line.split(' ')[2] ?? '', 'base64');
  // 4 bytes of key id, 8 of time in network order, 64 of signature.
  expect(bytes).toHaveLength(76);
  expect(bytes.readUInt32BE(0)).toBe(key.id);
  expect(bytes.readBigUInt64BE(4)).toBe(1_679_315_147n);
});

test('a cosignature of another checkpoint, replayed on this one, does not count', () => {
  const earlier = parseNote(tree.note(8)) as SignedNote;
  expect(cosignatureBy(added([cosign(earlier.text, signer, 1_000)]), key)).toBeUndefined();
});

test('a changed time, a changed byte, a signature of a log under the key of a witness: none counts', () => {
  const line = cosign(note.text, signer, 1_000);
  const [dash, name, data = ''] = line.split(' ');
  for (const at of [4, 11, 12, 75]) {
    const bytes = Buffer.from(data, 'base64');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(
      cosignatureBy(added([`${dash} ${name} ${bytes.toString('base64')}`]), key),
      `byte ${at}`,
    ).toBeUndefined();
  }
  const bytes = Buffer.from(data, 'base64');
  const plain = Buffer.concat([bytes.subarray(0, 4), signer.sign(Buffer.from(note.text))]);
  expect(cosignatureBy(added([`${dash} ${name} ${plain.toString('base64')}`]), key)).toBeUndefined();
});

test('a good cosignature beside a bad one of the same key does not count', () => {
  const good = cosign(note.text, signer, 1_000);
  const bad = cosign(`${note.text.replace('12', '13')}`, signer, 2_000);
  const both = parseNote(`${note.text}\n${note.signatures[0]?.line}\n${good}\n${bad}\n`) as SignedNote;
  expect(cosignatureBy(both, key)).toBeUndefined();
});

test('cosignatures from the future do not count', () => {
  const cosigned = added([cosign(note.text, signer, 2_000)]);
  expect(cosignatureBy(cosigned, key, 1_999)).toBeUndefined();
  expect(cosignatureBy(cosigned, key, 2_000)?.timeSeconds).toBe(2_000);
  expect(() => cosign(note.text, signer, -1)).toThrow(RangeError);
});

test('keys of logs and of witnesses are not taken for each other', () => {
  expect(parseWitnessVkey(logVkey)).toBeUndefined();
  expect(parseVkey(vkey)).toBeUndefined();
  expect(formatWitnessVkey(key.name, signer.publicKey)).toBe(vkey);
});
