/**
 * The life of an action through the front door: real MCP clients against the running product with real tool servers. Effects are
 * read from the back office's own file, not from what anybody answers.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityItem } from '@atf/core/wire/api';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  approve,
  atOnceMs,
  atRest,
  call,
  type McpAgent,
  Product,
  resume,
  type Signed,
  slowCall,
  until,
} from './product.ts';

let product: Product;
let approver: Signed;
let security: Signed;

beforeAll(async () => {
  product = await Product.start();
  approver = await product.signIn('paula.reyes@example.com');
  security = await product.signIn('yuki.mori@example.com');
});
afterAll(async () => product.remove());

async function effects(word: string): Promise<string[]> {
  const text = await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line.includes(word));
}

const refund = (order: string, amount: number) => ({
  order_id: order,
  amount,
  currency: 'EUR',
  reason: 'arrived broken',
});

async function story(actionId: string | undefined): Promise<ActivityItem[]> {
  if (actionId === undefined) throw new Error('no action id');
  const operator = await product.operator();
  return until(`the story of ${actionId}`, async () => {
    const { items } = await operator
      .call('actions.show', { params: { id: actionId } })
      .catch(() => ({ items: [] }));
    return items.length > 0 ? items : undefined;
  });
}

describe('Intern', () => {
  let office: Client;
  beforeAll(async () => {
    office = await (await product.agent('intern-analyst')).mcp('back-office');
  });

  it('sees its tools and reads', async () => {
    const { tools } = await office.listTools();
    expect(tools.map(({ name }) => name)).toContain('get_order');
    const answer = await call(office, 'get_order', { order_id: 'O-5001' });
    expect(answer.isError).toBe(false);
    expect(answer.text).toContain('O-5001');
  });

  it('is refused a write with a reason that a model and a person can read, and nothing happens', async () => {
    const before = (await effects('refund.created')).length;
    const answer = await call(office, 'create_refund', refund('O-5001', 5));
    expect(answer).toMatchObject({ isError: true, atf: { code: 'policy.not_permitted' } });
    expect(answer.text).toMatch(/S-2/);
    expect((await effects('refund.created')).length).toBe(before);
    const items = await story(answer.atf.actionId);
    expect(items[0]).toMatchObject({
      agent: 'intern-analyst',
      tool: 'back-office/create_refund',
      outcome: 'refused',
      code: 'policy.not_permitted',
    });
  });

  it('is refused a tool that is not on its list', async () => {
    // A Junior may read, and this reads: only its list keeps it out.
    const junior = await (await product.agent('junior-support')).mcp('back-office');
    const { atf } = await call(junior, 'list_customers', {});
    expect(atf.code).toBe('segmentation.tool_not_granted');
    expect((await call(office, 'list_customers', {})).isError).toBe(false);
    expect((await call(office, 'delete_customer', { customer_id: 'C-1001' })).atf.code).toBe(
      'segmentation.tool_not_granted',
    );
    expect(await effects('customer.deleted')).toEqual([]);
  });

  it('is refused arguments outside the schema, without echoing them', async () => {
    const answer = await call(office, 'get_order', { order_id: 'sesame-open-4711' });
    expect(answer.atf.code).toBe('data.schema_invalid');
    expect(answer.text).not.toContain('sesame');
  });
});

describe('Junior', () => {
  let agent: McpAgent;
  let office: Client;
  beforeAll(async () => {
    agent = await product.agent('junior-support');
    office = await agent.mcp('back-office');
  });

  it('waits for a person; exactly that call runs, once, also under many equal retries; then the stored result returns', async () => {
    const asked = await call(office, 'create_refund', refund('O-5002', 12.5));
    expect(asked.atf.code).toBe('maturity.approval_required');
    const approvalId = asked.atf.approvalId as string;
    expect(await call(office, 'create_refund', refund('O-5002', 12.5))).toMatchObject({
      atf: { code: 'maturity.approval_required', approvalId },
    });
    const before = (await effects('refund.created')).length;

    const shown = await approver.client.call('approvals.show', { params: { id: approvalId } });
    expect(JSON.parse(shown.argsText ?? '')).toEqual(refund('O-5002', 12.5));
    await approve(approver, approvalId);

    const answers = await until('the released result', async () => {
      const all = await Promise.all(
        Array.from({ length: 12 }, () => call(office, 'create_refund', refund('O-5002', 12.5))),
      );
      return all.some(({ isError }) => !isError) ? all : undefined;
    });
    const done = answers.find(({ isError }) => !isError) as Answer;
    expect((await effects('refund.created')).length).toBe(before + 1);
    const again = await until('the stored result', async () => {
      const answer = await call(office, 'atf_approval_result', { approvalId });
      return answer.isError ? undefined : answer;
    });
    expect(again.text).toBe(done.text);
    expect((await effects('refund.created')).length).toBe(before + 1);
  });

  it('does not get another amount released by that approval', async () => {
    const before = (await effects('refund.created')).length;
    const asked = await call(office, 'create_refund', refund('O-5003', 20));
    await approve(approver, asked.atf.approvalId as string);
    const bent = await call(office, 'create_refund', refund('O-5003', 200));
    expect(bent.atf.code).toBe('maturity.approval_required');
    expect(bent.atf.approvalId).not.toBe(asked.atf.approvalId);
    expect((await effects('refund.created')).length).toBe(before);
  });

  it('is told of a rejection and its reason', async () => {
    const asked = await call(office, 'create_refund', refund('O-5004', 30));
    const id = asked.atf.approvalId as string;
    await approver.client.call('approvals.reject', { params: { id }, body: { reason: 'not our fault' } });
    const answer = await until('the rejection', async () => {
      const said = await call(office, 'atf_approval_result', { approvalId: id });
      return said.atf.code === 'maturity.approval_rejected' ? said : undefined;
    });
    expect(answer.isError).toBe(true);
  });

  it("cannot redeem another agent's approval", async () => {
    const asked = await call(office, 'create_refund', refund('O-5005', 9));
    await approve(approver, asked.atf.approvalId as string);
    const other = await (await product.agent('senior-support')).mcp('back-office');
    const stolen = await call(other, 'atf_approval_result', { approvalId: asked.atf.approvalId });
    expect(stolen).toMatchObject({ isError: true, atf: { code: 'approvals.not_found' } });
  });

  it('cannot be approved without presence, with a used one, or with one for another call', async () => {
    const first = (await call(office, 'create_refund', refund('O-5006', 1))).atf.approvalId as string;
    const second = (await call(office, 'create_refund', refund('O-5006', 2))).atf.approvalId as string;
    const a = await approver.client.call('approvals.show', { params: { id: first } });
    const b = await approver.client.call('approvals.show', { params: { id: second } });
    const presence = await approver.presence({ kind: 'approval', id: first, digest: a.shownDigest });
    const tryTo = (id: string, shownDigest: string, token: string) =>
      approver.client
        .call('approvals.approve', { params: { id }, body: { shownDigest, presence: token } })
        .then(
          () => 'approved',
          (error: { code?: string }) => error.code,
        );
    expect(await tryTo(second, b.shownDigest, presence)).toBe('people.presence_invalid');
    expect(await tryTo(second, b.shownDigest, 'x'.repeat(43))).toBe('people.presence_invalid');
    const fresh = await approver.presence({ kind: 'approval', id: first, digest: a.shownDigest });
    expect(await tryTo(first, b.shownDigest, fresh)).toBe('approvals.digest_mismatch');
    const right = await approver.presence({ kind: 'approval', id: first, digest: a.shownDigest });
    expect(await tryTo(first, a.shownDigest, right)).toBe('approved');
    expect(await tryTo(first, a.shownDigest, right)).not.toBe('approved');
  });
});

describe('Senior', () => {
  it('refunds within its limit, people are told what and why; above it is refused with the reason', async () => {
    const office = await (await product.agent('senior-support')).mcp('back-office');
    const before = (await effects('refund.created')).length;
    const done = await call(office, 'create_refund', refund('O-5007', 25));
    expect(done.isError).toBe(false);
    expect((await effects('refund.created')).length).toBe(before + 1);
    const told = await until('the notification', async () => {
      const { items } = await security.client.call('notifications.list');
      return items.find(({ actionId }) => actionId === done.atf.actionId);
    });
    expect(told).toMatchObject({ agent: 'senior-support', tool: 'back-office/create_refund' });
    expect(told.because.length).toBeGreaterThan(10);

    const above = await call(office, 'create_refund', refund('O-5007', 100.01));
    expect(above.atf.code).toBe('segmentation.transaction_exceeded');
    expect(above.text).toContain('100');
    expect((await effects('refund.created')).length).toBe(before + 1);
  });
});

describe('Principal', () => {
  it('acts in its domain and is refused outside, although the tool is on its list', async () => {
    const office = await (await product.agent('principal-operations')).mcp('back-office');
    const sent = await call(office, 'send_email', {
      to: 'customer@example.com',
      subject: 'Your order',
      body: 'It is on its way.',
    });
    expect(sent).toMatchObject({ isError: false });
    expect(await effects('email.sent')).toHaveLength(1);
    const outside = await call(office, 'create_refund', refund('O-5008', 1));
    expect(outside.atf.code).toBe('segmentation.out_of_domain');
  });
});

describe('a plain bearer token', () => {
  it('reads as Intern at most; other levels are not given one', async () => {
    const office = await (await product.agent('intern-analyst', { bearer: true })).mcp('back-office');
    const read = await call(office, 'get_order', { order_id: 'O-5001' });
    expect(read.isError).toBe(false);
    await expect(product.agent('senior-support', { bearer: true })).rejects.toThrow();
  });
});

describe('containment', () => {
  it('aborts a slow call under way, refuses the next, voids credentials; a person resumes with presence', async () => {
    const agent = await product.agent('principal-operations');
    const office = await agent.mcp('back-office');
    const progress = () => effects('report.step');
    const [running] = await slowCall(
      () => call(office, 'export_report', { seconds: 30 }),
      async () => (await progress()).length,
    );

    const started = performance.now();
    const { id } = await security.client.call('agents.show', { params: { id: 'principal-operations' } });
    const report = await security.client.call('containment.stop', {
      body: { scope: { kind: 'agent', id }, state: 'killed', reason: 'drill' },
    });
    const cut = await running;
    const tookMs = performance.now() - started;
    expect(cut).toMatchObject({ isError: true, atf: { code: 'containment.call_aborted' } });
    expect(report).toMatchObject({
      state: 'killed',
      callsAborted: 1,
      gateways: { connected: 1, confirmed: 1 },
    });
    expect(tookMs).toBeLessThan(atOnceMs);

    const next = await call(office, 'list_orders', {}).then(
      (answer) => answer.atf.code,
      (error: Error) => error.message,
    );
    expect(next).toBe('containment.agent_stopped');
    await atRest('the export', async () => (await progress()).length);

    await resume(security, { scope: { kind: 'agent', id }, reason: 'drill is over', ceiling: 'intern' });
    const shown = await security.client.call('agents.show', { params: { id } });
    expect(shown).toMatchObject({ state: 'active', level: 'principal', effectiveLevel: 'intern' });
    // The agent runs again; the credential from before the kill does not.
    const again = await (await product.agent('principal-operations')).mcp('back-office');
    await expect(call(office, 'list_orders', {})).rejects.toThrow(/credential|instance|session/i);
    expect((await call(again, 'list_orders', {})).isError).toBe(false);
    expect((await call(again, 'send_email', { to: 'a@example.com', subject: 's', body: 'b' })).atf.code).toBe(
      'policy.not_permitted',
    );

    const operator = await product.operator();
    await expect(
      operator.call('containment.resume', {
        body: { scope: { kind: 'agent', id }, reason: 'over', presence: 'y'.repeat(43) },
      }),
    ).rejects.toMatchObject({ status: 403 });
  });

  it('the fleet and a tool can be stopped; others go on', async () => {
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const files = await (await product.agent('intern-analyst')).mcp('files');
    await security.client.call('containment.stop', {
      body: { scope: { kind: 'tool', id: 'back-office/get_order' }, state: 'killed', reason: 'broken' },
    });
    expect((await call(office, 'get_order', { order_id: 'O-5001' })).atf.code).toBe(
      'containment.tool_stopped',
    );
    expect((await call(office, 'list_orders', {})).isError).toBe(false);
    expect((await call(files, 'list_directory', { path: join(product.dataDir, 'sandbox') })).isError).toBe(
      false,
    );
  });
});

describe('methods that are not governed', () => {
  it('are refused with a reason', async () => {
    const agent = await product.agent('intern-analyst');
    for (const method of ['tasks/list', 'roots/list', 'sampling/createMessage', 'elicitation/create']) {
      const response = await agent.fetch(`${agent.credential.gatewayUrl}/mcp/back-office`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: {} }),
      });
      expect(await response.text(), method).toMatch(/request\.method_refused/);
    }
  });
});
