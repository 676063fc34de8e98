/** Room: measures. Figures over the log's index and the approvals: one query each, bounded in rows. */
import { sql } from 'kysely';
import type { Db } from '../context.ts';

/** Records that are looked at for completeness, the newest. */
const recordsMax = 10_000;
/** Approvals whose waiting counts, the newest. */
const approvalsMax = 1_000;

export interface IntentCounts {
  readonly intents: number;
  /** Without an outcome, and younger than any call may last. */
  readonly underWay: number;
  /** Without an outcome, and older: a record is missing. */
  readonly missing: number;
}

/** The newest intents against their outcomes. `endedMs`: what began before must have ended. */
export async function intentCounts(db: Db, tenant: string, endedMs: number): Promise<IntentCounts> {
  const { rows } = await sql<IntentCounts>`
    select count(*)::int as intents,
           count(*) filter (where not ended and at >= ${endedMs})::int as "underWay",
           count(*) filter (where not ended and at < ${endedMs})::int as missing
    from (
      select i.at, exists (
        select 1 from audit_index o where o.tenant = i.tenant and o.action = i.action and o.type = 'action.outcome'
      ) as ended
      from (
        select tenant, action, type, at from audit_index where tenant = ${tenant} order by log_index desc limit ${recordsMax}
      ) as i
      where i.type = 'action.intent'
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
    from (
      select decided_at, requested_at from approval where tenant = ${tenant} order by requested_at desc limit ${approvalsMax}
    ) as newest
    where decided_at >= ${sinceMs}`.execute(db);
  return rows[0] ?? { decided: 0, p50Ms: null, p90Ms: null };
}
