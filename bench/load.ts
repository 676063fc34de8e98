/**
 * The load of the benchmark, a process of its own: sends `tools/call`, or plain GETs, to one address and prints latencies as JSON. Proofs are signed before the clock
 * starts, so that the generator does not compete with what it measures.
 *
 * stdin: one JSON line {@link LoadPlan}; stdout: one JSON line {@link LoadResult}.
 */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { dpopProof, importAgentKey } from '../packages/sdk/src/agent-key.ts';

export interface LoadPlan {
  readonly url: string;
  readonly calls: number;
  readonly concurrency: number;
  /** Calls per second; absent: as fast as answers come (closed loop). */
  readonly perSecond?: number;
  /** Absent: a plain GET of the address instead of a `tools/call`. */
  readonly tool?: string;
  /** Absent: no credential (straight to the tool server). */
  readonly token?: string;
  readonly key?: unknown;
}

export interface LoadResult {
  readonly calls: number;
  /** With those before the measurement. */
  readonly sent: number;
  readonly failed: number;
  readonly firstFailure?: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const plan = JSON.parse(readFileSync(0, 'utf8')) as LoadPlan;
const { origin, pathname } = new URL(plan.url);
const method = plan.tool === undefined ? 'GET' : 'POST';
const pool = new Pool(origin, { connections: plan.concurrency, pipelining: 1 });
/** Calls that are not counted: connections are made, and the code of this process is compiled. */
const warmups = Math.min(plan.calls, 20 * plan.concurrency);
const proofs: string[] = [];
if (plan.token !== undefined) {
  const key = await importAgentKey(plan.key);
  for (let n = 0; n < warmups + plan.calls; n++)
    proofs.push(await dpopProof(key, { method, url: plan.url, accessToken: plan.token }));
}

const usual: Record<string, string> =
  plan.tool === undefined
    ? { accept: 'application/json' }
    : {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      };
const latencies = new Float64Array(plan.calls);
let failed = 0;
let firstFailure: string | undefined;

async function one(n: number, startedMs: number): Promise<void> {
  const headers: Record<string, string> = { ...usual };
  if (plan.token !== undefined) {
    headers['authorization'] = `DPoP ${plan.token}`;
    headers['dpop'] = proofs[warmups + n] as string;
  }
  const params = { name: plan.tool, arguments: { text: `call ${n}` } };
  const body =
    plan.tool === undefined ? null : JSON.stringify({ jsonrpc: '2.0', id: n, method: 'tools/call', params });
  const response = await pool.request({ method, path: pathname, headers, body });
  const text = await response.body.text();
  latencies[n] = performance.now() - startedMs;
  if (response.statusCode !== 200 || text.includes('"isError":true') || text.includes('"error"')) {
    failed++;
    firstFailure ??= `${response.statusCode} ${text.slice(0, 300)}`;
  }
}

/** As fast as answers come: calls from `first` to before `end`. */
async function closedLoop(first: number, end: number): Promise<void> {
  let next = first;
  const worker = async () => {
    while (next < end) await one(next++, performance.now());
  };
  await Promise.all(Array.from({ length: plan.concurrency }, worker));
}

await closedLoop(-warmups, 0);
failed = 0;
firstFailure = undefined;
const begun = performance.now();
if (plan.perSecond === undefined) await closedLoop(0, plan.calls);
else {
  // Open loop: a call is due at its time whether or not earlier ones have answered, and waits count (no coordinated omission).
  const running: Promise<void>[] = [];
  const everyMs = 1000 / plan.perSecond;
  for (let n = 0; n < plan.calls; n++) {
    const dueMs = begun + n * everyMs;
    // A timer, not a spin: the generator must not take a core from what it measures. It is late by up to a millisecond with either target alike.
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((done) => setTimeout(done, waitMs));
    running.push(one(n, dueMs));
  }
  await Promise.all(running);
}
const seconds = (performance.now() - begun) / 1000;
latencies.sort();
const at = (share: number) => latencies[Math.min(plan.calls - 1, Math.floor(plan.calls * share))] as number;
const result: LoadResult = {
  calls: plan.calls,
  sent: warmups + plan.calls,
  failed,
  ...(firstFailure === undefined ? {} : { firstFailure }),
  seconds,
  perSecond: plan.calls / seconds,
  p50Ms: at(0.5),
  p90Ms: at(0.9),
  p99Ms: at(0.99),
  maxMs: at(1),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await pool.close();
