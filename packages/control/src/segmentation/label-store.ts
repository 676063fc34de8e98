/** Room: segmentation (S-4). SQL of labels: what each instance, and whoever works on each task, has read. */
import type { LabelsDoc } from '@atf/core/wire/labels';
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { SegmentationTables } from './tables.ts';

export type LabelRow = Selectable<SegmentationTables['session_labels']>;

export interface Holder {
  readonly holder: string;
  readonly kind: LabelRow['kind'];
  readonly agentId: string;
}

export const labelsDocOf = ({
  holder,
  revision,
  confidentiality,
  integrity,
  sources,
  indexes,
  review_at,
}: LabelRow): LabelsDoc => ({
  holder,
  revision,
  confidentiality,
  integrity,
  sources: [...sources],
  ...(indexes === null || indexes.length === 0 ? {} : { indexes: [...indexes] }),
  ...(review_at === null ? {} : { underReview: true }),
});

const databaseMs = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::double precision`;

export interface LockedLabels {
  readonly rows: readonly LabelRow[];
  /** Of the database's clock. */
  readonly nowMs: number;
}

/** The rows of these holders, locked until the transaction ends; those that had none have read nothing. Locks go in one order. */
export async function lockLabels(tx: Tx, tenant: string, holders: readonly Holder[]): Promise<LockedLabels> {
  const ordered = [...holders].sort((one, other) => (one.holder < other.holder ? -1 : 1));
  for (const { holder, kind, agentId } of ordered) {
    await tx
      .insertInto('session_labels')
      .values({
        tenant,
        holder,
        agent_id: agentId,
        kind,
        confidentiality: 'public',
        integrity: 'trusted',
        sources: '[]',
        revision: 0,
        raised_at: 0,
        review_at: null,
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'holder']).doNothing())
      .execute();
  }
  const rows = await tx
    .selectFrom('session_labels')
    .selectAll()
    .select(databaseMs.as('now_ms'))
    .where('tenant', '=', tenant)
    .where(
      'holder',
      'in',
      ordered.map(({ holder }) => holder),
    )
    .orderBy('holder')
    .forUpdate()
    .execute();
  return { rows, nowMs: Math.max(0, ...rows.map(({ now_ms }) => now_ms)) };
}

export async function setLabels(
  tx: Tx,
  tenant: string,
  { holder, revision, confidentiality, integrity, sources, indexes }: LabelsDoc,
  raisedMs?: number,
): Promise<void> {
  await tx
    .updateTable('session_labels')
    .set({
      confidentiality,
      integrity,
      sources: JSON.stringify(sources),
      indexes: indexes === undefined ? null : JSON.stringify(indexes),
      revision,
      ...(raisedMs === undefined ? {} : { raised_at: raisedMs }),
    })
    .where('tenant', '=', tenant)
    .where('holder', '=', holder)
    .execute();
}

/** One row, locked until the transaction ends, with the database's clock. */
export async function lockLabel(
  tx: Tx,
  tenant: string,
  holder: string,
): Promise<{ readonly row: LabelRow; readonly nowMs: number } | undefined> {
  const found = await tx
    .selectFrom('session_labels')
    .selectAll()
    .select(databaseMs.as('now_ms'))
    .where('tenant', '=', tenant)
    .where('holder', '=', holder)
    .forUpdate()
    .executeTakeFirst();
  if (found === undefined) return undefined;
  const { now_ms: nowMs, ...row } = found;
  return { row, nowMs };
}

/** The labels, and whether a person looks at them. */
export async function setReviewed(
  tx: Tx,
  tenant: string,
  doc: LabelsDoc,
  reviewAt: number | null,
): Promise<void> {
  await setLabels(tx, tenant, doc);
  await tx
    .updateTable('session_labels')
    .set({ review_at: reviewAt })
    .where('tenant', '=', tenant)
    .where('holder', '=', doc.holder)
    .execute();
}

export async function labelRowsOf(db: Db | Tx, tenant: string, agentId: string): Promise<LabelRow[]> {
  return await db
    .selectFrom('session_labels')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .orderBy('holder')
    .execute();
}

export async function deleteLabels(tx: Tx, tenant: string, holder: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('session_labels')
    .where('tenant', '=', tenant)
    .where('holder', '=', holder)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Instances that may still act, with their agents. */
export async function livingInstances(
  tx: Tx,
  tenant: string,
): Promise<{ readonly id: string; readonly agent_id: string }[]> {
  return await tx
    .selectFrom('instance')
    .select(['id', 'agent_id'])
    .where('tenant', '=', tenant)
    .where('state', '=', 'active')
    .execute();
}
