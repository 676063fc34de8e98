/**
 * The invariants of ARCHITECTURE.md under faults, over 100 seeds (seeds-1.test.ts to seeds-4.test.ts). Others, or some alone: `ATF_SEEDS=7` or
 * `ATF_SEEDS=1-2000`, then `npx vitest run tests/simulator/simulator.test.ts`. A seed decides how many gateways and control replicas there are, and whether
 * the product is lost and restored from a backup meanwhile. Real: pipeline, snapshot, lease, feed, hub, spool, shipper, intake, sequencer, lead and replicas,
 * the name of a restored log, verifier, replay. Virtual: clocks, timers, network, disks, database, signals, signatures of gateways, tool servers, people and
 * agents.
 */
import './parts.ts';
import { describe, expect, it } from 'vitest';
import { loadPolicies } from './scene.ts';
import { holds } from './seeds.ts';
import { simulate } from './simulate.ts';

const given = process.env['ATF_SEEDS']?.split('-').map(Number);

if (given !== undefined) holds(given[0] ?? 1, given.at(-1) ?? 1);

/** One gateway and one control; two of each; with a restore; with a leader that is paused in the midst of its work. */
const shapes = given === undefined ? [4, 7, 6, 18] : given.slice(0, 1);

describe('simulator', () => {
  it.each(shapes)('is deterministic: seed %i is a run', { timeout: 600_000 }, async (seed) => {
    const policies = await loadPolicies();
    const [first, second] = [await simulate(seed, policies), await simulate(seed, policies)];
    expect(second.checksum).toBe(first.checksum);
    expect(second.steps).toBe(first.steps);
  });
});
