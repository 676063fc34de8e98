import { describe, expect, it } from 'vitest';
import { inputBuckets } from '../wire/drift.ts';
import { addCounts, countResult, divergence, driftedIn, noCounts } from './input-statistics.ts';

/** A fixed sequence, so that each run is the same. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
const vocabulary =
  'order packed customer address invoice parcel the and of to is with delivery week note paid'.split(' ');

function counts(results: number, seed: number, text?: string, labels: readonly string[] = []) {
  const draw = draws(seed);
  const all = noCounts();
  for (let each = 0; each < results; each++) {
    const words = Array.from(
      { length: 5 + Math.floor(draw() * 60) },
      () => vocabulary[Math.floor(draw() * vocabulary.length)],
    );
    const sample = text ?? words.join(' ');
    countResult(all, { length: sample.length, sample, labels: draw() < 0.1 ? ['PII'] : labels });
  }
  return all;
}

describe('statistics of inputs', () => {
  it('are alike where only chance differs, also of few results', () => {
    for (let seed = 1; seed < 200; seed++) {
      const found = divergence(counts(20, seed), counts(50, seed + 1_000));
      expect(found === undefined ? undefined : driftedIn(found)).toEqual([]);
    }
  });

  it.each([
    [
      'another language',
      'Die Bestellung ist mit der Post nicht und für das Lager, ein Paket und eine Karte',
      [],
      'language',
    ],
    ['another script', 'заказ упакован и отправлен клиенту сегодня', [], 'language'],
    ['another length', 'the order and the invoice of the week is paid '.repeat(200), [], 'length'],
    ['other labels', undefined, ['secret'], 'labels'],
    ['other characters', '0x7f 0x80 12 13 14 15 99 %% && ## 00 11 22', [], 'characters'],
  ])('differ: %s', (_what, text, labels, dimension) => {
    const found = divergence(counts(20, 1, text, labels), counts(50, 2));
    expect(found === undefined ? [] : driftedIn(found)).toContain(dimension);
  });

  it('say nothing of too few', () => {
    expect(divergence(counts(19, 1), counts(50, 2))).toBeUndefined();
    expect(divergence(counts(20, 1), counts(49, 2))).toBeUndefined();
  });

  it('weigh each result the same, stay in their buckets and add up', () => {
    const one = counts(3, 1, `${'x'.repeat(8_000)} ${'word '.repeat(2_000)}`, ['never seen']);
    addCounts(one, counts(2, 2, ''));
    expect(one.results).toBe(5);
    for (const of of ['length', 'language', 'labels'] as const) {
      expect(one[of]).toHaveLength(inputBuckets[of]);
      expect(one[of].reduce((sum, count) => sum + count, 0)).toBeCloseTo(5);
    }
    expect(one.words.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(5);
  });
});
