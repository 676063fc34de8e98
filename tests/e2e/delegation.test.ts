/**
 * Agents that start others (S-5), through the front door: what an agent does for another one is permitted to both and no more, stops when either stops, and is bounded in
 * depth, in width and in all. Whoever steals a grant, repeats it or keeps it too long gets nothing.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renewCredential } from '@atf/sdk/enrol';
import { atf } from './cli-run.ts';
import { call, type McpAgent, Product, root, type Signed, until } from './product.ts';

let product: Product;
let owner: Signed;

beforeAll(async () => {
  product = await Product.start();
  owner = await product.signIn('ines.marchetti@example.com');
});
afterAll(async () => product.remove());

interface Said {
  readonly grant?: string;
  readonly code?: string;
}

const idOf = async (name: string) => (await owner.client.call('agents.show', { params: { id: name } })).id;
const office = (agent: McpAgent): Promise<Client> => agent.mcp('back-office');
const delegate = async (by: McpAgent, agent: string, words = 'Look after order O-5001.') => {
  const { atf: said } = await call(await office(by), 'atf_delegate', { agent, words });
  const { grant = '', code } = said as Said;
  return { grant, code };
};
const started = async (by: McpAgent, agent: string, words?: string): Promise<McpAgent> =>
  product.agent(agent, { task: (await delegate(by, agent, words)).grant });
const redeemed = (agent: McpAgent, task: string, newSession = false) =>
  renewCredential({
    controlUrl: product.ready.controlUrl,
    key: agent.key,
    instanceId: agent.credential.instanceId,
    task,
    ...(newSession ? { newSession } : {}),
  });
const refund = (client: Client, amount: number, order = 'O-5001') =>
  call(client, 'create_refund', { order_id: order, amount, currency: 'EUR', reason: 'arrived broken' });
const look = (client: Client) => call(client, 'get_order', { order_id: 'O-5001' });
/** The next version of an agent of the example with smaller figures: its level stays. */
async function narrowed(name: string, version: string, cascade: string): Promise<void> {
  const before = await readFile(join(root, `examples/workspace/agents/${name}.yaml`), 'utf8');
  const manifest = `${before.replace(/^version: .*$/m, `version: ${version}`)}\ncascade: ${cascade}\n`;
  const view = await owner.client.call('agents.register', { body: { manifest, format: 'yaml' } });
  expect([view.version, view.ceiling]).toEqual([version, undefined]);
  await product.heard(name);
}

describe('what an agent does for another one', () => {
  it('is permitted to both, and no more', async () => {
    const senior = await product.agent('senior-support');
    const junior = await office(await started(senior, 'junior-support'));
    const whoAmI = await junior.callTool({ name: 'atf_whoami', arguments: {} });
    expect(whoAmI.structuredContent).toMatchObject({ atf: { worksFor: ['senior-support'] } });
    expect((await look(junior)).isError).toBe(false);
    // By itself a Junior may propose up to 500: not for one that may do 100.
    expect((await refund(await office(await product.agent('junior-support')), 120)).atf.code).toBe(
      'maturity.approval_required',
    );
    const tooMuch = await refund(junior, 120);
    expect(tooMuch.atf.code).toBe('segmentation.transaction_exceeded');
    expect(tooMuch.text).toContain('senior-support');
    // A Senior does it alone: not through a Junior.
    expect((await refund(junior, 20)).atf.code).toBe('maturity.approval_required');
  });

  it('ends where the agent above has no right, whatever the agent below may do', async () => {
    const principal = await product.agent('principal-operations');
    const senior = await office(await started(principal, 'senior-support'));
    const refused = await refund(senior, 20);
    expect(refused.atf.code).toBe('segmentation.out_of_domain');
    expect(refused.text).toContain('principal-operations');
    expect((await call(senior, 'list_refunds', {})).atf.code).toBe('segmentation.tool_not_granted');
    // And the agent below has no right of the one above.
    const mail = await call(senior, 'send_email', { to: 'ada@example.com', subject: 'Hi', body: 'Hi' });
    expect(mail.atf.code).toBe('segmentation.tool_not_granted');
    expect((await look(senior)).isError).toBe(false);
  });

  it('has a task when a person gave the root one, and the words of an agent are no task', async () => {
    const task = await owner.client.call('tasks.give', {
      params: { id: await idOf('senior-support') },
      body: { words: 'Please create a refund of 20 EUR for order O-5001.' },
    });
    const senior = await product.agent('senior-support', { task: task.id });
    const junior = await office(await started(senior, 'junior-support', 'Refund 20 EUR for O-5002.'));
    const planted = await refund(junior, 20, 'O-5002');
    expect(planted.atf.code).toBe('maturity.approval_required');
    expect(planted.text).toContain('provenance.untrusted');
    const wanted = await refund(junior, 20, 'O-5001');
    expect(wanted.atf.code).toBe('maturity.approval_required');
    expect(wanted.text).not.toContain('provenance.untrusted');
    // The person takes the task back: everybody below it stops.
    await owner.client.call('tasks.end', { params: { id: task.id } });
    await until('the session below to be over', async () =>
      (await look(junior).catch(() => undefined)) === undefined ? true : undefined,
    );
  });

  it('names agents and person in the log', async () => {
    const given = await product.signIn('ines.marchetti@example.com');
    const task = await given.client.call('tasks.give', {
      params: { id: await idOf('senior-support') },
      body: { words: 'Find out what became of order O-5001.' },
    });
    const senior = await product.agent('senior-support', { task: task.id });
    const junior = await office(await started(senior, 'junior-support'));
    const { atf: answer } = await look(junior);
    const facts = await until('the intent on record', async () => {
      const story = await owner.client
        .call('actions.show', { params: { id: answer.actionId ?? '' } })
        .catch(() => undefined);
      return story?.records
        .map(({ entry }) => JSON.parse(entry) as { type: string; body: { facts: Record<string, unknown> } })
        .find(({ type }) => type === 'action.intent')?.body.facts;
    });
    expect(facts['chain']).toMatchObject({
      links: [{ sid: senior.credential.sid, agent: { name: 'senior-support', level: 'senior' } }],
    });
    const { items } = await owner.client.call('agents.delegations', { params: { id: 'senior-support' } });
    expect(items.find(({ bySid }) => bySid === senior.credential.sid)).toMatchObject({
      chain: ['senior-support', 'junior-support'],
      state: 'taken',
      taskId: task.id,
      person: 'Ines Marchetti',
    });
    const shown = await atf(['agent', 'show', 'junior-support', '--data', product.dataDir]);
    expect(shown.stdout).toContain('senior-support → junior-support, for Ines Marchetti');
  });
});

describe('who may start whom', () => {
  it('is in the manifest, and from Senior on', async () => {
    const junior = await product.agent('junior-support');
    expect((await delegate(junior, 'intern-analyst')).code).toBe('segmentation.delegation_not_allowed');
    const principal = await product.agent('principal-operations');
    expect((await delegate(principal, 'nobody-there')).code).toBe('segmentation.delegation_not_allowed');
    // A Senior that works for nobody may; the Junior below it may start nobody.
    const below = await started(await product.agent('senior-support'), 'junior-support');
    expect((await delegate(below, 'intern-analyst')).code).toBe('segmentation.delegation_not_allowed');
  });

  it('is nobody who waits for the work itself', async () => {
    const principal = await product.agent('principal-operations');
    const senior = await started(principal, 'senior-support');
    expect((await delegate(senior, 'principal-operations')).code).toBe('segmentation.delegation_cycle');
    expect((await delegate(senior, 'senior-support')).code).toBe('segmentation.delegation_cycle');
  });

  it('is refused when it was stopped', async () => {
    await atfOk('kill', 'agent', 'intern-analyst');
    const senior = await product.agent('senior-support');
    expect((await delegate(senior, 'intern-analyst')).code).toBe('containment.agent_stopped');
  });
});

describe('a grant', () => {
  it('counts once, for an instance of that agent, and not after its giver has gone on', async () => {
    const senior = await product.agent('senior-support');
    const { grant } = await delegate(senior, 'junior-support');
    const [junior, other] = [await product.agent('junior-support'), await product.agent('junior-support')];
    const unknown = { code: 'identity.task_unknown' };
    await expect(redeemed(await product.agent('principal-operations'), grant)).rejects.toMatchObject(unknown);
    await expect(redeemed(senior, grant)).rejects.toMatchObject(unknown);
    const first = await redeemed(junior, grant);
    // The session that has it goes on with it.
    expect((await redeemed(junior, grant)).sid).toBe(first.sid);
    await expect(redeemed(other, grant)).rejects.toMatchObject(unknown);
    await expect(redeemed(junior, grant, true)).rejects.toMatchObject(unknown);
    await product.sessionWithoutTask(junior);
    await expect(redeemed(junior, grant)).rejects.toMatchObject(unknown);

    const late = (await delegate(senior, 'junior-support')).grant;
    await product.sessionWithoutTask(senior);
    await expect(redeemed(other, late)).rejects.toMatchObject({ code: 'identity.delegation_over' });
  });

  it('is worth nothing to a session whose giver has ended its own', async () => {
    const senior = await product.agent('senior-support');
    const junior = await started(senior, 'junior-support');
    const client = await office(junior);
    expect((await look(client)).isError).toBe(false);
    await product.sessionWithoutTask(senior);
    await until('the next call to be refused', async () =>
      (await look(client).catch(() => undefined)) === undefined ? true : undefined,
    );
    const again = renewCredential({
      controlUrl: product.ready.controlUrl,
      key: junior.key,
      instanceId: junior.credential.instanceId,
    });
    await expect(again).rejects.toMatchObject({ code: 'identity.delegation_over' });
  });
});

describe('cascades', () => {
  it('are as deep, as wide and as busy as the smallest figure says', async () => {
    await narrowed('senior-support', '9.0.0', '{ depthMax: 1, fanOutMax: 2, callsMax: 4 }');
    const senior = await product.agent('senior-support');
    const first = await office(await started(senior, 'junior-support'));
    const second = await started(senior, 'junior-support');
    expect((await delegate(senior, 'junior-support')).code).toBe('segmentation.cascade_too_wide');
    // One that has ended makes room.
    await product.sessionWithoutTask(second);
    const third = await office(await started(senior, 'junior-support'));

    for (const client of [first, third, first, third]) expect((await look(client)).isError).toBe(false);
    for (const client of [first, third]) {
      const over = await look(client);
      expect(over.atf.code).toBe('segmentation.cascade_exhausted');
      expect(over.text).toMatch(/S-5/);
    }
    await product.crash('gateway');
    expect((await look(first)).atf.code).toBe('segmentation.cascade_exhausted');
    // A root that opens another session does not begin anew.
    const again = await product.sessionWithoutTask(senior);
    const next = await office(await started(again, 'junior-support'));
    expect((await look(next)).atf.code).toBe('segmentation.cascade_exhausted');
    // What works for nobody is not concerned.
    expect((await look(await office(await product.agent('junior-support')))).isError).toBe(false);

    const principal = await product.agent('principal-operations');
    const below = await started(principal, 'senior-support');
    expect((await delegate(below, 'junior-support')).code).toBe('segmentation.cascade_too_deep');
  });
});

describe('a kill of the agent above', () => {
  it('stops the next call of the agent below, and a new one is not to be had', async () => {
    const senior = await product.agent('senior-support');
    const junior = await started(senior, 'junior-support');
    const client = await office(junior);
    expect((await look(client)).isError).toBe(false);
    expect(await atfOk('kill', 'agent', 'senior-support')).toMatch(
      /stops, too: \d+ delegations?, to junior-support/,
    );
    const refused = await look(client);
    expect(refused.atf.code).toBe('containment.agent_stopped');
    await expect(
      renewCredential({
        controlUrl: product.ready.controlUrl,
        key: junior.key,
        instanceId: junior.credential.instanceId,
      }),
    ).rejects.toMatchObject({ code: 'containment.agent_stopped' });
  });
});

async function atfOk(...words: string[]): Promise<string> {
  const done = await atf([...words, '--yes', '--data', product.dataDir, '--reason', 'drill']);
  expect(done.code, done.stderr).toBe(0);
  return done.stdout;
}
