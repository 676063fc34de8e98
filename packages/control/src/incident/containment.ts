/**
 * Room: incident (R-1, R-2, R-3; invariants 1 and 2). Stopping acts first and records afterwards; resuming records first. A stop needs nothing
 * that may fail: gateways are told from memory, the line on reserved disk space holds it over a restart, and the database follows.
 */
import { randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { containmentKey } from '@atf/core/incident/containment';
import { levelRank } from '@atf/core/maturity/levels';
import {
  type BodyOut,
  type Person,
  type PresenceSubject,
  resumeShownText,
  type StopReport,
} from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import { type Level, type Scope, toolScopePattern, uuidSchema } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { putAgentDoc } from '../identity/agents.ts';
import {
  type AgentRow,
  agentByRef,
  lockAgent,
  lockAgents,
  updateAgent,
  versionByDigest,
} from '../identity/store.ts';
import { agentsOf, openStops, recordStop, reserveStop } from './recorder.ts';
import type { PendingStop } from './reserve.ts';
import { insertContainmentEvent, liftContainment, lockContainment, setStopReport } from './store.ts';

export { openStops };

/** How long the report waits for gateways; their lease (800 ms) stops those that do not answer. */
export const confirmBoundMs = 1_000;
/** A look into the database before a stop must not delay it. */
const lookupBoundMs = 200;
/** How long a stop waits for its record before it reports that there is none yet. */
const recordBoundMs = 5_000;

/** Resolves with `undefined` when `work` fails or takes longer than `boundMs`. */
async function within<T>(boundMs: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), boundMs);
  });
  try {
    return await Promise.race([work.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The scope in its one spelling, and the agent if it names one. Agents may be named; everything else has ids. */
async function resolve(
  control: Control,
  scope: Scope,
): Promise<{ scope: Scope; agent: AgentRow | undefined }> {
  if (scope.kind === 'fleet') return { scope: { kind: 'fleet', id: '*' }, agent: undefined };
  if (scope.kind === 'tool' && !toolScopePattern.test(scope.id))
    refuse('request.malformed', 'scope.id: server/tool or server/*');
  if (scope.kind === 'owner' && !uuidSchema.safeParse(scope.id).success)
    refuse('request.malformed', 'scope.id: the id of a person');
  if (scope.kind !== 'agent') return { scope, agent: undefined };
  const agent = await within(lookupBoundMs, agentByRef(control.db, control.config.tenant, scope.id));
  if (agent !== undefined) return { scope: { kind: 'agent', id: agent.id }, agent };
  // With an id a stop needs no database; with a name it does.
  if (uuidSchema.safeParse(scope.id).success) return { scope, agent: undefined };
  return refuse('identity.agent_not_found');
}

/** Who may stop: operators and security everything; people who answer for an agent, and those its manifest names, that agent; owners their own. */
function mayStop(person: Person, scope: Scope, agent: AgentRow | undefined): boolean {
  if (person.roles.includes('operator') || person.roles.includes('security')) return true;
  if (scope.kind === 'owner') return scope.id === person.id;
  if (scope.kind !== 'agent' || agent === undefined) return false;
  return [agent.owner_id, agent.technical_owner_id, agent.business_owner_id, ...agent.may_stop].includes(
    person.id,
  );
}

/**
 * Stops, then records. The report says what stopped and how fast. Refuses `people.not_allowed`, `identity.agent_not_found`; and
 * `containment.not_recorded` when the stop acts but its record is still being tried.
 */
export async function stop(
  control: Control,
  person: Person,
  given: BodyOut<'containment.stop'>,
): Promise<StopReport> {
  const startedAt = performance.now();
  const { scope, agent } = await resolve(control, given.scope);
  if (!mayStop(person, scope, agent))
    refuse(
      'people.not_allowed',
      'Operators, security, owners, and those whom the manifest names may stop it.',
    );
  const since = new Date(control.clock.nowMs()).toISOString();
  const doc: ContainmentDoc = { scope, state: given.state, since, reason: given.reason, by: person.name };
  const pending: PendingStop = { id: randomUUID(), key: containmentKey(scope), doc, byId: person.id };
  // First the gateways, then the disk, then the database: each step is slower and likelier to fail than the one before.
  const confirmation = control.feed.contain(pending.key, doc, confirmBoundMs);
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
    state: given.state,
    agents: [...recorded.agents],
    gateways: { connected: outcome.connected, confirmed: outcome.confirmed },
    callsAborted: outcome.aborted,
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

/** Operators and security resume everything; people who answer for an agent resume it from a pause. */
function mayResume(
  person: Person,
  scope: Scope,
  state: ContainmentDoc['state'],
  agent: AgentRow | undefined,
): boolean {
  if (person.roles.includes('operator') || person.roles.includes('security')) return true;
  if (scope.kind !== 'agent' || agent === undefined || state !== 'paused') return false;
  return agent.owner_id === person.id || agent.technical_owner_id === person.id;
}

async function setCeiling(
  control: Control,
  tx: Tx,
  agentId: string,
  ceiling: Level,
  person: Person,
): Promise<void> {
  const { tenant } = control.config;
  const agent = await lockAgent(tx, tenant, agentId);
  if (agent === undefined || agent.ceiling === ceiling) return;
  // A ceiling that holds an agent back is raised by those who reviewed it for security, not by whoever wants it running.
  if (
    agent.ceiling !== null &&
    levelRank(ceiling) > levelRank(agent.ceiling) &&
    !person.roles.includes('security')
  ) {
    refuse('people.not_allowed', 'Security raises a ceiling.');
  }
  const row = await updateAgent(tx, tenant, agentId, { ceiling, epoch: agent.epoch + 1 });
  const version =
    row === undefined ? undefined : await versionByDigest(tx, tenant, agentId, row.manifest_digest);
  if (row === undefined || version === undefined) throw new Error('an agent without its version');
  await putAgentDoc(control, tx, row, version.manifest);
  await control.audit.enqueue(tx, 'maturity.ceiling_set', {
    agentId,
    agent: row.name,
    ceiling,
    ...(agent.ceiling === null ? {} : { previous: agent.ceiling }),
    because: 'resumed_with_restrictions',
    by: person.id,
  });
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
  const { scope, agent } = await resolve(control, given.scope);
  const key = containmentKey(scope);
  await control.change(async (tx) => {
    const concerned =
      scope.kind === 'tool' || given.ceiling === undefined ? [] : await agentsOf(control, tx, scope);
    await lockAgents(
      tx,
      tenant,
      concerned.map((one) => one.id),
    );
    const before = (await lockContainment(tx, tenant, key)) ?? refuse('containment.not_stopped');
    if (!mayResume(person, scope, before.state, agent))
      refuse('people.not_allowed', 'Operators and security resume what was killed.');
    const { method } = await control.presence.consume(tx, person, given.presence, resumeSubject(given));
    await liftContainment(tx, tenant, key);
    await control.feed.put(tx, 'containment', key, null);
    if (given.ceiling !== undefined) {
      if (scope.kind === 'tool') refuse('request.malformed', 'ceiling: a tool has none');
      for (const { id } of concerned) await setCeiling(control, tx, id, given.ceiling, person);
    }
    const id = randomUUID();
    await insertContainmentEvent(tx, {
      tenant,
      id,
      at: control.clock.nowMs(),
      kind: 'resumed',
      key,
      reason: given.reason,
      by_id: person.id,
    });
    await control.audit.enqueue(tx, 'incident.containment_lifted', {
      resumeId: id,
      ...(scope.kind === 'agent' ? { agentId: scope.id } : {}),
      scope: { ...scope },
      was: before.state,
      ...(given.ceiling === undefined ? {} : { ceiling: given.ceiling }),
      presence: method,
      by: person.id,
    });
  });
}
