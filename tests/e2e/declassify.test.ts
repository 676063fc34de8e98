/**
 * Declassification (S-4), through the front door: what a session has read binds what it sends until a person who answers for security, and not for the agent, declares
 * it harmless. Tried as the agent, as its owner, with the token of the host, with a review that is stale, and while it goes on reading; over crashes of both planes.
 */
import { sha256 } from '@atf/core/digest';
import { type Labels, type LabelsView, loweredShownText } from '@atf/core/wire/labels';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, handingOver } from './cli-run.ts';
import { approve, call, type McpAgent, Product, type Signed, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const name = 'principal-operations';
const clean = { confidentiality: 'public', integrity: 'trusted' } as const;
const reason = 'Ada is an example that we made up';

let product: Product;
let operator: ControlClient;
let security: Signed;
let owner: Signed;
let approver: Signed;
let agent: McpAgent;
let client: Client;

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );
let mails = 0;
const mail = () =>
  call(client, 'send_email', { to: 'ada@example.com', subject: `order ${mails++}`, body: 'On its way.' });
const readPrivate = async () =>
  expect((await call(client, 'search_customers', { query: 'Ada' })).isError).toBe(false);
const readUntrusted = async () =>
  expect((await call(client, 'get_order', { order_id: 'O-5001' })).isError).toBe(false);
const isHeld = async () => (await mail()).atf.code === 'maturity.approval_required';

/** The newest instance of the agent that has read something. */
async function labels(): Promise<LabelsView> {
  const { items } = await operator.call('labels.list', { params: { id: name } });
  const own = items.find(({ holder }) => holder === agent.credential.instanceId);
  if (own === undefined) throw new Error('it has no labels');
  return own;
}
const review = (by: ControlClient, holder: string) => by.call('labels.review', { params: { id: holder } });
async function lower(by: Signed, { holder, revision }: LabelsView, to: Labels = clean, shown: Labels = to) {
  const digest = sha256(loweredShownText({ holder, revision, to: shown, reason }));
  const presence = await by.presence({ kind: 'labels', id: holder, digest });
  const body = { revision, ...to, reason, presence };
  return await by.client.call('labels.lower', { params: { id: holder }, body });
}

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  const first = await product.open(product.ready.signInUrl ?? '');
  await first.presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
  security = await product.signInCleared('yuki.mori@example.com', first);
  owner = await product.signInCleared('ines.marchetti@example.com', first);
  approver = await product.signInCleared('paula.reyes@example.com', first);
  agent = await product.agent(name);
  client = await agent.mcp('back-office');
});
afterAll(async () => product.remove());

describe('what it has read', () => {
  it('is shown, with where from and since when, and binds what it sends', async () => {
    await readPrivate();
    await readUntrusted();
    expect(await isHeld()).toBe(true);
    const shown = await labels();
    expect(shown).toMatchObject({
      kind: 'instance',
      confidentiality: 'confidential',
      integrity: 'untrusted',
    });
    expect(shown.sources.map(({ tool }) => tool)).toEqual([
      'back-office/search_customers',
      'back-office/get_order',
    ]);
    const told = await atf(['agent', 'labels', name, '--data', product.dataDir]);
    expect(told.stdout).toMatch(
      /confidential, untrusted\n +back-office\/search_customers: confidential, \w+, since /,
    );
  });

  it.each([
    ['the owner', () => review(owner.client, agent.credential.instanceId)],
    ['somebody who approves', () => review(approver.client, agent.credential.instanceId)],
    ['the owner, lowering', async () => lower(owner, await labels())],
  ])('is not declared harmless by %s', async (_, work) => {
    expect(await codeOf(work())).toBe('people.not_allowed');
    expect(await isHeld()).toBe(true);
  });

  it('nor with the token of the host, which is nobody who is present', async () => {
    expect(await codeOf(review(operator, agent.credential.instanceId))).toBe('people.presence_required');
    const { holder, revision } = await labels();
    const body = { revision, ...clean, reason, presence: 'x'.repeat(43) };
    const lowering = operator.call('labels.lower', { params: { id: holder }, body });
    expect(await codeOf(lowering)).toBe('people.presence_required');
  });

  it('nor by the agent, with its own credential', async () => {
    for (const step of ['review', 'lower']) {
      const url = `${product.ready.controlUrl}/v1/labels/${agent.credential.instanceId}/${step}`;
      const { token, tokenType } = agent.credential;
      const headers = { 'content-type': 'application/json', authorization: `${tokenType} ${token}` };
      const answer = await fetch(url, { method: 'POST', headers, body: '{}' });
      expect(answer.status).toBe(401);
    }
  });

  it('nor by whoever answers for security and for the agent itself', async () => {
    const manifest = readerManifest('own-reader', ['back-office/get_order']).replace(
      'technicalOwner: tomas.novak@example.com',
      'technicalOwner: yuki.mori@example.com',
    );
    await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    const own = await product.agent('own-reader');
    const read = await until('a read', async () => {
      const answer = await call(await own.mcp('back-office'), 'get_order', { order_id: 'O-5001' });
      return answer.isError ? undefined : answer;
    });
    expect(read.isError).toBe(false);
    expect(await codeOf(review(security.client, own.credential.instanceId))).toBe('people.not_allowed');
  });

  it('nor without a look at it, nor by a look before which it goes on reading', async () => {
    expect(await codeOf(lower(security, await labels()))).toBe('segmentation.labels_changed');
    const shown = await review(security.client, agent.credential.instanceId);
    // From the same tool as before: its labels do not rise by that.
    await readPrivate();
    expect(await codeOf(lower(security, shown))).toBe('segmentation.labels_changed');
    expect(await isHeld()).toBe(true);
    const again = await review(security.client, agent.credential.instanceId);
    const less = { ...clean, integrity: 'untrusted' } as const;
    expect(await codeOf(lower(security, again, clean, less))).toBe('people.presence_invalid');
    expect(await isHeld()).toBe(true);
  });
});

describe('a person who answers for security', () => {
  it('declares it harmless, on record, and what waits for a person waits on', async () => {
    const waiting = await mail();
    const words = ['agent', 'declassify', name, agent.credential.instanceId, '--no-open'];
    const deciding = await handingOver([...words, '--data', product.dataDir]);
    const shown = await review(security.client, agent.credential.instanceId);
    expect(await lower(security, shown)).toMatchObject(clean);
    expect((await deciding.ended).stdout).toContain(
      `instance ${agent.credential.instanceId}: public, trusted`,
    );
    await until('it to send', async () => ((await isHeld()) ? undefined : true));
    const shownApproval = await approver.client.call('approvals.show', {
      params: { id: waiting.atf.approvalId ?? '' },
    });
    expect(shownApproval.state).toBe('waiting');
    await approve(approver, waiting.atf.approvalId ?? '');
    const { items } = await operator.call('activity.list', { query: { limit: 200 } });
    expect(items.some(({ type }) => type === 'segmentation.labels_lowered')).toBe(true);
  });

  it.each(['gateway', 'control'] as const)('also when the %s is killed and started again', async (plane) => {
    await product.crash(plane);
    client = await (await product.sessionWithoutTask(agent)).mcp('back-office');
    await until('it to send', async () =>
      (await mail().catch(() => undefined))?.isError === false ? true : undefined,
    );
    // An answer of the mail service is internal, and that is all that it has read since.
    expect(await labels()).toMatchObject({ confidentiality: 'internal', integrity: 'trusted' });
  });

  it('does not declare harmless what it reads afterwards', async () => {
    await readUntrusted();
    expect(await isHeld()).toBe(false);
    await readPrivate();
    expect(await isHeld()).toBe(true);
  });
});

it('each decision is made again from its record as it was', async () => {
  expect((await atf(['audit', 'verify', '--data', product.dataDir])).code).toBe(0);
  const [again] = documents(
    await atf(['agent', 'try-level', name, 'principal', '--json', '--data', product.dataDir]),
  );
  expect(again).toMatchObject({ changed: 0, unreplayable: [] });
});
