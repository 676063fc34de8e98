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
