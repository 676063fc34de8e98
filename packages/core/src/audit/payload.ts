/**
 * Encrypted payloads: what a record may not hold in clear. Each has its own data key, wrapped by the payload key that control hands to a
 * gateway in memory; erasing the row destroys key, salt and ciphertext, and the leaf's commitment then tells nothing.
 * Pure: randomness is given by the caller.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';

export const payloadRandomBytes = 32 + 32 + 12 + 12;

export interface SealedPayload {
  readonly id: string;
  /** Key id of the wrapping key. */
  readonly kid: string;
  /** nonce(12) ‖ wrapped key(32) ‖ tag(16), base64url. */
  readonly wrappedKey: string;
  /** base64url, 32 bytes. */
  readonly salt: string;
  /** nonce(12) ‖ ciphertext ‖ tag(16). */
  readonly ciphertext: Uint8Array;
  /** HMAC-SHA-256(salt, ciphertext), base64url. */
  readonly commitment: string;
}

/** Key objects: with raw bytes Node spends four times as long on finding out what they are. */
function seal(key: KeyObject, nonce: Uint8Array, aad: string, data: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(aad));
  return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array | KeyObject, aad: string, box: Uint8Array): Buffer | undefined {
  if (box.byteLength < 28) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(aad));
  decipher.setAuthTag(box.subarray(box.byteLength - 16));
  try {
    return Buffer.concat([decipher.update(box.subarray(12, box.byteLength - 16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

export function payloadCommitment(salt: Uint8Array, ciphertext: Uint8Array): string {
  return createHmac('sha256', createSecretKey(salt)).update(ciphertext).digest('base64url');
}

/** Seals `plaintext` under a fresh data key. `random` is {@link payloadRandomBytes} fresh random bytes; `id` binds ciphertext to its record. */
export function sealPayload(
  id: string,
  wrapping: { kid: string; key: KeyObject },
  plaintext: Uint8Array,
  random: Uint8Array,
): SealedPayload {
  if (random.byteLength !== payloadRandomBytes) throw new RangeError('wrong number of random bytes');
  const dataKey = random.subarray(0, 32);
  const salt = random.subarray(32, 64);
  const ciphertext = seal(createSecretKey(dataKey), random.subarray(64, 76), id, plaintext);
  const wrappedKey = seal(wrapping.key, random.subarray(76, 88), `${wrapping.kid}:${id}`, dataKey).toString(
    'base64url',
  );
  const saltText = Buffer.from(salt).toString('base64url');
  return {
    id,
    kid: wrapping.kid,
    wrappedKey,
    salt: saltText,
    ciphertext,
    commitment: payloadCommitment(salt, ciphertext),
  };
}

/** The plaintext, or undefined when anything (key, id, ciphertext, commitment) does not fit. */
export function openPayload(sealed: SealedPayload, wrappingKey: Uint8Array | KeyObject): Buffer | undefined {
  const commitment = Buffer.from(payloadCommitment(Buffer.from(sealed.salt, 'base64url'), sealed.ciphertext));
  const claimed = Buffer.from(sealed.commitment);
  if (commitment.byteLength !== claimed.byteLength || !timingSafeEqual(commitment, claimed)) return undefined;
  const dataKey = open(
    wrappingKey,
    `${sealed.kid}:${sealed.id}`,
    Buffer.from(sealed.wrappedKey, 'base64url'),
  );
  return dataKey === undefined ? undefined : open(dataKey, sealed.id, sealed.ciphertext);
}
