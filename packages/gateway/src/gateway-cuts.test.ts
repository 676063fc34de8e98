/** What a cut call leaves at a tool server over HTTP that hears no cancellation: its exchange is closed, whatever its class, and only its own. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { DeafServer, deafDefinitions } from './testing/deaf-server.fixture.ts';
import { agentDoc, serverDoc, toolDoc, uuid } from './testing/documents.fixture.ts';
import { cleanUp, cleanups, killOf, startWorld, until } from './testing/running.fixture.ts';

afterEach(cleanUp);

for (const revision of ['elder', 'modern'] as const)
  it(`of the ${revision} revision: a read and a write are closed, and those of others on the same connection go on`, async () => {
    const deaf = new DeafServer();
    const url = `${await deaf.start()}/${revision}`;
    cleanups.push(() => deaf.stop());
    const world = await startWorld();
    appendFileSync(join(world.dir, 'servers.yaml'), 'deaf:\n  privateNetwork: true\n');
    world.control.put('server', 'deaf', serverDoc('deaf', { transport: { kind: 'http', url } }));
    for (const tool of deafDefinitions)
      world.control.put(
        'tool',
        `deaf/${tool.name}`,
        toolDoc('deaf', tool, tool.name === 'write' ? 'write' : 'read'),
      );
    const granted = deafDefinitions.map(({ name }) => `deaf/${name}`);
    world.control.put('agent', uuid(3), agentDoc(3, 'senior', granted, { epoch: 2 }));
    world.control.put('agent', uuid(2), agentDoc(2, 'senior', granted, { epoch: 2 }));
    const lost = async () => (await world.junior.call(world.mcp, 'list_orders', {})).isError;
    await until('the gateway to know the last of it', lost);
    const mcp = `${world.gateway.url}/mcp/deaf`;
    const begin = async (note: string) => {
      const [who, tool] = note.split(' ') as ['junior' | 'senior', string];
      const answer = world[who].call(mcp, tool, { note });
      await until(`${note} at the server`, () => deaf.find(note) !== undefined);
      return { answer, state: () => deaf.find(note)?.state, end: () => deaf.find(note)?.end() };
    };
    const spared = await Promise.all(['junior read', 'junior write'].map(begin));
    const cut = await Promise.all(['senior read', 'senior write', 'senior stream'].map(begin));
    world.control.contain(killOf(uuid(3)));
    const codes = await Promise.all(cut.map(async ({ answer }) => (await answer).atf.code));
    await until('what was cut to be closed', () => cut.every(({ state }) => state() === 'closed'));
    const states = spared.map(({ state }) => state());
    for (const { end } of spared) end();
    const others = await Promise.all(spared.map(async ({ answer }) => await answer));
    if (revision === 'modern') expect(deaf.cancellations).toBe(0);
    else await until('it is told in the words of its revision, too', () => deaf.cancellations >= cut.length);
    // On a machine that does much else a lease runs out now and then, and then everything is cut.
    if ([...codes, ...others.map(({ atf }) => atf.code)].includes('containment.feed_stale')) return;
    expect(new Set(codes)).toEqual(new Set(['containment.call_aborted']));
    expect(states).toEqual(['open', 'open']);
    expect(others.map(({ isError }) => isError)).toEqual([false, false]);
  });
