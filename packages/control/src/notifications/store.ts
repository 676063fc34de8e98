/** Room: notifications. SQL of what people were told. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { NotificationTables } from './tables.ts';

export type NotificationRow = Selectable<NotificationTables['notification']>;

/** False: people were told about this action already. */
export async function insertNotification(tx: Tx, row: NotificationRow): Promise<boolean> {
  const done = await tx
    .insertInto('notification')
    .values({ ...row, recipients: JSON.stringify(row.recipients) })
    .onConflict((conflict) => conflict.constraint('notification_once').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

/** Newest first; `beforeMs` pages on. */
export async function notificationRows(
  db: Db | Tx,
  tenant: string,
  limit: number,
  beforeMs?: number,
): Promise<NotificationRow[]> {
  let select = db.selectFrom('notification').selectAll().where('tenant', '=', tenant);
  if (beforeMs !== undefined) select = select.where('at', '<', beforeMs);
  return select.orderBy('at', 'desc').orderBy('id').limit(limit).execute();
}
