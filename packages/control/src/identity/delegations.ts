/**
 * Room: identity (S-5). Delegations: a session of an agent gives another agent a piece of its work. Its manifest must allow it, from Senior on, and chains are bounded
 * in depth, in width, and in what they do in all. What it says is sealed, and is never a person's word.
 */
import { randomUUID } from 'node:crypto';
import { RefusalError, refuse } from '@atf/core/errors';
import { levelRank } from '@atf/core/maturity/levels';
import type { BodyOut, ResponseOf } from '@atf/core/wire/api';
import { type Delegation, delegationMinutesDefault } from '@atf/core/wire/delegation-routes';
import { chainLengthMax } from '@atf/core/wire/token';
import { openText, sealText } from '../approvals/seal.ts';
import type { Control, Tx } from '../context.ts';
import { instanceById, sessionById } from './credential-store.ts';
import {
  cascadeAlong,
  type ChainLinkRow,
  levelAlong,
  linksOf,
  type Standing,
  standingOf,
  standingsOf,
} from './delegation-chain.ts';
import {
  delegationById,
  type DelegationRow,
  insertDelegation,
  liveAround,
  liveBelow,
} from './delegation-store.ts';
import { refuseStopped } from './refuse-stopped.ts';
import { agentById, agentByRef, agentNames, type AgentRow, lockAgent, peopleByIds } from './store.ts';
import { isOver } from './task-take.ts';
import { taskById } from './task-store.ts';
import { hostOfTask, turnsOf } from './tasks.ts';

type Asked = BodyOut<'gateway.delegate'>;

/** Longer than anybody asks who worked for whom. */
const keptMs = 24 * 3_600_000;
const listedMax = 200;

/** Who delegates, in the session that does it, and the chain above it. */
interface Delegator {
  readonly link: ChainLinkRow;
  /** Undefined: it works for nobody. */
  readonly work: DelegationRow | undefined;
  /** The root first, the delegator last. */
  readonly standings: readonly Standing[];
  readonly taskId: string | null;
}

async function delegatorOf(control: Control, tx: Tx, asked: Asked): Promise<Delegator> {
  const { tenant } = control.config;
  const agent = (await lockAgent(tx, tenant, asked.agentId)) ?? refuse('identity.agent_unknown');
  const session = await sessionById(tx, tenant, asked.sid);
  if (session?.agent_id !== agent.id || session.instance_id !== asked.instanceId)
    return refuse('identity.session_revoked');
  const instance = await instanceById(tx, tenant, asked.instanceId);
  if (instance?.jkt === null)
    return refuse('segmentation.delegation_not_allowed', 'It has not proved possession of a key.');
  const link: ChainLinkRow = {
    agent: agent.id,
    inst: asked.instanceId,
    sid: asked.sid,
    ver: instance?.manifest_digest ?? '',
    cep: instance?.credential_epoch ?? 0,
  };
  const own = await standingOf(control, tx, link);
  if (session.delegation_id === null)
    return { link, work: undefined, standings: [own], taskId: session.task_id };
  const work = await delegationById(tx, tenant, session.delegation_id);
  if (work === undefined || work.expires_at <= control.clock.nowMs())
    return refuse('identity.delegation_over', 'what it works on is over');
  const above = await standingsOf(control, tx, linksOf(work));
  return { link, work, standings: [...above, own], taskId: work.task_id };
}

/** The agent that is to do it. Refuses what the manifest or the level does not allow, cycles, and agents that are stopped. */
async function startable(control: Control, tx: Tx, { standings }: Delegator, to: string): Promise<AgentRow> {
  const { tenant } = control.config;
  const no = (detail: string) => refuse('segmentation.delegation_not_allowed', detail);
  const own = standings.at(-1);
  if (own === undefined) throw new Error('nobody delegates');
  const { maySpawn, mayStart } = own.manifest;
  if (!maySpawn) return no(`The manifest of ${own.agent.name} does not allow it to start others.`);
  const level = levelAlong(standings);
  if (levelRank(level) < levelRank('senior')) return no(`Its level is ${level} here.`);
  const child = await agentByRef(tx, tenant, to);
  if (child?.name !== to || mayStart?.includes(to) === false)
    return no('Its manifest names no such agent that it may start.');
  if (standings.some(({ agent }) => agent.id === child.id)) return refuse('segmentation.delegation_cycle');
  await refuseStopped(tx, tenant, child);
  return child;
}

async function delegateIn(control: Control, tx: Tx, asked: Asked): Promise<ResponseOf<'gateway.delegate'>> {
  const { tenant } = control.config;
  const delegator = await delegatorOf(control, tx, asked);
  const child = await startable(control, tx, delegator, asked.to);
  const { link, work, standings, taskId } = delegator;
  const { depthMax, fanOutMax } = await cascadeAlong(control, tx, standings);
  const depth = standings.length;
  if (depth > Math.min(depthMax, chainLengthMax))
    return refuse('segmentation.cascade_too_deep', `at most ${depthMax} agents below the root`);
  const nowMs = control.clock.nowMs();
  const below = await liveBelow(tx, tenant, asked.sid, nowMs);
  if (below >= fanOutMax)
    return refuse('segmentation.cascade_too_wide', `at most ${fanOutMax} agents started by one session`);
  const task = taskId === null ? undefined : await taskById(tx, tenant, taskId);
  if (taskId !== null && (task === undefined || isOver(task, nowMs))) return refuse('identity.task_unknown');
  const expiresAtMs = Math.min(
    nowMs + (asked.minutes ?? delegationMinutesDefault) * 60_000,
    work?.expires_at ?? Infinity,
    task?.expires_at ?? Infinity,
  );
  const id = randomUUID();
  const links = [...(work === undefined ? [] : linksOf(work)), link];
  const row: DelegationRow = {
    tenant,
    id,
    agent_id: child.id,
    by_agent_id: link.agent,
    by_sid: link.sid,
    links: JSON.stringify(links),
    task_id: taskId,
    ...sealText(control.keys, tenant, id, 'delegation', asked.words),
    given_at: nowMs,
    expires_at: expiresAtMs,
    sid: null,
  };
  await insertDelegation(tx, row, keptMs);
  const expiresAt = new Date(expiresAtMs).toISOString();
  await control.audit.enqueue(tx, 'identity.task_delegated', {
    delegationId: id,
    agentId: child.id,
    agent: child.name,
    ownerId: child.owner_id,
    depth,
    // Who stands above, the root first, and who answers for each.
    chain: standings.map(({ agent }, at) => ({
      agentId: agent.id,
      agent: agent.name,
      ownerId: agent.owner_id,
      sid: links[at]?.sid,
    })),
    ...(task === undefined ? {} : { taskId: task.id, person: task.given_by }),
    expiresAt,
  });
  return { id, depth, left: fanOutMax - below - 1, expiresAt };
}

/** Passes a piece of work on. Refusals are on record, too. */
export async function delegate(control: Control, asked: Asked): Promise<ResponseOf<'gateway.delegate'>> {
  try {
    return await control.change((tx) => delegateIn(control, tx, asked));
  } catch (fault) {
    if (fault instanceof RefusalError) await recordRefused(control, asked, fault.refusal.code);
    throw fault;
  }
}

async function recordRefused(control: Control, { agentId, sid, to }: Asked, code: string): Promise<void> {
  const agent = await agentById(control.db, control.config.tenant, agentId);
  if (agent === undefined) return;
  await control.change((tx) =>
    control.audit.enqueue(tx, 'identity.delegation_refused', { agentId, agent: agent.name, sid, to, code }),
  );
}

/** What a gateway is told: what the agent above has said, and the words of the person who gave the root its task. */
export async function delegatedForGateway(
  control: Control,
  id: string,
): Promise<ResponseOf<'gateway.delegated'>> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const row = await delegationById(control.db, tenant, id);
  if (row === undefined || row.sid === null || row.expires_at <= nowMs)
    return refuse('identity.task_unknown');
  const task = row.task_id === null ? undefined : await taskById(control.db, tenant, row.task_id);
  const names = await agentNames(control.db, tenant, [row.by_agent_id]);
  const { kid, box } = row;
  return {
    agentId: row.agent_id,
    sid: row.sid,
    by: names.get(row.by_agent_id) ?? refuse('identity.task_unknown'),
    words: openText(control.keys, tenant, id, 'delegation', { kid, box }) ?? '',
    turns: task === undefined || isOver(task, nowMs) ? [] : turnsOf(control, task),
    ...(task === undefined ? {} : await hostOfTask(control, task)),
  };
}

/** Those around an agent that are not over. */
export async function delegationsAround(control: Control, ref: string): Promise<Delegation[]> {
  const { tenant } = control.config;
  const agent = (await agentByRef(control.db, tenant, ref)) ?? refuse('identity.agent_not_found');
  const rows = await liveAround(control.db, tenant, agent.id, control.clock.nowMs(), listedMax);
  const chains = rows.map((row) => [...linksOf(row).map((link) => link.agent), row.agent_id]);
  const names = await agentNames(control.db, tenant, chains.flat());
  const tasks = await Promise.all(
    rows.map(async ({ task_id: id }) => (id === null ? undefined : taskById(control.db, tenant, id))),
  );
  const people = await peopleByIds(
    control.db,
    tenant,
    tasks.flatMap((task) => (task === undefined ? [] : [task.given_by])),
  );
  return rows.map((row, at) => {
    const person = people.get(tasks[at]?.given_by ?? '')?.name;
    return {
      id: row.id,
      chain: (chains[at] ?? []).map((id) => names.get(id) ?? 'unknown'),
      aboveIds: (chains[at] ?? []).slice(0, -1),
      state: row.sid === null ? ('open' as const) : ('taken' as const),
      bySid: row.by_sid,
      ...(row.sid === null ? {} : { sid: row.sid }),
      ...(row.task_id === null ? {} : { taskId: row.task_id }),
      ...(person === undefined ? {} : { person }),
      givenAt: new Date(row.given_at).toISOString(),
      expiresAt: new Date(row.expires_at).toISOString(),
    };
  });
}
