/** How long the newest decisions took, for people and Prometheus. Times only: nothing about who or what. */
const heldMax = 1_024;

export interface DecideTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export class RecentTimes {
  readonly #held: number[] = [];
  #next = 0;

  add(ms: number): void {
    this.#held[this.#next] = ms;
    this.#next = (this.#next + 1) % heldMax;
  }

  /** Undefined before the first. */
  quantiles(): DecideTimes | undefined {
    if (this.#held.length === 0) return undefined;
    const sorted = [...this.#held].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50Ms: at(0.5), p99Ms: at(0.99) };
  }
}
