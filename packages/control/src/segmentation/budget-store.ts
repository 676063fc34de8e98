/** Room: segmentation (S-3). SQL of the rate limits that all gateways spend from. */
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';

export interface BudgetKey {
  readonly agentId: string;
  readonly limitKey: string;
}

export interface BudgetRow extends BudgetKey {
  /** 0: nothing was ever taken. */
  readonly arrival: number;
}

const pairsOf = (keys: readonly BudgetKey[]): string =>
  JSON.stringify(keys.map(({ agentId, limitKey }) => ({ a: agentId, l: limitKey })));

/** These budgets, locked until the transaction ends, and the time of the database's clock. Locks go in one order, so that nobody waits in a circle. */
export async function lockBudgets(
  tx: Tx,
  tenant: string,
  keys: readonly BudgetKey[],
): Promise<{ readonly nowMs: number; readonly rows: readonly BudgetRow[] }> {
  const pairs = pairsOf(keys);
  await sql`
    insert into call_budget (tenant, agent_id, limit_key, arrival)
    select ${tenant}, a, l, 0 from json_to_recordset(${pairs}::json) as asked (a text, l text)
    order by a, l
    on conflict (tenant, agent_id, limit_key) do nothing`.execute(tx);
  const { rows } = await sql<{ agentId: string; limitKey: string; arrival: number; nowMs: number }>`
    select agent_id as "agentId", limit_key as "limitKey", arrival,
      (extract(epoch from clock_timestamp()) * 1000)::double precision as "nowMs"
    from call_budget
    where tenant = ${tenant}
      and (agent_id, limit_key) in (select a, l from json_to_recordset(${pairs}::json) as asked (a text, l text))
    order by agent_id, limit_key
    for update`.execute(tx);
  // The newest reading: rows that were waited for are read late.
  return { nowMs: Math.max(0, ...rows.map(({ nowMs }) => nowMs)), rows };
}

/** Every figure that a rate of this agent over this period was leased under and is not whole again, in calls. */
export async function figuresOf(
  tx: Tx,
  tenant: string,
  agentId: string,
  { limit, perSeconds }: { readonly limit: string; readonly perSeconds: number },
): Promise<number[]> {
  const { rows } = await sql<{ limitKey: string }>`
    select limit_key as "limitKey" from call_budget
    where tenant = ${tenant} and agent_id = ${agentId} and starts_with(limit_key, ${`${limit} `})`.execute(
    tx,
  );
  return rows.flatMap(({ limitKey }) => {
    const [max = 0, per] = limitKey
      .slice(limit.length + 1)
      .split(' ')
      .map(Number);
    return per === perSeconds && max > 0 ? [max] : [];
  });
}

export async function setBudgets(tx: Tx, tenant: string, rows: readonly BudgetRow[]): Promise<void> {
  const values = JSON.stringify(
    rows.map(({ agentId, limitKey, arrival }) => ({ a: agentId, l: limitKey, t: arrival })),
  );
  await sql`
    update call_budget set arrival = t
    from json_to_recordset(${values}::json) as given (a text, l text, t double precision)
    where tenant = ${tenant} and agent_id = a and limit_key = l`.execute(tx);
}

/** Budgets that are whole again hold nothing. */
export async function dropWholeBudgets(db: Db, tenant: string): Promise<void> {
  await sql`
    delete from call_budget
    where tenant = ${tenant} and arrival < (extract(epoch from clock_timestamp()) * 1000)::double precision - 60000`.execute(
    db,
  );
}
