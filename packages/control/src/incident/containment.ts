/**
 * Room: incident (R-1, R-2, R-3; invariants 1 and 2). Stopping acts first and records afterwards; resuming records first. A stop needs nothing
 * that may fail: gateways are told from memory, the line on reserved disk space holds it over a restart, and the database follows.
 */
import { randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { stopsAgents } from '@atf/core/incident/containment';
import { containmentKey } from '@atf/core/incident/scope-id';
import {
  type BodyOut,
  type Person,
  type PresenceSubject,
  resumeShownText,
  type StopReport,
} from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { Scope } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { changeCeiling } from '../identity/ceiling.ts';
import { lockAgent, lockAgents } from '../identity/store.ts';
import { liftTotals } from '../segmentation/total-store.ts';
import { openStops, recordStop, reserveStop } from './recorder.ts';
import type { PendingStop } from './reserve.ts';
import { hostStops } from './stop-files.ts';
import { agentsOf, mayResume, mayStop, refuseNothing, resolveScope, within } from './scopes.ts';
import { keepReason } from './reasons.ts';
import { liftContainment, lockContainment, setStopReport } from './store.ts';

export { openStops };

/** How long the report waits for gateways; their lease (800 ms) stops those that do not answer. */
export const confirmBoundMs = 1_000;
/** How long a stop waits for its record before it reports that there is none yet. */
const recordBoundMs = 5_000;

/**
 * Stops, then records. The report says what stopped and how fast. Refuses `people.not_allowed`, `identity.agent_not_found`, `containment.nothing_such`; and
 * `containment.not_recorded` when the stop acts but its record is still being tried.
 */
export async function stop(
  control: Control,
  person: Person,
  given: BodyOut<'containment.stop'>,
): Promise<StopReport> {
  const startedAt = performance.now();
  const resolved = await resolveScope(control, given.scope, true);
  const { scope, label } = resolved;
  if (!mayStop(person, resolved))
    refuse(
      'people.not_allowed',
      'Operators, security, owners, and those whom the manifest names may stop it.',
    );
  await refuseNothing(control, scope);
  const nowMs = control.clock.nowMs();
  const isoAfter = (ms: number) => new Date(nowMs + ms).toISOString();
  const { state, reason, graceSeconds } = given;
  const doc: ContainmentDoc = {
    scope,
    state,
    since: isoAfter(0),
    reason,
    by: person.name,
    ...(label === undefined ? {} : { label }),
    ...(graceSeconds === undefined ? {} : { drainUntil: isoAfter(graceSeconds * 1_000) }),
  };
  return enforce(control, { id: randomUUID(), key: containmentKey(scope), doc, byId: person.id }, startedAt);
}

/** Puts a stop in force everywhere, records it, and says what came of it. */
export async function enforce(
  control: Control,
  pending: PendingStop,
  startedAt = performance.now(),
): Promise<StopReport> {
  const { scope, state, drainUntil } = pending.doc;
  // First the gateways, then the disk, then the database: each step is slower and likelier to fail than the one before.
  const confirmation = control.feed.contain(pending.key, pending.doc, confirmBoundMs);
  reserveStop(control, pending);
  const recording = recordStop(control, pending);
  const outcome = await confirmation;
  const tookMs = performance.now() - startedAt;
  const recorded = await within(recordBoundMs, recording);
  if (recorded === undefined) {
    return refuse(
      'containment.not_recorded',
      `${outcome.confirmed} of ${outcome.connected} gateways confirmed, ${outcome.aborted} calls were cut.`,
    );
  }
  const report: StopReport = {
    scope,
    state,
    agents: [...recorded.agents],
    gateways: { connected: outcome.connected, confirmed: outcome.confirmed },
    callsAborted: outcome.aborted,
    ...(drainUntil === undefined ? {} : { callsRunning: outcome.running, drainUntil }),
    approvalsVoided: recorded.approvalsVoided,
    tookMs: Math.round(tookMs * 1000) / 1000,
  };
  await measure(control, pending.id, report);
  return report;
}

/** The measurement is news about a stop that is in force and on record: failing to write it does not make the stop fail. */
async function measure(control: Control, id: string, report: StopReport): Promise<void> {
  const { tenant } = control.config;
  try {
    await control.change(async (tx) => {
      await setStopReport(tx, tenant, id, report);
      await control.audit.enqueue(tx, 'incident.kill_measured', {
        stopId: id,
        ...(report.scope.kind === 'agent' ? { agentId: report.scope.id } : {}),
        scope: { ...report.scope },
        state: report.state,
        gateways: report.gateways,
        callsAborted: report.callsAborted,
        ...(report.callsRunning === undefined ? {} : { callsRunning: report.callsRunning }),
        tookMs: report.tookMs,
      });
    });
  } catch (fault) {
    control.log.error({ err: fault, stop: id }, 'the measurement of a stop could not be recorded');
  }
}

/** What a person confirms presence for: exactly this request, so that a confirmation of one ceiling or reason is none of another. */
export function resumeSubject(request: Omit<BodyOut<'containment.resume'>, 'presence'>): PresenceSubject {
  return { kind: 'resume', id: containmentKey(request.scope), digest: sha256(resumeShownText(request)) };
}

/** Control holds no such stop. The stop files of these gateways' hosts may. */
function refuseResume(hosts: readonly string[]): never {
  const [host] = hosts;
  if (host === undefined) refuse('containment.not_stopped');
  refuse(
    'containment.not_stopped',
    `The stop file of the host of the gateway ${host} stops it. Lift it on that host: atf resume … --offline.`,
  );
}

/** After a restore nobody knows what was spent since the backup, unless who answers for everything says that it was nothing. */
async function goOnAsBackup(control: Control, tx: Tx, { roles }: Person, { kind }: Scope): Promise<void> {
  if (kind !== 'fleet') refuse('request.malformed', `totals: a ${kind} has none that a restore has lost`);
  if (!roles.includes('operator') && !roles.includes('security'))
    refuse('people.not_allowed', 'Operators and security say what totals are after a restore.');
  await liftTotals(tx, control.config.tenant, control.clock.nowMs());
}

/**
 * Resumes, with a ceiling if wanted. The record comes first; gateways follow it. Credentials that a kill voided stay void: instances enrol
 * again. Refuses `containment.not_stopped`, `people.not_allowed`, `people.presence_invalid`.
 */
export async function resume(
  control: Control,
  person: Person,
  given: BodyOut<'containment.resume'>,
): Promise<void> {
  const { tenant } = control.config;
  const resolved = await resolveScope(control, given.scope, false);
  const { scope } = resolved;
  const key = containmentKey(scope);
  const hosts = (await hostStops(control)).flatMap(({ scope: held, gateway }) =>
    gateway !== undefined && containmentKey(held) === key ? [gateway.name] : [],
  );
  await control.change(async (tx) => {
    const concerned =
      stopsAgents(scope) && given.ceiling !== undefined ? await agentsOf(control, tx, scope) : [];
    await lockAgents(
      tx,
      tenant,
      concerned.map((one) => one.id),
    );
    const before = (await lockContainment(tx, tenant, key)) ?? refuseResume(hosts);
    if (!mayResume(person, resolved, before.state))
      refuse('people.not_allowed', 'Operators and security resume what was killed.');
    const { method } = await control.presence.consume(tx, person, given.presence, resumeSubject(given));
    if (given.totals !== undefined) await goOnAsBackup(control, tx, person, scope);
    await liftContainment(tx, tenant, key);
    await control.feed.put(tx, 'containment', key, null);
    if (given.ceiling !== undefined) {
      if (!stopsAgents(scope)) refuse('request.malformed', `ceiling: a ${scope.kind} has none`);
      for (const { id } of concerned) {
        const agent = await lockAgent(tx, tenant, id);
        if (agent === undefined) continue;
        await changeCeiling(control, tx, agent, {
          to: given.ceiling,
          by: person,
          because: 'resumed_with_restrictions',
        });
      }
    }
    const resumeId = await keepReason(control, tx, person.id, {
      kind: 'resumed',
      key,
      reason: given.reason,
    });
    await control.audit.enqueue(tx, 'incident.containment_lifted', {
      resumeId,
      ...(scope.kind === 'agent' ? { agentId: scope.id } : {}),
      scope: { ...scope },
      was: before.state,
      ...(given.ceiling === undefined ? {} : { ceiling: given.ceiling }),
      ...(given.totals === undefined ? {} : { totals: given.totals }),
      presence: method,
      by: person.id,
    });
  });
}
