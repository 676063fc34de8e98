/** Room: segmentation (S-3). SQL of how many calls agents make: counted by hour from the index of the log, each row of it once. */
import { hourMs } from '@atf/core/hours';
import { baselinePercentile, type VolumeHistory } from '@atf/core/segmentation/volume';
import type { Adapted } from '@atf/core/wire/adaptive';
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';

const neverCounted = -1;
const markRow = (db: Db | Tx, tenant: string) =>
  db.selectFrom('volume_mark').select('counted').where('tenant', '=', tenant);

/** How far the index is counted; undefined: never yet. Locked, so that nothing is counted twice. */
export async function lockMark(tx: Tx, tenant: string): Promise<number | undefined> {
  // A row that is not there locks nobody out.
  await tx
    .insertInto('volume_mark')
    .values({ tenant, counted: neverCounted })
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute();
  const row = await markRow(tx, tenant).forUpdate().executeTakeFirst();
  return row === undefined || row.counted === neverCounted ? undefined : row.counted;
}

/** The same without a lock. */
export async function markOf(db: Db, tenant: string): Promise<number | undefined> {
  return (await markRow(db, tenant).executeTakeFirst())?.counted;
}

export async function setMark(tx: Tx, tenant: string, counted: number): Promise<void> {
  await tx
    .insertInto('volume_mark')
    .values({ tenant, counted })
    .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ counted }))
    .execute();
}

/**
 * Adds the calls that ran, from log index `from` up to before `to`. A record of the future, of a gateway whose clock is ahead, counts now: it must not escape the hour
 * that is watched.
 */
export async function addCalls(
  tx: Tx,
  tenant: string,
  { from, to, nowMs, sinceHour }: { from: number; to: number; nowMs: number; sinceHour: number },
): Promise<void> {
  await sql`
    insert into volume_hour (tenant, agent_id, hour, calls)
    select ${tenant}, agent, least(at, ${nowMs}::bigint) / 3600000, count(*)
    from audit_index
    where tenant = ${tenant} and log_index >= ${from} and log_index < ${to}
      and type = 'action.intent' and agent is not null and at >= ${sinceHour * hourMs}::bigint
    group by 2, 3
    order by 2, 3
    on conflict (tenant, agent_id, hour) do update set calls = volume_hour.calls + excluded.calls`.execute(
    tx,
  );
}

export interface HistoryRow extends VolumeHistory {
  readonly agentId: string;
}

/** What is known of whole hours, from `sinceHour` up to before `hour`, of these agents. */
export async function histories(
  db: Db | Tx,
  tenant: string,
  agentIds: readonly string[],
  { sinceHour, hour }: { readonly sinceHour: number; readonly hour: number },
): Promise<Map<string, HistoryRow>> {
  if (agentIds.length === 0) return new Map();
  const { rows } = await sql<HistoryRow>`
    select agent_id as "agentId", count(*)::int as "activeHours", sum(calls)::float8 as calls, min(hour)::int as "firstHour",
      (percentile_disc(${sql.lit(baselinePercentile)}) within group (order by calls))::float8 as percentile
    from volume_hour
    where tenant = ${tenant} and agent_id in (${sql.join(agentIds)}) and hour >= ${sinceHour} and hour < ${hour}
    group by agent_id`.execute(db);
  return new Map(rows.map((row) => [row.agentId, row]));
}

/** Agents with their baseline, by id, those behind `after`. */
export async function baselinePage(
  tx: Tx,
  tenant: string,
  after: string,
  limit: number,
): Promise<{ id: string; day: number | null; calls: number | null }[]> {
  return tx
    .selectFrom('agent')
    .leftJoin('volume_baseline', (join) =>
      join
        .onRef('volume_baseline.tenant', '=', 'agent.tenant')
        .onRef('volume_baseline.agent_id', '=', 'agent.id'),
    )
    .select(['agent.id', 'volume_baseline.day', 'volume_baseline.calls'])
    .where('agent.tenant', '=', tenant)
    .where('agent.id', '>', after)
    .orderBy('agent.id')
    .limit(limit)
    .execute();
}

export async function setBaseline(
  tx: Tx,
  tenant: string,
  agentId: string,
  set: { readonly day: number; readonly calls: number },
): Promise<void> {
  await tx
    .insertInto('volume_baseline')
    .values({ tenant, agent_id: agentId, ...set, settled_hour: null })
    .onConflict((conflict) => conflict.columns(['tenant', 'agent_id']).doUpdateSet(set))
    .execute();
}

export async function dropHours(tx: Tx, tenant: string, before: number): Promise<void> {
  await tx.deleteFrom('volume_hour').where('tenant', '=', tenant).where('hour', '<', before).execute();
}

export interface OverRow {
  readonly agentId: string;
  readonly calls: number;
  readonly baseline: number;
}

/** Agents above `percent` of their baseline in this hour, for which nothing was done about it. */
export async function agentsOver(
  db: Db,
  tenant: string,
  { hour, percent, limit }: { readonly hour: number; readonly percent: number; readonly limit: number },
): Promise<OverRow[]> {
  return db
    .selectFrom('volume_hour as h')
    .innerJoin('volume_baseline as b', (join) =>
      join.onRef('b.tenant', '=', 'h.tenant').onRef('b.agent_id', '=', 'h.agent_id'),
    )
    .select(['h.agent_id as agentId', 'h.calls', 'b.calls as baseline'])
    .where('h.tenant', '=', tenant)
    .where('h.hour', '=', hour)
    .where(sql<boolean>`h.calls * 100 > b.calls * ${percent}::bigint`)
    .where(sql<boolean>`b.settled_hour is distinct from ${hour}::bigint`)
    .orderBy('h.agent_id')
    .limit(limit)
    .execute();
}

export async function settleHour(tx: Tx, tenant: string, agentId: string, hour: number): Promise<void> {
  await tx
    .updateTable('volume_baseline')
    .set({ settled_hour: hour })
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .execute();
}

/** Agents of which control has adapted anything. */
export async function adaptedAgents(
  db: Db,
  tenant: string,
  limit: number,
): Promise<{ id: string; adapted: Adapted }[]> {
  return db
    .selectFrom('agent')
    .select(['id', 'adapted'])
    .where('tenant', '=', tenant)
    .where(sql<boolean>`adapted <> '{}'::jsonb`)
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Active hours of one agent, newest first. */
export async function newestHours(
  db: Db,
  tenant: string,
  agentId: string,
  limit: number,
): Promise<{ hour: number; calls: number }[]> {
  return db
    .selectFrom('volume_hour')
    .select(['hour', 'calls'])
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .orderBy('hour', 'desc')
    .limit(limit)
    .execute();
}

export async function baselineRow(
  db: Db,
  tenant: string,
  agentId: string,
): Promise<{ calls: number } | undefined> {
  return db
    .selectFrom('volume_baseline')
    .select('calls')
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .executeTakeFirst();
}
