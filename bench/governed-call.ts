/**
 * A governed `tools/call` with a durable record beside the same call straight to the tool server, in one run: throughput, calls per second of the
 * gateway's processor time, and added latency at half load. Then the time from a kill to the last effect.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportAgentKey, generateAgentKey } from '../packages/sdk/src/agent-key.ts';
import { enrolInstance } from '../packages/sdk/src/enrol.ts';
import { call, Product, resume, root, until } from '../tests/e2e/product.ts';
import type { LoadPlan, LoadResult } from './load.ts';

export interface GovernedCallResult {
  readonly direct: LoadResult;
  readonly governed: LoadResult;
  readonly directHalf: LoadResult;
  readonly governedHalf: LoadResult;
  /** Calls per second of processor time that the gateway's process used, user and system. */
  readonly callsPerGatewayCoreSecond: number;
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
}

const manifest = `name: bench-reader
version: 1.0.0
owner: ines.marchetti@example.com
technicalOwner: tomas.novak@example.com
businessOwner: grace.adeyemi@example.com
purpose: Reads an echo as fast as it can, for the benchmark
domain: bench
dataDomains: [bench]
capabilities: [Call echo]
tools: [echo/echo]
limits:
  - calls: { max: 1000000, perSeconds: 1 }
escalation: ines.marchetti@example.com
model: { provider: none, name: none }
`;

/** Runs Node on a file of the benchmark, gives it one line, and reads one line. */
async function lineOf(file: string, input: unknown): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'bench', file)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(input));
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return text;
}

const load = async (plan: LoadPlan) => JSON.parse(await lineOf('load.ts', plan)) as LoadResult;

/** Processor seconds of a process so far (Linux). */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function echoServer(): Promise<{ url: string; close: () => void }> {
  const child = spawn(process.execPath, [join(root, 'bench/echo-server.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<string>((done) =>
    child.stdout.once('data', (chunk: Buffer) => done(chunk.toString().trim())),
  );
  return { url: `http://127.0.0.1:${port}/mcp`, close: () => child.stdin.end() };
}

/** Lets the gateway reach the benchmark's server: a loopback address needs a grant in the gateway host's own file. */
async function grantLoopback(product: Product): Promise<void> {
  const path = join(product.dataDir, 'gateway/servers.yaml');
  const text = readFileSync(path, 'utf8');
  if (!text.includes('echo:'))
    await writeFile(path, `${text.trimEnd()}\necho:\n  privateNetwork: true\n`, { mode: 0o600 });
}

export async function measureGovernedCall(calls = 20_000): Promise<GovernedCallResult> {
  const product = await Product.start();
  const echo = await echoServer();
  try {
    await grantLoopback(product);
    const operator = await product.operator();
    await operator.call('servers.add', {
      body: {
        name: 'echo',
        transport: { kind: 'http', url: echo.url },
        domain: 'bench',
        outputTrust: 'trusted',
        stateless: true,
      },
    });
    await until('the tool is discovered', async () => {
      const { items } = await operator.call('tools.list');
      return items.find(
        ({ server, name, state }) => server === 'echo' && name === 'echo' && state === 'active',
      );
    });
    const agent = await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    const { joinToken } = await operator.call('agents.joinToken', { params: { id: agent.id } });
    const key = await generateAgentKey({ extractable: true });
    const credential = await enrolInstance({ controlUrl: product.ready.controlUrl, joinToken, key });
    const governedPlan = {
      url: `${credential.gatewayUrl}/mcp/echo`,
      tool: 'echo',
      concurrency: 32,
      token: credential.token,
      key: await exportAgentKey(key),
    };
    const directPlan = { url: echo.url, tool: 'echo', concurrency: 32 };

    await load({ ...governedPlan, calls: 3_000 });
    const before = processorSeconds(product.ready.pids.gateway);
    const governed = await load({ ...governedPlan, calls });
    const used = processorSeconds(product.ready.pids.gateway) - before;
    await load({ ...directPlan, calls: 3_000 });
    const direct = await load({ ...directPlan, calls });
    const half = { perSecond: governed.perSecond / 2, calls: Math.floor(calls / 2) };
    const governedHalf = await load({ ...governedPlan, ...half });
    const directHalf = await load({ ...directPlan, ...half });
    return {
      direct,
      governed,
      directHalf,
      governedHalf,
      callsPerGatewayCoreSecond: calls / used,
      addedP50Ms: governedHalf.p50Ms - directHalf.p50Ms,
      addedP99Ms: governedHalf.p99Ms - directHalf.p99Ms,
    };
  } finally {
    echo.close();
    await product.remove();
  }
}

export interface KillResult {
  readonly kills: number;
  /** From sending the stop to the last effect that the tool server wrote. */
  readonly lastEffectP50Ms: number;
  readonly lastEffectP99Ms: number;
  /** From sending the stop to the answer that says what was stopped. */
  readonly reportP50Ms: number;
  readonly reportP99Ms: number;
}

/** Kills a tool under a running call again and again; effects carry their own time in the back office’s file. The agent may export 20 times an hour. */
export async function measureKill(kills = 18): Promise<KillResult> {
  const product = await Product.start();
  try {
    const security = await product.signIn('yuki.mori@example.com');
    const office = await (await product.agent('principal-operations')).mcp('back-office');
    const log = join(product.dataDir, 'back-office/effects.log');
    const lines = () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.includes('report.step')).length;
    const scope = { kind: 'tool' as const, id: 'back-office/export_report' };
    const toLastEffect: number[] = [];
    const toReport: number[] = [];
    const exported = () => call(office, 'export_report', { seconds: 20 });
    for (let n = 0; n < kills; n++) {
      let running = exported();
      const seen = await until('effects', () => {
        try {
          return lines();
        } catch {
          return undefined;
        }
      });
      await until('the call under way', async () => {
        if (lines() > seen + 1) return true;
        // The gateway may hear of the last resume a moment after it was answered.
        const refused = await Promise.race([running, Promise.resolve(undefined)]);
        if (refused?.atf.code === 'containment.tool_stopped') running = exported();
        return undefined;
      });
      const sent = Date.now();
      const begun = performance.now();
      await security.client.call('containment.stop', {
        body: { scope, state: 'killed', reason: 'benchmark' },
      });
      toReport.push(performance.now() - begun);
      await running;
      await until('a quiet half second', () => (performance.now() - begun > 500 ? true : undefined));
      const last =
        readFileSync(log, 'utf8')
          .trimEnd()
          .split('\n')
          .filter((line) => line.includes('report.step'))
          .at(-1) ?? '';
      const at = Date.parse(/\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(last)?.[0] ?? '');
      toLastEffect.push(Math.max(0, at - sent));
      await resume(security, { scope, reason: 'benchmark' });
    }
    const p = (values: number[], share: number) =>
      values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] as number;
    return {
      kills,
      lastEffectP50Ms: p(toLastEffect, 0.5),
      lastEffectP99Ms: p(toLastEffect, 0.99),
      reportP50Ms: p(toReport, 0.5),
      reportP99Ms: p(toReport, 0.99),
    };
  } finally {
    await product.remove();
  }
}
