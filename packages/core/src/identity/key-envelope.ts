/**
 * The envelope of private keys at rest (decisions of the platform, keys): AES-256-GCM (NIST SP 800-38D) under a key that stands somewhere else. The box is
 * nonce (12 bytes), tag (16), ciphertext; `context` says what it is for and is authenticated, so that one box is never taken for another.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';

export const envelopeNonceBytes = 12;
const tagBytes = 16;
const algorithm = 'aes-256-gcm';
/** 32 bytes in base64. */
const keyTextPattern = /^[A-Za-z0-9+/]{43}=$/;

export interface Envelope {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly context: string;
}

/** The key-encryption key of a file or an environment, or undefined when the text holds none. */
export function envelopeKeyOf(text: string): Buffer | undefined {
  const trimmed = text.trim();
  return keyTextPattern.test(trimmed) ? Buffer.from(trimmed, 'base64') : undefined;
}

/** `nonce`: fresh random bytes, never used before under this key. */
export function wrapKey({ key, context }: Envelope, nonce: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

/** Undefined: another key or context, or somebody changed the box. */
export function unwrapKey({ key, context }: Envelope, box: Uint8Array): Buffer | undefined {
  const body = envelopeNonceBytes + tagBytes;
  if (box.length < body) return undefined;
  const decipher = createDecipheriv(algorithm, key, box.subarray(0, envelopeNonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(box.subarray(envelopeNonceBytes, body));
  try {
    return Buffer.concat([decipher.update(box.subarray(body)), decipher.final()]);
  } catch {
    return undefined;
  }
}
