/**
 * Room: identity (S-4). Tasks: a person gives an agent a piece of work in their own words, or a host application declares it (hosts.ts); one session takes it,
 * and ends with it. Never from an agent's credential: what an agent says of its own task is worth nothing to whoever asks where a value came from. The words are
 * sealed at rest.
 */
import { randomUUID } from 'node:crypto';
import { refuse } from '@atf/core/errors';
import type { Person, ResponseOf } from '@atf/core/wire/api';
import { type Task, taskMinutesDefault, taskTurnsMax } from '@atf/core/wire/task-routes';
import { openText, sealText } from '../approvals/seal.ts';
import type { Control, Tx } from '../context.ts';
import { forgetLabels } from '../segmentation/labels.ts';
import { answersFor } from './acting.ts';
import { revokeSession } from './credentials.ts';
import { hostNames } from './host-store.ts';
import { type AgentRow, agentById, agentNames, lockAgent, peopleByIds } from './store.ts';
import { isOver } from './task-take.ts';
import {
  agentsAnsweredFor,
  changeTask,
  insertTask,
  lockTask,
  openTasks,
  taskById,
  tasksNewest,
  type TaskRow,
} from './task-store.ts';

/** Tasks of one agent that are not over. */
const openTasksMax = 200;
const listedMax = 200;
/** Characters of a turn that a list shows. */
const shownOfTurn = 200;
const keptMs = 24 * 3_600_000;

const isOperator = (person: Person): boolean => person.roles.includes('operator');

async function agentOf(control: Control, person: Person, id: string): Promise<AgentRow> {
  const agent =
    (await agentById(control.db, control.config.tenant, id)) ?? refuse('identity.agent_not_found');
  if (!isOperator(person) && !answersFor(person, agent))
    refuse('people.not_allowed', 'This agent has other owners.');
  return agent;
}

const sealed = (control: Control, id: string, turns: readonly string[]) =>
  sealText(control.keys, control.config.tenant, id, 'task', JSON.stringify(turns));

/** What was changed at rest says nothing: a task without words asks for nothing. */
export function turnsOf(control: Control, { id, kid, box }: TaskRow): string[] {
  const text = openText(control.keys, control.config.tenant, id, 'task', { kid, box });
  return text === undefined ? [] : (JSON.parse(text) as string[]);
}

async function shown(control: Control, rows: readonly TaskRow[]): Promise<Task[]> {
  const { tenant } = control.config;
  const people = await peopleByIds(
    control.db,
    tenant,
    rows.map((row) => row.given_by),
  );
  const agents = await agentNames(
    control.db,
    tenant,
    rows.map((row) => row.agent_id),
  );
  const hosts = await hostNames(
    control.db,
    tenant,
    rows.flatMap((row) => row.host_id ?? []),
  );
  return rows.map((row) => ({
    id: row.id,
    agentId: row.agent_id,
    agent: agents.get(row.agent_id) ?? 'unknown',
    by: people.get(row.given_by)?.name ?? 'unknown',
    ...(row.host_id === null
      ? {}
      : { host: hosts.get(row.host_id) ?? 'unknown', for: row.declared_for ?? 'unknown' }),
    state: isOver(row, control.clock.nowMs()) ? 'over' : row.sid === null ? 'open' : 'taken',
    ...(row.sid === null ? {} : { sid: row.sid }),
    turns: turnsOf(control, row),
    givenAt: new Date(row.given_at).toISOString(),
    expiresAt: new Date(row.expires_at).toISOString(),
  }));
}

async function shownOne(control: Control, id: string): Promise<Task> {
  const row = await taskById(control.db, control.config.tenant, id);
  const [task] = row === undefined ? [] : await shown(control, [row]);
  return task ?? refuse('identity.task_unknown');
}

/** Operators see those of every agent, others those of the agents that they answer for. */
export async function listTasks(
  control: Control,
  person: Person,
  { agentId }: { readonly agentId?: string | undefined },
): Promise<Task[]> {
  const { tenant } = control.config;
  const own = isOperator(person) ? undefined : await agentsAnsweredFor(control.db, tenant, person.id);
  const wanted = agentId === undefined ? own : own === undefined || own.includes(agentId) ? [agentId] : [];
  const tasks = await shown(control, await tasksNewest(control.db, tenant, wanted, listedMax));
  return tasks.map((task) => ({ ...task, turns: task.turns.map((turn) => turn.slice(0, shownOfTurn)) }));
}

/** Whose words they are. */
interface Declaring {
  readonly words: string;
  readonly minutes?: number | undefined;
  readonly by: {
    readonly person: string;
    readonly host?: { readonly id: string; readonly name: string; readonly declaredFor: string };
  };
}

/** Makes the task. The agent is locked. Refuses more than can be worked on. */
export async function declareTask(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  { words, minutes = taskMinutesDefault, by: { person, host } }: Declaring,
): Promise<{ readonly id: string; readonly agent: string; readonly expiresAt: string }> {
  const { tenant } = control.config;
  const id = randomUUID();
  const nowMs = control.clock.nowMs();
  if ((await openTasks(tx, tenant, agent.id, nowMs)) >= openTasksMax)
    refuse('request.overloaded', `The agent has ${openTasksMax} tasks that are not over; end some.`);
  const expiresAtMs = nowMs + minutes * 60_000;
  const gone = await insertTask(
    tx,
    {
      tenant,
      id,
      agent_id: agent.id,
      given_by: person,
      host_id: host?.id ?? null,
      declared_for: host?.declaredFor ?? null,
      ...sealed(control, id, [words]),
      given_at: nowMs,
      expires_at: expiresAtMs,
      sid: null,
      ended_at: null,
    },
    keptMs,
  );
  for (const each of gone) await forgetLabels(control, tx, each);
  const expiresAt = new Date(expiresAtMs).toISOString();
  const about = { taskId: id, agentId: agent.id, agent: agent.name, expiresAt };
  if (host === undefined) await control.audit.enqueue(tx, 'identity.task_given', { ...about, by: person });
  else
    await control.audit.enqueue(tx, 'identity.task_declared', {
      ...about,
      hostId: host.id,
      host: host.name,
      answers: person,
      for: host.declaredFor,
    });
  return { id, agent: agent.name, expiresAt };
}

/** Gives a task. Refuses agents of others, and more than can be worked on. */
export async function giveTask(
  control: Control,
  person: Person,
  agentId: string,
  { words, minutes }: Pick<Declaring, 'words' | 'minutes'>,
): Promise<Task> {
  const agent = await agentOf(control, person, agentId);
  const { id } = await control.change(async (tx) => {
    await lockAgent(tx, control.config.tenant, agent.id);
    return declareTask(control, tx, agent, { words, minutes, by: { person: person.id } });
  });
  return shownOne(control, id);
}

/** The task, if it is not over. Refuses `identity.task_unknown`. */
export async function lockOpenTask(control: Control, tx: Tx, id: string): Promise<TaskRow> {
  const row = await lockTask(tx, control.config.tenant, id);
  return row === undefined || isOver(row, control.clock.nowMs()) ? refuse('identity.task_unknown') : row;
}

/** Adds to the words of a task that is locked and not over. Gives it as it was. */
export async function addTurn(
  control: Control,
  tx: Tx,
  row: TaskRow,
  words: string,
  by: { readonly by: string } | { readonly hostId: string },
): Promise<TaskRow> {
  const turns = [...turnsOf(control, row), words];
  if (turns.length > taskTurnsMax)
    return refuse('request.malformed', `A task has at most ${taskTurnsMax} turns; give another one.`);
  await changeTask(tx, control.config.tenant, row.id, sealed(control, row.id, turns));
  await control.audit.enqueue(tx, 'identity.task_extended', {
    taskId: row.id,
    agentId: row.agent_id,
    ...by,
    turns: turns.length,
  });
  return row;
}

/** Adds to the words: only who gave it, because they count as that person's. */
export async function addToTask(control: Control, person: Person, id: string, words: string): Promise<Task> {
  const { tenant } = control.config;
  const found = (await taskById(control.db, tenant, id)) ?? refuse('identity.task_unknown');
  await agentOf(control, person, found.agent_id);
  await control.change(async (tx) => {
    const row = await lockOpenTask(control, tx, id);
    if (row.host_id !== null) return refuse('people.not_allowed', 'A host application declared this task.');
    if (row.given_by !== person.id) return refuse('people.not_allowed', 'Another person gave this task.');
    await addTurn(control, tx, row, words, { by: person.id });
  });
  return shownOne(control, id);
}

/** Ends a task and the session that works on it. Ending twice is ending once. */
export async function endTaskIn(
  control: Control,
  tx: Tx,
  id: string,
  by: { readonly by: string } | { readonly hostId: string },
): Promise<void> {
  const { tenant } = control.config;
  const row = await lockTask(tx, tenant, id);
  if (row === undefined || row.ended_at !== null) return;
  await changeTask(tx, tenant, id, { ended_at: control.clock.nowMs() });
  if (row.sid !== null) await revokeSession(control, tx, row.sid);
  await control.audit.enqueue(tx, 'identity.task_ended', { taskId: id, agentId: row.agent_id, ...by });
}

export async function endTask(control: Control, person: Person, id: string): Promise<void> {
  const { tenant } = control.config;
  const found = (await taskById(control.db, tenant, id)) ?? refuse('identity.task_unknown');
  await agentOf(control, person, found.agent_id);
  await control.change((tx) => endTaskIn(control, tx, id, { by: person.id }));
}

/** The host application that declared a task; undefined: a person gave it. */
export async function hostOfTask(
  control: Control,
  { host_id }: Pick<TaskRow, 'host_id'>,
): Promise<Partial<Record<'host', string>>> {
  if (host_id === null) return {};
  return { host: (await hostNames(control.db, control.config.tenant, [host_id])).get(host_id) ?? 'unknown' };
}

/** What a gateway is told: the words of a task on which a session works now. */
export async function taskForGateway(control: Control, id: string): Promise<ResponseOf<'gateway.task'>> {
  const row = await taskById(control.db, control.config.tenant, id);
  if (row === undefined || row.sid === null || isOver(row, control.clock.nowMs()))
    return refuse('identity.task_unknown');
  const declared = await hostOfTask(control, row);
  return { agentId: row.agent_id, sid: row.sid, turns: turnsOf(control, row), ...declared };
}
