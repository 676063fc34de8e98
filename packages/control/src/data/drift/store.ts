/** Room: data (D-2). SQL of what kinds of inputs agents had. */
import type { InputCounts } from '@atf/core/wire/drift';
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../../context.ts';
import type { DriftTables } from './tables.ts';

export interface Source {
  readonly agentId: string;
  readonly tool: string;
}

/** In place of what the same process said of the same hour before. */
export async function keepWindow(
  tx: Tx,
  row: Omit<DriftTables['input_window'], 'counts'> & { readonly counts: InputCounts },
): Promise<void> {
  const counts = JSON.stringify(row.counts);
  await tx
    .insertInto('input_window')
    .values({ ...row, counts })
    .onConflict((conflict) =>
      conflict.constraint('input_window_pk').doUpdateSet({ counts, changed_at: row.changed_at }),
    )
    .execute();
}

/** Sources of which something is new since then, newest first. */
export async function changedSources(
  db: Db,
  tenant: string,
  sinceMs: number,
  limit: number,
): Promise<Source[]> {
  return db
    .selectFrom('input_window')
    .select(['agent_id as agentId', 'tool'])
    .where('tenant', '=', tenant)
    .where('changed_at', '>=', sinceMs)
    .groupBy(['agent_id', 'tool'])
    .orderBy(({ fn }) => fn.max('changed_at'), 'desc')
    .limit(limit)
    .execute();
}

export async function windowsOf(
  db: Db | Tx,
  tenant: string,
  { agentId, tool }: Source,
  sinceHour: number,
): Promise<{ readonly hour: number; readonly counts: InputCounts }[]> {
  const rows = await db
    .selectFrom('input_window')
    .select(['hour', 'counts'])
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('tool', '=', tool)
    .where('hour', '>=', sinceHour)
    .orderBy('hour', 'desc')
    .execute();
  return rows.map(({ hour, counts }) => ({ hour, counts: counts as InputCounts }));
}

export async function driftRow(
  db: Db | Tx,
  tenant: string,
  { agentId, tool }: Source,
): Promise<Selectable<DriftTables['input_drift']> | undefined> {
  return db
    .selectFrom('input_drift')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('tool', '=', tool)
    .executeTakeFirst();
}

/** False: it stands there already. */
export async function beginDrift(
  tx: Tx,
  tenant: string,
  { agentId, tool }: Source,
  { since, dimensions }: { readonly since: number; readonly dimensions: readonly string[] },
): Promise<boolean> {
  const begun = await tx
    .insertInto('input_drift')
    .values({ tenant, agent_id: agentId, tool, since, dimensions: JSON.stringify(dimensions) })
    .onConflict((conflict) => conflict.columns(['tenant', 'agent_id', 'tool']).doNothing())
    .returning('since')
    .executeTakeFirst();
  return begun !== undefined;
}

export async function endDrift(tx: Tx, tenant: string, { agentId, tool }: Source): Promise<void> {
  await tx
    .deleteFrom('input_drift')
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('tool', '=', tool)
    .execute();
}

export async function dropWindows(tx: Tx, tenant: string, beforeHour: number): Promise<void> {
  await tx.deleteFrom('input_window').where('tenant', '=', tenant).where('hour', '<', beforeHour).execute();
}
