import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEntry, type EntryDraft, encodeEntry, payloadMatches } from './entry.ts';
import {
  exportGatewayKey,
  type GatewayKey,
  importGatewayKey,
  makeSeal,
  sealSigner,
  verifySeal,
} from './gateway-key.ts';
import { leafHash } from './merkle.ts';
import { payloadCommitment } from './payload.ts';
import {
  blockLength,
  decodeBatch,
  decodeHeader,
  decodePayload,
  encodeBatch,
  encodeHeader,
  encodePayload,
  genesisHash,
  type SpoolBatch,
  type SpoolRecord,
  verifyBatch,
} from './spool-frame.ts';

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const draft: EntryDraft = {
  type: 'action.intent',
  at: '2026-11-20T12:00:00.123Z',
  tenant: 'main',
  agent: 'a1',
  session: 's1',
  action: 'x1',
  outcome: 'allowed',
  body: { tool: 'office/refund', depth: [1, { two: null }] },
};
const source = { gateway: 'gw', epoch: 1, seq: 1, prev: base64url(genesisHash) };
const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe('leaf', () => {
  const entry = { v: 1, source, ...draft };
  test('round-trips', () => {
    expect(decodeEntry(encodeEntry(draft, source) as Uint8Array)).toEqual(entry);
    expect(decodeEntry(encodeEntry(draft, { control: 'o1' }) as Uint8Array)).toEqual({
      ...entry,
      source: { control: 'o1' },
    });
  });
  test('has a bound', () => {
    const of = (length: number) => encodeEntry({ ...draft, body: { x: 'x'.repeat(length) } }, source);
    expect(of(66_000)).toBeUndefined();
    expect(of(60_000)?.length).toBeLessThan(65_536);
  });
  test.each([
    ['an unknown version', { ...entry, v: 2 }],
    ['an unknown field', { ...entry, more: 1 }],
    ['a local time', { ...entry, at: '2026-11-20T12:00:00+01:00' }],
    ['a type without room', { ...entry, type: 'intent' }],
    ['a body that is no object', { ...entry, body: [] }],
    ['seq zero', { ...entry, source: { ...source, seq: 0 } }],
    ['a fractional epoch', { ...entry, source: { ...source, epoch: 1.5 } }],
    ['two sources', { ...entry, source: { ...source, control: 'o1' } }],
    ['a short prev', { ...entry, source: { ...source, prev: 'AAAA' } }],
    ['a seal without key', { ...entry, source: { ...source, seal: 'A'.repeat(86) } }],
    ['words as id', { ...entry, agent: 'Jane Doe' }],
    ['a payload without commitment', { ...entry, payload: { id: 'p1' } }],
    ['no tenant', { ...entry, tenant: undefined }],
  ])('is refused with %s', (_what, value) => expect(decodeEntry(bytesOf(value))).toBeUndefined());
  test('is refused with duplicate keys and invalid UTF-8', () => {
    const text = JSON.stringify(entry);
    expect(decodeEntry(Buffer.from(text.replace('"tenant"', '"tenant":"other","tenant"')))).toBeUndefined();
    expect(
      decodeEntry(Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.from([0xff, 0x7d, 0x7d])])),
    ).toBeUndefined();
  });
  test('commits to a payload under its salt only', () => {
    const commitment = payloadCommitment(Buffer.alloc(32, 1), Buffer.from('ciphertext'));
    expect(payloadMatches(commitment, Buffer.alloc(32, 1), Buffer.from('ciphertext'))).toBe(true);
    expect(payloadMatches(commitment, Buffer.alloc(32, 2), Buffer.from('ciphertext'))).toBe(false);
    expect(payloadMatches('short', Buffer.alloc(32, 1), Buffer.from('ciphertext'))).toBe(false);
  });
});

const pairs = [
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['EdDSA', generateKeyPairSync('ed25519').privateKey],
] as const;

describe.each(pairs)('seal with %s', (alg, privateKey) => {
  const signer = sealSigner('k1', privateKey);
  const keys = [importGatewayKey(exportGatewayKey('k1', privateKey)) as GatewayKey];
  const head = { gateway: 'gw', seq: 7, hash: leafHash(Buffer.from('x')) };
  const seal = makeSeal(head, signer);

  test('verifies for its head only', () => {
    expect(signer.alg).toBe(alg);
    expect(verifySeal(seal, head, keys)).toBe(true);
    expect(verifySeal(seal, { ...head, seq: 8 }, keys)).toBe(false);
    expect(verifySeal(seal, { ...head, gateway: 'gx' }, keys)).toBe(false);
    expect(verifySeal(seal, { ...head, hash: genesisHash }, keys)).toBe(false);
    expect(verifySeal(seal.replace('k1', 'k2'), head, keys)).toBe(false);
    expect(verifySeal(`${seal}=`, head, keys)).toBe(false);
    expect(verifySeal(seal, head, [])).toBe(false);
  });

  test('key records are public and of one kind', () => {
    const record = exportGatewayKey('k1', privateKey);
    expect(JSON.stringify(record)).not.toContain('"d"');
    expect(importGatewayKey({ ...record, alg: alg === 'ES256' ? 'EdDSA' : 'ES256' })).toBeUndefined();
    expect(importGatewayKey({ ...record, jwk: privateKey.export({ format: 'jwk' }) })).toBeUndefined();
    expect(importGatewayKey({ ...record, kid: 'a b' })).toBeUndefined();
    expect(importGatewayKey({ ...record, jwk: { kty: 'oct', k: 'AAAA' } })).toBeUndefined();
  });
});

test('other keys cannot seal', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  expect(() => sealSigner('k1', createPrivateKey(p384.export({ format: 'pem', type: 'pkcs8' })))).toThrow(
    TypeError,
  );
});

describe('frame', () => {
  const [, privateKey] = pairs[0];
  const signer = sealSigner('k1', privateKey);
  const keys = [importGatewayKey(exportGatewayKey('k1', privateKey)) as GatewayKey];
  const salt = Buffer.alloc(32, 3);
  const ciphertext = Buffer.from('not readable here');
  const payload = encodePayload({
    id: 'p1',
    kid: 'pk1',
    salt: base64url(salt),
    wrappedKey: base64url(Buffer.alloc(60, 1)),
    ciphertext,
  });

  function batchOf(count: number, change: (records: SpoolRecord[]) => void = () => undefined): SpoolBatch {
    const records: SpoolRecord[] = [];
    let prev = genesisHash;
    for (let i = 0; i < count; i++) {
      const withPayload = i === 1;
      const entry = encodeEntry(
        withPayload
          ? { ...draft, payload: { id: 'p1', commitment: payloadCommitment(salt, ciphertext) } }
          : draft,
        { gateway: 'gw', epoch: 2, seq: 1 + i, prev: base64url(prev) },
      ) as Uint8Array;
      records.push({ entry, payload: withPayload ? payload : undefined });
      prev = leafHash(entry);
    }
    change(records);
    const hash = leafHash(records.at(-1)?.entry as Uint8Array);
    return {
      gateway: 'gw',
      epoch: 2,
      firstSeq: 1,
      prev: genesisHash,
      records,
      seal: makeSeal({ gateway: 'gw', seq: count, hash }, signer),
    };
  }

  test('round-trips and verifies', () => {
    const frame = encodeBatch(batchOf(3));
    expect(blockLength(frame, 'frame')).toBe(frame.length);
    const batch = decodeBatch(frame) as SpoolBatch;
    const verified = verifyBatch(batch, keys);
    expect(verified.ok && verified.records.map(({ seq, payload: found }) => [seq, found?.id])).toEqual([
      [1, undefined],
      [2, 'p1'],
      [3, undefined],
    ]);
  });

  test('every torn or altered frame is told from a whole one', () => {
    const frame = encodeBatch(batchOf(2));
    for (let length = 0; length < frame.length; length += 13)
      expect(decodeBatch(frame.subarray(0, length))).toBeUndefined();
    for (let at = 0; at < frame.length; at += 7) {
      const altered = Buffer.from(frame);
      altered[at] = (altered[at] as number) ^ 0x40;
      expect(decodeBatch(altered)).toBeUndefined();
    }
  });

  test('random bytes never decode and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(decodeBatch(bytes)).toBeUndefined();
        expect(decodeBatch(Buffer.concat([Buffer.from('ASB1'), bytes]))).toBeUndefined();
        expect(decodeHeader(bytes)).toBeUndefined();
        decodePayload(bytes);
      }),
      { seed: 11 },
    );
  });

  test.each<[string, SpoolBatch, string]>([
    ['a reordered batch', batchOf(3, (records) => records.reverse()), 'place_wrong'],
    ['another gateway', { ...batchOf(1), gateway: 'gx' }, 'place_wrong'],
    ['another epoch', { ...batchOf(1), epoch: 3 }, 'place_wrong'],
    ['another prev', { ...batchOf(1), prev: leafHash(Buffer.from('x')) }, 'chain_broken'],
    [
      'a record without its payload',
      batchOf(2, (r) => r.splice(1, 1, { entry: r[1]?.entry as Uint8Array, payload: undefined })),
      'payload_missing',
    ],
    [
      'a payload nobody committed to',
      batchOf(1, (r) => r.splice(0, 1, { entry: r[0]?.entry as Uint8Array, payload })),
      'payload_mismatch',
    ],
    [
      'a garbage leaf',
      batchOf(2, (r) => r.splice(0, 1, { entry: Buffer.from('{}'), payload: undefined })),
      'entry_malformed',
    ],
    ['the seal of another batch', { ...batchOf(2), seal: batchOf(3).seal }, 'seal_invalid'],
  ])('%s is refused', (_what, batch, problem) => {
    const decoded = decodeBatch(encodeBatch(batch)) as SpoolBatch;
    expect(verifyBatch(decoded, keys)).toMatchObject({ ok: false, problem });
  });

  test('a payload with other ciphertext does not match its commitment', () => {
    const other = encodePayload({
      id: 'p1',
      kid: 'pk1',
      salt: base64url(salt),
      wrappedKey: '',
      ciphertext: Buffer.from('something else'),
    });
    const batch = batchOf(2, (r) => r.splice(1, 1, { entry: r[1]?.entry as Uint8Array, payload: other }));
    expect(verifyBatch(batch, keys)).toMatchObject({ ok: false, problem: 'payload_mismatch', seq: 2 });
  });

  test('headers round-trip', () => {
    const header = {
      v: 1,
      gateway: 'gw',
      epoch: 4,
      firstSeq: 9,
      prev: base64url(genesisHash),
      seal: 'k1.x',
    } as const;
    expect(decodeHeader(encodeHeader(header))).toEqual(header);
    expect(decodeHeader(encodeHeader(header).subarray(1))).toBeUndefined();
  });
});
