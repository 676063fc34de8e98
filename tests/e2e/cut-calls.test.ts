/**
 * What a stop leaves of a call at a tool server over HTTP that hears no cancellation: nothing. Its exchange is closed, in both revisions of MCP, and no other call at the same
 * server is touched. Read from the server's own view.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DeafCall, DeafServer, deafTools } from '@atf/gateway/testing/deaf-server.fixture';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, Product, resume, type Signed, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const servers = ['elder', 'modern'] as const;
const granted = servers.flatMap((server) => deafTools.map((tool) => `${server}/${tool}`));
const deaf = new DeafServer();
let product: Product;
let security: Signed;

beforeAll(async () => {
  product = await Product.start();
  const url = await deaf.start();
  const operator = await product.operator();
  const grants = servers.map((name) => `${name}:\n  privateNetwork: true\n`).join('');
  appendFileSync(join(product.dataDir, 'gateway', 'servers.yaml'), `\n${grants}`);
  const facts = { domain: 'orders', outputTrust: 'trusted' } as const;
  // One connection for all agents, so that what is cut of one is beside what goes on of another.
  for (const name of servers)
    await operator.call('servers.add', {
      body: { name, transport: { kind: 'http', url: `${url}/${name}` }, stateless: true, ...facts },
    });
  await until('the tools to be active', async () => {
    const { items } = await operator.call('tools.list');
    const active = items.flatMap(({ server, name, state }) =>
      state === 'active' ? [`${server}/${name}`] : [],
    );
    return granted.every((tool) => active.includes(tool)) ? true : undefined;
  });
  for (const server of servers)
    for (const name of deafTools)
      await operator.call('tools.classify', {
        params: { server, name },
        body: { class: 'read', sensitivity: 'public', domain: 'orders' },
      });
  for (const name of ['one', 'two'])
    await operator.call('agents.register', {
      body: { manifest: readerManifest(name, granted), format: 'yaml' },
    });
  security = await product.signIn('yuki.mori@example.com');
});
afterAll(async () => {
  await product.remove();
  deaf.stop();
});

/** Calls of two agents are under way at this server, and one of them is killed. Undefined when control was not heard meanwhile, which cuts everything. */
async function round(server: string, n: number) {
  const begin = async (agent: string, tool: string) => {
    const client = await (await product.agent(agent)).mcp(server);
    const note = `${server} ${n} ${agent} ${tool}`;
    const answer = call(client, tool, { note });
    const seen: DeafCall = await until(`${note} at the server`, () => deaf.find(note));
    return { answer, seen };
  };
  const cut = [await begin('one', 'read'), await begin('one', 'stream')];
  const spared = [await begin('two', 'read'), await begin('two', 'stream')];
  const { id } = await security.client.call('agents.show', { params: { id: 'one' } });
  const scope = { kind: 'agent' as const, id };
  const body = { scope, state: 'killed' as const, reason: 'drill' };
  const { callsAborted } = await security.client.call('containment.stop', { body });
  const answers = await Promise.all(cut.map(async ({ answer }) => await answer));
  const closed = () => (cut.every(({ seen }) => seen.state === 'closed') ? true : undefined);
  await until('what was cut to be closed', closed);
  const states = spared.map(({ seen }) => seen.state);
  for (const { seen } of spared) seen.end();
  const others = await Promise.all(spared.map(async ({ answer }) => await answer));
  await resume(security, { scope, reason: 'drill is over' });
  await product.heard('one', server);
  const stale = [...answers, ...others].some(({ atf }) => atf.code === 'containment.feed_stale');
  return stale ? undefined : { callsAborted, answers, states, others };
}

for (const server of servers)
  it(`a kill closes the calls of the ${server} revision that it cuts, and no other`, async () => {
    let n = 0;
    const heard = 'a round in which control was heard throughout';
    const { callsAborted, answers, states, others } = await until(heard, () => round(server, n++), 60_000);
    expect(callsAborted).toBe(answers.length);
    for (const { atf } of answers)
      expect(atf).toMatchObject({ code: 'containment.call_aborted', outcome: 'unknown' });
    expect(states).toEqual(['open', 'open']);
    for (const { isError } of others) expect(isError).toBe(false);
  });
