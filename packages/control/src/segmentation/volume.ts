/**
 * Room: segmentation (S-3). Watches how many calls each agent makes in an hour: counts them from the log, makes a baseline of them once a day, throttles who is
 * far above it, and lets go when the hour is over. The rules stand in core/segmentation/volume.ts. One process does this, whoever has the duties; what it
 * decided stands in the database and in the agents' documents, so that it outlives it.
 */
import { dayOf, hourMs, hourOf } from '@atf/core/hours';
import {
  baselineOf,
  hourEnds,
  overPercent,
  throttledRate,
  volumeHoursKept,
} from '@atf/core/segmentation/volume';
import type { Throttle } from '@atf/core/wire/adaptive';
import { firstIndexSince, indexedRows } from '../audit/index-store.ts';
import type { Control, Tx } from '../context.ts';
import { setAdapted } from '../identity/adapted.ts';
import { type AgentRow, lockAgent } from '../identity/store.ts';
import { followUsual } from './followed-rates.ts';
import {
  adaptedAgents,
  addCalls,
  agentsOver,
  baselinePage,
  dropHours,
  histories,
  lockMark,
  markOf,
  type OverRow,
  setBaseline,
  setMark,
  settleHour,
} from './volume-store.ts';

/** Rows of the index in one transaction: between two of them everybody else has their turn. */
const rowsPerTurn = 10_000;
/** Turns of one look; a log that is longer goes on with the next look. */
const turnsMax = 10;
const agentsPerTurn = 200;
const adaptedMax = 20_000;

/** Ends a throttle. The agent is locked. */
export async function endThrottle(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { throttle, ...rest } = agent.adapted;
  await setAdapted(control, tx, agent, rest);
  await control.audit.enqueue(tx, 'segmentation.throttle_ended', {
    agentId: agent.id,
    agent: agent.name,
    since: throttle?.since,
    ...facts,
  });
}

export class VolumeWatch {
  readonly #control: Control;
  /** The day whose baselines are made, and the last agent that has its own. */
  #day: number | undefined;
  #after = '';
  #followed = '';

  constructor(control: Control) {
    this.#control = control;
  }

  async look(): Promise<void> {
    await this.#count();
    await this.#refresh();
    this.#followed = await followUsual(this.#control, this.#followed, ofEach);
    await this.#throttleAll();
    await this.#letGo();
  }

  async #count(): Promise<void> {
    const { db, clock, config } = this.#control;
    const { tenant } = config;
    const nowMs = clock.nowMs();
    const sinceHour = hourOf(nowMs) - volumeHoursKept;
    for (let turn = 0; turn < turnsMax; turn++) {
      // Most looks find nothing new, and lock nothing.
      if ((await markOf(db, tenant)) === (await indexedRows(db, tenant))) return;
      const more = await this.#control.change(async (tx) => {
        const mark = await lockMark(tx, tenant);
        // Read under the lock: an older end than another's would count what it has counted again.
        const end = await indexedRows(tx, tenant);
        if (mark === end) return false;
        // A log that became shorter is one that is being rebuilt, or was restored: what it held is counted.
        const from = Math.min(mark ?? (await firstIndexSince(tx, tenant, sinceHour * hourMs)) ?? end, end);
        const to = Math.min(from + rowsPerTurn, end);
        if (to > from) await addCalls(tx, tenant, { from, to, nowMs, sinceHour });
        await setMark(tx, tenant, to);
        return to < end;
      });
      if (!more) return;
    }
  }

  /** The next agents whose baseline is not of today. */
  async #refresh(): Promise<void> {
    const { clock, config, change } = this.#control;
    const { tenant } = config;
    const nowMs = clock.nowMs();
    const day = dayOf(nowMs);
    if (this.#day === day) return;
    const hour = hourOf(nowMs);
    const sinceHour = hour - volumeHoursKept;
    this.#after = await change(async (tx) => {
      const page = await baselinePage(tx, tenant, this.#after, agentsPerTurn);
      const due = page.filter((row) => row.day !== day);
      const known = await histories(
        tx,
        tenant,
        due.map(({ id }) => id),
        { sinceHour, hour },
      );
      for (const { id, calls } of due) {
        const baseline = baselineOf(known.get(id), calls ?? undefined, nowMs);
        if (baseline !== undefined) await setBaseline(tx, tenant, id, { day, calls: baseline });
      }
      const last = page.length < agentsPerTurn ? '' : (page.at(-1)?.id ?? '');
      if (last === '') await dropHours(tx, tenant, sinceHour);
      return last;
    });
    if (this.#after === '') this.#day = day;
  }

  async #throttleAll(): Promise<void> {
    const { db, clock, config } = this.#control;
    const hour = hourOf(clock.nowMs());
    const over = await agentsOver(db, config.tenant, { hour, percent: overPercent, limit: agentsPerTurn });
    await ofEach(over, (row) => this.#throttle(row, hour));
  }

  async #throttle({ agentId, calls, baseline }: OverRow, hour: number): Promise<void> {
    const { clock, config, change, audit } = this.#control;
    const throttle: Throttle = {
      since: new Date(clock.nowMs()).toISOString(),
      until: hourEnds(hour),
      calls,
      baseline,
      ...throttledRate(baseline),
    };
    await change(async (tx) => {
      const agent = await lockAgent(tx, config.tenant, agentId);
      await settleHour(tx, config.tenant, agentId, hour);
      if (agent === undefined) return;
      await setAdapted(this.#control, tx, agent, { ...agent.adapted, throttle });
      await audit.enqueue(tx, 'segmentation.agent_throttled', { agentId, agent: agent.name, ...throttle });
    });
  }

  async #letGo(): Promise<void> {
    const { db, clock, config, change } = this.#control;
    const nowMs = clock.nowMs();
    const isOver = ({ until, since }: Throttle) =>
      nowMs >= Date.parse(until) || nowMs < Date.parse(since) - hourMs;
    const held = (await adaptedAgents(db, config.tenant, adaptedMax)).filter(
      ({ adapted: { throttle } }) => throttle !== undefined && isOver(throttle),
    );
    await ofEach(held, ({ id }) =>
      change(async (tx) => {
        const agent = await lockAgent(tx, config.tenant, id);
        const now = agent?.adapted.throttle;
        if (agent === undefined || now === undefined || !isOver(now)) return;
        await endThrottle(this.#control, tx, agent, { because: 'hour_over' });
      }),
    );
  }
}

/** One that fails keeps nobody behind it from theirs; what failed is told when all have had their turn. */
export async function ofEach<T>(rows: readonly T[], work: (row: T) => Promise<void>): Promise<void> {
  const faults: unknown[] = [];
  for (const row of rows) await work(row).catch((fault: unknown) => faults.push(fault));
  if (faults.length > 0) throw faults[0];
}
