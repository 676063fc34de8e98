/**
 * Stock clients of both SDK generations, through the gateway's parser and encoder, to the back office over both transports.
 * The handler between is as small as can be: it allows everything, except where a test asks it to refuse.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  encodeAccepted,
  encodeDiscover,
  encodeEmpty,
  encodeInitialize,
  encodeProblem,
  encodeProtocolRefusal,
  encodeToolRefusal,
  encodeToolResult,
} from './mcp-encode.ts';
import { encodeList, encodeOfferRefusal, offersPerPageMax } from './mcp-encode-offers.ts';
import { parseAgentRequest } from './mcp-parse.ts';
import { McpUpstream, type UpstreamAddress } from './mcp-upstream.ts';
import type {
  EncodedResponse,
  ParsedRequest,
  ProtocolRefusal,
  RefusalFacts,
  RequestId,
  ToolDefinition,
  ToolResult,
} from './protocol.ts';

const office = join(dirname(fileURLToPath(import.meta.url)), '../../../../examples/back-office/main.ts');
const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Gateway = {
  url: URL;
  upstream: McpUpstream;
  /** What the next call meets instead of its execution. */
  refuse: RefusalFacts | undefined;
  /** What the next call returns instead of the tool's result. */
  result: ToolResult | undefined;
  tools: readonly ToolDefinition[] | undefined;
  seen: ParsedRequest[];
  signedIn: boolean;
};

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'mcp-front-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function officeAt(transport: string, dir: string): Promise<UpstreamAddress> {
  if (transport === 'stdio')
    return { kind: 'stdio', command: process.execPath, args: [office, '--data', dir] };
  const child = spawn(process.execPath, [office, '--data', dir, '--http', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    return gone;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\S+/.exec(line)?.[0];
    if (url !== undefined) return { kind: 'http', url };
  }
  throw new Error('the server ended before it listened');
}

async function gateway(address: UpstreamAddress): Promise<Gateway> {
  const upstream = new McpUpstream('back-office', address);
  const running = new Map<RequestId, AbortController>();
  const state: Gateway = {
    url: new URL('http://127.0.0.1'),
    upstream,
    refuse: undefined,
    result: undefined,
    tools: undefined,
    seen: [],
    signedIn: true,
  };
  const handle = async (request: ParsedRequest | ProtocolRefusal): Promise<EncodedResponse> => {
    if (request.kind === 'refusal') return encodeProtocolRefusal(request);
    state.seen.push(request);
    switch (request.kind) {
      case 'initialize':
        return encodeInitialize(request);
      case 'discover':
        return encodeDiscover(request);
      case 'ping':
      case 'set_level':
      case 'subscribe':
      case 'unsubscribe':
      case 'listen':
      case 'task':
        return encodeEmpty(request);
      case 'unsupported':
        return encodeProtocolRefusal(request.problem);
      case 'cancelled':
        running.get(request.requestId)?.abort();
        return encodeAccepted();
      case 'notification':
      case 'answer':
        return encodeAccepted();
      case 'list': {
        const listed = await upstream.listTools({ signal: new AbortController().signal, timeoutMs: 10_000 });
        if (listed.kind === 'fault') return encodeProblem(request.id, listed.fault);
        return encodeList(request, state.tools ?? listed.tools);
      }
      case 'resources_read':
      case 'prompts_get':
      case 'complete':
        return encodeOfferRefusal(request, {
          outcome: 'refused',
          refusal: { code: 'segmentation.tool_unknown' },
        });
      case 'tools_call': {
        if (state.refuse !== undefined) return encodeToolRefusal(request, state.refuse);
        if (state.result !== undefined) return encodeToolResult(request, state.result, { actionId: 'act-1' });
        const abort = new AbortController();
        running.set(request.id, abort);
        const outcome = await upstream.callTool(request.toolName, request.args, {
          signal: abort.signal,
          timeoutMs: 70_000,
        });
        running.delete(request.id);
        if (outcome.kind === 'fault')
          return encodeToolRefusal(request, {
            outcome: outcome.fault.dispatched ? 'unknown' : 'refused',
            refusal: outcome.fault,
            actionId: 'act-1',
          });
        return encodeToolResult(request, outcome.result, { actionId: 'act-1' });
      }
    }
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const raw = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      const encoded = state.signedIn
        ? await handle(parseAgentRequest(raw))
        : encodeProblem(null, { code: 'identity.credential_missing' }, { 'www-authenticate': 'DPoP' });
      response.writeHead(encoded.status, encoded.headers).end(encoded.body);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    await upstream.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  state.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp/back-office`);
  return state;
}

type Result = {
  isError?: boolean;
  content: { type: string; text: string }[];
  structuredContent?: unknown;
  _meta?: Record<string, unknown>;
};
type AnyClient = {
  listTools(): Promise<{ tools: ToolDefinition[]; nextCursor?: string }>;
  call(name: string, args?: Record<string, unknown>, signal?: AbortSignal): Promise<Result>;
};
const info = { name: 'stock', version: '9.9.9' };

async function elderClient({ url }: Gateway): Promise<AnyClient> {
  const client = new Client(info);
  cleanups.push(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(url) as Parameters<Client['connect']>[0]);
  await client.ping();
  return {
    listTools: async () => (await client.listTools()) as unknown as { tools: ToolDefinition[] },
    call: async (name, args, signal) =>
      (await client.callTool(
        { name, ...(args === undefined ? {} : { arguments: args }) },
        undefined,
        signal === undefined ? {} : { signal },
      )) as Result,
  };
}

async function newClient({ url }: Gateway, mode: 'auto' | 'legacy'): Promise<AnyClient> {
  const client = new ModernClient(info, { versionNegotiation: { mode } });
  cleanups.push(() => client.close());
  await client.connect(new ModernHttp(url));
  expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25');
  return {
    listTools: async () => (await client.listTools()) as unknown as { tools: ToolDefinition[] },
    call: async (name, args, signal) =>
      (await client.callTool(
        { name, ...(args === undefined ? {} : { arguments: args }) },
        signal === undefined ? {} : { signal },
      )) as Result,
  };
}

const clients: [string, (gateway: Gateway) => Promise<AnyClient>, string][] = [
  ['SDK 1', elderClient, '2025-11-25'],
  ['SDK 2, 2026-07-28', (gateway) => newClient(gateway, 'auto'), '2026-07-28'],
  ['SDK 2, 2025-11-25', (gateway) => newClient(gateway, 'legacy'), '2025-11-25'],
];
const pairs = clients.flatMap(([name, connect, era]) =>
  ['stdio', 'HTTP'].map((transport) => [name, transport, connect, era] as const),
);

async function until(condition: () => boolean, waitMsMax = 30_000): Promise<void> {
  const deadlineMs = performance.now() + waitMsMax;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('condition not met in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe.each(pairs)('%s through the gateway to %s', (_name, transport, connect, era) => {
  it('lists, calls with and without arguments, and is refused in words', async () => {
    const dir = folder();
    const gate = await gateway(await officeAt(transport, dir));
    const client = await connect(gate);

    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name)).toEqual([...tools.map((tool) => tool.name)].sort());
    expect(tools).toHaveLength(11);
    // The client holds the output schemas now, so it checks what follows against them.
    const customers = await client.call('list_customers');
    expect(customers.structuredContent).toMatchObject({
      customers: expect.arrayContaining([expect.objectContaining({ id: 'C-1001' })]),
    });
    expect(customers._meta).toMatchObject({ atf: { actionId: 'act-1' } });
    const refund = await client.call('create_refund', {
      order_id: 'O-5001',
      amount: 49.9,
      currency: 'EUR',
      reason: 'broken',
    });
    expect(refund.structuredContent).toMatchObject({ refund: { id: 'R-0001' } });
    expect(readFileSync(join(dir, 'effects.log'), 'utf8').trim().split('\n')).toHaveLength(1);

    gate.refuse = {
      outcome: 'waiting',
      refusal: { code: 'maturity.approval_required', policies: ['levels.junior-write'] },
      actionId: 'act-2',
      approvalId: 'apr-1',
    };
    const waiting = await client.call('get_order', { order_id: 'O-5001' });
    expect(waiting.isError).toBe(true);
    expect(waiting.content[0]?.text).toBe(
      [
        'Waiting for a person: the call was not run yet.',
        'Why: A person must approve this call. (maturity.approval_required; requirement S-2; policy levels.junior-write)',
        'What would help: Wait for the approval, then repeat the same call or ask with atf_approval_result.',
        'Approval: apr-1',
        'Action: act-2',
      ].join('\n'),
    );
    expect(waiting._meta?.atf).toMatchObject({
      outcome: 'waiting',
      code: 'maturity.approval_required',
      requirementIds: ['S-2'],
      approvalId: 'apr-1',
    });

    const calls = gate.seen.filter((request) => request.kind === 'tools_call');
    expect(calls).toHaveLength(3);
    for (const request of gate.seen) expect(request.era).toBe(era);
    expect(gate.seen[0]).toMatchObject({ clientInfo: info });
  });

  it('cancels a call under way', async () => {
    const dir = folder();
    const gate = await gateway(await officeAt(transport, dir));
    const client = await connect(gate);
    const abort = new AbortController();
    const call = client.call('export_report', { seconds: 60 }, abort.signal);
    call.catch(() => undefined);
    const log = () => {
      try {
        return readFileSync(join(dir, 'effects.log'), 'utf8').trim().split('\n').length;
      } catch {
        return 0;
      }
    };
    await until(() => log() >= 3);
    abort.abort();
    await expect(call).rejects.toThrow();
    if (era === '2025-11-25') await until(() => gate.seen.some((request) => request.kind === 'cancelled'));
    // The modern way to cancel is to hang up, which the pipeline sees; here only the elder way reaches the tool.
    if (era === '2026-07-28') return;
    await client.call('list_refunds', {});
    await new Promise((resolve) => setTimeout(resolve, 150));
    const after = log();
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(log()).toBe(after);
  });
});

describe.each(clients)('%s', (_name, connect, era) => {
  const idle: UpstreamAddress = {
    kind: 'stdio',
    command: process.execPath,
    args: [office, '--data', '/nonexistent'],
  };

  it('reads what does not fit its revision in the form that fits', async () => {
    const dir = folder();
    const gate = await gateway(await officeAt('stdio', dir));
    gate.tools = [
      {
        name: 'count',
        inputSchema: { type: 'object', properties: { of: { type: 'string', 'x-mcp-header': 'Of' } } },
        outputSchema: { type: 'number' },
      },
    ];
    const client = await connect(gate);
    const { tools } = await client.listTools();
    expect(tools[0]?.inputSchema).toEqual({ type: 'object', properties: { of: { type: 'string' } } });
    expect(tools[0]?.outputSchema).toEqual(era === '2026-07-28' ? { type: 'number' } : undefined);
    gate.result = { content: [], structuredContent: 7, _meta: { 'example.org/secret': 1 } };
    const result = await client.call('count', { of: 'x' });
    expect(result.content).toEqual([{ type: 'text', text: '7' }]);
    expect(result.structuredContent).toBe(era === '2026-07-28' ? 7 : undefined);
    expect(result._meta).not.toHaveProperty('example.org/secret');
  });

  it('gets long lists in pages', async () => {
    const gate = await gateway(await officeAt('stdio', folder()));
    const name = (index: number) => `tool_${String(index).padStart(4, '0')}`;
    gate.tools = Array.from({ length: 2 * offersPerPageMax + 1 }, (_, index) => ({
      name: name(index),
      inputSchema: { type: 'object' },
    })).reverse();
    const client = await connect(gate);
    const { tools } = await client.listTools();
    // The elder client leaves paging to its caller; the newer one walks all pages.
    const pagesWalked = _name === 'SDK 1' ? 1 : 3;
    expect(gate.seen.filter((request) => request.kind === 'list')).toHaveLength(pagesWalked);
    expect(tools.map((tool) => tool.name)).toEqual(
      Array.from({ length: pagesWalked === 1 ? offersPerPageMax : 2 * offersPerPageMax + 1 }, (_, index) =>
        name(index),
      ),
    );
  });

  it('is told that it is not signed in', async () => {
    const gate = await gateway(idle);
    gate.signedIn = false;
    await expect(connect(gate)).rejects.toThrow(/401|[Uu]nauthorized|No credential/);
  });
});

describe('a tool server that is gone', () => {
  it('is a refusal in words', async () => {
    const gate = await gateway({ kind: 'stdio', command: '/nonexistent', args: [] });
    const client = await newClient(gate, 'auto');
    const result = await client.call('list_orders', {});
    expect(result).toMatchObject({ isError: true, _meta: { atf: { code: 'upstream.unavailable' } } });
    expect(result.content[0]?.text).toMatch(/^Refused: the call was not run/);
  });
});
