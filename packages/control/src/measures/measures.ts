/**
 * Room: measures. Whether governance itself is well: how much is authorised, whether every intent has its outcome, how long people and decisions take, how
 * fast the last stop was. Every query is bounded in rows and the answer is kept for some seconds: looking must not hold up what is looked at.
 */
import type { Measures } from '@atf/core/wire/api';
import type { Control } from '../context.ts';
import { outcomeBoundMs } from '../approvals/upkeep.ts';
import { gatewayRow } from '../audit/store.ts';
import { newestStopReport } from '../incident/store.ts';
import { waitingApprovals } from '../overview/store.ts';
import { decisionsByMinute } from './decisions.ts';
import { intentCounts, waitingTimes } from './store.ts';

const waitingWindowMs = 24 * 3_600_000;
const keptMs = 10_000;

type Live = ReturnType<Control['feed']['gateways']>[number];

async function read(control: Control): Promise<Measures> {
  const { db, config, feed, clock } = control;
  const { tenant } = config;
  const nowMs = clock.nowMs();
  const decisions = await decisionsOfHour(control);
  const decided = decisions.allowed + decisions.waiting + decisions.refused;
  const intents = await intentCounts(db, tenant, nowMs - outcomeBoundMs);
  const times = await waitingTimes(db, tenant, nowMs - waitingWindowMs);
  const waiting = await waitingApprovals(db, tenant, nowMs);
  const lastStop = await newestStopReport(db, tenant);
  const gateways = feed.gateways().filter(({ connected }) => connected);
  const behind = await Promise.all(gateways.map((gateway) => recordsBehind(control, gateway)));
  const decideTimes = gateways.flatMap(({ decide }) => (decide === undefined ? [] : [decide]));
  return {
    at: new Date(nowMs).toISOString(),
    decisions: { ...decisions, ...(decided === 0 ? {} : { authorizationRate: decisions.allowed / decided }) },
    records: { ...intents, behind: behind.reduce((sum, records) => sum + records, 0) },
    // Of several gateways the slowest, so that none hides behind another.
    ...(decideTimes.length === 0
      ? {}
      : {
          decide: {
            p50Ms: Math.max(...decideTimes.map(({ p50Ms }) => p50Ms)),
            p99Ms: Math.max(...decideTimes.map(({ p99Ms }) => p99Ms)),
          },
        }),
    approvals: {
      decided: times.decided,
      ...(times.p50Ms === null ? {} : { p50Seconds: times.p50Ms / 1000 }),
      ...(times.p90Ms === null ? {} : { p90Seconds: times.p90Ms / 1000 }),
      waiting: waiting.count,
      ...(waiting.oldestMs === null
        ? {}
        : { oldestSeconds: Math.max(0, (nowMs - Number(waiting.oldestMs)) / 1000) }),
    },
    ...(lastStop === undefined
      ? {}
      : { lastKill: { at: new Date(lastStop.at).toISOString(), tookMs: lastStop.report.tookMs } }),
  };
}

async function decisionsOfHour(
  control: Control,
): Promise<{ allowed: number; waiting: number; refused: number }> {
  const sum = { allowed: 0, waiting: 0, refused: 0 };
  for (const counts of (await decisionsByMinute(control)).values()) {
    sum.allowed += counts.get('allowed') ?? 0;
    sum.waiting += counts.get('waiting') ?? 0;
    sum.refused += counts.get('refused') ?? 0;
  }
  return sum;
}

/** Records that are durable at the gateway and not taken in yet, as of its last beat. */
async function recordsBehind({ db, config }: Control, { id, spool }: Live): Promise<number> {
  const taken = await gatewayRow(db, config.tenant, id);
  return Math.max(0, (spool?.seq ?? 0) - (taken?.seq ?? 0));
}

interface Kept {
  readonly atMs: number;
  readonly measures: Promise<Measures>;
}

const kept = new WeakMap<Control, Kept>();

/** The measures, at most ten seconds old. */
export function measuresOf(control: Control): Promise<Measures> {
  const nowMs = control.clock.nowMs();
  const held = kept.get(control);
  if (held !== undefined && nowMs >= held.atMs && nowMs - held.atMs < keptMs) return held.measures;
  const measures = read(control);
  kept.set(control, { atMs: nowMs, measures });
  measures.catch(() => kept.delete(control));
  return measures;
}
