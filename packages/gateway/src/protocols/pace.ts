/**
 * How fast a tool server is read (segmentation S-3). What it says unasked costs the gateway the time of everybody: one that says too much is not read for a moment,
 * so that its own pipe fills, and nothing is lost.
 */
export interface PaceBounds {
  readonly perSecond: number;
  /** So much may come at once. */
  readonly burst: number;
}

/** Messages of one server. Beside its answers there is little to say. */
export const messagesPace: PaceBounds = { perSecond: 5_000, burst: 1_000 };
/** Bytes of a standing event stream. */
export const standingPace: PaceBounds = { perSecond: 262_144, burst: 262_144 };

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
