/** Runs seeds one after the other, and says of one that fails what led there and how to run it alone. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadPolicies, type Policies } from './scene.ts';
import { simulate } from './simulate.ts';

const perTest = 25;
/** Of one test, on a machine that does much else. */
const timeoutMs = 600_000;
/** What runs must have come upon: many, or already a few. */
const always = [
  'effects',
  'results',
  'refusals',
  'waits',
  'stops',
  'replayed',
  'checkpoints',
  'labelled',
  'below',
  'vouched',
  'released',
  'declared',
  'listed',
  'named',
  'doubted',
];
const often = [
  'cut',
  'crashes',
  'gaps',
  'unreported',
  'leads',
  'restores',
  'throttled',
  'throttledAbove',
  'widened',
];
const manySeeds = 200;

/** The seeds `from` to `to`, both included. */
export function holds(from: number, to: number): void {
  let policies: Policies;
  const total: Record<string, number> = {};

  describe(`seeds ${from} to ${to}`, () => {
    beforeAll(async () => {
      policies = await loadPolicies();
    });

    for (let first = from; first <= to; first += perTest) {
      const last = Math.min(first + perTest - 1, to);
      it(`no invariant breaks in ${first} to ${last}`, { timeout: timeoutMs }, async () => {
        for (let seed = first; seed <= last; seed++) {
          const { violation, explanation, counts } = await simulate(seed, policies);
          if (violation !== undefined)
            expect.fail(
              `seed ${seed}: ${violation.message}\n${explanation}\n\nagain: ATF_SEEDS=${seed} npx vitest run tests/simulator/simulator.test.ts`,
            );
          for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
        }
      });
    }

    it('has seen what it is about', () => {
      console.log(`seeds ${from} to ${to}: ${JSON.stringify(total)}`);
      const wanted = to - from + 1 < manySeeds ? always : [...always, ...often];
      for (const name of wanted) expect(total[name], name).toBeGreaterThan(0);
    });
  });
}
