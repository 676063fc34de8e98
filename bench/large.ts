/**
 * A large fleet with a long log, on the embedded database and on PostgreSQL: how long a start takes until the gateway serves, what both planes hold in memory,
 * beside a product that has just begun, and how long the first page of the agents takes. The state is made once (state.ts) and used again.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Product, root } from '../tests/e2e/product.ts';
import { postgresBinaries } from '../tests/postgres/cluster.ts';
import { ms, number, type Part, type Row } from './part.ts';
import { residentMb } from './processes.ts';
import { type DatabaseKind, stateOf } from './state.ts';

const pageItems = 200;

interface Started {
  readonly startMs: number;
  readonly controlMb: number;
  readonly gatewayMb: number;
  readonly pageMs: number;
  readonly wholeMs: number;
  readonly cliMs: number;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Starts, looks, and stops. */
async function start(options: Parameters<typeof Product.start>[0], agents: number): Promise<Started> {
  const begun = performance.now();
  const product = await Product.start(options);
  try {
    await product.serving();
    const startMs = performance.now() - begun;
    const { control, gateway } = product.ready.pids;
    const operator = await product.operator();
    const pageMs = await timed(() => operator.call('agents.list', { query: { limit: pageItems } }));
    const wholeMs = await timed(async () => {
      const { items } = await operator.call('agents.list');
      if (items.length < agents) throw new Error(`${items.length} agents instead of ${agents}`);
    });
    const at = ['--data', product.dataDir, '--control', product.ready.controlUrl];
    const listing = [join(root, 'packages/cli/bin/atf.js'), 'agent', 'list', ...at];
    const cliMs = await timed(async () => {
      const ran = spawnSync(process.execPath, listing, { stdio: 'ignore' });
      if (ran.status !== 0) throw new Error(`atf agent list ended with ${ran.status}`);
    });
    const [controlMb, gatewayMb] = [residentMb(control), residentMb(gateway)];
    return { startMs, controlMb, gatewayMb, pageMs, wholeMs, cliMs };
  } finally {
    await product.stop();
  }
}

export const largePart: Part = {
  name: 'large',
  says: '10,000 agents and 1,000,000 records: start, memory, first pages (the first time it takes minutes to make them)',
  async measure({ quick }) {
    const size = quick ? { agents: 20, records: 1_000 } : { agents: 10_000, records: 1_000_000 };
    const small = await start({}, 0);
    const raw: Record<string, unknown> = { size, small };
    const rows: Row[] = [];
    const databases: readonly DatabaseKind[] =
      postgresBinaries() === undefined ? ['pglite'] : ['pglite', 'postgres'];
    for (const database of databases) {
      const state = await stateOf(database, size);
      try {
        const large = await start({ home: state.home, env: state.env }, size.agents);
        raw[database] = { ...large, made: state.made };
        const per10k = (10_000 / size.agents) * (large.gatewayMb - small.gatewayMb);
        const place = database === 'pglite' ? 'the embedded database' : 'PostgreSQL';
        const fleet = `${number(size.agents)} agents and ${number(size.records)} records on ${place}`;
        rows.push(
          {
            what: `start with ${fleet}, until the gateway serves`,
            reached: `${(large.startMs / 1000).toFixed(1)} s (${(small.startMs / 1000).toFixed(1)} s when empty)`,
            wanted: '< 10 s',
            ok: large.startMs < 10_000,
          },
          {
            what: `${fleet}: first page of the agents, console and command line`,
            reached: `${ms(large.pageMs)}, ${ms(large.cliMs)} (all at once: ${ms(large.wholeMs)})`,
            wanted: '< 1 s',
            ok: large.pageMs < 1_000 && large.cliMs < 1_000,
          },
          {
            what: `${fleet}: memory of control and gateway`,
            reached: `${number(large.controlMb)} and ${number(large.gatewayMb)} MiB (${number(small.controlMb)} and ${number(small.gatewayMb)} MiB when empty)`,
          },
          {
            what: `memory of the gateway per 10,000 agents with an instance each (${place})`,
            reached: `${number(per10k)} MiB`,
          },
        );
      } finally {
        await state.close();
      }
    }
    return { raw, rows };
  },
};
