/**
 * The invariants of ARCHITECTURE.md under faults, over 200 seeds. One seed alone: `ATF_SEED=n npx vitest run tests/simulator`.
 * Real: pipeline, snapshot, lease, feed, hub, spool, shipper, intake, sequencer, verifier, replay. Virtual: clocks, timers, network, disks,
 * database, tool servers, people and agents.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { loadPolicies, type Policies } from './scene.ts';
import { type Run, simulate } from './simulate.ts';

vi.mock('ws', async () => ({ WebSocket: (await import('./network.ts')).VirtualSocket }));
vi.mock('../../packages/control/src/feed/store.ts', () => import('./feed-rows.ts'));
vi.mock('../../packages/control/src/audit/store.ts', () => import('./audit-rows.ts'));
vi.mock('../../packages/control/src/audit/index-store.ts', () => import('./audit-rows.ts'));
vi.mock('../../packages/control/src/notifications/store.ts', () => import('./notification-rows.ts'));

const seedsInRun = 200;
const perTest = 10;
const given = process.env['ATF_SEED'];
const seeds = given === undefined ? Array.from({ length: seedsInRun }, (_, i) => i + 1) : [Number(given)];

let policies: Policies;
beforeAll(async () => {
  policies = await loadPolicies();
});

function told({ seed, violation, explanation }: Run): string {
  return `seed ${seed}: ${violation?.message ?? ''}\n${explanation}\n\nagain: ATF_SEED=${seed} npx vitest run tests/simulator`;
}

describe('simulator', () => {
  const total: Record<string, number> = {};

  for (let from = 0; from < seeds.length; from += perTest) {
    const some = seeds.slice(from, from + perTest);
    it(`no invariant breaks in seeds ${some[0]} to ${some.at(-1)}`, { timeout: 120_000 }, async () => {
      for (const seed of some) {
        const run = await simulate(seed, policies);
        if (run.violation !== undefined) expect.fail(told(run));
        for (const [name, count] of Object.entries(run.counts)) total[name] = (total[name] ?? 0) + count;
      }
    });
  }

  it('has seen what it is about', () => {
    if (given !== undefined) console.log(total);
    for (const name of ['effects', 'results', 'refusals', 'waits', 'stops', 'replayed', 'checkpoints'])
      expect(total[name], name).toBeGreaterThan(0);
    if (given !== undefined) return;
    console.log(`200 seeds: ${JSON.stringify(total)}`);
    for (const name of ['cut', 'crashes', 'gaps', 'unreported']) expect(total[name], name).toBeGreaterThan(0);
  });

  it('is deterministic: a seed is a run', async () => {
    const [first, second] = [
      await simulate(seeds[0] ?? 1, policies),
      await simulate(seeds[0] ?? 1, policies),
    ];
    expect(second.checksum).toBe(first.checksum);
    expect(second.steps).toBe(first.steps);
  });
});
