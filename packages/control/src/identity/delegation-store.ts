/** Room: identity. SQL of delegations. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IdentityTables } from './tables.ts';

export type DelegationRow = Selectable<IdentityTables['delegation']>;

export async function insertDelegation(
  tx: Tx,
  row: IdentityTables['delegation'],
  keptMs: number,
): Promise<void> {
  // Those that are long over go when new ones come, so that the table stays small; the log remembers them.
  await tx
    .deleteFrom('delegation')
    .where('tenant', '=', row.tenant)
    .where('expires_at', '<', row.given_at - keptMs)
    .execute();
  await tx.insertInto('delegation').values(row).execute();
}

export async function delegationById(
  db: Db | Tx,
  tenant: string,
  id: string,
): Promise<DelegationRow | undefined> {
  return db
    .selectFrom('delegation')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** The same, and nobody else changes it before this transaction is over. */
export async function lockDelegation(tx: Tx, tenant: string, id: string): Promise<DelegationRow | undefined> {
  return tx
    .selectFrom('delegation')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
}

/** The delegation on which a session works, or worked. */
export async function delegationOfSession(
  db: Db | Tx,
  tenant: string,
  sid: string,
): Promise<DelegationRow | undefined> {
  return db
    .selectFrom('delegation')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('sid', '=', sid)
    .executeTakeFirst();
}

export async function takeDelegation(tx: Tx, tenant: string, id: string, sid: string): Promise<void> {
  await tx
    .updateTable('delegation')
    .set({ sid })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('sid', 'is', null)
    .execute();
}

/** Not over: still to be taken, or worked on by a session that goes on. */
const live = (db: Db | Tx, tenant: string, nowMs: number) =>
  db
    .selectFrom('delegation as d')
    .leftJoin('agent_session as s', (join) =>
      join.onRef('s.tenant', '=', 'd.tenant').onRef('s.sid', '=', 'd.sid'),
    )
    .where('d.tenant', '=', tenant)
    .where('d.expires_at', '>', nowMs)
    .where((each) =>
      each.or([
        each('d.sid', 'is', null),
        // One that let its token lapse has not ended: it may renew.
        each.and([each('s.sid', 'is not', null), each('s.ended_at', 'is', null)]),
      ]),
    );

/** How many agents a session has started that have not ended, or was granted. */
export async function liveBelow(tx: Tx, tenant: string, bySid: string, nowMs: number): Promise<number> {
  const row = await live(tx, tenant, nowMs)
    .where('d.by_sid', '=', bySid)
    .select((each) => each.fn.countAll<string>().as('n'))
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

/** Those that an agent works on, or that others work on for it, newest first. */
export async function liveAround(
  db: Db | Tx,
  tenant: string,
  agentId: string,
  nowMs: number,
  max: number,
): Promise<DelegationRow[]> {
  return live(db, tenant, nowMs)
    .where((each) => each.or([each('d.agent_id', '=', agentId), each('d.links', 'like', `%"${agentId}"%`)]))
    .selectAll('d')
    .orderBy('d.given_at', 'desc')
    .orderBy('d.id')
    .limit(max)
    .execute();
}
