/**
 * Information flow (S-4), through the front door: an agent reads a confidential record and something that others may have written; then what it sends waits for a
 * person, who is told of both. Neither a new session nor a restart of a plane washes it clean; only a task begins with nothing.
 */
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type McpAgent, Product, released, type Signed, until } from './product.ts';

let product: Product;
let owner: Signed;
let approver: Signed;
const name = 'principal-operations';

beforeAll(async () => {
  product = await Product.start();
  owner = await product.signIn('ines.marchetti@example.com');
  approver = await product.signIn('paula.reyes@example.com');
});
afterAll(async () => product.remove());

let mails = 0;
/** Another e-mail each time: a released one answers for every equal call of the agent. */
const mail = (client: Client, to = 'ada@example.com') =>
  call(client, 'send_email', { to, subject: `order ${mails++}`, body: 'On its way.' });
const office = (agent: McpAgent) => agent.mcp('back-office');
const readPrivate = async (client: Client) =>
  expect((await call(client, 'search_customers', { query: 'Ada' })).isError).toBe(false);
const readUntrusted = async (client: Client) =>
  expect((await call(client, 'get_order', { order_id: 'O-5001' })).isError).toBe(false);

async function tainted(): Promise<McpAgent> {
  const agent = await product.agent(name);
  const client = await office(agent);
  await readPrivate(client);
  await readUntrusted(client);
  return agent;
}

const both =
  /confidential content \(back-office\/search_customers\).*others may have written \(back-office\/get_order\)/;
async function expectHeld(agent: McpAgent): Promise<string> {
  const asked = await mail(await office(agent));
  expect(asked.atf.code, asked.text).toBe('maturity.approval_required');
  expect(asked.text).toMatch(both);
  return asked.atf.approvalId ?? '';
}

async function intentOf(actionId: string | undefined) {
  return await until('the intent on record', async () => {
    const story = await owner.client
      .call('actions.show', { params: { id: actionId ?? '' } })
      .catch(() => undefined);
    return story?.records
      .map(({ entry }) => JSON.parse(entry) as { type: string; body: { facts: Record<string, unknown> } })
      .find(({ type }) => type === 'action.intent' || type === 'action.asked');
  });
}

describe('a session that has read', () => {
  it('only something private, or only something of others, sends as before', async () => {
    const one = await office(await product.agent(name));
    await readPrivate(one);
    expect((await mail(one)).isError).toBe(false);
    const other = await office(await product.agent(name));
    await readUntrusted(other);
    expect((await mail(other)).isError).toBe(false);
  });

  it('both, sends only what a person releases, who is told of both', async () => {
    const agent = await tainted();
    const client = await office(agent);
    const to = { to: 'ada@example.com', subject: 'released', body: 'On its way.' };
    const asked = await call(client, 'send_email', to);
    expect(asked.text).toMatch(both);
    const { approvalId = '', actionId } = asked.atf;
    const shown = await approver.client.call('approvals.show', { params: { id: approvalId } });
    expect(shown.because).toMatch(both);
    expect((await intentOf(actionId)).body.facts['flow']).toEqual({
      confidentiality: 'confidential',
      integrity: 'untrusted',
      private: ['back-office/search_customers'],
      untrusted: ['back-office/get_order'],
    });
    await released(approver, approvalId, () => call(client, 'send_email', to));
    // What stays inside goes on.
    const status = await call(client, 'update_order_status', { order_id: 'O-5001', status: 'shipped' });
    expect(status.isError, status.text).toBe(false);
    // That one was released, and no other.
    await expectHeld(agent);
  });

  it('a call that began before the other ended does not slip through', async () => {
    const client = await office(await product.agent(name));
    await readUntrusted(client);
    const [read, ...sent] = await Promise.all([
      call(client, 'search_customers', { query: 'Ada' }),
      ...Array.from({ length: 5 }, () => mail(client)),
    ]);
    expect(read.isError).toBe(false);
    expect(sent.length).toBe(5);
    // Whichever were sent had been asked for before anything private was there; afterwards none is.
    expect((await mail(client)).atf.code).toBe('maturity.approval_required');
  });
});

describe('it is not shed', () => {
  it('in another session of the same instance', async () => {
    const agent = await tainted();
    await expectHeld(await product.sessionWithoutTask(agent));
  });

  it.each(['gateway', 'control'] as const)('when the %s is killed and started again', async (plane) => {
    const agent = await tainted();
    await product.crash(plane);
    await expectHeld(await product.sessionWithoutTask(agent));
  });

  it('by a task: what was read for it is not unread when the instance goes on without', async () => {
    const { id } = await owner.client.call('agents.show', { params: { id: name } });
    const words = 'Send an e-mail to ada@example.com: the order is on its way.';
    const task = await owner.client.call('tasks.give', { params: { id }, body: { words } });
    const agent = await product.agent(name, { task: task.id });
    const client = await office(agent);
    await readPrivate(client);
    await readUntrusted(client);
    // What the person asked for, to whom the person said, is sent.
    const sent = await mail(client);
    expect(sent.isError, sent.text).toBe(false);
    const elsewhere = await mail(client, 'eve@evil.example');
    expect(elsewhere.atf.code).toBe('maturity.approval_required');
    expect(elsewhere.text).toMatch(both);
    await expectHeld(await product.sessionWithoutTask(agent));
  });
});

describe('a task', () => {
  it('begins with nothing, whatever the instance has read before', async () => {
    const { id } = await owner.client.call('agents.show', { params: { id: name } });
    const tell = { params: { id }, body: { words: 'Tell ada@example.com by e-mail that all is well.' } };
    const agent = await tainted();
    await expectHeld(agent);
    const task = await owner.client.call('tasks.give', tell);
    const sent = await mail(await office(await product.nextSession(agent, task.id)));
    expect(sent.isError, sent.text).toBe(false);
    expect((await intentOf(sent.atf.actionId)).body.facts['flow']).toMatchObject({
      confidentiality: 'public',
      integrity: 'trusted',
    });
  });
});
