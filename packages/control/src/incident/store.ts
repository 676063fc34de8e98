/** Room: incident. SQL of containment and stop reports. */
import type { StopReport } from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IncidentTables } from './tables.ts';

export type ContainmentRow = Selectable<IncidentTables['containment']>;

function docOf(row: ContainmentRow): ContainmentDoc {
  return {
    scope: { kind: row.scope_kind, id: row.scope_id },
    state: row.state,
    since: new Date(row.since).toISOString(),
    reason: row.reason,
    by: row.by_name,
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
  return rows.map(docOf);
}

export async function containmentByKey(
  db: Db | Tx,
  tenant: string,
  key: string,
): Promise<ContainmentDoc | undefined> {
  const row = await db
    .selectFrom('containment')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('key', '=', key)
    .executeTakeFirst();
  return row === undefined ? undefined : docOf(row);
}

/** A stop under the same key is replaced: the newer state counts. */
export async function putContainment(tx: Tx, row: IncidentTables['containment']): Promise<void> {
  const { state, since, reason, by_id, by_name } = row;
  await tx
    .insertInto('containment')
    .values(row)
    .onConflict((conflict) =>
      conflict.constraint('containment_pk').doUpdateSet({ state, since, reason, by_id, by_name }),
    )
    .execute();
}

/** What was lifted, or undefined when nothing was stopped under the key. */
export async function liftContainment(
  tx: Tx,
  tenant: string,
  key: string,
): Promise<ContainmentDoc | undefined> {
  const row = await tx
    .deleteFrom('containment')
    .where('tenant', '=', tenant)
    .where('key', '=', key)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? undefined : docOf(row);
}

export async function insertStopReport(
  tx: Tx,
  row: { tenant: string; id: string; at: number; report: StopReport },
): Promise<void> {
  await tx
    .insertInto('stop_report')
    .values({ ...row, report: JSON.stringify(row.report) })
    .execute();
}

export async function newestStopReport(
  db: Db | Tx,
  tenant: string,
): Promise<{ at: number; report: StopReport } | undefined> {
  return db
    .selectFrom('stop_report')
    .select(['at', 'report'])
    .where('tenant', '=', tenant)
    .orderBy('at', 'desc')
    .limit(1)
    .executeTakeFirst();
}
