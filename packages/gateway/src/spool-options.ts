/** Room: audit, gateway side. What a spool is opened with and what it answers; its bounds. */
import type { SealSigner } from '@atf/core/audit/gateway-key';
import type { Refusal } from '@atf/core/errors';
import type { SpoolDisk } from './spool-disk.ts';

export const segmentBytesMaxDefault = 16 * 1_048_576;
/** Unshipped records that may wait on disk for the control plane before the gateway refuses to act. */
export const spoolBytesMaxDefault = 4 * 1_073_741_824;
export const reserveBytes = 1_048_576;
export const probeEveryMsDefault = 1_000;

export interface SpoolOptions {
  readonly directory: string;
  /** Id of the gateway: first part of the name of every record. */
  readonly gateway: string;
  readonly signer: SealSigner;
  readonly segmentBytesMax?: number;
  readonly spoolBytesMax?: number;
  readonly probeEveryMs?: number;
  /** The highest epoch that control has seen of this gateway; a spool that lost its directory must not repeat one. */
  readonly epochMin?: number;
  /** Another disk, for tests; then the caller answers for exclusive use. */
  readonly disk?: SpoolDisk;
}

export type AppendResult =
  | { readonly ok: true; readonly epoch: number; readonly seq: number }
  | { readonly ok: false; readonly refusal: Refusal };

/** What heartbeats report (wire/feed.ts, `beat.spool`): the last durable record. `head` is its leaf hash, base64url. */
export interface SpoolHead {
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
}
