/**
 * Room: policy (S-2). Backtests as people ask for them: one at a time in each control process, kept with what they found until newer ones push them out.
 */
import { randomUUID } from 'node:crypto';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person } from '@atf/core/wire/api';
import {
  type Backtest,
  type BacktestChange,
  backtestDaysDefault,
  backtestPageMax,
} from '@atf/core/wire/backtest';
import type { PolicyDoc } from '@atf/core/wire/feed';
import type { ReadableLog } from '../../activity/log-reader.ts';
import type { Control, Handlers } from '../../context.ts';
import { actingPerson } from '../../identity/acting.ts';
import { agentByRef, peopleByIds } from '../../identity/store.ts';
import { candidateContent, candidateOf, type Content, contentOf } from '../candidates.ts';
import { newestVersion, versionWithSet } from '../version-store.ts';
import type { Task } from './messages.ts';
import { nothingYet, runBacktest } from './run.ts';
import {
  backtestRow,
  type BacktestRow,
  backtestRows,
  cancelBacktest,
  changesOf,
  insertBacktest,
} from './store.ts';
import type { Report } from './tally.ts';

const dayMs = 24 * 60 * 60_000;
/** A process that runs one writes every second; after this it does so no more. */
const lostAfterMs = 120_000;

const docOf = ({ digest, policies }: Content): PolicyDoc => ({ digest, epoch: 0, policies });

async function viewsOf(control: Control, rows: readonly BacktestRow[]): Promise<Backtest[]> {
  const people = await peopleByIds(
    control.db,
    control.config.tenant,
    rows.map(({ by }) => by),
  );
  const iso = (ms: number) => new Date(ms).toISOString();
  return rows.map((row) => ({
    id: row.id,
    state: row.state === 'running' && control.clock.nowMs() - row.beat_at > lostAfterMs ? 'lost' : row.state,
    ...(row.candidate === null ? {} : { candidate: row.candidate }),
    ...(row.agent === null ? {} : { agent: row.agent }),
    ...(row.level === null ? {} : { level: row.level }),
    base: row.base,
    days: row.days,
    since: iso(row.since),
    by: people.get(row.by)?.name ?? 'nobody known',
    startedAt: iso(row.started_at),
    ...(row.ended_at === null ? {} : { endedAt: iso(row.ended_at) }),
    ...(row.code === null ? {} : { code: row.code }),
    ...(JSON.parse(row.report) as Report),
  }));
}

/** Refuses `policy.backtest_unknown`. */
async function rowOf(control: Control, id: string): Promise<BacktestRow> {
  return (await backtestRow(control.db, control.config.tenant, id)) ?? refuse('policy.backtest_unknown');
}

async function viewOf(control: Control, id: string): Promise<Backtest> {
  const [view] = await viewsOf(control, [await rowOf(control, id)]);
  return view ?? refuse('policy.backtest_unknown');
}

export class Backtests {
  readonly #log: ReadableLog;
  #running: { readonly id: string; readonly end: AbortController; readonly ended: Promise<void> } | undefined;
  /** Taken before anything is awaited, so that two who ask at once are not both let in. */
  #taken = false;

  constructor(log: ReadableLog) {
    this.#log = log;
  }

  /** Refuses `policy.backtest_running`, `policy.candidate_unknown`, `identity.agent_not_found`, `request.malformed`. */
  async start(control: Control, person: Person, given: BodyOut<'backtests.start'>): Promise<Backtest> {
    if (this.#taken) refuse('policy.backtest_running');
    this.#taken = true;
    const free = () => {
      this.#taken = false;
    };
    const { row, task } = await this.#begin(control, person, given).catch((fault: unknown) => {
      free();
      throw fault;
    });
    const end = new AbortController();
    const ended = runBacktest(control, this.#log, { id: row.id, task, signal: end.signal })
      .catch((fault: unknown) => control.log.error({ err: fault }, 'a backtest could not be kept'))
      .finally(free);
    this.#running = { id: row.id, end, ended };
    return viewOf(control, row.id);
  }

  async #begin(
    control: Control,
    person: Person,
    { candidate, agent: ref, level, days = backtestDaysDefault }: BodyOut<'backtests.start'>,
  ): Promise<{ row: BacktestRow; task: Task }> {
    const { db, config } = control;
    const { tenant } = config;
    if (candidate === undefined && level === undefined)
      refuse('request.malformed', 'one of candidate and level is needed');
    if (level !== undefined && ref === undefined) refuse('request.malformed', 'level needs agent');
    const newest = (await newestVersion(db, tenant)) ?? refuse('policy.unavailable');
    const live = (await versionWithSet(db, tenant, newest.version)) ?? refuse('policy.unavailable');
    const before = contentOf(live);
    const after = candidate === undefined ? before : candidateContent(await candidateOf(control, candidate));
    const agent = ref === undefined ? undefined : await agentByRef(db, tenant, ref);
    if (ref !== undefined && agent === undefined) refuse('identity.agent_not_found');
    const nowMs = control.clock.nowMs();
    const row: BacktestRow = {
      tenant,
      id: randomUUID(),
      candidate: candidate ?? null,
      agent: agent?.name ?? null,
      level: level ?? null,
      base: newest.version,
      days,
      since: nowMs - days * dayMs,
      state: 'running',
      by: person.id,
      started_at: nowMs,
      beat_at: nowMs,
      ended_at: null,
      cancelled: false,
      code: null,
      report: JSON.stringify(nothingYet),
    };
    await control.change(async (tx) => {
      await insertBacktest(tx, row);
      await control.audit.enqueue(tx, 'policy.backtest_started', {
        backtestId: row.id,
        digest: after.digest,
        base: newest.version,
        days,
        ...(agent === undefined ? {} : { agentId: agent.id }),
        ...(level === undefined ? {} : { level }),
        by: person.id,
      });
    });
    const task: Task = {
      before: docOf(before),
      after: docOf(after),
      level,
      agentId: agent?.id,
      sinceMs: row.since,
    };
    return { row, task };
  }

  async list(
    control: Control,
    { candidate, agent }: { readonly candidate?: string | undefined; readonly agent?: string | undefined },
  ): Promise<Backtest[]> {
    return viewsOf(control, await backtestRows(control.db, control.config.tenant, { candidate, agent }));
  }

  async changes(
    control: Control,
    id: string,
    {
      after = -1,
      limit = backtestPageMax,
    }: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<BacktestChange[]> {
    await rowOf(control, id);
    return changesOf(control.db, control.config.tenant, id, { after, limit });
  }

  async cancel(control: Control, id: string): Promise<Backtest> {
    await rowOf(control, id);
    await control.change((tx) => cancelBacktest(tx, control.config.tenant, id));
    // Where another replica runs it, that one finds the wish with its next beat.
    if (this.#running?.id === id) {
      this.#running.end.abort();
      await this.#running.ended;
    }
    return viewOf(control, id);
  }

  async close(): Promise<void> {
    this.#running?.end.abort();
    await this.#running?.ended;
  }
}

export const backtestRoutes = (
  backtests: Backtests,
): Handlers<
  'backtests.start' | 'backtests.list' | 'backtests.show' | 'backtests.changes' | 'backtests.cancel'
> => ({
  async 'backtests.start'(control, { actor, body }) {
    return backtests.start(control, actingPerson(actor), body);
  },

  async 'backtests.list'(control, { actor, query }) {
    actingPerson(actor);
    return { items: await backtests.list(control, query) };
  },

  async 'backtests.show'(control, { actor, params }) {
    actingPerson(actor);
    return viewOf(control, params.id);
  },

  async 'backtests.changes'(control, { actor, params, query }) {
    actingPerson(actor);
    return { items: await backtests.changes(control, params.id, query) };
  },

  async 'backtests.cancel'(control, { actor, params }) {
    actingPerson(actor);
    return backtests.cancel(control, params.id);
  },
});
