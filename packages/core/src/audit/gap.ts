/**
 * Room: audit (B-1). A recorded gap: control's own statement in the log that records of a gateway are missing and where its chain goes
 * on (`audit.gap_recorded`). A chain that jumps without one is broken.
 */
import type { Entry } from './entry.ts';

export type GapReason = 'tail_lost' | 'records_skipped' | 'spool_replaced';

export interface GapBody {
  readonly gateway: string;
  readonly reason: GapReason;
  /** First and last `seq` that are known to be missing; `to` is `from - 1` when none is known but the chain does not connect. */
  readonly from: number;
  readonly to: number;
  /** The record with which the chain goes on. */
  readonly resume: { readonly epoch: number; readonly seq: number; readonly prev: string };
}

/** The gap that an entry records; undefined when it records none, or was not written by control. */
export function gapOf(entry: Entry): GapBody | undefined {
  if (entry.type !== 'audit.gap_recorded' || !('control' in entry.source)) return undefined;
  const { gateway, from, to, resume } = entry.body as unknown as Partial<GapBody>;
  if (
    typeof gateway !== 'string' ||
    typeof from !== 'number' ||
    typeof to !== 'number' ||
    typeof resume !== 'object'
  )
    return undefined;
  if (typeof resume.epoch !== 'number' || typeof resume.seq !== 'number' || typeof resume.prev !== 'string')
    return undefined;
  return entry.body as unknown as GapBody;
}
