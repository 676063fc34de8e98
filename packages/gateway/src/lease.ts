/**
 * Room: incident (R-2, invariant 3). Whether control was heard in time. The lease counts from the moment a nonce was SENT, on the
 * gateway's monotonic clock, so that neither a slow answer nor a clock that is set back prolongs it. Pure: times come from the caller.
 */

export class Lease {
  readonly #leaseMs: number;
  #sentMs: number | undefined;
  #understood = true;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** A beat answered the nonce that was sent at `sentMs`. Answers may overtake each other; the newest counts. */
  renew(sentMs: number): void {
    if (this.#sentMs === undefined || sentMs > this.#sentMs) this.#sentMs = sentMs;
  }

  /** Something was not understood: stale until a connection starts anew. */
  distrust(): void {
    this.#understood = false;
    this.#sentMs = undefined;
  }

  /** A new connection: trust returns only with its first answered beat. */
  restart(): void {
    this.#understood = true;
  }

  fresh(monotonicMs: number): boolean {
    return this.#understood && this.#sentMs !== undefined && monotonicMs - this.#sentMs < this.#leaseMs;
  }
}

/** A watch that comes this much too late, a quarter of a lease, was not late by chance: the process stood still. */
const stoodStillShare = 1 / 4;
/** Who stood still asks control once more, and has half a lease for that. */
const askedAgainShare = 1 / 2;

export type LeaseLook = 'as before' | 'ask again' | 'cut';

/**
 * Whether what runs is cut because the lease is over (ADR 59). A process that stood still cannot have heard what control said meanwhile, and neither can a control that stands on the same
 * machine have said it: it asks once more before it cuts. Nothing begins meanwhile. Pure: times come from the caller.
 */
export class LeaseWatch {
  readonly #everyMs: number;
  readonly #leaseMs: number;
  #lookedMs: number | undefined;
  #stoodStillMs = Number.NEGATIVE_INFINITY;
  #wasFresh = false;
  #cutMs: number | undefined;

  constructor({ everyMs, leaseMs }: { everyMs: number; leaseMs: number }) {
    this.#everyMs = everyMs;
    this.#leaseMs = leaseMs;
  }

  /** One look, made every `everyMs`. `atOnce`: control said something that ends the lease; nobody is asked again. */
  look(nowMs: number, fresh: boolean, atOnce = false): LeaseLook {
    const lateMs = nowMs - (this.#lookedMs ?? nowMs) - this.#everyMs;
    this.#lookedMs = nowMs;
    if (lateMs >= this.#leaseMs * stoodStillShare) this.#stoodStillMs = nowMs;
    if (fresh) {
      this.#wasFresh = true;
      this.#cutMs = undefined;
      return 'as before';
    }
    if (!this.#wasFresh) return 'as before';
    if (!atOnce && this.#cutMs === undefined && nowMs - this.#stoodStillMs < this.#leaseMs) {
      this.#cutMs = nowMs + this.#leaseMs * askedAgainShare;
      return 'ask again';
    }
    if (!atOnce && this.#cutMs !== undefined && nowMs < this.#cutMs) return 'as before';
    this.#wasFresh = false;
    this.#cutMs = undefined;
    return 'cut';
  }
}
