/**
 * A governed call with a durable record beside the same call without ATF, in one run: throughput, calls per second of the gateway's processor time, and added
 * latency at half load. `call`: an MCP `tools/call` beside the same call straight to the tool server. `http`: an operation of an HTTP service beside the same
 * request through a bare proxy on undici, and straight.
 */
import { join } from 'node:path';
import { Product } from '../tests/e2e/product.ts';
import {
  answers,
  enrol,
  governed,
  putBehind,
  register,
  startServer,
  straight,
  type Target,
} from './fixture.ts';
import type { LoadResult } from './load.ts';
import { measureCoreSpeed, measureDiskSpeed } from './machine.ts';
import { ms, number, type Part, type Row } from './part.ts';
import { helper, load, processorSeconds } from './processes.ts';

interface Loads {
  readonly full: LoadResult;
  readonly half: LoadResult;
}

const told = ({ perSecond, p50Ms, p99Ms, failed }: LoadResult) =>
  `${number(perSecond)}/s, p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, ${failed} failed`;

interface Compared {
  readonly names: readonly string[];
  readonly loads: readonly Loads[];
  readonly usedSeconds: number;
}

/** The first is the governed one: the others run at half of ITS load too, so that what is added is added to the same. */
async function compare(
  targets: Readonly<Record<string, Target>>,
  calls: number,
  pid: number,
): Promise<Compared> {
  const entries = Object.entries(targets);
  const full: LoadResult[] = [];
  let usedSeconds = 0;
  for (const [, target] of entries) {
    await load({ ...target, calls: Math.ceil(calls / 7) });
    const before = processorSeconds(pid);
    full.push(await load({ ...target, calls }));
    if (full.length === 1) usedSeconds = processorSeconds(pid) - before;
  }
  const perSecond = (full[0] as LoadResult).perSecond / 2;
  const loads: Loads[] = [];
  for (const [at, [, target]] of entries.entries())
    loads.push({
      full: full[at] as LoadResult,
      half: await load({ ...target, calls: Math.ceil(calls / 2), perSecond }),
    });
  return { names: entries.map(([name]) => name), loads, usedSeconds };
}

function rowsOf(what: string, { names, loads, usedSeconds }: Compared): Row[] {
  const [own, ...others] = loads as [Loads, ...Loads[]];
  const perCore = own.full.sent / usedSeconds;
  const rows: Row[] = names.flatMap((name, at) => {
    const { full, half } = loads[at] as Loads;
    const failed = at === 0 ? { wanted: '0 failed', ok: full.failed + half.failed === 0 } : {};
    return [
      { what: `${what}, ${name}, full load`, reached: told(full), ...failed },
      { what: `${what}, ${name}, half load`, reached: told(half) },
    ];
  });
  rows.push({
    what: `${what}: governed calls per second of gateway processor time`,
    reached: number(perCore),
    wanted: '≥ 2,000',
    ok: perCore >= 2_000,
  });
  for (const [at, other] of others.entries()) {
    const name = names[at + 1] ?? '';
    const [p50, p99] = [own.half.p50Ms - other.half.p50Ms, own.half.p99Ms - other.half.p99Ms];
    const wanted = at === 0;
    rows.push(
      {
        what: `${what}: added to ${name} at half load, p50`,
        reached: ms(p50),
        ...(wanted ? { wanted: '≤ 1 ms', ok: p50 <= 1 } : {}),
      },
      {
        what: `${what}: added to ${name} at half load, p99`,
        reached: ms(p99),
        ...(wanted ? { wanted: '≤ 4 ms', ok: p99 <= 4 } : {}),
      },
      {
        what: `${what}: ${name}, times as fast as governed`,
        reached: `${number(other.full.perSecond / own.full.perSecond)}×`,
      },
    );
  }
  return rows;
}

export async function withAgent<T>(
  work: (given: {
    readonly product: Product;
    readonly url: string;
    target(what: Parameters<typeof governed>[1]): Promise<Target>;
  }) => Promise<T>,
): Promise<T> {
  const product = await Product.start();
  const server = await startServer();
  try {
    const operator = await product.operator();
    await putBehind(operator, [join(product.dataDir, 'gateway')], server.url);
    const agent = await enrol(operator, product.ready.controlUrl, await register(operator, 'bench-reader'));
    const target: Parameters<typeof work>[0]['target'] = async (what) => {
      const made = await governed(agent, what);
      await answers(made);
      return made;
    };
    return await work({ product, url: server.url, target });
  } finally {
    server.close();
    await product.remove();
  }
}

export const callPart: Part = {
  name: 'call',
  says: 'a governed MCP tools/call with durable record beside the same call straight to the tool server',
  measure: ({ calls, quick }) =>
    withAgent(async ({ product, url, target }) => {
      const compared = await compare(
        { governed: await target({ tool: 'echo' }), straight: straight(`${url}/mcp`, 'echo') },
        calls,
        product.ready.pids.gateway,
      );
      if (quick) return { raw: compared, rows: rowsOf('tools/call', compared) };
      const [core, disk] = [await measureCoreSpeed(), await measureDiskSpeed()];
      const rows = [
        ...rowsOf('tools/call', compared),
        {
          what: 'for comparison: ES256 verifications in a second of processor time (slowest and fastest sample)',
          reached: `${number(core.least)} to ${number(core.most)}`,
        },
        {
          what: 'for comparison: one durable write of 2 KiB to this disk (a governed call waits for two)',
          reached: `p50 ${ms(disk.p50Ms)}, p99 ${ms(disk.p99Ms)}`,
        },
      ];
      return { raw: { ...compared, core, disk }, rows };
    }),
};

export const httpPart: Part = {
  name: 'http',
  says: 'a governed request to an HTTP service beside the same through a bare undici proxy, and straight',
  measure: ({ calls }) =>
    withAgent(async ({ product, url, target }) => {
      const proxy = await helper('bare-proxy.ts', [url]);
      try {
        const compared = await compare(
          {
            governed: await target({ path: 'order' }),
            'bare proxy': straight(`http://127.0.0.1:${proxy.said}/order`),
            straight: straight(`${url}/order`),
          },
          calls,
          product.ready.pids.gateway,
        );
        return { raw: compared, rows: rowsOf('HTTP GET', compared) };
      } finally {
        proxy.close();
      }
    }),
};
