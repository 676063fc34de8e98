/**
 * Calls that wait for a person, as tasks: of 2025-11-25, and of the extension of 2026-07-28. A task is its approval: it outlives the gateway, runs once, ends with
 * it, and is nobody else's.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient, type TaskEnabledSession } from '@modelcontextprotocol/ext-tasks/client';
import { Client as ElderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as ElderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type McpAgent, Product, type Signed, until } from './product.ts';

let product: Product;
let approver: Signed;
let agent: McpAgent;
let other: McpAgent;
beforeAll(async () => {
  product = await Product.start();
  approver = await product.signIn('paula.reyes@example.com');
  agent = await product.agent('junior-support');
  other = await product.agent('senior-support');
}, 120_000);
afterAll(async () => product.remove());

const refund = (order: string, amount: number) => ({
  name: 'create_refund',
  arguments: { order_id: order, amount, currency: 'EUR', reason: 'arrived broken' },
});
async function effects(order: string): Promise<number> {
  const text = await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line.includes('refund.created') && line.includes(order)).length;
}
const show = async (id: string) => await approver.client.call('approvals.show', { params: { id } });
async function approve(id: string): Promise<void> {
  const { shownDigest } = await show(id);
  const presence = await approver.presence({ kind: 'approval', id, digest: shownDigest });
  await approver.client.call('approvals.approve', { params: { id }, body: { shownDigest, presence } });
}
const reject = async (id: string) =>
  await approver.client.call('approvals.reject', { params: { id }, body: { reason: 'not this one' } });

interface Task {
  readonly taskId: string;
  readonly status: string;
  readonly statusMessage?: string;
  readonly ttlMs?: number;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  readonly resultType?: string;
  readonly result?: { readonly content: { readonly text: string }[]; readonly isError?: boolean };
  readonly error?: { readonly message: string; readonly data: { readonly atf: { readonly code: string } } };
  readonly inputRequests?: Record<string, { readonly params: { readonly url: string } }>;
}
interface Reply {
  readonly status: number;
  readonly result?: Task & { readonly content?: unknown; readonly isError?: boolean };
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: { readonly code?: string };
  };
}
const extension = 'io.modelcontextprotocol/tasks';
const declared = { extensions: { [extension]: {} } };
interface Rest {
  readonly by?: McpAgent;
  readonly capabilities?: object;
  readonly server?: string;
  readonly headers?: Record<string, string>;
}

/** One request of 2026-07-28. */
async function modern(method: string, params: Record<string, unknown>, rest: Rest = {}): Promise<Reply> {
  const { by = agent, capabilities = declared, server = 'back-office', headers } = rest;
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const name = params['name'] ?? params['taskId'];
  const response = await patient(by)(`${by.credential.gatewayUrl}/mcp/${server}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(name === undefined ? {} : { 'mcp-name': String(name) }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}
const get = async (taskId: string, rest: Rest = {}) => await modern('tasks/get', { taskId }, rest);
const created = async (order: string, amount: number, rest: Rest = {}): Promise<Task> => {
  const { result, error } = await modern('tools/call', refund(order, amount), rest);
  if (result?.resultType !== 'task') throw new Error(JSON.stringify(result ?? error));
  return result;
};
/** Until the gateway has heard of what control decided. */
const ends = async (taskId: string): Promise<Task> =>
  await until(
    `the task ${taskId} to end`,
    async () => {
      const { result, error } = await get(taskId);
      if (result === undefined) throw new Error(JSON.stringify(error));
      return result.status === 'working' ? undefined : result;
    },
    30_000,
  );

/** Sends again what was refused, before anything of it ran, because a loaded machine lost the lease. */
const patient =
  (by: McpAgent) =>
  async (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
    init?.method === 'POST'
      ? await until(
          'control to be heard',
          async () => {
            const response = await by.fetch(input, init);
            const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
            const text = isJson ? await response.clone().text() : '';
            return text.includes('"containment.feed_stale"') && !text.includes('"unknown"')
              ? undefined
              : response;
          },
          60_000,
        )
      : await by.fetch(input, init);
const address = (by: McpAgent) => new URL(`${by.credential.gatewayUrl}/mcp/back-office`);
const session2026 = async (): Promise<TaskEnabledSession> => {
  const clientInfo = { name: 'e2e', version: '1' };
  const client = new Client(clientInfo, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(address(agent), { fetch: patient(agent) }));
  return createTaskSessionFromClient(client, {
    endpointId: 'back-office',
    v2RequestFraming: { protocolVersion: '2026-07-28', clientInfo, clientCapabilities: {} },
    rawDispatch: async (request) => {
      const { method, params } = request as { method: string; params: Record<string, unknown> };
      const { result, error } = await modern(method, params);
      return error === undefined
        ? { kind: 'result', result: result as never }
        : { kind: 'error', error: error as never };
    },
  });
};
async function elder(): Promise<ElderClient> {
  const client = new ElderClient({ name: 'e2e', version: '1' });
  await client.connect(new ElderTransport(address(agent), { fetch: patient(agent) }) as never);
  return client;
}
const session2025 = async (): Promise<TaskEnabledSession> => {
  const client = new Client({ name: 'e2e', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(address(agent), { fetch: patient(agent) }));
  return createTaskSessionFromClient(client, { endpointId: 'back-office' });
};

describe('a call that waits for a person, as a task', { timeout: 120_000 }, () => {
  it.each([
    ['2025-11-25', session2025, 'O-5002'],
    ['2026-07-28', session2026, 'O-5003'],
  ] as const)('is followed by a client of the extension to its result (%s)', async (_, connect, order) => {
    const session = await connect();
    const { name, arguments: args } = refund(order, 12.5);
    const execution = await session.callTool(name, args, { task: { preference: 'prefer' } });
    if (execution.kind !== 'task') throw new Error('it was answered at once');
    expect(await effects(order)).toBe(0);
    const settled = execution.settle();
    await approve(execution.handle.taskId);
    const { outcome } = await settled;
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ status: 'completed' });
    expect(await effects(order)).toBe(1);
    await session.close();
  });

  it('is held by tasks/result until it has ended, and failed for whoever was refused (2025-11-25)', async () => {
    const client = await elder();
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === 'create_refund')?.execution?.taskSupport).toBe('optional');
    const stream = client.experimental.tasks.callToolStream(refund('O-5004', 14), CallToolResultSchema, {
      task: { ttl: 60_000 },
    });
    const first = await stream.next();
    const task = (first.value as { task: Task }).task;
    expect(task.status).toBe('working');
    const held = client.experimental.tasks.getTaskResult(task.taskId, CallToolResultSchema);
    await reject(task.taskId);
    expect(await held).toMatchObject({
      isError: true,
      _meta: {
        atf: { code: 'maturity.approval_rejected' },
        'io.modelcontextprotocol/related-task': { taskId: task.taskId },
      },
    });
    expect(await client.experimental.tasks.getTask(task.taskId)).toMatchObject({ status: 'failed' });
    await expect(client.experimental.tasks.cancelTask(task.taskId)).rejects.toThrow(/cannot be cancelled/);
    expect(await effects('O-5004')).toBe(0);
    await client.close();
  });

  it('answers a call that needs nobody with a task that has ended (2025-11-25)', async () => {
    const client = await elder();
    const params = { name: 'get_order', arguments: { order_id: 'O-5001' } };
    const stream = client.experimental.tasks.callToolStream(params, CallToolResultSchema, { task: {} });
    const said: { type: string; result?: { isError?: boolean } }[] = [];
    let taskId = '';
    for await (const message of stream) {
      said.push(message as never);
      if (message.type === 'taskCreated') ({ taskId } = message.task);
    }
    expect(said.at(-1)?.type, JSON.stringify(said)).toBe('result');
    expect(said.at(-1)?.result?.isError ?? false).toBe(false);
    // Kept for its caller, and for nobody else.
    expect((await get(taskId, { by: other })).error?.data?.code).toBe('request.task_unknown');
    await client.close();
  });

  it('is nobody else’s, of this server only, and for clients that declare it', async () => {
    const { taskId, ttlMs = 0 } = await created('O-5005', 15);
    expect(ttlMs).toBeGreaterThan(60_000);
    for (const rest of [{ by: other }, { server: 'helpdesk' }])
      for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
        const { result, error } = await modern(method, { taskId, inputResponses: {} }, rest);
        expect(result, method).toBeUndefined();
        expect(error?.code, method).not.toBe(-32_601);
      }
    expect((await get(taskId, { capabilities: {} })).error).toMatchObject({ code: -32_021 });
    expect((await get(taskId, { headers: { 'mcp-name': 'x' } })).error).toMatchObject({ code: -32_020 });
    const bare = await fetch(String(address(agent)), { method: 'POST', body: '{}' });
    expect(bare.status).toBe(401);
    expect((await get(taskId)).result?.status).toBe('working');
    expect((await show(taskId)).state).toBe('waiting');
    const plain = await modern('tools/call', refund('O-5005', 15.5), { capabilities: {} });
    expect(plain.result).toMatchObject({ resultType: 'complete', isError: true });
    for (const method of ['tasks/result', 'tasks/list'])
      expect((await modern(method, { taskId })).error?.code).toBe(-32_601);
  });

  it('cancels what was not released, for good', async () => {
    const { taskId } = await created('O-5006', 16);
    expect((await modern('tasks/cancel', { taskId })).result?.resultType).toBe('complete');
    expect((await ends(taskId)).status).toBe('cancelled');
    await expect(approve(taskId)).rejects.toThrow();
    // Released and not yet redeemed is not too late.
    const second = await created('O-5006', 17);
    await approve(second.taskId);
    await modern('tasks/cancel', { taskId: second.taskId });
    expect((await ends(second.taskId)).status).toBe('cancelled');
    expect(await effects('O-5006')).toBe(0);
  });

  it('asks a client that opens addresses, and is not released by its answer (2026-07-28)', async () => {
    const capabilities = { ...declared, elicitation: { url: {} } };
    const { taskId } = await created('O-5007', 18, { capabilities });
    const asked = (await get(taskId, { capabilities })).result;
    expect(asked?.status).toBe('input_required');
    const [[key = '', { params }] = ['', { params: { url: '' } }]] = Object.entries(
      asked?.inputRequests ?? {},
    );
    expect(params.url).toContain(`/approvals/${taskId}`);
    const inputResponses = { [key]: { action: 'accept' } };
    const update = await modern('tasks/update', { taskId, inputResponses }, { capabilities });
    expect(update.result?.resultType).toBe('complete');
    expect((await get(taskId, { capabilities })).result?.status).toBe('working');
    expect(await effects('O-5007')).toBe(0);
    await reject(taskId);
    const { status, error } = await ends(taskId);
    expect(status).toBe('failed');
    expect(error?.data.atf.code).toBe('maturity.approval_rejected');
  });

  it('outlives the gateway, and runs once for all who ask', async () => {
    const before = await effects('O-5003');
    const { taskId, createdAt } = await created('O-5003', 2);
    await approve(taskId);
    await product.crash('gateway');
    const all = await Promise.all([ends(taskId), ends(taskId), ends(taskId)]);
    for (const task of all) {
      expect(task, JSON.stringify(task)).toMatchObject({ status: 'completed', createdAt });
      expect(task.result?.isError ?? false).toBe(false);
    }
    expect(await effects('O-5003')).toBe(before + 1);
  });

  it('refuses whoever was killed, and runs nothing of it', async () => {
    const { taskId } = await created('O-5009', 20);
    await approve(taskId);
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'junior-support' } });
    await operator.call('containment.stop', {
      body: { scope: { kind: 'agent', id }, state: 'killed', reason: 'a test' },
    });
    const polled = await until('the stop to be heard', async () => {
      const answer = await get(taskId);
      return answer.error === undefined ? undefined : answer;
    });
    expect(polled.error?.data?.code).toMatch(/^containment\./);
    expect((await modern('tasks/cancel', { taskId })).error?.data?.code).toMatch(/^containment\./);
    expect(await effects('O-5009')).toBe(0);
  });
});
