/** Room: segmentation (S-5). SQL of totals: what agents have spent, and what calls under way have reserved. */
import type { ChangedTotal, TotalHold, TotalKey, TotalState } from '@atf/core/segmentation/total-book';
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';

/** What of a total is stored; how many calls hold something of it is counted. */
export type TotalRow = Omit<TotalState, 'held'>;

const pairsOf = (keys: readonly TotalKey[]): string =>
  JSON.stringify(keys.map(({ agentId, key }) => ({ a: agentId, k: key })));

/** When a restore was settled for which nobody has said that totals go on as of the backup. */
const lostUntil = (tenant: string) =>
  sql`(select max(settled_at)::double precision from restoration where tenant = ${tenant} and totals_lifted_at is null)`;

/** The same alone. */
export async function totalsLostUntil(db: Db, tenant: string): Promise<number | undefined> {
  const { rows } = await sql<{ at: number | null }>`select ${lostUntil(tenant)} as at`.execute(db);
  return rows[0]?.at ?? undefined;
}

/** Totals go on as of the backup: a person said so. */
export async function liftTotals(tx: Tx, tenant: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('restoration')
    .set({ totals_lifted_at: nowMs })
    .where('tenant', '=', tenant)
    .where('totals_lifted_at', 'is', null)
    .execute();
}

/** These totals, locked until the transaction ends, and the time of the database's clock. Locks go in one order, so that nobody waits in a circle. */
export async function lockTotals(
  tx: Tx,
  tenant: string,
  keys: readonly TotalKey[],
): Promise<{
  readonly nowMs: number;
  /** What was spent until then a restore has lost; undefined: nothing is lost. */
  readonly lostUntilMs: number | undefined;
  readonly rows: readonly TotalRow[];
}> {
  const pairs = pairsOf(keys);
  await sql`
    insert into total_budget (tenant, agent_id, total_key, slots, drop_after)
    select ${tenant}, a, k, '{}', 'infinity'::double precision from json_to_recordset(${pairs}::json) as asked (a text, k text)
    order by a, k
    on conflict (tenant, agent_id, total_key) do nothing`.execute(tx);
  const { rows } = await sql<TotalRow & { nowMs: number; lostUntilMs: number | null }>`
    select agent_id as "agentId", total_key as key, slots, ${lostUntil(tenant)} as "lostUntilMs",
      (extract(epoch from clock_timestamp()) * 1000)::double precision as "nowMs"
    from total_budget
    where tenant = ${tenant}
      and (agent_id, total_key) in (select a, k from json_to_recordset(${pairs}::json) as asked (a text, k text))
    order by agent_id, total_key
    for update`.execute(tx);
  // The newest reading: rows that were waited for are read late.
  const lostUntilMs = rows[0]?.lostUntilMs ?? undefined;
  return { nowMs: Math.floor(Math.max(0, ...rows.map(({ nowMs }) => nowMs))), lostUntilMs, rows };
}

export async function setTotals(tx: Tx, tenant: string, rows: readonly ChangedTotal[]): Promise<void> {
  if (rows.length === 0) return;
  const values = JSON.stringify(
    rows.map(({ agentId, key, slots, dropAfterMs }) => ({ a: agentId, k: key, s: slots, d: dropAfterMs })),
  );
  await sql`
    update total_budget set slots = s, drop_after = d
    from json_to_recordset(${values}::json) as given (a text, k text, s jsonb, d double precision)
    where tenant = ${tenant} and agent_id = a and total_key = k`.execute(tx);
}

/** What these actions of a gateway hold. */
export async function holdsOf(
  db: Db | Tx,
  tenant: string,
  gatewayId: string,
  holdIds: readonly string[],
): Promise<TotalHold[]> {
  const rows = await db
    .selectFrom('total_hold')
    .select(['hold_id as holdId', 'agent_id as agentId', 'total_key as key', 'slot', 'reserved'])
    .where('tenant', '=', tenant)
    .where('gateway_id', '=', gatewayId)
    .where('hold_id', 'in', [...holdIds])
    .execute();
  return rows.map((row) => ({ ...row, slot: Number(row.slot), reserved: Number(row.reserved) }));
}

/** How many calls hold something of each of these totals. */
export async function holdCounts(
  tx: Db | Tx,
  tenant: string,
  keys: readonly TotalKey[],
): Promise<readonly (TotalKey & { readonly held: number })[]> {
  const { rows } = await sql<TotalKey & { held: number }>`
    select agent_id as "agentId", total_key as key, count(*)::int as held from total_hold
    where tenant = ${tenant}
      and (agent_id, total_key) in (select a, k from json_to_recordset(${pairsOf(keys)}::json) as asked (a text, k text))
    group by agent_id, total_key`.execute(tx);
  return rows;
}

export async function addHolds(
  tx: Tx,
  tenant: string,
  gatewayId: string,
  heldAtMs: number,
  holds: readonly TotalHold[],
): Promise<void> {
  if (holds.length === 0) return;
  await tx
    .insertInto('total_hold')
    .values(
      holds.map(({ holdId, agentId, key, slot, reserved }) => ({
        tenant,
        hold_id: holdId,
        agent_id: agentId,
        total_key: key,
        gateway_id: gatewayId,
        slot,
        reserved,
        held_at: heldAtMs,
      })),
    )
    .execute();
}

export async function dropHolds(tx: Tx, tenant: string, holds: readonly TotalHold[]): Promise<void> {
  if (holds.length === 0) return;
  const pairs = JSON.stringify(holds.map(({ holdId, key }) => ({ a: holdId, k: key })));
  await sql`
    delete from total_hold where tenant = ${tenant}
      and (hold_id, total_key) in (select a, k from json_to_recordset(${pairs}::json) as gone (a text, k text))`.execute(
    tx,
  );
}

/** Calls held longer than this by the database's clock: they run no more, and what they reserved stays spent, because nobody knows what they did. */
export async function dropHoldsOlder(
  db: Db,
  tenant: string,
  ageMs: number,
  gatewayId?: string,
): Promise<void> {
  const of = gatewayId === undefined ? sql`` : sql` and gateway_id = ${gatewayId}`;
  await sql`
    delete from total_hold
    where tenant = ${tenant}${of}
      and held_at < (extract(epoch from clock_timestamp()) * 1000)::double precision - ${ageMs}::double precision`.execute(
    db,
  );
}

export async function dropSpentTotals(db: Db, tenant: string): Promise<void> {
  await sql`
    delete from total_budget b
    where tenant = ${tenant} and drop_after < (extract(epoch from clock_timestamp()) * 1000)::double precision
      and not exists (
        select 1 from total_hold h
        where h.tenant = b.tenant and h.agent_id = b.agent_id and h.total_key = b.total_key)`.execute(db);
}

/** Every total that an agent has spent of. */
export async function totalRows(db: Db, tenant: string, agentId: string, max: number): Promise<TotalRow[]> {
  return await db
    .selectFrom('total_budget')
    .select(['agent_id as agentId', 'total_key as key', 'slots'])
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .orderBy('total_key')
    .limit(max)
    .execute();
}
