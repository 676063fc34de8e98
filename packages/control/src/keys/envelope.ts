/**
 * Room: keys. AES-256-GCM envelopes (NIST SP 800-38D): nonce ‖ tag ‖ ciphertext, bound to a context, so that an envelope put in another
 * row does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;
const algorithm = 'aes-256-gcm';

/** `key`: 32 bytes. */
export function sealEnvelope(key: Uint8Array, plain: Uint8Array, context: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

/** undefined: another key, another context, or changed bytes. */
export function openEnvelope(key: Uint8Array, envelope: Uint8Array, context: string): Buffer | undefined {
  if (envelope.byteLength < nonceBytes + tagBytes) return undefined;
  const bytes = Buffer.from(envelope);
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(context, 'utf8'));
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}
