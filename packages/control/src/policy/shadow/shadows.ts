/**
 * Room: policy (S-2). A candidate in the shadow of the set in force: gateways ask for it, compare each decision with what it would have said, and tell what they
 * counted. It ends when somebody says so, when its time has passed, and when another version comes into force. It has no part in any decision.
 */
import { randomUUID } from 'node:crypto';
import { Counts } from '@atf/core/change-counts';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person, ResponseOf } from '@atf/core/wire/api';
import {
  type Shadow,
  shadowHoursDefault,
  type ShadowReport,
  shadowReportSchema,
} from '@atf/core/wire/shadow';
import type { Control, Db, Handlers, Tx } from '../../context.ts';
import { actingGateway, actingPerson } from '../../identity/acting.ts';
import { peopleByIds } from '../../identity/store.ts';
import { candidateContent, candidateOf } from '../candidates.ts';
import { lockActive } from '../store.ts';
import { newestVersion } from '../version-store.ts';
import { countRows, keepCount, replaceShadow, type ShadowRow, shadowRow, stopShadow } from './store.ts';

const hourMs = 60 * 60_000;

function stateOf(row: ShadowRow, newest: number | undefined, nowMs: number): Shadow['state'] {
  if (row.stopped_at !== null) return 'stopped';
  if (newest !== row.base) return 'overtaken';
  return row.ends_at <= nowMs ? 'over' : 'running';
}

async function stateNow(control: Control, db: Db | Tx, row: ShadowRow): Promise<Shadow['state']> {
  const newest = await newestVersion(db, control.config.tenant);
  return stateOf(row, newest?.version, control.clock.nowMs());
}

/** Of all processes together. */
function sum(reports: readonly ShadowReport[]): ShadowReport {
  const counts = new Counts();
  const total = { compared: 0, changed: 0, skipped: 0, failed: 0 };
  for (const report of reports) {
    counts.addAll(report);
    for (const key of ['compared', 'changed', 'skipped', 'failed'] as const) total[key] += report[key];
  }
  return { ...total, ...counts.tables() };
}

async function viewOf(control: Control, db: Db | Tx, row: ShadowRow): Promise<Shadow> {
  const { tenant } = control.config;
  const rows = (await countRows(db, tenant)).filter(({ shadow }) => shadow === row.id);
  const people = await peopleByIds(db, tenant, [row.by]);
  const iso = (ms: number) => new Date(ms).toISOString();
  const heard = Math.max(...rows.map(({ at }) => at));
  return {
    id: row.id,
    state: await stateNow(control, db, row),
    candidate: row.candidate,
    digest: row.digest,
    base: row.base,
    by: people.get(row.by)?.name ?? 'nobody known',
    startedAt: iso(row.started_at),
    endsAt: iso(row.stopped_at ?? row.ends_at),
    gateways: rows.length,
    ...(rows.length === 0 ? {} : { heardAt: iso(heard) }),
    ...sum(rows.map(({ report }) => shadowReportSchema.parse(JSON.parse(report)))),
  };
}

/** Refuses `policy.shadow_running`, `policy.candidate_unknown`, `policy.version_conflict`. */
async function start(
  control: Control,
  person: Person,
  { candidate, hours = shadowHoursDefault }: BodyOut<'shadow.start'>,
): Promise<Shadow> {
  const { tenant } = control.config;
  const content = await candidateOf(control, candidate);
  const { digest, policies } = candidateContent(content);
  return control.change(async (tx) => {
    // One after the other, and not while another version comes into force.
    await lockActive(tx, tenant);
    const newest = (await newestVersion(tx, tenant)) ?? refuse('policy.unavailable');
    if (content.base !== newest.version)
      refuse('policy.version_conflict', `version ${newest.version} is in force, not ${content.base}`);
    const known = await shadowRow(tx, tenant);
    if (known !== undefined && (await stateNow(control, tx, known)) === 'running')
      refuse('policy.shadow_running');
    const nowMs = control.clock.nowMs();
    const row: ShadowRow = {
      tenant,
      id: randomUUID(),
      candidate,
      digest,
      base: newest.version,
      policies: JSON.stringify(policies),
      by: person.id,
      started_at: nowMs,
      ends_at: nowMs + hours * hourMs,
      stopped_at: null,
    };
    await replaceShadow(tx, row);
    const { id: shadowId, base } = row;
    await control.audit.enqueue(tx, 'policy.shadow_started', {
      shadowId,
      digest,
      base,
      hours,
      by: person.id,
    });
    return viewOf(control, tx, row);
  });
}

/** Refuses `policy.shadow_unknown`. One that has ended stays as it is. */
async function stop(control: Control, person: Person): Promise<Shadow> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const row = (await shadowRow(tx, tenant)) ?? refuse('policy.shadow_unknown');
    if ((await stateNow(control, tx, row)) !== 'running') return viewOf(control, tx, row);
    const nowMs = control.clock.nowMs();
    await stopShadow(tx, tenant, row.id, nowMs);
    await control.audit.enqueue(tx, 'policy.shadow_stopped', { shadowId: row.id, by: person.id });
    return viewOf(control, tx, { ...row, stopped_at: nowMs });
  });
}

/** Reports as they were kept last, so that only what changed is written. */
export class ShadowRoom {
  readonly #kept = new Map<string, string>();

  async exchange(
    control: Control,
    gateway: string,
    { boot, have, report }: BodyOut<'gateway.shadow'>,
  ): Promise<ResponseOf<'gateway.shadow'>> {
    const { db, config, clock } = control;
    const row = await shadowRow(db, config.tenant);
    if (row === undefined) return {};
    if (report?.shadow === row.id) {
      const { shadow, ...counts } = report;
      await this.#keep(control, { gateway, boot, shadow, report: JSON.stringify(counts) });
    }
    const newest = await newestVersion(db, config.tenant);
    if (newest === undefined || stateOf(row, newest.version, clock.nowMs()) !== 'running') return {};
    const { id, digest, ends_at: endsAt, policies } = row;
    return {
      shadow: {
        id,
        digest,
        against: newest.digest,
        forMs: endsAt - clock.nowMs(),
        ...(have === id ? {} : { policies: JSON.parse(policies) as never }),
      },
    };
  }

  async #keep(
    control: Control,
    given: {
      readonly gateway: string;
      readonly boot: string;
      readonly shadow: string;
      readonly report: string;
    },
  ): Promise<void> {
    const said = `${given.boot} ${given.shadow} ${given.report}`;
    if (this.#kept.get(given.gateway) === said) return;
    const { tenant } = control.config;
    await control.change((tx) => keepCount(tx, { tenant, at: control.clock.nowMs(), ...given }));
    this.#kept.set(given.gateway, said);
  }
}

export const shadowRoutes = (
  room: ShadowRoom,
): Handlers<'shadow.show' | 'shadow.start' | 'shadow.stop' | 'gateway.shadow'> => ({
  async 'shadow.show'(control, { actor }) {
    actingPerson(actor);
    const row = await shadowRow(control.db, control.config.tenant);
    return row === undefined ? {} : { shadow: await viewOf(control, control.db, row) };
  },

  async 'shadow.start'(control, { actor, body }) {
    return start(control, actingPerson(actor), body);
  },

  async 'shadow.stop'(control, { actor }) {
    return stop(control, actingPerson(actor));
  },

  async 'gateway.shadow'(control, { actor, body }) {
    return room.exchange(control, actingGateway(actor), body);
  },
});
