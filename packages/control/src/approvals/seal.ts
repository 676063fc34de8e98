/**
 * Room: approvals (invariants 5 and 10). Arguments and results at rest: AES-256-GCM under the key of this purpose, bound to the row and the
 * part of it, so that no box can be moved to another approval.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Keys } from '../context.ts';

const nonceBytes = 12;
const tagBytes = 16;

/** `task`, `delegation`: not of an approval, but of one of these, whose id it is bound to. */
export type SealedPart = 'args' | 'stated' | 'outcome' | 'task' | 'delegation';

export interface Sealed {
  readonly kid: string;
  /** nonce(12) ‖ ciphertext ‖ tag(16). */
  readonly box: Uint8Array;
}

const bound = (tenant: string, id: string, part: SealedPart) =>
  Buffer.from(`atf:approval:${tenant}:${id}:${part}`);

export function sealText(keys: Keys, tenant: string, id: string, part: SealedPart, text: string): Sealed {
  const { kid, key } = keys.secret('approval');
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(bound(tenant, id, part));
  return {
    kid,
    box: Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]),
  };
}

/** The text, or undefined when anything about it was changed. */
export function openText(
  keys: Keys,
  tenant: string,
  id: string,
  part: SealedPart,
  { kid, box }: Sealed,
): string | undefined {
  if (box.byteLength < nonceBytes + tagBytes) return undefined;
  const { key } = keys.secret('approval', kid);
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(bound(tenant, id, part));
  decipher.setAuthTag(box.subarray(box.byteLength - tagBytes));
  try {
    return Buffer.concat([
      decipher.update(box.subarray(nonceBytes, box.byteLength - tagBytes)),
      decipher.final(),
    ]).toString('utf8');
  } catch {
    return undefined;
  }
}
