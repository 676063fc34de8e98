/**
 * Stock MCP clients, unmodified, governed by configuration alone: each is told an address or a command, and nothing in it knows of ATF. Where a client cannot
 * sign, `atf connect` holds the agent's key for it; a plain bearer token reads.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createMCPClient } from '@ai-sdk/mcp';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atfBin, run } from './cli-run.ts';
import { call, Product, root, until } from './product.ts';

const agentName = 'junior-support';
const refund = { order_id: 'O-5001', amount: 5, currency: 'EUR', reason: 'late' };
const home = mkdtempSync(join(tmpdir(), 'atf-clients-'));
let product: Product;

beforeAll(async () => {
  product = await Product.start();
});
afterAll(async () => {
  await product.remove();
  rmSync(home, { recursive: true, force: true });
});

/** What a person writes into the configuration of a host: a command, and its environment. */
async function connectCommand(...more: string[]) {
  const operator = await product.operator();
  const { id } = await operator.call('agents.show', { params: { id: agentName } });
  const { joinToken } = await operator.call('agents.joinToken', { params: { id } });
  const args = [
    atfBin,
    'connect',
    'back-office',
    '--agent',
    agentName,
    '--control',
    product.ready.controlUrl,
    ...more,
  ];
  const env = {
    ATF_JOIN_TOKEN: joinToken,
    XDG_CONFIG_HOME: mkdtempSync(join(home, 'config-')),
    PATH: process.env['PATH'] ?? '',
  };
  return { command: process.execPath, args, env };
}

/** The back office was asked by this agent, and what it wanted to change waits for a person: on record. */
async function recorded(since: string): Promise<readonly (readonly [string, string])[]> {
  const operator = await product.operator();
  return await until('both calls to be on record', async () => {
    const { items } = await operator.call('activity.list', { query: { limit: 50 } });
    const own = items
      .filter(({ agent, at }) => agent === agentName && at >= since)
      .map(({ tool, outcome }) => [tool ?? '', outcome ?? ''] as const);
    const of = (name: string) => own.find(([tool]) => tool === `back-office/${name}`);
    const [read, change] = [of('list_orders'), of('create_refund')];
    return read === undefined || change === undefined ? undefined : [read, change];
  });
}

const now = () => new Date().toISOString();

describe('a stock client', () => {
  it('@modelcontextprotocol/inspector --cli, by its configuration file', async () => {
    const since = now();
    const inspector = join(
      root,
      'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
    );
    const config = join(home, 'inspector.json');
    writeFileSync(config, JSON.stringify({ mcpServers: { office: await connectCommand() } }));
    const inspect = async (...method: string[]) => {
      const ran = await run(inspector, ['--cli', '--config', config, '--server', 'office', ...method]);
      if (ran.stdout === '') throw new Error(ran.stderr);
      return JSON.parse(ran.stdout) as Record<string, unknown>;
    };
    const { tools } = (await inspect('--method', 'tools/list')) as { tools: { name: string }[] };
    expect(tools.map(({ name }) => name)).toContain('list_orders');
    const read = await inspect('--method', 'tools/call', '--tool-name', 'list_orders');
    expect(read['isError'] ?? false).toBe(false);
    const args = Object.entries(refund).map(([name, value]) => `${name}=${value}`);
    const change = await inspect(
      '--method',
      'tools/call',
      '--tool-name',
      'create_refund',
      '--tool-arg',
      ...args,
    );
    expect(JSON.stringify(change)).toContain('maturity.approval_required');
    expect(await recorded(since)).toBeDefined();
  });

  it('mcp-remote, with a plain bearer token, which reads', async () => {
    const { credential } = await product.agent('intern-analyst', { bearer: true });
    const url = `${credential.gatewayUrl}/mcp/back-office`;
    const script = join(root, 'node_modules/mcp-remote/dist/proxy.js');
    const client = new Client({ name: 'host', version: '1.0.0' });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [
          script,
          url,
          '--allow-http',
          '--transport',
          'http-only',
          '--header',
          `Authorization: Bearer ${credential.token}`,
        ],
        env: { PATH: process.env['PATH'] ?? '', HOME: home, MCP_REMOTE_CONFIG_DIR: join(home, 'mcp-remote') },
        stderr: 'ignore',
      }),
    );
    try {
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('list_orders');
      expect((await call(client, 'list_orders', {})).isError).toBe(false);
      expect((await call(client, 'create_refund', refund)).atf.code).toMatch(/^policy\./);
    } finally {
      await client.close();
    }
  });

  it('@ai-sdk/mcp, over HTTP through the shim', async () => {
    const since = now();
    const { command, args, env } = await connectCommand('--http', '--json');
    const shim: ChildProcess = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(shim, 'exit');
    try {
      if (shim.stdout === null) throw new Error('no output');
      const [line] = (await once(createInterface({ input: shim.stdout }), 'line')) as [string];
      const { url, authorization } = JSON.parse(line) as { url: string; authorization: string };
      const client = await createMCPClient({ transport: { type: 'http', url, headers: { authorization } } });
      const tools = await client.tools();
      const ask = async (name: string, given: Record<string, unknown>): Promise<string> =>
        JSON.stringify(await tools[name]?.execute(given, { toolCallId: 'call', messages: [], context: {} }));
      expect(await ask('list_orders', {})).toContain('O-');
      expect(await ask('create_refund', refund)).toContain('maturity.approval_required');
      await client.close();
      expect(await recorded(since)).toBeDefined();
    } finally {
      shim.kill('SIGINT');
      await ended;
    }
  });

  it('@langchain/mcp-adapters, over the command of a host', async () => {
    const since = now();
    const { command, args, env } = await connectCommand();
    const client = new MultiServerMCPClient({
      throwOnLoadError: true,
      mcpServers: { office: { transport: 'stdio', command, args, env, stderr: 'ignore' } },
    });
    try {
      const tools = await client.getTools();
      const ask = async (name: string, given: Record<string, unknown>): Promise<string> => {
        const tool = tools.find((each) => each.name === name);
        if (tool === undefined) throw new Error(`no tool ${name}`);
        return await tool.invoke(given).then(JSON.stringify, (error: Error) => error.message);
      };
      expect(await ask('list_orders', {})).toContain('O-');
      expect(await ask('create_refund', refund)).toContain('maturity.approval_required');
      expect(await recorded(since)).toBeDefined();
    } finally {
      await client.close();
    }
  });
});
