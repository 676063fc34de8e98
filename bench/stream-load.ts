/**
 * Streams of the benchmark, a process of its own: opens streams of server-sent events, and prints how late events are that bear the time at which they were sent.
 *
 * stdin: one JSON line {@link StreamPlan}; stdout: one JSON line {@link StreamResult}.
 */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { dpopProof, importAgentKey } from '../packages/sdk/src/agent-key.ts';
import { quantile } from './processes.ts';

export interface StreamPlan {
  readonly url: string;
  readonly streams: number;
  readonly seconds: number;
  readonly token?: string;
  readonly key?: unknown;
}

export interface StreamResult {
  readonly streams: number;
  readonly events: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly firstFailure?: string;
}

const plan = JSON.parse(readFileSync(0, 'utf8')) as StreamPlan;
const { origin, pathname } = new URL(plan.url);
const pool = new Pool(origin, { connections: plan.streams, bodyTimeout: 0 });
const key = plan.key === undefined ? undefined : await importAgentKey(plan.key);
const late: number[] = [];
const stop = new AbortController();
let opened = 0;
let firstFailure: string | undefined;

async function one(): Promise<void> {
  const headers: Record<string, string> = { accept: 'text/event-stream' };
  if (key !== undefined && plan.token !== undefined) {
    headers['authorization'] = `DPoP ${plan.token}`;
    headers['dpop'] = await dpopProof(key, { method: 'GET', url: plan.url, accessToken: plan.token });
  }
  try {
    const response = await pool.request({ method: 'GET', path: pathname, headers, signal: stop.signal });
    if (response.statusCode !== 200) {
      firstFailure ??= `${response.statusCode}: ${(await response.body.text()).slice(0, 300)}`;
      return;
    }
    opened++;
    let rest = '';
    for await (const chunk of response.body) {
      const nowMs = performance.timeOrigin + performance.now();
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const at = /^data: \{"at":([\d.]+)\}$/.exec(line)?.[1];
        if (at !== undefined) late.push(nowMs - Number(at));
      }
    }
  } catch (fault) {
    if (!stop.signal.aborted) firstFailure ??= String(fault);
  }
}

const running = Array.from({ length: plan.streams }, one);
setTimeout(() => stop.abort(), plan.seconds * 1_000);
await Promise.all(running);
const result: StreamResult = {
  streams: opened,
  events: late.length,
  perSecond: late.length / plan.seconds,
  p50Ms: quantile(late, 0.5),
  p99Ms: quantile(late, 0.99),
  ...(firstFailure === undefined ? {} : { firstFailure }),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
