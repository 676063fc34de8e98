import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { es256SignatureBytes, signEs256, verifyEs256 } from './es256.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p1363 = { dsaEncoding: 'ieee-p1363' } as const;
const message = (n: number) => Buffer.from(`message ${n}`);

describe('ES256', () => {
  // One integer in 256 starts with a zero byte, every second one needs a pad: 2,000 signatures meet all forms.
  it('makes what the platform verifies and verifies what the platform makes, 2,000 times', () => {
    for (let n = 0; n < 2_000; n++) {
      const ours = signEs256(message(n), privateKey);
      expect(ours).toHaveLength(es256SignatureBytes);
      expect(verify('sha256', message(n), { key: publicKey, ...p1363 }, ours)).toBe(true);
      const theirs = sign('sha256', message(n), { key: privateKey, ...p1363 });
      expect(verifyEs256(message(n), publicKey, theirs)).toBe(true);
    }
  });

  it('refuses another message, another key, altered, short, long and zero signatures', () => {
    const signature = signEs256(message(1), privateKey);
    expect(verifyEs256(message(2), publicKey, signature)).toBe(false);
    expect(verifyEs256(message(1), other.publicKey, signature)).toBe(false);
    for (const at of [0, 31, 32, 63]) {
      const altered = Buffer.from(signature);
      altered[at] = (altered[at] as number) ^ 1;
      expect(verifyEs256(message(1), publicKey, altered)).toBe(false);
    }
    const half = signature.subarray(0, 32);
    const zeros = Buffer.alloc(32);
    for (const bad of [
      signature.subarray(0, 63),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.alloc(0),
      Buffer.concat([half, zeros]),
      Buffer.concat([zeros, half]),
      Buffer.alloc(64),
      Buffer.alloc(64, 0xff),
    ])
      expect(verifyEs256(message(1), publicKey, bad)).toBe(false);
  });
});
