/** Room: identity. SQL of agents, their versions, instances and sessions. Reads people, whom another room owns. */
import type { Level } from '@atf/core/wire/words';
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IdentityTables } from './tables.ts';
import type { Insertable, Selectable } from 'kysely';

export type AgentRow = Selectable<IdentityTables['agent']>;
export type AgentVersionRow = Selectable<IdentityTables['agent_version']>;
export type InstanceRow = Selectable<IdentityTables['instance']>;
export type SessionRow = Selectable<IdentityTables['agent_session']>;

export interface PersonRef {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/** A person by id, or by e-mail address in any letter case. */
export async function personByRef(db: Db | Tx, tenant: string, ref: string): Promise<PersonRef | undefined> {
  return db
    .selectFrom('person')
    .select(['id', 'name', 'email'])
    .where('tenant', '=', tenant)
    .where((where) => where.or([where('id', '=', ref), where('email_key', '=', ref.trim().toLowerCase())]))
    .executeTakeFirst();
}

export async function peopleByIds(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, PersonRef>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('person')
    .select(['id', 'name', 'email'])
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

export async function agentById(db: Db | Tx, tenant: string, id: string): Promise<AgentRow | undefined> {
  return db
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** By id or by name; names are never UUIDs of other agents because ids are given here, not chosen. */
export async function agentByRef(db: Db | Tx, tenant: string, ref: string): Promise<AgentRow | undefined> {
  return (
    (await agentById(db, tenant, ref)) ??
    (await db
      .selectFrom('agent')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('name', '=', ref)
      .executeTakeFirst())
  );
}

/** Locks these agents in one order, so that two who lock many never wait for each other. */
export async function lockAgents(tx: Tx, tenant: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .selectFrom('agent')
    .select('id')
    .where('tenant', '=', tenant)
    .where('id', 'in', [...ids])
    .orderBy('id')
    .forUpdate()
    .execute();
}

/** The agent under a row lock until the transaction ends: changes of one agent come one after the other. */
export async function lockAgent(tx: Tx, tenant: string, id: string): Promise<AgentRow | undefined> {
  return tx
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
}

export async function lockAgentNamed(tx: Tx, tenant: string, name: string): Promise<AgentRow | undefined> {
  return tx
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
}

export async function agentRows(db: Db | Tx, tenant: string, limit: number): Promise<AgentRow[]> {
  return db
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('name')
    .limit(limit)
    .execute();
}

export async function agentCount(db: Db | Tx, tenant: string): Promise<number> {
  const row = await db
    .selectFrom('agent')
    .select(sql<number>`count(*)::int`.as('n'))
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  return row?.n ?? 0;
}

/** False: another agent has the name. */
export async function insertAgent(tx: Tx, row: Insertable<IdentityTables['agent']>): Promise<boolean> {
  const done = await tx
    .insertInto('agent')
    .values(row)
    .onConflict((conflict) => conflict.constraint('agent_name_once').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

export async function updateAgent(
  tx: Tx,
  tenant: string,
  id: string,
  set: Partial<Omit<Insertable<IdentityTables['agent']>, 'tenant' | 'id'>>,
): Promise<AgentRow | undefined> {
  return tx
    .updateTable('agent')
    .set(set)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

export async function versionByDigest(
  db: Db | Tx,
  tenant: string,
  agentId: string,
  digest: string,
): Promise<AgentVersionRow | undefined> {
  return db
    .selectFrom('agent_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('digest', '=', digest)
    .executeTakeFirst();
}

export async function versionNamed(
  db: Db | Tx,
  tenant: string,
  agentId: string,
  version: string,
): Promise<AgentVersionRow | undefined> {
  return db
    .selectFrom('agent_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('version', '=', version)
    .executeTakeFirst();
}

/** The versions in force of these agents, by agent id. */
export async function currentVersions(
  db: Db | Tx,
  tenant: string,
  agents: readonly AgentRow[],
): Promise<Map<string, AgentVersionRow>> {
  if (agents.length === 0) return new Map();
  const rows = await db
    .selectFrom('agent_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('digest', 'in', [...new Set(agents.map((agent) => agent.manifest_digest))])
    .execute();
  const digests = new Map(agents.map((agent) => [agent.id, agent.manifest_digest]));
  return new Map(
    rows.filter((row) => digests.get(row.agent_id) === row.digest).map((row) => [row.agent_id, row]),
  );
}

export async function insertVersion(tx: Tx, row: Insertable<IdentityTables['agent_version']>): Promise<void> {
  await tx
    .insertInto('agent_version')
    .values(row)
    .onConflict((conflict) => conflict.constraint('agent_version_pk').doNothing())
    .execute();
}

export async function insertJoinToken(
  tx: Tx,
  row: IdentityTables['agent_join_token'],
  keptMs: number,
): Promise<void> {
  // Lapsed tokens go when new ones come, so that the table stays small.
  await tx
    .deleteFrom('agent_join_token')
    .where('tenant', '=', row.tenant)
    .where('expires_at', '<', row.expires_at - keptMs)
    .execute();
  await tx.insertInto('agent_join_token').values(row).execute();
}

/** Uses a join token up by compare-and-set; gives the agent that it admits and who issued it. */
export async function useJoinToken(
  tx: Tx,
  tenant: string,
  tokenHash: string,
  nowMs: number,
): Promise<{ agentId: string; issuedBy: string } | undefined> {
  const row = await tx
    .updateTable('agent_join_token')
    .set({ used_at: nowMs })
    .where('tenant', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .returning(['agent_id', 'issued_by'])
    .executeTakeFirst();
  return row === undefined ? undefined : { agentId: row.agent_id, issuedBy: row.issued_by };
}

/** A kill or a new version voids join tokens that were not used yet. */
export async function voidJoinTokens(tx: Tx, tenant: string, agentId: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('agent_join_token')
    .set({ used_at: nowMs })
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('used_at', 'is', null)
    .execute();
}

export async function instanceById(
  db: Db | Tx,
  tenant: string,
  id: string,
): Promise<InstanceRow | undefined> {
  return db
    .selectFrom('instance')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function activeInstanceWithKey(
  db: Db | Tx,
  tenant: string,
  jkt: string,
): Promise<InstanceRow | undefined> {
  return db
    .selectFrom('instance')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('jkt', '=', jkt)
    .where('state', '=', 'active')
    .executeTakeFirst();
}

export async function activeInstances(db: Db | Tx, tenant: string, agentId: string): Promise<InstanceRow[]> {
  return db
    .selectFrom('instance')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('state', '=', 'active')
    .orderBy('enrolled_at')
    .execute();
}

export async function activeInstanceCounts(db: Db | Tx, tenant: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('instance')
    .select(['agent_id', sql<number>`count(*)::int`.as('n')])
    .where('tenant', '=', tenant)
    .where('state', '=', 'active')
    .groupBy('agent_id')
    .execute();
  return new Map(rows.map((row) => [row.agent_id, row.n]));
}

export async function insertInstance(tx: Tx, row: IdentityTables['instance']): Promise<void> {
  await tx.insertInto('instance').values(row).execute();
}

export async function bindInstance(
  tx: Tx,
  tenant: string,
  id: string,
  to: Pick<IdentityTables['instance'], 'manifest_digest' | 'credential_epoch' | 'enrolled_by'>,
): Promise<void> {
  await tx.updateTable('instance').set(to).where('tenant', '=', tenant).where('id', '=', id).execute();
}

export async function revokeInstance(tx: Tx, tenant: string, id: string): Promise<void> {
  await tx
    .updateTable('instance')
    .set({ state: 'revoked' })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}

export async function openSession(tx: Tx, row: IdentityTables['agent_session']): Promise<void> {
  await tx.insertInto('agent_session').values(row).execute();
}

export async function openSessionOf(
  db: Db | Tx,
  tenant: string,
  instanceId: string,
): Promise<SessionRow | undefined> {
  return db
    .selectFrom('agent_session')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('instance_id', '=', instanceId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
}

export async function openSessionsOfAgent(
  db: Db | Tx,
  tenant: string,
  agentId: string,
): Promise<SessionRow[]> {
  return db
    .selectFrom('agent_session')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('ended_at', 'is', null)
    .execute();
}

export async function prolongSession(
  tx: Tx,
  tenant: string,
  sid: string,
  expiresAtMs: number,
): Promise<void> {
  await tx
    .updateTable('agent_session')
    .set({ expires_at: sql<number>`greatest(expires_at, ${expiresAtMs})` })
    .where('tenant', '=', tenant)
    .where('sid', '=', sid)
    .execute();
}

export async function endSession(tx: Tx, tenant: string, sid: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('agent_session')
    .set({ ended_at: nowMs })
    .where('tenant', '=', tenant)
    .where('sid', '=', sid)
    .where('ended_at', 'is', null)
    .execute();
}

/** Ended sessions whose last token has lapsed: nobody needs to be told of them any more. Takes them away. */
export async function takeLapsedSessions(
  tx: Tx,
  tenant: string,
  nowMs: number,
  limit: number,
): Promise<string[]> {
  const lapsed = tx
    .selectFrom('agent_session')
    .select('sid')
    .where('tenant', '=', tenant)
    .where('ended_at', 'is not', null)
    .where('expires_at', '<', nowMs)
    .limit(limit);
  const rows = await tx
    .deleteFrom('agent_session')
    .where('tenant', '=', tenant)
    .where('sid', 'in', lapsed)
    .returning('sid')
    .execute();
  return rows.map((row) => row.sid);
}

export async function setLevel(
  tx: Tx,
  tenant: string,
  id: string,
  level: Level,
  bootstrap: boolean,
): Promise<AgentRow | undefined> {
  return updateAgent(tx, tenant, id, {
    level,
    bootstrap,
    epoch: sql<number>`epoch + 1` as unknown as number,
  });
}

/** Names of agents by id. */
export async function agentNames(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('agent')
    .select(['id', 'name'])
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map(({ id, name }) => [id, name]));
}
