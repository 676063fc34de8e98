/** Room: measures. Figures over the log's index and the approvals, one query each, bounded by time. */
import { sql } from 'kysely';
import type { Db } from '../context.ts';

export interface DecisionCounts {
  readonly allowed: number;
  readonly waiting: number;
  readonly refused: number;
}

export async function decisionCounts(db: Db, tenant: string, sinceMs: number): Promise<DecisionCounts> {
  const { rows } = await sql<DecisionCounts>`
    select count(*) filter (where type = 'action.intent')::int as allowed,
           count(*) filter (where type = 'action.asked')::int as waiting,
           count(*) filter (where type = 'action.refused')::int as refused
    from audit_index
    where tenant = ${tenant} and at >= ${sinceMs} and type in ('action.intent', 'action.asked', 'action.refused')`.execute(
    db,
  );
  return rows[0] ?? { allowed: 0, waiting: 0, refused: 0 };
}

export interface IntentCounts {
  readonly intents: number;
  /** Without an outcome, and younger than any call may last. */
  readonly underWay: number;
  /** Without an outcome, and older: a record is missing. */
  readonly missing: number;
}

/** Intents since `sinceMs` against their outcomes. `endedMs`: what began before must have ended. */
export async function intentCounts(
  db: Db,
  tenant: string,
  { sinceMs, endedMs }: { readonly sinceMs: number; readonly endedMs: number },
): Promise<IntentCounts> {
  const { rows } = await sql<IntentCounts>`
    select count(*)::int as intents,
           count(*) filter (where not ended and at >= ${endedMs})::int as "underWay",
           count(*) filter (where not ended and at < ${endedMs})::int as missing
    from (
      select i.at, exists (
        select 1 from audit_index o where o.tenant = i.tenant and o.action = i.action and o.type = 'action.outcome'
      ) as ended
      from audit_index i
      where i.tenant = ${tenant} and i.at >= ${sinceMs} and i.type = 'action.intent'
    ) as each`.execute(db);
  return rows[0] ?? { intents: 0, underWay: 0, missing: 0 };
}

export interface WaitingTimes {
  readonly decided: number;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
}

/** How long calls waited until a person decided, of the decisions since `sinceMs`. */
export async function waitingTimes(db: Db, tenant: string, sinceMs: number): Promise<WaitingTimes> {
  const { rows } = await sql<WaitingTimes>`
    select count(*)::int as decided,
           percentile_cont(0.5) within group (order by decided_at - requested_at)::float8 as "p50Ms",
           percentile_cont(0.9) within group (order by decided_at - requested_at)::float8 as "p90Ms"
    from approval
    where tenant = ${tenant} and decided_at >= ${sinceMs}`.execute(db);
  return rows[0] ?? { decided: 0, p50Ms: null, p90Ms: null };
}
