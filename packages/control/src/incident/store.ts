/** Room: incident. SQL of containment and of what people did about it. */
import type { StopReport } from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IncidentTables } from './tables.ts';

export type ContainmentRow = Selectable<IncidentTables['containment']>;

export function containmentDocOf(row: ContainmentRow): ContainmentDoc {
  return {
    scope: { kind: row.scope_kind, id: row.scope_id },
    state: row.state,
    since: new Date(row.since).toISOString(),
    reason: row.reason,
    by: row.by_name,
    ...(row.label === null ? {} : { label: row.label }),
    ...(row.drain_until === null ? {} : { drainUntil: new Date(row.drain_until).toISOString() }),
  };
}

/** Everything that is stopped. */
export async function containments(db: Db | Tx, tenant: string): Promise<ContainmentDoc[]> {
  const rows = await db
    .selectFrom('containment')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('since', 'desc')
    .execute();
  return rows.map(containmentDocOf);
}

/** Graceful stops that have not been forced yet. */
export async function drainingContainments(db: Db | Tx, tenant: string): Promise<ContainmentRow[]> {
  return db
    .selectFrom('containment')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('drain_until', 'is not', null)
    .execute();
}

/** Killed sessions. */
export async function sessionContainments(db: Db | Tx, tenant: string): Promise<ContainmentRow[]> {
  return db
    .selectFrom('containment')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('scope_kind', '=', 'session')
    .where('state', '=', 'killed')
    .where('drain_until', 'is', null)
    .execute();
}

/** The stop under a key, locked until the transaction ends. */
export async function lockContainment(
  tx: Tx,
  tenant: string,
  key: string,
): Promise<ContainmentRow | undefined> {
  return tx
    .selectFrom('containment')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('key', '=', key)
    .forUpdate()
    .executeTakeFirst();
}

/** A stop under the same key is replaced. */
export async function putContainment(tx: Tx, row: ContainmentRow): Promise<void> {
  const { state, since, reason, by_id, by_name, label, drain_until } = row;
  await tx
    .insertInto('containment')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .constraint('containment_pk')
        .doUpdateSet({ state, since, reason, by_id, by_name, label, drain_until }),
    )
    .execute();
}

/** What was lifted, or undefined when nothing was stopped under the key. */
export async function liftContainment(
  tx: Tx,
  tenant: string,
  key: string,
): Promise<ContainmentRow | undefined> {
  return tx
    .deleteFrom('containment')
    .where('tenant', '=', tenant)
    .where('key', '=', key)
    .returningAll()
    .executeTakeFirst();
}

/** False: this event is there already. */
export async function insertContainmentEvent(
  tx: Tx,
  row: Omit<IncidentTables['containment_event'], 'report'>,
): Promise<boolean> {
  const done = await tx
    .insertInto('containment_event')
    .values({ ...row, report: null })
    .onConflict((conflict) => conflict.constraint('containment_event_pk').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

export async function setStopReport(tx: Tx, tenant: string, id: string, report: StopReport): Promise<void> {
  await tx
    .updateTable('containment_event')
    .set({ report: JSON.stringify(report) })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}

export async function newestStopReport(
  db: Db | Tx,
  tenant: string,
): Promise<{ at: number; report: StopReport } | undefined> {
  const row = await db
    .selectFrom('containment_event')
    .select(['at', 'report'])
    .where('tenant', '=', tenant)
    .where('report', 'is not', null)
    .orderBy('at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.report === undefined || row.report === null ? undefined : { at: row.at, report: row.report };
}

/** What people wrote when they stopped or resumed, by the id of the event. */
export async function containmentReasons(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('containment_event')
    .select(['id', 'reason'])
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map(({ id, reason }) => [id, reason]));
}
