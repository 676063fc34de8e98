/** Room: identity. SQL of tasks. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IdentityTables } from './tables.ts';

export type TaskRow = Selectable<IdentityTables['task']>;

/** Gives the tasks that are no more. */
export async function insertTask(tx: Tx, row: IdentityTables['task'], keptMs: number): Promise<string[]> {
  // Tasks that are long over go when new ones come, so that the table stays small; the log remembers that they were given.
  const gone = await tx
    .deleteFrom('task')
    .where('tenant', '=', row.tenant)
    .where('agent_id', '=', row.agent_id)
    .where('expires_at', '<', row.given_at - keptMs)
    .returning('id')
    .execute();
  await tx.insertInto('task').values(row).execute();
  return gone.map(({ id }) => id);
}

export async function taskById(db: Db | Tx, tenant: string, id: string): Promise<TaskRow | undefined> {
  return db
    .selectFrom('task')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** The same, and nobody else changes it before this transaction is over. */
export async function lockTask(tx: Tx, tenant: string, id: string): Promise<TaskRow | undefined> {
  return tx
    .selectFrom('task')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
}

/** Newest first. `agentIds` undefined: of every agent. */
export async function tasksNewest(
  db: Db | Tx,
  tenant: string,
  agentIds: readonly string[] | undefined,
  limit: number,
): Promise<TaskRow[]> {
  if (agentIds?.length === 0) return [];
  let query = db.selectFrom('task').selectAll().where('tenant', '=', tenant);
  if (agentIds !== undefined) query = query.where('agent_id', 'in', agentIds);
  return query.orderBy('given_at', 'desc').orderBy('id').limit(limit).execute();
}

export async function openTasks(tx: Tx, tenant: string, agentId: string, nowMs: number): Promise<number> {
  const row = await tx
    .selectFrom('task')
    .select((each) => each.fn.countAll<string>().as('n'))
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

export async function changeTask(
  tx: Tx,
  tenant: string,
  id: string,
  to: Partial<Pick<TaskRow, 'kid' | 'box' | 'sid' | 'ended_at'>>,
): Promise<void> {
  await tx.updateTable('task').set(to).where('tenant', '=', tenant).where('id', '=', id).execute();
}

export async function agentsAnsweredFor(db: Db | Tx, tenant: string, personId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('agent')
    .select('id')
    .where('tenant', '=', tenant)
    .where((each) => each.or([each('owner_id', '=', personId), each('technical_owner_id', '=', personId)]))
    .execute();
  return rows.map((row) => row.id);
}
