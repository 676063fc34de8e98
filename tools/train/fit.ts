/**
 * Fits the weights: logistic regression over the best segment of each text (a long text is an attack when one of its segments is), AdaGrad, from a seed. The segments are
 * those of the product itself; the weights end as whole numbers of one byte.
 */
import { eachBlock, type GramSet } from '@atf/core/data/models/grams';
import { gramsMin, segmentBlocks, Segments } from '@atf/core/data/models/segments';
import type { Random } from '../../tests/simulator/random.ts';

export interface Counted {
  readonly slots: Int32Array;
  /** Where each block ends in `slots`. */
  readonly ends: Int32Array;
}

export interface Example extends Counted {
  readonly label: 0 | 1;
}

export interface Fitted {
  readonly weights: Int8Array;
  readonly step: number;
}

export function counted(text: string, set: GramSet): Counted {
  const parts: Int32Array[] = [];
  const ends: number[] = [];
  let length = 0;
  eachBlock(text, set, (slots, count) => {
    parts.push(slots.slice(0, count));
    length += count;
    ends.push(length);
  });
  const slots = new Int32Array(length);
  let at = 0;
  for (const part of parts) {
    slots.set(part, at);
    at += part.length;
  }
  return { slots, ends: Int32Array.from(ends) };
}

/** The best segment under these weights. */
export function weigh({ slots, ends }: Counted, weights: Float32Array | Int8Array): Segments {
  const segments = new Segments();
  let at = 0;
  for (const end of ends) {
    const from = at;
    let sum = 0;
    for (; at < end; at++) sum += weights[slots[at] as number] as number;
    segments.push(sum, end - from);
  }
  segments.end();
  return segments;
}

const rate = 0.4;
const decay = 1e-4;
const rounds = 6;
/** The first rounds see only attacks that stand alone: which segment of a long text is the attack is not known yet. */
const aloneRounds = 2;
const aloneBlocksMax = 16;

export function fit(examples: readonly Example[], set: GramSet, random: Random): Fitted {
  const size = 2 ** set.dimensionBits;
  const weights = new Float32Array(size);
  const squares = new Float32Array(size).fill(1e-3);
  let bias = 0;
  let biasSquares = 1e-3;
  const order = examples.map((_, index) => index).filter((index) => (examples[index]?.ends.length ?? 0) > 0);
  for (let round = 0; round < rounds; round++) {
    for (let last = order.length - 1; last > 0; last--) {
      const other = random.int(0, last);
      [order[last], order[other]] = [order[other] as number, order[last] as number];
    }
    for (const index of order) {
      const example = examples[index] as Example;
      const blocks = example.ends.length;
      if (example.label === 1 && round < aloneRounds && blocks > aloneBlocksMax) continue;
      const best = weigh(example, weights);
      let [from, to] = [best.from, best.to];
      // Of a harmless text any other segment is as harmless as the worst one.
      if (example.label === 0 && blocks > segmentBlocks && random.chance(0.3)) {
        from = random.int(0, blocks - segmentBlocks);
        to = from + segmentBlocks;
      }
      update(example, from, to);
    }
  }
  return quantised(weights);

  function update(example: Example, from: number, to: number): void {
    const start = from === 0 ? 0 : (example.ends[from - 1] as number);
    const end = example.ends[to - 1] as number;
    let sum = 0;
    for (let at = start; at < end; at++) sum += weights[example.slots[at] as number] as number;
    const share = 1 / Math.sqrt(Math.max(end - start, gramsMin));
    const said = 1 / (1 + Math.exp(-(sum * share + bias)));
    const error = said - example.label;
    biasSquares += error * error;
    bias -= (rate * error) / Math.sqrt(biasSquares);
    const push = error * share;
    for (let at = start; at < end; at++) {
      const slot = example.slots[at] as number;
      const held = weights[slot] as number;
      const slope = push + decay * held;
      const square = (squares[slot] as number) + slope * slope;
      squares[slot] = square;
      weights[slot] = held - (rate * slope) / Math.sqrt(square);
    }
  }
}

/** One weight in ten thousand may be cut; the others keep their proportions. */
function quantised(weights: Float32Array): Fitted {
  const sizes = weights.map(Math.abs).sort();
  const largest = sizes[Math.floor(sizes.length * 0.9999)] as number;
  const step = (largest > 0 ? largest : 1) / 127;
  return {
    step,
    weights: Int8Array.from(weights, (weight) => Math.max(-127, Math.min(127, Math.round(weight / step)))),
  };
}
