/** Room: identity. SQL of host applications, and of the tasks that they declared. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IdentityTables } from './tables.ts';
import type { TaskRow } from './task-store.ts';

export type HostRow = Selectable<IdentityTables['host_application']>;

/** Newest first. */
export async function hostRows(db: Db | Tx, tenant: string, limit: number): Promise<HostRow[]> {
  return db
    .selectFrom('host_application')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('registered_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Whether it was revoked or not. */
export async function hostById(db: Db | Tx, tenant: string, id: string): Promise<HostRow | undefined> {
  return db
    .selectFrom('host_application')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** One that was not revoked; nobody revokes it before this transaction is over. */
export async function lockActiveHost(tx: Tx, tenant: string, id: string): Promise<HostRow | undefined> {
  return tx
    .selectFrom('host_application')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
}

export async function activeHosts(tx: Tx, tenant: string): Promise<number> {
  const row = await tx
    .selectFrom('host_application')
    .select((each) => each.fn.countAll<string>().as('n'))
    .where('tenant', '=', tenant)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

/** False: an active one has this name. */
export async function insertHost(tx: Tx, row: IdentityTables['host_application']): Promise<boolean> {
  const done = await tx
    .insertInto('host_application')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

export async function markHostRevoked(tx: Tx, tenant: string, id: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('host_application')
    .set({ revoked_at: nowMs })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}

const ofHost = (db: Db | Tx, tenant: string, hostId: string) =>
  db.selectFrom('task').where('tenant', '=', tenant).where('host_id', '=', hostId);

/** Tasks that it declared since then, over or not. */
export async function declaredSince(
  tx: Tx,
  tenant: string,
  hostId: string,
  sinceMs: number,
): Promise<number> {
  const row = await ofHost(tx, tenant, hostId)
    .select((each) => each.fn.countAll<string>().as('n'))
    .where('given_at', '>', sinceMs)
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

export async function openTasksOfHost(
  tx: Tx,
  tenant: string,
  hostId: string,
  nowMs: number,
): Promise<TaskRow[]> {
  return ofHost(tx, tenant, hostId)
    .selectAll()
    .where('ended_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .orderBy('id')
    .execute();
}

/** Tasks of an agent that host applications declared and that are not over. */
export async function openDeclared(tx: Tx, tenant: string, agentId: string, nowMs: number): Promise<number> {
  const row = await tx
    .selectFrom('task')
    .select((each) => each.fn.countAll<string>().as('n'))
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('host_id', 'is not', null)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

/** Names by id, of revoked ones too. */
export async function hostNames(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('host_application')
    .select(['id', 'name'])
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map(({ id, name }) => [id, name]));
}
