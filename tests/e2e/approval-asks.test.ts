/**
 * Approvals that a client waits for: by elicitation in URL mode (2025-11-25), by input that the call still needs (2026-07-28). What the client answers releases
 * nothing; the person in the console does.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client as ElderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as ElderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitationCompleteNotificationSchema,
  ElicitRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, type McpAgent, Product, type Signed } from './product.ts';
import { type RawAnswer, rawCall } from './raw-call.ts';

let product: Product;
let approver: Signed;
let agent: McpAgent;
beforeAll(async () => {
  product = await Product.start();
  approver = await product.signIn('paula.reyes@example.com');
  agent = await product.agent('junior-support');
});
afterAll(async () => product.remove());

const refund = (order: string, amount: number) => ({
  order_id: order,
  amount,
  currency: 'EUR',
  reason: 'arrived broken',
});
async function effects(order: string): Promise<number> {
  const text = await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line.includes('refund.created') && line.includes(order)).length;
}
const reject = async (id: string) =>
  await approver.client.call('approvals.reject', { params: { id }, body: { reason: 'not this one' } });

interface Page {
  readonly mode?: string;
  readonly url?: string;
  readonly elicitationId?: string;
  readonly message: string;
}
const idOf = ({ url = '' }: Page): string => url.split('/').at(-1) ?? '';
type OnPage = (page: Page) => Promise<'accept' | 'decline'>;
const capabilities = { elicitation: { url: {} } };
const address = () => new URL(`${agent.credential.gatewayUrl}/mcp/back-office`);

async function elder(onPage: OnPage) {
  const client = new ElderClient({ name: 'e2e', version: '1' }, { capabilities });
  const completed: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => ({
    action: await onPage(params as Page),
  }));
  client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
    completed.push(params.elicitationId);
  });
  await client.connect(new ElderTransport(address(), { fetch: agent.fetch }) as never);
  return { client, completed };
}
async function modern(onPage: OnPage) {
  const client = new Client(
    { name: 'e2e', version: '1' },
    { capabilities, versionNegotiation: { mode: 'auto' } },
  );
  client.setRequestHandler('elicitation/create', async ({ params }) => ({
    action: await onPage(params as Page),
  }));
  await client.connect(new StreamableHTTPClientTransport(address(), { fetch: agent.fetch }));
  return { client, completed: undefined };
}
const revisions = [
  ['2025-11-25', elder, 'O-5002'],
  ['2026-07-28', modern, 'O-5003'],
] as const;

/** One request of 2026-07-28. */
const raw = (params: Record<string, unknown>, by: McpAgent = agent): Promise<RawAnswer> =>
  rawCall(by, address(), params, capabilities);
const given = (action: string) => ({ inputResponses: { atf_approval: { action } } });

describe('a call that waits for a person', () => {
  it.each(revisions)(
    'shows the page and goes on once a person has released it (%s)',
    async (_, connect, order) => {
      const pages: Page[] = [];
      const { client, completed } = await connect(async (page) => {
        pages.push(page);
        expect(await effects(order)).toBe(0);
        setTimeout(() => void approve(approver, idOf(page)), 100);
        return 'accept';
      });
      const result = await client.callTool({ name: 'create_refund', arguments: refund(order, 12.5) });
      expect(result.isError ?? false, JSON.stringify(result)).toBe(false);
      expect(await effects(order)).toBe(1);
      const [page] = pages;
      expect(page).toMatchObject({ mode: 'url' });
      expect(page?.url).toMatch(`${product.ready.controlUrl}/approvals/`);
      if (completed !== undefined) expect(completed).toEqual([page?.elicitationId]);
      await client.close();
    },
  );

  it.each(revisions)('is not released by what its client answers (%s)', async (_, connect, order) => {
    const { client } = await connect(async () => 'decline');
    const declined = await client.callTool({ name: 'create_refund', arguments: refund(order, 13.5) });
    expect(declined).toMatchObject({ isError: true, _meta: { atf: { outcome: 'waiting' } } });
    await client.close();
    const { client: other } = await connect(async (page) => {
      setTimeout(() => void reject(idOf(page)), 100);
      return 'accept';
    });
    const rejected = await other.callTool({ name: 'create_refund', arguments: refund(order, 14.5) });
    expect(rejected).toMatchObject({ isError: true, _meta: { atf: { code: 'maturity.approval_rejected' } } });
    expect(await effects(order)).toBe(1);
    await other.close();
  });

  it('has a state that counts for this agent and this request only', async () => {
    const call = { name: 'create_refund', arguments: refund('O-5004', 15.5) };
    const first = await raw(call);
    expect(first.result?.resultType).toBe('input_required');
    const { requestState = '' } = first.result ?? {};
    const [, body = ''] = requestState.split('.');
    const { approval } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { approval: string };
    const forged = Buffer.from(JSON.stringify({ approval, agent: 'x', request: 'y' })).toString('base64url');
    const other = await product.agent('senior-support');
    for (const [params, by] of [
      [{ ...call, requestState: `${requestState}x` }, agent],
      [{ ...call, requestState: requestState.replace(body, forged) }, agent],
      [{ ...call, arguments: refund('O-5004', 999), requestState }, agent],
      [{ ...call, requestState }, other],
    ] as const) {
      const refused = await raw({ ...params, ...given('accept') }, by);
      expect(refused.error).toMatchObject({ code: -32602, data: { code: 'request.state_unknown' } });
    }
    const unanswered = await raw({ ...call, requestState });
    expect(unanswered.result).toMatchObject({ isError: true, _meta: { atf: { outcome: 'waiting' } } });
    await approve(approver, approval);
    const [one, two] = await Promise.all([
      raw({ ...call, requestState, ...given('accept') }),
      raw({ ...call, requestState, ...given('accept') }),
    ]);
    expect([one, two].some(({ result }) => result?.isError !== true)).toBe(true);
    expect(await effects('O-5004')).toBe(1);
    // The state stands for the approval: whoever comes again gets the stored result, and nothing runs.
    const late = await raw({ ...call, requestState, ...given('accept') });
    expect(late.result?.isError).toBeUndefined();
    expect(await effects('O-5004')).toBe(1);
  });

  it('is carried out after a restart of the gateway under the same state', async () => {
    const call = { name: 'create_refund', arguments: refund('O-5005', 16.5) };
    const { requestState = '' } = (await raw(call)).result ?? {};
    const [, body = ''] = requestState.split('.');
    const { approval } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { approval: string };
    await approve(approver, approval);
    await product.crash('gateway');
    const done = await raw({ ...call, requestState, ...given('accept') });
    expect(done.result?.isError, JSON.stringify(done)).toBeUndefined();
    expect(await effects('O-5005')).toBe(1);
  });
});
