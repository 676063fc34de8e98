/**
 * Room: identity (S-4, I-2). Host applications: who may declare tasks of which agents, and who answers for it. A host has a credential of its own, of which only
 * the digest is kept; no credential of an agent is ever taken for it. It may do no more than the person who answers for it might at this moment.
 */
import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person, ResponseOf } from '@atf/core/wire/api';
import {
  type Host,
  hostCredentialPattern,
  hostsMax,
  hostTasksPerMinuteMax,
} from '@atf/core/wire/host-routes';
import type { Actor, Control, Handlers, Tx } from '../context.ts';
import { personById, personByRef } from '../people/store.ts';
import { actingPerson, answersFor } from './acting.ts';
import {
  activeHosts,
  declaredSince,
  hostById,
  hostRows,
  type HostRow,
  insertHost,
  lockActiveHost,
  markHostRevoked,
  openDeclared,
  openTasksOfHost,
} from './host-store.ts';
import { refuseStopped } from './refuse-stopped.ts';
import { agentByRef, agentNames, type AgentRow, lockAgent, peopleByIds } from './store.ts';
import { type TaskRow, taskById } from './task-store.ts';
import { addTurn, declareTask, endTaskIn, lockOpenTask } from './tasks.ts';

const secretBytes = 32;
const minuteMs = 60_000;
/** Of one agent, of all hosts together: people find room for theirs. */
const openDeclaredMax = 100;
const iso = (ms: number): string => new Date(ms).toISOString();
const agentIdsOf = ({ agents }: Pick<HostRow, 'agents'>): string[] => JSON.parse(agents) as string[];

/** As for a task that the person gives (tasks.ts). */
const maySpeakFor = (person: Person | undefined, agent: AgentRow): boolean =>
  person !== undefined && (person.roles.includes('operator') || answersFor(person, agent));

async function viewsOf(control: Control, rows: readonly HostRow[]): Promise<Host[]> {
  const { tenant } = control.config;
  const agents = await agentNames(control.db, tenant, rows.flatMap(agentIdsOf));
  const people = await peopleByIds(
    control.db,
    tenant,
    rows.map(({ answered_by }) => answered_by),
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    agents: agentIdsOf(row).flatMap((id) => agents.get(id) ?? []),
    answers: people.get(row.answered_by)?.name ?? 'unknown',
    registeredAt: iso(row.registered_at),
    ...(row.revoked_at === null ? {} : { revokedAt: iso(row.revoked_at) }),
  }));
}

/** Who answers for it. Only operators may name somebody else. */
async function answering(control: Control, person: Person, ref: string | undefined): Promise<Person> {
  if (ref === undefined) return person;
  const named = await personByRef(control.db, control.config.tenant, ref);
  if (named?.id !== person.id && !person.roles.includes('operator'))
    refuse('people.not_allowed', 'Only operators name another person who answers for it.');
  return named ?? refuse('request.malformed', 'answers: there is no such person');
}

/** Refuses agents that the person who answers for the host could give no task to. */
async function agentsFor(control: Control, names: readonly string[], answers: Person): Promise<AgentRow[]> {
  const agents: AgentRow[] = [];
  for (const name of [...new Set(names)].sort()) {
    const agent = await agentByRef(control.db, control.config.tenant, name);
    if (agent?.name !== name) return refuse('identity.agent_not_found', name);
    if (!maySpeakFor(answers, agent))
      refuse('people.not_allowed', `${answers.name} does not answer for ${name}.`);
    agents.push(agent);
  }
  return agents;
}

async function registerHost(
  control: Control,
  person: Person,
  given: BodyOut<'hosts.register'>,
): Promise<ResponseOf<'hosts.register'>> {
  const { tenant } = control.config;
  const answers = await answering(control, person, given.answers);
  const agents = await agentsFor(control, given.agents, answers);
  if (!person.roles.includes('operator') && agents.some((agent) => !maySpeakFor(person, agent)))
    refuse('people.not_allowed', 'This agent has other owners.');
  const id = randomUUID();
  const credential = `atfh_${id}_${randomBytes(secretBytes).toString('base64url')}`;
  const row: HostRow = {
    tenant,
    id,
    name: given.name,
    credential_digest: sha256(credential),
    agents: JSON.stringify(agents.map((agent) => agent.id)),
    answered_by: answers.id,
    registered_at: control.clock.nowMs(),
    registered_by: person.id,
    revoked_at: null,
  };
  await control.change(async (tx) => {
    if ((await activeHosts(tx, tenant)) >= hostsMax)
      refuse('request.overloaded', `there are ${hostsMax} host applications; revoke some`);
    if (!(await insertHost(tx, row)))
      refuse('request.malformed', `an active host application is called ${given.name}`);
    await control.audit.enqueue(tx, 'identity.host_registered', {
      hostId: id,
      name: given.name,
      agents: agents.map((agent) => agent.id),
      answers: answers.id,
      by: person.id,
    });
  });
  const [host] = await viewsOf(control, [row]);
  return { host: host ?? refuse('internal.fault'), credential };
}

/** Revoking twice is no error: what was wanted is so. */
async function revokeHost(control: Control, person: Person, id: string, reason: string): Promise<void> {
  const { tenant } = control.config;
  const known = await hostById(control.db, tenant, id);
  const everywhere = person.roles.includes('operator') || person.roles.includes('security');
  if (!everywhere && known?.answered_by !== person.id)
    refuse('people.not_allowed', 'Another person answers for this host application.');
  await control.change(async (tx) => {
    const row = await lockActiveHost(tx, tenant, id);
    if (row === undefined) return;
    await markHostRevoked(tx, tenant, id, control.clock.nowMs());
    const open = await openTasksOfHost(tx, tenant, id, control.clock.nowMs());
    for (const task of open) await endTaskIn(control, tx, task.id, { by: person.id });
    await control.audit.enqueue(tx, 'identity.host_revoked', {
      hostId: id,
      name: row.name,
      tasksEnded: open.length,
      by: person.id,
      reason,
    });
  });
}

/** Who sends a request as a host application. Refuses `identity.host_unknown`, also one that was revoked. */
export async function hostOf(control: Control, bearer: string | undefined): Promise<string> {
  const [credential, id] = hostCredentialPattern.exec(bearer ?? '') ?? [];
  const row = id === undefined ? undefined : await hostById(control.db, control.config.tenant, id);
  if (credential === undefined || row === undefined || row.revoked_at !== null)
    return refuse('identity.host_unknown');
  const [sent, kept] = [Buffer.from(sha256(credential)), Buffer.from(row.credential_digest)];
  if (sent.length !== kept.length || !timingSafeEqual(sent, kept)) return refuse('identity.host_unknown');
  return row.id;
}

const actingHost = (actor: Actor): string =>
  actor.kind === 'host' ? actor.hostId : refuse('identity.host_unknown');

/** The host, still active, and the agent, if whoever answers for the host still might give it a task. */
async function speaking(control: Control, tx: Tx, hostId: string, agentRef: string) {
  const { tenant } = control.config;
  const host = (await lockActiveHost(tx, tenant, hostId)) ?? refuse('identity.host_unknown');
  const found = await agentByRef(tx, tenant, agentRef);
  // Whether there is such an agent is nothing for a host that has nothing to do with it.
  const own = found !== undefined && agentIdsOf(host).includes(found.id);
  const agent = own ? await lockAgent(tx, tenant, found.id) : undefined;
  if (agent === undefined) return refuse('identity.host_out_of_scope');
  if (!maySpeakFor(await personById(tx, tenant, host.answered_by), agent))
    return refuse(
      'identity.host_out_of_scope',
      'Who answers for the host application no longer does for the agent.',
    );
  await refuseStopped(tx, tenant, agent);
  return { host, agent };
}

async function declare(control: Control, hostId: string, given: BodyOut<'host.task'>) {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const { host, agent } = await speaking(control, tx, hostId, given.agent);
    const nowMs = control.clock.nowMs();
    if ((await declaredSince(tx, tenant, hostId, nowMs - minuteMs)) >= hostTasksPerMinuteMax)
      refuse('request.overloaded', `a host application declares ${hostTasksPerMinuteMax} tasks a minute`);
    if ((await openDeclared(tx, tenant, agent.id, nowMs)) >= openDeclaredMax)
      refuse(
        'request.overloaded',
        `the agent has ${openDeclaredMax} declared tasks that are not over; end some`,
      );
    const { words, minutes, for: declaredFor } = given;
    const by = { person: host.answered_by, host: { id: host.id, name: host.name, declaredFor } };
    return declareTask(control, tx, agent, { words, minutes, by });
  });
}

const own = (hostId: string, task: TaskRow | undefined): TaskRow =>
  task?.host_id === hostId ? task : refuse('identity.task_unknown');

async function add(control: Control, hostId: string, id: string, words: string) {
  return control.change(async (tx) => {
    // First the agent, then its task, as whoever takes it does.
    const { agent_id } = own(hostId, await taskById(tx, control.config.tenant, id));
    const { agent } = await speaking(control, tx, hostId, agent_id);
    const row = await addTurn(control, tx, own(hostId, await lockOpenTask(control, tx, id)), words, {
      hostId,
    });
    return { id, agent: agent.name, expiresAt: iso(row.expires_at) };
  });
}

type Operation =
  | 'hosts.list'
  | 'hosts.register'
  | 'hosts.revoke'
  | 'host.task'
  | 'host.addTurn'
  | 'host.endTask';

export const hostHandlers: Handlers<Operation> = {
  async 'hosts.list'(control, { actor }) {
    actingPerson(actor);
    return { items: await viewsOf(control, await hostRows(control.db, control.config.tenant, hostsMax * 2)) };
  },

  'hosts.register': async (control, { actor, body }) => registerHost(control, actingPerson(actor), body),

  async 'hosts.revoke'(control, { actor, params, body }) {
    await revokeHost(control, actingPerson(actor), params.id, body.reason);
    return { ok: true };
  },

  'host.task': async (control, { actor, body }) => declare(control, actingHost(actor), body),

  'host.addTurn': async (control, { actor, params, body }) =>
    add(control, actingHost(actor), params.id, body.words),

  async 'host.endTask'(control, { actor, params }) {
    const hostId = actingHost(actor);
    await control.change(async (tx) => {
      own(hostId, await taskById(tx, control.config.tenant, params.id));
      await endTaskIn(control, tx, params.id, { hostId });
    });
    return { ok: true };
  },
};
