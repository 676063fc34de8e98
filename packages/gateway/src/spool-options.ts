/** Room: audit, gateway side. What a spool is opened with and what it answers; its bounds. */
import type { SealSigner } from '@atf/core/audit/gateway-key';
import type { Refusal } from '@atf/core/errors';
import type { SpoolDisk } from './spool-disk.ts';

export const segmentBytesMaxDefault = 16 * 1_048_576;
/** Unshipped records that may wait on disk for the control plane before the gateway refuses to act. */
export const spoolBytesMaxDefault = 4 * 1_073_741_824;
export const reserveBytes = 1_048_576;
export const probeEveryMsDefault = 1_000;
/** The names of segments order epochs of up to ten digits. */
export const epochLast = 9_999_999_999;
/** No clock, however wrong, takes a gateway further: the second half is left for counting on. */
const epochOfClockMax = 5_000_000_000;

/**
 * The epoch above which a spool begins: above what control has heard of it, and above the clock in seconds. What was begun while cut off from control, by a
 * spool that was lost since or put back from a copy, may still arrive from the network; epochs are begun at most about once a second, so those
 * lie below the clock. With a clock that went back, what control has heard remains.
 */
export function epochUsedUp(heard: number, nowMs: number): number {
  const seconds = Math.floor(nowMs / 1_000);
  return Math.max(heard + 1, Math.min(Math.max(seconds, 0), epochOfClockMax));
}

export interface SpoolOptions {
  readonly directory: string;
  /** Id of the gateway: first part of the name of every record. */
  readonly gateway: string;
  readonly signer: SealSigner;
  readonly segmentBytesMax?: number;
  readonly spoolBytesMax?: number;
  readonly probeEveryMs?: number;
  /** `epochUsedUp`: a spool that lost its directory must not repeat an epoch. */
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
