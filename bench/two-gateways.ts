/**
 * Two control replicas and two gateways on one PostgreSQL, each a process of its own. `gateways`: the throughput of both gateways together. `kill`: a tool is
 * killed while both gateways are under full load of other calls, and calls of that tool run on each; it has an effect every millisecond. What counts is the last
 * effect at either gateway, after the moment in which the stop was sent.
 */
import { Fleet } from '../tests/e2e/fleet.ts';
import { resume, until } from '../tests/e2e/product.ts';
import {
  answers,
  type BenchServer,
  enrol,
  governed,
  putBehind,
  register,
  startServer,
  type Target,
} from './fixture.ts';
import { ms, number, type Part } from './part.ts';
import { load, processorSeconds, quantile } from './processes.ts';

interface Place {
  readonly fleet: Fleet;
  readonly server: BenchServer;
  /** Of one agent, at each gateway. */
  target(tool: string, concurrency?: number): Promise<readonly Target[]>;
}

async function withFleet<T>(work: (place: Place) => Promise<T>): Promise<T> {
  const fleet = await Fleet.start();
  const server = await startServer();
  try {
    const operator = fleet.operator(0);
    await putBehind(
      operator,
      fleet.gateways.map(({ dir }) => dir),
      server.url,
    );
    const agentId = await register(operator, 'bench-reader');
    const controlUrl = fleet.controls[0]?.url ?? '';
    const target = async (tool: string, concurrency = 32) => {
      const made: Target[] = [];
      for (const { url } of fleet.gateways)
        made.push(await governed(await enrol(operator, controlUrl, agentId, url), { tool }, concurrency));
      if (tool === 'echo') for (const each of made) await answers(each);
      return made;
    };
    return await work({ fleet, server, target });
  } finally {
    server.close();
    await fleet.remove();
  }
}

export const gatewaysPart: Part = {
  name: 'gateways',
  says: 'two gateways and two control replicas on one PostgreSQL',
  measure: ({ calls }) =>
    withFleet(async ({ fleet, target }) => {
      const targets = await target('echo');
      await Promise.all(targets.map((each) => load({ ...each, calls: Math.ceil(calls / 7) })));
      const used = () => fleet.gateways.reduce((sum, { pid }) => sum + processorSeconds(pid), 0);
      const before = used();
      const loads = await Promise.all(targets.map((each) => load({ ...each, calls: Math.ceil(calls / 2) })));
      const usedSeconds = used() - before;
      const made = loads.reduce((sum, each) => sum + each.sent, 0);
      const failed = loads.reduce((sum, each) => sum + each.failed, 0);
      const perCore = made / usedSeconds;
      const perSecond = loads.reduce((sum, each) => sum + each.perSecond, 0);
      const p99Ms = Math.max(...loads.map((each) => each.p99Ms));
      return {
        raw: { loads, usedSeconds },
        rows: [
          {
            what: 'tools/call, governed by two gateways on one PostgreSQL, full load',
            reached: `${number(perSecond)}/s, p99 ${ms(p99Ms)}, ${failed} failed`,
            wanted: '0 failed',
            ok: failed === 0,
          },
          {
            what: 'two gateways: governed calls per second of their processor time',
            reached: number(perCore),
            wanted: '≥ 2,000',
            ok: perCore >= 2_000,
          },
        ],
      };
    }),
};

interface Work {
  readonly text: string;
  readonly begunMs: number;
  readonly lastMs: number;
  readonly effects: number;
}

/** As many calls of the tool at each gateway. */
const worksPerGateway = 2;
const quietMs = 600;
/** A person has only so many confirmations open at once, and each resumption takes one. */
const killsDefault = 12;

export const killPart: Part = {
  name: 'kill',
  says: 'kill to the last effect at two gateways under full load',
  measure: ({ quick }) =>
    withFleet(async ({ fleet, server, target }) => {
      const security = await fleet.signIn('yuki.mori@example.com', 0);
      const others = await target('echo');
      const own = await target('work', worksPerGateway);
      const kills = quick ? 1 : killsDefault;
      let over = false;
      let loaded = 0;
      const begunMs = performance.now();
      const busy = others.map(async (each) => {
        while (!over) {
          const { calls, failed, firstFailure } = await load({ ...each, calls: quick ? 200 : 3_000 });
          if (failed === calls) throw new Error(`the other calls fail: ${firstFailure}`);
          loaded += calls - failed;
        }
      });
      const works = async () => (await (await fetch(`${server.url}/effects`)).json()) as Work[];
      const scope = { kind: 'tool' as const, id: 'echo/work' };
      const lastEffects: number[] = [];
      const reports: number[] = [];
      try {
        for (let n = 0; n < kills; n++) {
          const earlier = (await works()).length;
          const running: Promise<unknown>[] = [];
          await until(
            'calls under way at both gateways',
            async () => {
              const now = (await works()).slice(earlier).filter(({ effects }) => effects > 20);
              if (now.length >= worksPerGateway * own.length) return true;
              // A gateway may hear of the last resume a moment after it was answered: what it refused is called again.
              if (running.length === 0)
                for (const each of own)
                  running.push(load({ ...each, calls: worksPerGateway }).finally(() => running.splice(0)));
              return undefined;
            },
            30_000,
          );
          const sentMs = performance.timeOrigin + performance.now();
          const begun = performance.now();
          const body = { scope, state: 'killed' as const, reason: 'benchmark' };
          await security.client.call('containment.stop', { body });
          reports.push(performance.now() - begun);
          await until('a quiet moment', () => (performance.now() - begun > quietMs ? true : undefined));
          const now = (await works()).slice(earlier);
          lastEffects.push(Math.max(0, ...now.map(({ lastMs }) => lastMs - sentMs)));
          await Promise.all(running);
          await resume(security, { scope, reason: 'benchmark' });
        }
      } finally {
        over = true;
        await Promise.all(busy);
      }
      const perSecond = (loaded / (performance.now() - begunMs)) * 1_000;
      const [p50, p99] = [quantile(lastEffects, 0.5), quantile(lastEffects, 0.99)];
      const under = `two gateways under full load (${number(perSecond)} other calls/s)`;
      return {
        raw: { kills, lastEffects, reports, perSecond },
        rows: [
          { what: `kill to last effect, ${under}, p50 of ${kills}`, reached: ms(p50) },
          {
            what: `kill to last effect, two gateways under full load, p99 of ${kills}`,
            reached: ms(p99),
            wanted: '≤ 250 ms',
            ok: p99 <= 250,
          },
          { what: 'kill to report, p99', reached: ms(quantile(reports, 0.99)) },
        ],
      };
    }),
};
