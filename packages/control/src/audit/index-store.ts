/** Room: audit (B-1, B-2). SQL of the index of the activity. Every row is derived from one leaf of the log. */
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { AuditTables } from './tables.ts';

export const activityRowsMax = 500;

export type IndexRow = Selectable<AuditTables['audit_index']>;

/** All rows in one statement with one parameter, as in store.ts. */
export async function insertIndexRows(tx: Tx, rows: readonly IndexRow[]): Promise<void> {
  if (rows.length === 0) return;
  const values = rows.map(({ leaf_hash: hash, ...row }) => ({
    ...row,
    leaf_hash: Buffer.from(hash).toString('hex'),
  }));
  await sql`
    insert into audit_index
      (tenant, log_index, leaf_hash, type, at, agent, session, action, outcome, gateway, epoch, seq, payload)
    select tenant, log_index, decode(leaf_hash, 'hex'), type, at, agent, session, action, outcome, gateway, epoch, seq, payload
    from json_to_recordset(${JSON.stringify(values)}::json) as (
      tenant text, log_index bigint, leaf_hash text, type text, at bigint, agent text, session text, action text, outcome text,
      gateway text, epoch bigint, seq bigint, payload text
    )`.execute(tx);
}

/** Rows above a log index are not part of the log (any more). */
export async function deleteIndexFrom(tx: Tx, tenant: string, logIndex: number): Promise<void> {
  await tx
    .deleteFrom('audit_index')
    .where('tenant', '=', tenant)
    .where('log_index', '>=', logIndex)
    .execute();
}

export interface ActivityQuery {
  readonly tenant: string;
  /** Only rows with a smaller log index: the last one of the page before. */
  readonly before?: number | undefined;
  readonly after?: number | undefined;
  readonly agent?: string | undefined;
  readonly action?: string | undefined;
  readonly outcome?: string | undefined;
  readonly types?: readonly string[] | undefined;
  readonly limit: number;
}

/** Newest first; at most 500. */
export function activityRows(db: Db | Tx, query: ActivityQuery): Promise<IndexRow[]> {
  let select = db.selectFrom('audit_index').selectAll().where('tenant', '=', query.tenant);
  if (query.before !== undefined) select = select.where('log_index', '<', query.before);
  if (query.after !== undefined) select = select.where('log_index', '>', query.after);
  if (query.agent !== undefined) select = select.where('agent', '=', query.agent);
  if (query.action !== undefined) select = select.where('action', '=', query.action);
  if (query.outcome !== undefined) select = select.where('outcome', '=', query.outcome);
  if (query.types !== undefined) select = select.where('type', 'in', query.types);
  return select.orderBy('log_index', 'desc').limit(Math.min(activityRowsMax, query.limit)).execute();
}

export async function indexedRows(db: Db | Tx, tenant: string): Promise<number> {
  const newest = await db
    .selectFrom('audit_index')
    .select('log_index')
    .where('tenant', '=', tenant)
    .orderBy('log_index', 'desc')
    .limit(1)
    .executeTakeFirst();
  return newest === undefined ? 0 : newest.log_index + 1;
}

/** When the newest record of each of these agents was made, Unix milliseconds; agents without records are absent. */
export async function lastActionTimes(
  db: Db | Tx,
  tenant: string,
  agents: readonly string[],
): Promise<Map<string, number>> {
  if (agents.length === 0) return new Map();
  const rows = await db
    .selectFrom('agent')
    .select((eb) => [
      'agent.id',
      eb
        .selectFrom('audit_index')
        .select('audit_index.at')
        .whereRef('audit_index.tenant', '=', 'agent.tenant')
        .whereRef('audit_index.agent', '=', 'agent.id')
        .where('audit_index.type', 'like', 'action.%')
        .orderBy('audit_index.log_index', 'desc')
        .limit(1)
        .as('at'),
    ])
    .where('agent.tenant', '=', tenant)
    .where('agent.id', 'in', agents)
    .execute();
  return new Map(rows.flatMap(({ id, at }) => (at === null ? [] : [[id, at] as const])));
}

export interface MinuteRow {
  readonly minute: number;
  readonly outcome: string;
  readonly count: number;
}

/** Records of decisions and of calls that a stop cut, from log index `from` up to before `to`, counted by minute (Unix minutes) and outcome. */
export async function countOutcomes(
  db: Db | Tx,
  tenant: string,
  { from, to, sinceMs }: { readonly from: number; readonly to: number; readonly sinceMs: number },
): Promise<MinuteRow[]> {
  const { rows } = await sql<MinuteRow>`
    select (at / 60000)::int as minute, outcome, count(*)::int as count
    from audit_index
    where tenant = ${tenant} and log_index >= ${from} and log_index < ${to} and at >= ${sinceMs}
      and outcome in ('allowed', 'waiting', 'refused', 'aborted', 'not_executed')
    group by 1, 2`.execute(db);
  return rows;
}

/**
 * About where the records of a time begin in the log: the smallest index among the earliest of them, because gateways that were cut off ship late.
 */
export async function firstIndexSince(
  db: Db | Tx,
  tenant: string,
  sinceMs: number,
): Promise<number | undefined> {
  const { rows } = await sql<{ first: number | null }>`
    select min(log_index) as first from (
      select log_index from audit_index where tenant = ${tenant} and at >= ${sinceMs} order by at limit 1000
    ) as earliest`.execute(db);
  return rows[0]?.first ?? undefined;
}
