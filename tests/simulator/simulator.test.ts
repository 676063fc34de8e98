/**
 * The invariants of ARCHITECTURE.md under faults, over 200 seeds (seeds-1.test.ts to seeds-4.test.ts). Some alone: `ATF_SEEDS=7` or `ATF_SEEDS=7-90`,
 * then `npx vitest run tests/simulator/simulator.test.ts`. Real: pipeline, snapshot, lease, feed, hub, spool, shipper, intake, sequencer, verifier, replay.
 * Virtual: clocks, timers, network, disks, database, signatures of gateways, tool servers, people and agents.
 */
import './parts.ts';
import { describe, expect, it } from 'vitest';
import { loadPolicies } from './scene.ts';
import { holds } from './seeds.ts';
import { simulate } from './simulate.ts';

const given = process.env['ATF_SEEDS']?.split('-').map(Number);

if (given !== undefined) holds(given[0] ?? 1, given.at(-1) ?? 1);

describe('simulator', () => {
  it('is deterministic: a seed is a run', { timeout: 120_000 }, async () => {
    const policies = await loadPolicies();
    const seed = given?.[0] ?? 1;
    const [first, second] = [await simulate(seed, policies), await simulate(seed, policies)];
    expect(second.checksum).toBe(first.checksum);
    expect(second.steps).toBe(first.steps);
  });
});
