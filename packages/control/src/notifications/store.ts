/** Room: notifications. SQL of what people are told. */
import type { NoticeKind } from '@atf/core/wire/notifications';
import type { Insertable, Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { NotificationTables } from './tables.ts';

export type NotificationRow = Selectable<NotificationTables['notification']>;

/** False: people are told this already. */
export async function insertNotification(
  tx: Tx,
  row: Insertable<NotificationTables['notification']>,
): Promise<boolean> {
  const done = await tx
    .insertInto('notification')
    .values(row)
    .onConflict((conflict) => conflict.constraint('notification_once').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

/** The oldest that nobody was told yet, each for one caller at a time. */
export async function takeUnrouted(tx: Tx, tenant: string, limit: number): Promise<NotificationRow[]> {
  return tx
    .selectFrom('notification')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('routed_at', 'is', null)
    .orderBy('at')
    .orderBy('id')
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute();
}

export async function setRouted(
  tx: Tx,
  tenant: string,
  id: string,
  set: Pick<NotificationRow, 'summary' | 'because' | 'claimed' | 'claimed_by' | 'recipients' | 'routed_at'>,
): Promise<void> {
  await tx
    .updateTable('notification')
    .set({ ...set, recipients: JSON.stringify(set.recipients) })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}

export interface NotificationPage {
  readonly limit: number;
  /** Older than this. */
  readonly beforeMs?: number | undefined;
  readonly open?: boolean;
  readonly kind?: NoticeKind | undefined;
}

/** Newest first. */
export async function notificationRows(
  db: Db | Tx,
  tenant: string,
  { limit, beforeMs, open, kind }: NotificationPage,
): Promise<NotificationRow[]> {
  let select = db
    .selectFrom('notification')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('routed_at', 'is not', null);
  if (beforeMs !== undefined) select = select.where('at', '<', beforeMs);
  if (open === true) select = select.where('acknowledged_at', 'is', null);
  if (kind !== undefined) select = select.where('kind', '=', kind);
  return select.orderBy('at', 'desc').orderBy('id').limit(limit).execute();
}

export async function notificationsByIds(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<NotificationRow[]> {
  if (ids.length === 0) return [];
  return db
    .selectFrom('notification')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', 'in', [...ids])
    .orderBy('at')
    .orderBy('id')
    .execute();
}

/** False: somebody has taken note already. */
export async function acknowledge(
  tx: Tx,
  tenant: string,
  id: string,
  by: { readonly personId: string; readonly with: 'session' | 'token'; readonly atMs: number },
): Promise<boolean> {
  const done = await tx
    .updateTable('notification')
    .set({ acknowledged_at: by.atMs, acknowledged_by: by.personId, acknowledged_with: by.with })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('acknowledged_at', 'is', null)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}

export async function dropOldNotifications(tx: Tx, tenant: string, beforeMs: number): Promise<void> {
  await tx
    .deleteFrom('notification')
    .where('tenant', '=', tenant)
    .where('at', '<', beforeMs)
    .where('routed_at', 'is not', null)
    .execute();
}
