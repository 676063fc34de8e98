/**
 * How fast a tool server is read (segmentation S-3). What it says costs the gateway the time of everybody: one that says too much is not read for a moment, so that
 * its own pipe fills.
 */
export interface PaceBounds {
  readonly perSecond: number;
  /** So much may come at once. */
  readonly burst: number;
}

/** Messages of one server, and kibibytes of them: reading either costs about the same. */
export const readingPace: PaceBounds = { perSecond: 5_000, burst: 1_000 };

const newline = 0x0a;
const bytesPerCost = 1_024;

/** Of one message, or a part of one, as {@link readingPace} counts. */
export const costOf = (messages: number, bytes: number): number => messages + bytes / bytesPerCost;

/** Events in a piece of an event stream, at most: each ends with an empty line. */
export function eventsIn(piece: Uint8Array): number {
  let lines = 0;
  for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, at + 1)) lines++;
  return lines / 2;
}

/** Resolves after the rest that a spending costs. */
export async function rest(ms: number): Promise<void> {
  if (ms > 0) await new Promise((rested) => setTimeout(rested, ms).unref());
}

export class Pace {
  readonly #bounds: PaceBounds;
  /** When all that was taken has been paid for. */
  #paidMs = 0;

  constructor(bounds: PaceBounds) {
    this.#bounds = bounds;
  }

  /** Milliseconds for which nothing more is to be read after this, of a monotonic clock: 0, or until everything is paid for. */
  spend(cost: number, nowMs: number): number {
    const { perSecond, burst } = this.#bounds;
    this.#paidMs = Math.max(this.#paidMs, nowMs) + (cost * 1_000) / perSecond;
    const owedMs = this.#paidMs - nowMs;
    return owedMs > (burst * 1_000) / perSecond ? owedMs : 0;
  }
}
