/**
 * Room: identity (S-5). What holds now along a chain of delegation: every session above goes on, under the version and the credentials that it had. Asked when work is
 * passed on and whenever a session that works for others gets a token; between two tokens gateways see the same for themselves.
 */
import { refuse } from '@atf/core/errors';
import { effectiveLevel, lowerLevel } from '@atf/core/maturity/levels';
import type { Cascade, Manifest } from '@atf/core/wire/manifest';
import { chainLinkSchema } from '@atf/core/wire/token';
import type { Level } from '@atf/core/wire/words';
import { z } from 'zod';
import type { Control, Db, Tx } from '../context.ts';
import { settingsInForce } from '../policy/load.ts';
import { instanceById, sessionById } from './credential-store.ts';
import { type DelegationRow, delegationOfSession, lockDelegation } from './delegation-store.ts';
import { refuseStopped } from './refuse-stopped.ts';
import { type AgentRow, agentById, agentsByIds, versionByDigest } from './store.ts';

const linksSchema = z.array(chainLinkSchema).min(1);
export type ChainLinkRow = z.infer<typeof chainLinkSchema>;

export const linksOf = ({ links }: Pick<DelegationRow, 'links'>): ChainLinkRow[] =>
  linksSchema.parse(JSON.parse(links));

/** One agent of the chain, in the session that is in it. */
export interface Standing {
  readonly agent: AgentRow;
  readonly manifest: Manifest;
  /** When its session ends unless it is prolonged. */
  readonly endsAtMs: number;
}

const over = (detail: string) => refuse('identity.delegation_over', detail);

/** The agent above and its session, which may have lapsed for now. Refuses `identity.delegation_over` and whatever of it is stopped. */
async function notEnded(control: Control, tx: Tx, link: ChainLinkRow) {
  const { tenant } = control.config;
  const agent = await agentById(tx, tenant, link.agent);
  if (agent === undefined) return over('an agent above is not registered');
  await refuseStopped(tx, tenant, agent);
  if (agent.credential_epoch !== link.cep) return over(`the credentials of ${agent.name} were revoked`);
  if (agent.manifest_digest !== link.ver) return over(`${agent.name} has another version`);
  const instance = await instanceById(tx, tenant, link.inst);
  if (instance?.state !== 'active') return over(`the instance of ${agent.name} is gone`);
  const session = await sessionById(tx, tenant, link.sid);
  if (session === undefined || session.ended_at !== null || session.instance_id !== link.inst)
    return over(`the session of ${agent.name} has ended`);
  return { agent, session };
}

/** Refuses `identity.delegation_over` and whatever of it is stopped. */
export async function standingOf(control: Control, tx: Tx, link: ChainLinkRow): Promise<Standing> {
  const { tenant } = control.config;
  const { agent, session } = await notEnded(control, tx, link);
  if (session.expires_at <= control.clock.nowMs()) return over(`the session of ${agent.name} has ended`);
  const version = await versionByDigest(tx, tenant, agent.id, agent.manifest_digest);
  if (version === undefined) throw new Error('an agent without its version');
  return { agent, manifest: version.manifest, endsAtMs: session.expires_at };
}

/** Refuses what was asked for in a session that worked for others, once one of them is stopped or has ended. */
export async function refuseOver(control: Control, tx: Tx, sid: string): Promise<void> {
  const row = await delegationOfSession(tx, control.config.tenant, sid);
  for (const link of row === undefined ? [] : linksOf(row)) await notEnded(control, tx, link);
}

export async function standingsOf(
  control: Control,
  tx: Tx,
  links: readonly ChainLinkRow[],
): Promise<Standing[]> {
  const standings: Standing[] = [];
  for (const link of links) standings.push(await standingOf(control, tx, link));
  return standings;
}

/** The lowest level along the chain. Only who proved a key is in it. */
export const levelAlong = (standings: readonly Standing[]): Level =>
  standings.reduce<Level>(
    (lowest, { agent: { level, ceiling } }) =>
      lowerLevel(lowest, effectiveLevel({ level, ceiling: ceiling ?? undefined }, 'dpop')),
    'principal',
  );

/** The figures that hold along the chain: the smallest of the settings and of every manifest in it; how wide, of the last one alone. */
export async function cascadeAlong(
  control: Control,
  tx: Tx,
  standings: readonly Standing[],
): Promise<Cascade> {
  const { cascade } = await settingsInForce(control, tx);
  const declared = standings.map(({ manifest }) => manifest.cascade ?? {});
  const least = (figure: 'depthMax' | 'callsMax') =>
    Math.min(cascade[figure], ...declared.map((each) => each[figure] ?? Infinity));
  return {
    depthMax: least('depthMax'),
    callsMax: least('callsMax'),
    fanOutMax: Math.min(cascade.fanOutMax, declared.at(-1)?.fanOutMax ?? Infinity),
  };
}

/** What a session that works for others is given in its token. */
export interface Delegated {
  readonly row: DelegationRow;
  readonly links: readonly ChainLinkRow[];
  readonly callsMax: number;
  /** No token of it lives longer: its own time, and what those above have left. */
  readonly endsAtMs: number;
}

/**
 * The delegation, if this agent may work on it: in the session `sid`, which has it, or (undefined) in one that is still to be opened, if none ever had it.
 * Refuses `identity.task_unknown`, `identity.delegation_over` and whatever above is stopped.
 */
export async function delegatedTo(
  control: Control,
  tx: Tx,
  id: string,
  agentId: string,
  sid: string | undefined,
): Promise<Delegated> {
  const row = await lockDelegation(tx, control.config.tenant, id);
  if (row === undefined || row.agent_id !== agentId || row.expires_at <= control.clock.nowMs())
    return refuse('identity.task_unknown');
  if (row.sid !== (sid ?? null) && row.sid !== null) return refuse('identity.task_unknown');
  const links = linksOf(row);
  const standings = await standingsOf(control, tx, links);
  const { callsMax } = await cascadeAlong(control, tx, standings);
  const endsAtMs = Math.min(row.expires_at, ...standings.map((each) => each.endsAtMs));
  return { row, links, callsMax, endsAtMs };
}

/** The agents for which a session works, or worked. */
export async function agentsAbove(control: Control, db: Db | Tx, sid: string): Promise<AgentRow[]> {
  const { tenant } = control.config;
  const row = await delegationOfSession(db, tenant, sid);
  if (row === undefined) return [];
  const ids = linksOf(row).map(({ agent }) => agent);
  return [...(await agentsByIds(db, tenant, ids)).values()];
}

/** Who brought in the instances for which a session works. */
export async function enrolledAbove(control: Control, tx: Tx, sid: string): Promise<string[]> {
  const { tenant } = control.config;
  const row = await delegationOfSession(tx, tenant, sid);
  const people: string[] = [];
  for (const { inst } of row === undefined ? [] : linksOf(row)) {
    const instance = await instanceById(tx, tenant, inst);
    if (instance !== undefined) people.push(instance.enrolled_by);
  }
  return people;
}
