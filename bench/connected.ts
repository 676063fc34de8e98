/** A thousand connected agents: each an instance with a key of its own that holds a standing stream open; what they cost when idle, and a trickle of their calls. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Product, root } from '../tests/e2e/product.ts';
import { exportAgentKey } from '../packages/sdk/src/agent-key.ts';
import type { ConnectedPlan, ConnectedResult } from './connected-load.ts';
import { answers, type BenchAgent, enrol, governed, putBehind, register, startServer } from './fixture.ts';
import { ms, number, type Part } from './part.ts';
import { processorSeconds, residentMb } from './processes.ts';

const instancesPerAgent = 50;
const enrolAtOnce = 4;

async function instances(product: Product, count: number): Promise<BenchAgent[]> {
  const operator = await product.operator();
  const { controlUrl } = product.ready;
  const ids: string[] = [];
  for (let n = 0; n * instancesPerAgent < count; n++) ids.push(await register(operator, `bench-reader-${n}`));
  const made: BenchAgent[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: enrolAtOnce }, async () => {
      while (next < count) {
        const id = ids[Math.floor(next++ / instancesPerAgent)] ?? '';
        made.push(await enrol(operator, controlUrl, id));
      }
    }),
  );
  return made;
}

export const connectedPart: Part = {
  name: 'connected',
  says: '1,000 connected agents: standing streams, idle, and a trickle of calls',
  async measure({ quick }) {
    const count = quick ? 10 : 1_000;
    const product = await Product.start();
    const server = await startServer();
    try {
      await putBehind(await product.operator(), [join(product.dataDir, 'gateway')], server.url);
      const agents = await instances(product, count);
      const target = await governed(agents.at(-1) as BenchAgent, { tool: 'echo' });
      await answers(target);
      const { gateway } = product.ready.pids;
      const plan: ConnectedPlan = {
        url: target.url,
        agents: await Promise.all(
          agents.map(async ({ credential, key }) => ({
            token: credential.token,
            key: await exportAgentKey(key),
          })),
        ),
        idleSeconds: quick ? 0.5 : 10,
        calls: quick ? 20 : 2_000,
        perSecond: quick ? 50 : 100,
      };
      const beforeMb = residentMb(gateway);
      const child = spawn(process.execPath, [join(root, 'bench/connected-load.ts')], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      child.stdin.end(JSON.stringify(plan));
      let [connectedMb, idleFrom, idleUsed] = [Number.NaN, 0, Number.NaN];
      let result: ConnectedResult | undefined;
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.startsWith('connected')) {
          connectedMb = residentMb(gateway);
          idleFrom = processorSeconds(gateway);
        } else if (line === 'idle') idleUsed = processorSeconds(gateway) - idleFrom;
        else result = JSON.parse(line) as ConnectedResult;
      }
      if (result === undefined) throw new Error('the load told nothing');
      const idleShare = (idleUsed / plan.idleSeconds) * 100;
      const { connected, open, failed, p50Ms, p99Ms, firstFailure } = result;
      return {
        raw: { ...result, beforeMb, connectedMb, idleUsed, ...plan, agents: agents.length },
        rows: [
          {
            what: `${number(count)} agents connected with a standing stream each`,
            reached: `${connected} connected, ${open} still open at the end${firstFailure === undefined ? '' : `; ${firstFailure}`}`,
            wanted: 'all',
            ok: connected === count && open === count,
          },
          {
            what: 'memory of the gateway: before, with all connected',
            reached: `${number(beforeMb)} MiB, ${number(connectedMb)} MiB`,
          },
          {
            what: 'processor time of the gateway while all are idle',
            reached: `${number(idleShare)} % of a core`,
          },
          {
            what: `a trickle of their calls (${plan.perSecond}/s)`,
            reached: `p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, ${failed} failed`,
            wanted: '0 failed',
            ok: failed === 0,
          },
        ],
      };
    } finally {
      server.close();
      await product.remove();
    }
  },
};
