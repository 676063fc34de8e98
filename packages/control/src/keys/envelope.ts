/**
 * Room: keys. Whatever is sealed at rest is put into the envelope of private keys (@atf/core/identity/key-envelope), bound to a context, so that
 * an envelope put in another row does not open.
 */
import { envelopeNonceBytes, unwrapKey, wrapKey } from '@atf/core/identity/key-envelope';
import { randomBytes } from 'node:crypto';

/** `key`: 32 bytes. */
export function sealEnvelope(key: Uint8Array, plain: Uint8Array, context: string): Buffer {
  return wrapKey({ key, context }, randomBytes(envelopeNonceBytes), plain);
}

/** undefined: another key, another context, or changed bytes. */
export function openEnvelope(key: Uint8Array, envelope: Uint8Array, context: string): Buffer | undefined {
  return unwrapKey({ key, context }, envelope);
}
