/**
 * Room: data (D-2, D-4). The best segment of a text: blocks go in one by one, and every run of 8 of them (about 260 characters) is weighed. Runs
 * overlap in all but one block. A sentence among pages counts as much as alone, and what stands far from it cannot outweigh it.
 */
/** Blocks of a segment. */
export const segmentBlocks = 8;
const ring = 16;
/** A text with fewer n-grams is weighed as if it had so many: few words say little. */
export const gramsMin = 24;

export class Segments {
  best = Number.NEGATIVE_INFINITY;
  /** Which blocks the best segment has: from, and to (exclusive). */
  from = 0;
  to = 0;
  blocks = 0;
  readonly #sums = new Float64Array(ring);
  readonly #counts = new Float64Array(ring);

  /** Of the next block: the sum of its weights, and how many. */
  push(sum: number, count: number): void {
    const last = this.blocks & (ring - 1);
    const next = ++this.blocks & (ring - 1);
    this.#sums[next] = (this.#sums[last] as number) + sum;
    this.#counts[next] = (this.#counts[last] as number) + count;
    if (this.blocks >= segmentBlocks) this.#weigh(segmentBlocks);
  }

  /** After the last block. */
  end(): number {
    if (this.blocks > 0 && this.blocks < segmentBlocks) this.#weigh(this.blocks);
    return this.best;
  }

  #weigh(length: number): void {
    const to = this.blocks & (ring - 1);
    const from = (this.blocks - length) & (ring - 1);
    const count = (this.#counts[to] as number) - (this.#counts[from] as number);
    const sum = (this.#sums[to] as number) - (this.#sums[from] as number);
    const weighed = sum / Math.sqrt(count > gramsMin ? count : gramsMin);
    if (weighed <= this.best) return;
    this.best = weighed;
    this.from = this.blocks - length;
    this.to = this.blocks;
  }
}
