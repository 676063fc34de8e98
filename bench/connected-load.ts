/**
 * Connected agents of the benchmark, a process of its own: each initializes and holds its standing stream open; then nothing for a while; then a trickle of
 * calls, of one after the other. Prints a line when all are connected, one when the idle time is over, and the figures.
 *
 * stdin: one JSON line {@link ConnectedPlan}; stdout: `connected N`, `idle`, one JSON line {@link ConnectedResult}.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { type AgentKey, dpopProof, importAgentKey } from '../packages/sdk/src/agent-key.ts';
import { quantile } from './processes.ts';

export interface ConnectedPlan {
  readonly url: string;
  readonly agents: readonly { readonly token: string; readonly key: unknown }[];
  readonly idleSeconds: number;
  readonly calls: number;
  readonly perSecond: number;
}

export interface ConnectedResult {
  readonly connected: number;
  /** Streams that were still open at the end. */
  readonly open: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly firstFailure?: string;
}

const plan = JSON.parse(readFileSync(0, 'utf8')) as ConnectedPlan;
const dispatcher = new Agent({ connections: null, bodyTimeout: 0, keepAliveTimeout: 60_000 });
const agents = await Promise.all(
  plan.agents.map(async ({ token, key }) => ({ token, key: await importAgentKey(key) })),
);
let firstFailure: string | undefined;
let open = 0;

async function ask(
  { token, key }: { readonly token: string; readonly key: AgentKey },
  method: 'GET' | 'POST',
  message?: object,
) {
  const proof = await dpopProof(key, { method, url: plan.url, accessToken: token });
  const headers: Record<string, string> = {
    authorization: `DPoP ${token}`,
    dpop: proof,
    'mcp-protocol-version': '2025-11-25',
    accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
    ...(message === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const body = message === undefined ? null : JSON.stringify({ jsonrpc: '2.0', id: 1, ...message });
  return await request(plan.url, { method, headers, body, dispatcher });
}

const initialize = {
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1.0.0' },
  },
};

async function connect(agent: (typeof agents)[number]): Promise<boolean> {
  const hello = await ask(agent, 'POST', initialize);
  const said = await hello.body.text();
  const standing = hello.statusCode === 200 ? await ask(agent, 'GET') : undefined;
  if (standing?.statusCode !== 200) {
    firstFailure ??= `${hello.statusCode} ${standing?.statusCode}: ${said.slice(0, 200)} ${(await standing?.body.text())?.slice(0, 300)}`;
    return false;
  }
  open++;
  standing.body
    .on('error', () => undefined)
    .once('close', () => open--)
    .resume();
  return true;
}

const connected: typeof agents = [];
const waiting = [...agents];
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      if (await connect(next)) connected.push(next);
  }),
);
process.stdout.write(`connected ${connected.length}\n`);
await new Promise((done) => setTimeout(done, plan.idleSeconds * 1_000));
process.stdout.write('idle\n');

const times: number[] = [];
let failed = 0;
const begunMs = performance.now();
const running: Promise<void>[] = [];
for (let n = 0; n < plan.calls && connected.length > 0; n++) {
  const dueMs = begunMs + (n * 1_000) / plan.perSecond;
  const waitMs = dueMs - performance.now();
  if (waitMs > 0) await new Promise((done) => setTimeout(done, waitMs));
  const agent = connected[n % connected.length] as (typeof agents)[number];
  const params = { name: 'echo', arguments: { text: `call ${n}` } };
  const one = async () => {
    const begun = performance.now();
    const response = await ask(agent, 'POST', { method: 'tools/call', params });
    const text = await response.body.text();
    times.push(performance.now() - begun);
    if (response.statusCode === 200 && !text.includes('"isError":true') && !text.includes('"error"')) return;
    failed++;
    firstFailure ??= text.slice(0, 300);
  };
  running.push(one());
}
await Promise.all(running);
const result: ConnectedResult = {
  connected: connected.length,
  open,
  failed,
  p50Ms: quantile(times, 0.5),
  p99Ms: quantile(times, 0.99),
  ...(firstFailure === undefined ? {} : { firstFailure }),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
