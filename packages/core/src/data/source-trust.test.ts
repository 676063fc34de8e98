/** Trust of a source: between its bounds, never higher for anything bad, always with its reasons, and the same again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SourceSeen, sourceViewSchema, trustCauses } from '../wire/retrieval.ts';
import { nothingSeen, resultsKnown, trustMax, trustOf, trustWords } from './source-trust.ts';

const well: SourceSeen = { ...nothingSeen, results: 200, days: 30 };
const count = fc.nat(1_000);
const seen = fc.record({
  results: count,
  withheld: count,
  labelled: count,
  above: count,
  strange: count,
  failed: count,
  drifted: count,
  changed: count,
  objections: count,
  days: fc.nat(40),
});
const bad = [
  'withheld',
  'labelled',
  'above',
  'strange',
  'failed',
  'drifted',
  'changed',
  'objections',
] as const;

describe('trust of a source', () => {
  it.each<[string, Partial<SourceSeen>, number, string[]]>([
    ['that was looked at, and nothing was found', {}, 100, []],
    ['of which nothing was seen', { results: 0, days: 0 }, 50, ['few']],
    ['of which little was seen', { results: 20 }, 70, ['few']],
    ['that is new', { days: 1 }, 90, ['new']],
    ['of which one result of two hundred was withheld', { withheld: 1 }, 85, ['withheld']],
    ['of which a quarter was withheld', { withheld: 50 }, 40, ['withheld']],
    ['that holds what it must not', { above: 1 }, 60, ['above']],
    ['that fails now and then', { failed: 10 }, 100, []],
    ['that fails half of the time', { failed: 100 }, 80, ['failed']],
    ['to which people object', { objections: 2, drifted: 1 }, 65, ['objections', 'drifted']],
    ['that is the worst', { withheld: 200, above: 9, labelled: 200 }, 0, ['above', 'withheld', 'labelled']],
  ])('%s', (_, more, score, because) => {
    const trust = trustOf({ ...well, ...more });
    expect(trust.score).toBe(score);
    expect(trust.reasons.map((each) => each.because)).toEqual(because);
  });

  it('is in its bounds with its reasons, does not rise with anything bad, and is the same again', () => {
    fc.assert(
      fc.property(seen, fc.constantFrom(...bad), fc.nat(50), (each, what, more) => {
        const trust = trustOf(each);
        expect(trust).toEqual(trustOf({ ...each }));
        expect(Number.isInteger(trust.score) && trust.score >= 0 && trust.score <= trustMax).toBe(true);
        expect(trust.score === trustMax).toBe(trust.reasons.length === 0);
        for (const { points } of trust.reasons) expect(points).toBeGreaterThan(0);
        expect(sourceViewSchema.shape.reasons.safeParse(trust.reasons).success).toBe(true);
        expect(trustOf({ ...each, [what]: each[what] + more }).score).toBeLessThanOrEqual(trust.score);
        if (each.results < resultsKnown) expect(trust.score).toBeLessThan(trustMax);
      }),
    );
  });

  it('says each reason in words', () => {
    for (const because of trustCauses)
      for (const n of [0, 1, 7])
        expect(trustWords({ because, count: n, points: 5 })).toMatch(/^[a-z0-9].*\(−5\)$/);
  });
});
