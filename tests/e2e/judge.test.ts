/**
 * A judge of intents (S-2) through the front door: an HTTP endpoint of the company is asked before an agent changes something, and after it has read; what it does not
 * see goes to a person, what it does not answer too, and nothing that it says lets anything pass.
 */
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Answer, call, Product, released, root, type Signed, until } from './product.ts';

type Asked = Record<string, unknown> & { readonly tool: string };

/** A small judge. */
class TestJudge {
  readonly asked: Asked[] = [];
  headers: IncomingMessage['headers'] = {};
  /** What it answers; undefined: never. */
  says: (asked: Asked) => string | undefined | Promise<string> = () => '{"agrees":true}';
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/intent`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    this.headers = request.headers;
    const asked = JSON.parse(text) as Asked;
    this.asked.push(asked);
    const answer = await this.says(asked);
    if (answer !== undefined) response.setHeader('content-type', 'application/json').end(answer);
  }
}

const judge = new TestJudge();
const folder = mkdtempSync(join(tmpdir(), 'atf-judge-'));
let product: Product;
let operator: ControlClient;
let approver: Signed;
let office: Client;

const agent = 'senior-support';
let amount = 0;
/** A refund that a Senior makes alone, another each time. */
const refund = (more: number = ++amount) =>
  call(office, 'create_refund', { order_id: 'O-5007', amount: more, currency: 'EUR', reason: 'damaged' });
const read = (order: string) => call(office, 'get_order', { order_id: order });

async function records({ atf: { actionId = '' } }: Answer) {
  const story = await operator.call('actions.show', { params: { id: actionId } }).catch(() => undefined);
  return (story?.records ?? []).map(
    ({ entry }) => JSON.parse(entry) as { type: string; body: { facts?: Record<string, unknown> } },
  );
}

beforeAll(async () => {
  const url = await judge.start();
  cpSync(join(root, 'policies'), folder, { recursive: true });
  appendFileSync(
    join(folder, 'settings.yaml'),
    `\njudge: { url: "${url}", timeoutMs: 4000, unanswered: ask }\n`,
  );
  product = await Product.start({
    args: ['--policies', folder],
    env: { TEST_JUDGE_KEY: 'Bearer of-the-judge' },
  });
  appendFileSync(
    join(product.dataDir, 'gateway', 'servers.yaml'),
    '\natf-judge: { privateNetwork: true, headersFrom: { authorization: TEST_JUDGE_KEY } }\n',
  );
  operator = await product.operator();
  approver = await product.signIn('paula.reyes@example.com');
});
beforeEach(async () => {
  judge.says = () => '{"agrees":true,"why":"ignored"}';
  office = await (await product.agent(agent)).mcp('back-office');
});
afterAll(async () => {
  await product.remove();
  judge.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('is asked before a change, without arguments, and its verdict is on record', async () => {
  const done = await refund();
  expect(done.isError, done.text).toBe(false);
  const asked = judge.asked.at(-1);
  expect(asked).toMatchObject({ agent, tool: 'back-office/create_refund', class: 'write' });
  expect(Object.keys(asked ?? {}).toSorted()).toEqual(['agent', 'class', 'purpose', 'tool']);
  expect(judge.headers.authorization).toBe('Bearer of-the-judge');
  const intent = await until('the intent on record', async () =>
    (await records(done)).find(({ type }) => type === 'action.intent'),
  );
  expect(intent.body.facts?.['judged']).toEqual({ verdict: 'agrees', unanswered: 'ask' });
});

it('what it does not see goes to a person, once for each call', async () => {
  judge.says = () => '{"agrees":false}';
  const mine = ++amount;
  const asked = await refund(mine);
  expect(asked.atf.code).toBe('maturity.approval_required');
  expect(asked.text).toContain('the judge of intents does not see what it is for');
  await released(approver, asked.atf.approvalId, () => refund(mine));
  expect((await refund()).atf.code).toBe('maturity.approval_required');
});

it.each([
  ['never', undefined],
  ['with something else', '{"agrees":"yes"}'],
  ['twice', '{"agrees":false,"agrees":true}'],
  ['without end', `{"agrees":true,"why":"${'x'.repeat(100_000)}"}`],
])('answers %s: a person decides', async (_how, text) => {
  judge.says = () => text;
  const asked = await refund();
  expect(asked.atf.code).toBe('maturity.approval_required');
  expect(asked.text).toContain('the judge of intents did not answer');
});

it('agrees after a stop: nothing happens', async () => {
  const { id } = await operator.call('agents.show', { params: { id: 'principal-operations' } });
  const other = await (await product.agent('principal-operations')).mcp('back-office');
  let agree: () => void = () => undefined;
  const held = new Promise<void>((done) => {
    agree = done;
  });
  const before = judge.asked.length;
  judge.says = () => held.then(() => '{"agrees":true}');
  const calling = call(other, 'update_order_status', { order_id: 'O-5001', status: 'shipped' }).then(
    ({ atf }) => atf.code,
    (error: Error) => error.message,
  );
  await until('the judge to be asked', () => (judge.asked.length > before ? true : undefined));
  const scope = { kind: 'agent' as const, id };
  await operator.call('containment.stop', { body: { scope, state: 'killed', reason: 'a drill' } });
  agree();
  expect(await calling).toContain('containment.agent_stopped');
});

it('is asked about reads afterwards; a doubt holds the next change back until a person has looked', async () => {
  judge.says = ({ tool }) => `{"agrees":${tool !== 'back-office/get_order'}}`;
  const instance = await product.agent(agent);
  office = await instance.mcp('back-office');
  const seen = await read('O-5001');
  expect(seen.isError).toBe(false);
  const doubted = await until('the doubt on record', async () =>
    (await records(seen)).find(({ type }) => type === 'action.intent_doubted'),
  );
  expect(JSON.stringify(doubted)).not.toContain('O-5001');

  expect((await refund()).text).toContain('does not see what this instance read before');
  // Another instance was not doubted; another session of the same one is no way around it.
  office = await (await product.agent(agent)).mcp('back-office');
  expect((await refund()).isError).toBe(false);
  office = await (await product.sessionWithoutTask(instance)).mcp('back-office');
  const mine = ++amount;
  const asked = await refund(mine);
  expect(asked.atf.code).toBe('maturity.approval_required');

  await released(approver, asked.atf.approvalId, () => refund(mine));
  const free = await refund();
  expect(free.isError, free.text).toBe(false);
});
