/** Room: overview. Is the fleet all right, now? Every figure is read when it is asked for. */
import type { Overview } from '@atf/core/wire/api';
import { stopsAgents } from '@atf/core/incident/containment';
import { levels } from '@atf/core/wire/words';
import type { ReadableLog } from '../activity/log-reader.ts';
import { gatewayRow } from '../audit/store.ts';
import type { Control, Handlers } from '../context.ts';
import { gatewayRows } from '../gateways/store.ts';
import { agentRows, currentVersions } from '../identity/store.ts';
import { stopOfAgent } from '../identity/documents.ts';
import { agentsMax } from '../identity/agents.ts';
import { decisionsByMinute } from '../measures/decisions.ts';
import { minutesKept, type OutcomeCounts } from '../measures/minute-tally.ts';
import { shownStops, stopsInForce } from '../incident/stop-files.ts';
import { newestStopReport } from '../incident/store.ts';
import { setupDone } from '../workspace/store.ts';
import { agentsByLevel, quarantinedTools, waitingApprovals } from './store.ts';

const minuteMs = 60_000;
const gatewaysShown = 100;

const words: Record<string, 'allowed' | 'waiting' | 'refused' | 'stopped'> = {
  allowed: 'allowed',
  waiting: 'waiting',
  refused: 'refused',
  aborted: 'stopped',
  not_executed: 'stopped',
};

function series(minutes: ReadonlyMap<number, OutcomeCounts>, nowMs: number): Overview['decisions'] {
  const first = Math.floor(nowMs / minuteMs) - minutesKept + 1;
  const shown = Array.from({ length: minutesKept }, (_, at) => {
    const minute = new Date((first + at) * minuteMs).toISOString();
    return { minute, allowed: 0, waiting: 0, refused: 0, stopped: 0 };
  });
  for (const [minute, counts] of minutes) {
    const slot = shown[minute - first];
    for (const [outcome, count] of counts) {
      const word = words[outcome];
      if (slot !== undefined && word !== undefined) slot[word] += count;
    }
  }
  return shown;
}

async function agentsNow(control: Control): Promise<Overview['agents']> {
  const { tenant } = control.config;
  const byLevel = { intern: 0, junior: 0, senior: 0, principal: 0 };
  for (const { level, count } of await agentsByLevel(control.db, tenant)) byLevel[level] += count;
  const stops = (await stopsInForce(control)).filter(({ scope }) => stopsAgents(scope));
  const rows = stops.length === 0 ? [] : await agentRows(control.db, tenant, agentsMax);
  const versions = await currentVersions(control.db, tenant, rows);
  const stopped = rows.filter((row) => {
    const manifest = versions.get(row.id)?.manifest;
    return manifest !== undefined && stopOfAgent(row, manifest, stops) !== undefined;
  }).length;
  return { total: levels.reduce((sum, level) => sum + byLevel[level], 0), byLevel, stopped };
}

/** `spoolBehind`: records that the gateway has made durable and control has not taken in yet, as of its last beat. */
async function gatewaysNow(control: Control): Promise<Overview['gateways']> {
  const { tenant } = control.config;
  const live = new Map(control.feed.gateways().map((gateway) => [gateway.id, gateway]));
  const rows = (await gatewayRows(control.db, tenant, gatewaysShown)).filter(
    ({ state }) => state === 'active',
  );
  return Promise.all(
    rows.map(async ({ id, name }) => {
      const now = live.get(id);
      const taken = await gatewayRow(control.db, tenant, id);
      const beat = now?.lastBeatMsAgo;
      return {
        id,
        name,
        connected: now?.connected ?? false,
        ...(beat === undefined ? {} : { lastBeatMsAgo: beat }),
        spoolBehind: Math.max(0, (now?.spool?.seq ?? 0) - (taken?.seq ?? 0)),
        ...(now?.silent === undefined ? {} : { silent: [...now.silent] }),
      };
    }),
  );
}

export function overviewRoutes(log: ReadableLog): Handlers<'overview'> {
  return {
    async overview(control) {
      const { tenant } = control.config;
      const nowMs = control.clock.nowMs();
      const waiting = await waitingApprovals(control.db, tenant, nowMs);
      const { signedSize, signedAt, checkpoint } = log.status();
      const witnessing = log.witnessing();
      const lastStop = await newestStopReport(control.db, tenant);
      return {
        agents: await agentsNow(control),
        approvals: {
          waiting: waiting.count,
          ...(waiting.oldestMs === null
            ? {}
            : { oldestSeconds: Math.max(0, (nowMs - Number(waiting.oldestMs)) / 1000) }),
        },
        gateways: await gatewaysNow(control),
        log: {
          size: signedSize,
          ...(signedAt === undefined ? {} : { checkpointAt: new Date(signedAt).toISOString() }),
          origin: checkpoint.split('\n')[0] ?? '',
          ...(witnessing === undefined ? {} : { witnessing }),
        },
        toolsQuarantined: await quarantinedTools(control.db, tenant),
        containments: await shownStops(control),
        decisions: series(await decisionsByMinute(control), nowMs),
        ...(lastStop === undefined
          ? {}
          : {
              lastKill: {
                at: new Date(lastStop.at).toISOString(),
                tookMs: lastStop.report.tookMs,
                scope: lastStop.report.scope,
              },
            }),
        example: await setupDone(control.db, tenant),
      };
    },
  };
}
