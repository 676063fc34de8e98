/** Room: approvals (D-4). SQL of what people review afterwards. Calls of one agent, reason and hour share rows. */
import { reviewCallsFull, type ReviewState } from '@atf/core/wire/review';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { ApprovalTables } from './tables.ts';

export type ReviewRow = Selectable<ApprovalTables['review']>;

/** Adds calls, at most `reviewCallsAdded`, to the open review of their group, or opens one. */
export async function addToReview(tx: Tx, row: Insertable<ApprovalTables['review']>): Promise<void> {
  await tx
    .insertInto('review')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'group_key'])
        // Written out: a plan with a parameter does not find the index.
        .where(sql<boolean>`state = 'open' and not is_full`)
        .doUpdateSet({
          calls: sql<string>`review.calls || excluded.calls`,
          is_full: sql<boolean>`jsonb_array_length(review.calls || excluded.calls) >= ${sql.lit(reviewCallsFull)}`,
          first_at: sql<number>`least(review.first_at, excluded.first_at)`,
          last_at: sql<number>`greatest(review.last_at, excluded.last_at)`,
        }),
    )
    .execute();
}

/** As it stands: what was decided, and what is left of a review. */
export async function insertReview(tx: Tx, row: Insertable<ApprovalTables['review']>): Promise<void> {
  await tx.insertInto('review').values(row).execute();
}

const openFirst = sql<number>`case when state = 'open' then 0 else 1 end`;

export interface ReviewPage {
  readonly state?: ReviewState | undefined;
  /** Absent: of all. */
  readonly agentIds?: readonly string[] | undefined;
  readonly after?: ReviewRow | undefined;
  readonly limit: number;
}

/** Open ones first, the oldest first; then those that were decided, the same way. */
export async function reviewPage(
  db: Db,
  tenant: string,
  { state, agentIds, after, limit }: ReviewPage,
): Promise<ReviewRow[]> {
  if (agentIds?.length === 0) return [];
  let query = db.selectFrom('review').selectAll().where('tenant', '=', tenant);
  if (state !== undefined) query = query.where('state', '=', state);
  if (agentIds !== undefined) query = query.where('agent_id', 'in', agentIds);
  if (after !== undefined)
    query = query.where(
      sql<boolean>`(${openFirst}, first_at, id) > (${after.state === 'open' ? 0 : 1}::int, ${after.first_at}::bigint, ${after.id}::text)`,
    );
  return query.orderBy(openFirst).orderBy('first_at').orderBy('id').limit(limit).execute();
}

export async function openCounts(
  db: Db,
  tenant: string,
  {
    agentIds,
    overdueBefore,
  }: { readonly agentIds: readonly string[] | undefined; readonly overdueBefore: number },
): Promise<{ readonly open: number; readonly overdue: number }> {
  if (agentIds?.length === 0) return { open: 0, overdue: 0 };
  let query = db
    .selectFrom('review')
    .select([
      (each) => each.fn.countAll<string>().as('open'),
      sql<string>`count(*) filter (where first_at < ${overdueBefore}::bigint)`.as('overdue'),
    ])
    .where('tenant', '=', tenant)
    .where('state', '=', 'open');
  if (agentIds !== undefined) query = query.where('agent_id', 'in', agentIds);
  const row = await query.executeTakeFirst();
  return { open: Number(row?.open ?? 0), overdue: Number(row?.overdue ?? 0) };
}

export async function reviewById(db: Db | Tx, tenant: string, id: string): Promise<ReviewRow | undefined> {
  return db
    .selectFrom('review')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function lockReview(tx: Tx, tenant: string, id: string): Promise<ReviewRow | undefined> {
  return tx
    .selectFrom('review')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
}

/** What is left open of it. */
export async function keepOpen(
  tx: Tx,
  { tenant, id }: ReviewRow,
  left: Pick<Insertable<ApprovalTables['review']>, 'calls' | 'first_at' | 'last_at'>,
): Promise<void> {
  await tx.updateTable('review').set(left).where('tenant', '=', tenant).where('id', '=', id).execute();
}

export async function removeReview(tx: Tx, { tenant, id }: ReviewRow): Promise<void> {
  await tx.deleteFrom('review').where('tenant', '=', tenant).where('id', '=', id).execute();
}

/** Open reviews that are too old and of which nobody was told yet; they are told from now on. */
export async function takeOverdue(
  tx: Tx,
  tenant: string,
  beforeMs: number,
  limit: number,
): Promise<ReviewRow[]> {
  const due = tx
    .selectFrom('review')
    .select('id')
    .where('tenant', '=', tenant)
    .where('state', '=', 'open')
    .where('told', '=', false)
    .where('first_at', '<', beforeMs)
    .orderBy('first_at')
    .limit(limit)
    .forUpdate()
    .skipLocked();
  return tx
    .updateTable('review')
    .set({ told: true })
    .where('tenant', '=', tenant)
    .where('id', 'in', due)
    .returningAll()
    .execute();
}

export async function isAnyOverdue(db: Db, tenant: string, beforeMs: number): Promise<boolean> {
  const row = await db
    .selectFrom('review')
    .select('id')
    .where('tenant', '=', tenant)
    .where('state', '=', 'open')
    .where('told', '=', false)
    .where('first_at', '<', beforeMs)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** What was confirmed long ago stands in the log; objections stay, with their words. */
export async function dropConfirmed(db: Db, tenant: string, beforeMs: number): Promise<void> {
  await db
    .deleteFrom('review')
    .where('tenant', '=', tenant)
    .where('state', '=', 'confirmed')
    .where('decided_at', '<', beforeMs)
    .execute();
}

/** Agents that a person answers for. */
export async function agentIdsOf(db: Db, tenant: string, personId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('agent')
    .select('id')
    .where('tenant', '=', tenant)
    .where((each) =>
      each.or([
        each('owner_id', '=', personId),
        each('technical_owner_id', '=', personId),
        each('business_owner_id', '=', personId),
      ]),
    )
    .execute();
  return rows.map(({ id }) => id);
}
