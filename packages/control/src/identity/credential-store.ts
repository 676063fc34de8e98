/** Room: identity. SQL of join tokens, instances and sessions. */
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IdentityTables } from './tables.ts';

export type InstanceRow = Selectable<IdentityTables['instance']>;
export type SessionRow = Selectable<IdentityTables['agent_session']>;

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

/** Whether an instance holds this key, or held it. */
export async function isInstanceKey(db: Db | Tx, tenant: string, jkt: string): Promise<boolean> {
  const row = await db
    .selectFrom('instance')
    .select('id')
    .where('tenant', '=', tenant)
    .where('jkt', '=', jkt)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
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

/** By agent id; agents without active instances are absent. */
export async function activeInstanceCounts(
  db: Db | Tx,
  tenant: string,
  agentIds: readonly string[],
): Promise<Map<string, number>> {
  if (agentIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('instance')
    .select(['agent_id', sql<number>`count(*)::int`.as('n')])
    .where('tenant', '=', tenant)
    .where('state', '=', 'active')
    .where('agent_id', 'in', agentIds)
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

export async function sessionById(db: Db | Tx, tenant: string, sid: string): Promise<SessionRow | undefined> {
  return db
    .selectFrom('agent_session')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('sid', '=', sid)
    .executeTakeFirst();
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
