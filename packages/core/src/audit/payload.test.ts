import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openPayload, payloadRandomBytes, sealPayload } from './payload.ts';

const wrapping = { kid: 'k1', key: createSecretKey(randomBytes(32)) };
const plaintext = Buffer.from('{"args":{"email":"somebody@example.com"}}');
const sealed = sealPayload('id-1', wrapping, plaintext, randomBytes(payloadRandomBytes));
const flip = (bytes: Uint8Array, at: number) => {
  const out = Buffer.from(bytes);
  out[at] = (out[at] as number) ^ 1;
  return out;
};

describe('payload', () => {
  it('opens with its key only, and holds nothing in clear', () => {
    expect(openPayload(sealed, wrapping.key)?.equals(plaintext)).toBe(true);
    expect(openPayload(sealed, randomBytes(32))).toBeUndefined();
    expect(Buffer.from(sealed.ciphertext).includes('somebody')).toBe(false);
  });

  it('is bound to its record, its key id and its commitment', () => {
    expect(openPayload({ ...sealed, id: 'id-2' }, wrapping.key)).toBeUndefined();
    expect(openPayload({ ...sealed, kid: 'k2' }, wrapping.key)).toBeUndefined();
    expect(openPayload({ ...sealed, ciphertext: flip(sealed.ciphertext, 20) }, wrapping.key)).toBeUndefined();
    expect(
      openPayload({ ...sealed, commitment: `${sealed.commitment.slice(1)}A` }, wrapping.key),
    ).toBeUndefined();
    expect(openPayload({ ...sealed, wrappedKey: 'AAAA' }, wrapping.key)).toBeUndefined();
  });

  it('commits differently to equal content', () => {
    const again = sealPayload('id-1', wrapping, plaintext, randomBytes(payloadRandomBytes));
    expect(again.commitment).not.toBe(sealed.commitment);
  });

  it('insists on fresh randomness of the right size', () => {
    expect(() => sealPayload('x', wrapping, plaintext, randomBytes(10))).toThrow(RangeError);
  });
});
