import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  type Checkpoint,
  checkpointSigner,
  formatVkey,
  parseVkey,
  signCheckpoint,
  type VerifierKey,
  verifyCheckpoint,
} from './checkpoint.ts';
import { emptyRoot, leafHash } from './merkle.ts';

/** PKCS #8 of an Ed25519 key with a fixed seed, so that the texts below never change. */
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
const name = 'atf.example/log/main';
const signer = checkpointSigner(name, privateKey);
const vkey = formatVkey(name, signer.publicKey);
const key = parseVkey(vkey) as VerifierKey;
const checkpoint: Checkpoint = {
  origin: name,
  size: 20_852_163,
  root: leafHash(Buffer.from('a')),
  extensions: [],
};

test('the note has the form of the specification and verifies', () => {
  const note = signCheckpoint(checkpoint, signer);
  expect(note.split('\n').slice(0, 4)).toEqual([
    name,
    '20852163',
    Buffer.from(checkpoint.root).toString('base64'),
    '',
  ]);
  expect(note.split('\n')[4]).toMatch(/^— atf\.example\/log\/main [A-Za-z0-9+/]+=*$/);
  expect(verifyCheckpoint(note, key)).toEqual({ ok: true, checkpoint });
  expect(signCheckpoint(checkpoint, signer)).toBe(note);
});

test('the public note of the specification of the Go checksum database verifies (golang.org/x/mod/sumdb/note)', () => {
  const peter = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  const note =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  // The signature is good, the text is no checkpoint: it must fail at the body and not before.
  expect(verifyCheckpoint(note, parseVkey(peter) as VerifierKey)).toEqual({
    ok: false,
    problem: 'malformed',
  });
  expect(verifyCheckpoint(note.replace('answer', 'Answer'), parseVkey(peter) as VerifierKey)).toEqual({
    ok: false,
    problem: 'signature_invalid',
  });
});

test('extension lines and the empty tree round-trip', () => {
  const opened: Checkpoint = {
    origin: name,
    size: 0,
    root: emptyRoot,
    extensions: ['continues atf.example/log/old'],
  };
  expect(verifyCheckpoint(signCheckpoint(opened, signer), key)).toEqual({ ok: true, checkpoint: opened });
});

test('signatures of unknown keys are ignored, but never count', () => {
  const note = signCheckpoint(checkpoint, signer);
  const other = generateKeyPairSync('ed25519').privateKey;
  const foreign = signCheckpoint(checkpoint, checkpointSigner('witness.example', other)).split(
    '\n\n',
  )[1] as string;
  expect(verifyCheckpoint(`${note}${foreign}`, key).ok).toBe(true);
  const [body] = note.split('\n\n');
  expect(verifyCheckpoint(`${body}\n\n${foreign}`, key)).toEqual({ ok: false, problem: 'unsigned' });
});

const note = signCheckpoint(checkpoint, signer);
test.each([
  ['another size', note.replace('20852163', '20852164'), 'signature_invalid'],
  ['a carriage return', note.replace('\n', '\r\n'), 'malformed'],
  ['no final newline', note.slice(0, -1), 'malformed'],
  ['no signature', `${note.split('\n\n')[0]}\n`, 'malformed'],
  ['an empty signature line', `${note}\n`, 'malformed'],
  ['base64 without padding', note.replace(/=*\n$/, '\n'), 'malformed'],
  ['a hyphen for the dash', note.replace('—', '-'), 'malformed'],
  ['too many bytes', `${'x'.repeat(140_000)}\n${note}`, 'malformed'],
])('refused: %s', (_what, text, problem) =>
  expect(verifyCheckpoint(text, key)).toEqual({ ok: false, problem }),
);

test.each([
  ['leading zero', { ...checkpoint, origin: `${name}\n01` }],
  ['negative size', { ...checkpoint, size: -1 }],
  ['unsafe size', { ...checkpoint, size: 2 ** 53 }],
  ['short root', { ...checkpoint, root: Buffer.alloc(31) }],
])('never signed: %s', (_what, bad) => expect(() => signCheckpoint(bad, signer)).toThrow(RangeError));

test('a checkpoint of another origin is refused even when the key signs it', () => {
  const strange = signCheckpoint({ ...checkpoint, origin: 'other.example/log' }, signer);
  expect(verifyCheckpoint(strange, key)).toEqual({ ok: false, problem: 'wrong_origin' });
});

test('verifier keys are strict', () => {
  expect(key.publicKey.equals(createPublicKey(privateKey))).toBe(true);
  expect(() => formatVkey('a b', signer.publicKey)).toThrow(RangeError);
  const [, id, data] = vkey.split('+') as [string, string, string];
  const broken = [
    `${name}+00000000+${data}`,
    `${name}+${id.toUpperCase()}X+${data}`,
    `${name} +${id}+${data}`,
    vkey.slice(0, -4),
    '',
  ];
  for (const text of broken) expect(parseVkey(text)).toBeUndefined();
  expect(() => checkpointSigner(name, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)).toThrow(
    TypeError,
  );
});
