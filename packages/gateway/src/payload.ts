/**
 * Room: audit (B-1, D-3). Arguments and results never stand in a record: they are sealed under a key of their own, and the record
 * commits to the ciphertext. The plaintext is exactly the canonical JSON text that was decided on or that the tool answered.
 */
import { payloadRandomBytes, sealPayload } from '@atf/core/audit/payload';
import type { PayloadFrame } from '@atf/core/audit/spool-frame';
import type { PayloadRef } from '@atf/core/record';
import type { WrappingKey } from './ports.ts';

export interface Sealed {
  readonly frame: PayloadFrame;
  readonly ref: PayloadRef;
}

/** `actionId` leads the id of the payload; its rest is random, because an id counts once. */
export function sealText(
  actionId: string,
  text: string,
  wrapping: WrappingKey,
  random: (bytes: number) => Uint8Array,
): Sealed {
  const id = `${actionId}.${Buffer.from(random(12)).toString('base64url')}`;
  const sealed = sealPayload(id, wrapping, Buffer.from(text), random(payloadRandomBytes));
  const ref = { id, commitment: sealed.commitment, bytes: sealed.ciphertext.byteLength };
  return { frame: sealed, ref };
}
