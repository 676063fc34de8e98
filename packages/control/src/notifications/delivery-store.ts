/** Room: notifications. SQL of targets, lanes and messages. */
import type { DeliveryState } from '@atf/core/wire/notifications';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { NotificationTables } from './tables.ts';

export type TargetRow = Selectable<NotificationTables['notification_target']>;
export type LaneRow = Selectable<NotificationTables['notification_lane']>;
export type DeliveryRow = Selectable<NotificationTables['notification_delivery']>;

/** In the order of their names. */
export async function targetRows(db: Db | Tx, tenant: string): Promise<TargetRow[]> {
  return db
    .selectFrom('notification_target')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('removed_at', 'is', null)
    .orderBy('name')
    .execute();
}

export async function targetById(db: Db | Tx, tenant: string, id: string): Promise<TargetRow | undefined> {
  return db
    .selectFrom('notification_target')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** False: another one has the name. */
export async function insertTarget(
  tx: Tx,
  row: Insertable<NotificationTables['notification_target']>,
): Promise<boolean> {
  const done = await tx
    .insertInto('notification_target')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'name']).where('removed_at', 'is', null).doNothing(),
    )
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

/** Forgets its address and secrets, and drops what waits for it. undefined: it is not there. */
export async function removeTarget(
  tx: Tx,
  tenant: string,
  id: string,
  nowMs: number,
): Promise<{ name: string; dropped: number } | undefined> {
  const row = await tx
    .updateTable('notification_target')
    .set({ removed_at: nowMs, kid: null, box: null })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .returning('name')
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const dropped = await tx
    .updateTable('notification_delivery')
    .set({ state: 'dropped', settled_at: nowMs, claimed_until: null })
    .where('tenant', '=', tenant)
    .where('target_id', '=', id)
    .where('state', 'in', ['waiting', 'sending'])
    .executeTakeFirst();
  await tx.deleteFrom('notification_lane').where('tenant', '=', tenant).where('target_id', '=', id).execute();
  return { name: row.name, dropped: Number(dropped.numUpdatedRows) };
}

/** By target: messages not sent yet, given up, and when the last one arrived. */
export async function deliveryCounts(
  db: Db | Tx,
  tenant: string,
): Promise<Map<string, { waiting: number; dead: number; deliveredAt: number | null }>> {
  const rows = await db
    .selectFrom('notification_delivery')
    .select([
      'target_id',
      sql<number>`count(*) filter (where state in ('waiting', 'sending'))::int`.as('waiting'),
      sql<number>`count(*) filter (where state = 'dead')::int`.as('dead'),
      sql<number | null>`max(settled_at) filter (where state = 'delivered')`.as('delivered_at'),
    ])
    .where('tenant', '=', tenant)
    .groupBy('target_id')
    .execute();
  return new Map(
    rows.map(({ target_id: id, waiting, dead, delivered_at: deliveredAt }) => [
      id,
      { waiting, dead, deliveredAt },
    ]),
  );
}

/** The lane under a row lock, made when it is not there. */
export async function lockLane(tx: Tx, tenant: string, targetId: string, lane: string): Promise<LaneRow> {
  const fresh: LaneRow = { tenant, target_id: targetId, lane, window_until: 0, digest_id: null, sent: 0 };
  await tx
    .insertInto('notification_lane')
    .values(fresh)
    .onConflict((conflict) => conflict.constraint('notification_lane_pk').doNothing())
    .execute();
  return tx
    .selectFrom('notification_lane')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('target_id', '=', targetId)
    .where('lane', '=', lane)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

export async function setLane(tx: Tx, row: LaneRow): Promise<void> {
  const { tenant, target_id, lane, window_until, digest_id, sent } = row;
  await tx
    .updateTable('notification_lane')
    .set({ window_until, digest_id, sent })
    .where('tenant', '=', tenant)
    .where('target_id', '=', target_id)
    .where('lane', '=', lane)
    .execute();
}

export async function insertDelivery(tx: Tx, row: DeliveryRow): Promise<void> {
  const { notification_ids, counts } = row;
  const values = {
    ...row,
    notification_ids: JSON.stringify(notification_ids),
    counts: JSON.stringify(counts),
  };
  await tx.insertInto('notification_delivery').values(values).execute();
}

/** A message that nobody has begun to send, under a row lock. */
export async function lockUnsent(tx: Tx, tenant: string, id: string): Promise<DeliveryRow | undefined> {
  return tx
    .selectFrom('notification_delivery')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .where('attempts', '=', 0)
    .forUpdate()
    .executeTakeFirst();
}

export async function setContents(tx: Tx, row: DeliveryRow): Promise<void> {
  await tx
    .updateTable('notification_delivery')
    .set({
      notification_ids: JSON.stringify(row.notification_ids),
      counts: JSON.stringify(row.counts),
      count: row.count,
      severity: row.severity,
    })
    .where('tenant', '=', row.tenant)
    .where('id', '=', row.id)
    .execute();
}

/** Whether there is anything to route or to send now. */
export async function workDue(
  db: Db | Tx,
  tenant: string,
  nowMs: number,
): Promise<{ unrouted: boolean; due: boolean }> {
  const { rows } = await sql<{ unrouted: boolean; due: boolean }>`
    select
      exists (select from notification where tenant = ${tenant} and routed_at is null) as unrouted,
      exists (select from notification_delivery where tenant = ${tenant} and due_at <= ${nowMs}
        and (state = 'waiting' or (state = 'sending' and claimed_until <= ${nowMs}))) as due`.execute(db);
  return rows[0] ?? { unrouted: true, due: true };
}

/**
 * Takes messages that are due, for this sender alone until `claimedUntilMs`: the oldest ones of each target, so that one that is slow or down takes
 * nobody else's turn. What an earlier sender took and never settled is due again.
 */
export async function claimDue(
  tx: Tx,
  tenant: string,
  of: {
    readonly nowMs: number;
    readonly claimedUntilMs: number;
    readonly perTarget: number;
    readonly limit: number;
    /** Targets whose turns are taken. */
    readonly busy: readonly string[];
  },
): Promise<DeliveryRow[]> {
  const { nowMs, claimedUntilMs, perTarget, limit, busy } = of;
  const { rows } = await sql<{ id: string }>`
    select id from notification_delivery where tenant = ${tenant} and id in (
      select id from (
        select id, due_at, row_number() over (partition by target_id order by due_at, id) as turn
        from notification_delivery
        where tenant = ${tenant} and due_at <= ${nowMs}
          and (state = 'waiting' or (state = 'sending' and claimed_until <= ${nowMs}))
          and not (target_id = any(${busy as string[]}))
      ) as due where turn <= ${perTarget} order by due_at limit ${limit}
    ) for update skip locked`.execute(tx);
  if (rows.length === 0) return [];
  return tx
    .updateTable('notification_delivery')
    .set({ state: 'sending', claimed_until: claimedUntilMs, attempts: sql<number>`attempts + 1` })
    .where('tenant', '=', tenant)
    .where(
      'id',
      'in',
      rows.map(({ id }) => id),
    )
    .where('state', 'in', ['waiting', 'sending'])
    .returningAll()
    .execute();
}

/** What came of an attempt; undefined when somebody else has it by now, or its target went. */
export async function settleDelivery(
  tx: Tx,
  row: Pick<DeliveryRow, 'tenant' | 'id' | 'attempts'>,
  set: Partial<Pick<DeliveryRow, 'state' | 'problem' | 'due_at' | 'settled_at' | 'attempts'>>,
): Promise<DeliveryRow | undefined> {
  return tx
    .updateTable('notification_delivery')
    .set({ ...set, claimed_until: null })
    .where('tenant', '=', row.tenant)
    .where('id', '=', row.id)
    .where('state', '=', 'sending')
    .where('attempts', '=', row.attempts)
    .returningAll()
    .executeTakeFirst();
}

/** A message that was given up is due again, from the first attempt. undefined: it was not given up. */
export async function reviveDelivery(
  tx: Tx,
  tenant: string,
  id: string,
  nowMs: number,
): Promise<DeliveryRow | undefined> {
  return tx
    .updateTable('notification_delivery')
    .set({ state: 'waiting', attempts: 0, due_at: nowMs, settled_at: null })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', '=', 'dead')
    .returningAll()
    .executeTakeFirst();
}

export async function deliveryById(
  db: Db | Tx,
  tenant: string,
  id: string,
): Promise<DeliveryRow | undefined> {
  return db
    .selectFrom('notification_delivery')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Newest first. */
export async function deliveryRows(
  db: Db | Tx,
  tenant: string,
  of: {
    readonly limit: number;
    readonly state?: DeliveryState | undefined;
    readonly targetId?: string | undefined;
  },
): Promise<DeliveryRow[]> {
  let select = db.selectFrom('notification_delivery').selectAll().where('tenant', '=', tenant);
  if (of.state !== undefined) select = select.where('state', '=', of.state);
  if (of.targetId !== undefined) select = select.where('target_id', '=', of.targetId);
  return select.orderBy('created_at', 'desc').orderBy('id').limit(of.limit).execute();
}

/** Forgets messages that were settled before, and lanes that were quiet since. */
export async function dropOldDeliveries(tx: Tx, tenant: string, beforeMs: number): Promise<void> {
  await tx
    .deleteFrom('notification_delivery')
    .where('tenant', '=', tenant)
    .where('state', 'in', ['delivered', 'dropped', 'dead'])
    .where('settled_at', '<', beforeMs)
    .execute();
  await tx
    .deleteFrom('notification_lane')
    .where('tenant', '=', tenant)
    .where('window_until', '<', beforeMs)
    .execute();
}
