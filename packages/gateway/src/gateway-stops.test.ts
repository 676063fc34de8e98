/** Stops through the front door: what runs is cut, what comes next is refused. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { agentDoc, uuid } from './testing/documents.fixture.ts';
import {
  atRest,
  cleanUp,
  everyTool,
  killOf,
  slow,
  startWorld,
  steps,
  until,
} from './testing/running.fixture.ts';

afterEach(cleanUp);

/** Far below the time of the call that is cut; how fast a cut is in numbers is measured by the bench, and held to a virtual clock by the simulator. */
const atOnceMs = 10_000;

describe('stops (R-2)', () => {
  it('cut a slow call at once, refuse the next, and are confirmed', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 1);
    const stop = killOf(uuid(3));
    const killedMs = Date.now();
    world.control.contain(stop);
    const cut = await call;
    expect(Date.now() - killedMs).toBeLessThan(atOnceMs);
    expect(cut.atf).toMatchObject({ code: 'containment.call_aborted', outcome: 'unknown' });
    world.control.put('containment', `agent:${uuid(3)}`, stop);
    const next = await world.senior.call(world.mcp, 'list_orders', {});
    expect(next.atf.code).toBe('containment.agent_stopped');
    await until('it is confirmed', () => world.control.contained.length === 1);
    expect(world.control.contained[0]).toMatchObject({ key: `agent:${uuid(3)}`, aborted: 1 });
    // Others are not concerned, and the cut export has no further effect.
    expect((await world.junior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
    await atRest('the export', () => steps(world));
    await until('the outcome is on record', () =>
      world.control.entries.some(({ outcome }) => outcome === 'aborted'),
    );
    world.control.put('containment', `agent:${uuid(3)}`, null);
    await until('resumed', async () => !(await world.senior.call(world.mcp, 'list_orders', {})).isError);
  });

  it('work by a file while control is away, and a file that cannot be understood stops everything', async () => {
    const world = await startWorld();
    const file = join(world.dir, 'stop');
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 0);
    writeFileSync(
      file,
      JSON.stringify({
        scopes: [{ kind: 'agent', id: 'agent-3' }],
        since: new Date().toISOString(),
        reason: 'drill',
      }),
    );
    expect((await call).atf.code).toBe('containment.call_aborted');
    expect((await world.senior.call(world.mcp, 'list_orders', {})).atf.code).toBe(
      'containment.agent_stopped',
    );
    expect((await world.junior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
    writeFileSync(file, 'stop!');
    await until(
      'everything is stopped',
      async () =>
        (await world.junior.call(world.mcp, 'list_orders', {})).atf.code === 'containment.fleet_stopped',
    );
    rmSync(file);
    await until('resumed', async () => !(await world.senior.call(world.mcp, 'list_orders', {})).isError);
    await until('stop and resumption are on record', () =>
      world.control.entries.some(({ type }) => type === 'incident.containment_lifted'),
    );
  });

  it('happen by themselves when control falls silent: what runs is cut and everything is refused', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 0);
    const silentMs = Date.now();
    world.control.silent = true;
    expect((await call).atf.code).toBe('containment.feed_stale');
    expect(Date.now() - silentMs).toBeLessThan(atOnceMs);
    expect((await world.junior.callOnce(world.mcp, 'list_orders', {})).atf.code).toBe(
      'containment.feed_stale',
    );
    world.control.silent = false;
    await until(
      'it serves again',
      async () => !(await world.junior.call(world.mcp, 'list_orders', {})).isError,
    );
  });

  it('hold when a frame is not understood: stale until a new connection is understood', async () => {
    const world = await startWorld();
    world.control.feedClosed = true;
    world.control.raw(JSON.stringify({ t: 'hibernate' }));
    await until(
      'it is stale',
      async () =>
        (await world.junior.callOnce(world.mcp, 'list_orders', {})).atf.code === 'containment.feed_stale',
    );
    world.control.feedClosed = false;
    await until(
      'it serves again',
      async () => !(await world.junior.call(world.mcp, 'list_orders', {})).isError,
    );
  });

  it('void credentials: a raised epoch cuts what runs under the old ones', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 0);
    world.control.put('agent', uuid(3), agentDoc(3, 'senior', everyTool, { credentialEpoch: 2, epoch: 2 }));
    expect((await call).atf.code).toBe('identity.credential_revoked');
    expect((await world.senior.call(world.mcp, 'list_orders', {})).atf.code).toBe(
      'identity.credential_revoked',
    );
  });
});
