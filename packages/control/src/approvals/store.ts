/** Room: approvals. SQL of approvals. Every change of state is a compare-and-set: it names the states that it may leave. */
import type { ApprovalState } from '@atf/core/wire/words';
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { ApprovalTables } from './tables.ts';

export type ApprovalRow = Selectable<ApprovalTables['approval']>;
type Changes = Partial<Omit<ApprovalRow, 'tenant' | 'id'>>;

export async function insertApproval(tx: Tx, row: ApprovalRow): Promise<void> {
  await tx.insertInto('approval').values(row).execute();
}

export async function approvalById(
  db: Db | Tx,
  tenant: string,
  id: string,
): Promise<ApprovalRow | undefined> {
  return db
    .selectFrom('approval')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

export interface CallKey {
  readonly agentId: string;
  readonly tool: string;
  readonly argsDigest: string;
  readonly definitionDigest: string;
}

/** The approval of an equal call that waits or is released and not consumed. */
export async function openApprovalFor(
  tx: Tx,
  tenant: string,
  key: CallKey,
): Promise<ApprovalRow | undefined> {
  return tx
    .selectFrom('approval')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', key.agentId)
    .where('tool', '=', key.tool)
    .where('args_digest', '=', key.argsDigest)
    .where('definition_digest', '=', key.definitionDigest)
    .where('state', 'in', ['waiting', 'approved'])
    .executeTakeFirst();
}

export async function openCountOfAgent(tx: Tx, tenant: string, agentId: string): Promise<number> {
  const row = await tx
    .selectFrom('approval')
    .select(sql<number>`count(*)::int`.as('n'))
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('state', 'in', ['waiting', 'approved'])
    .executeTakeFirst();
  return row?.n ?? 0;
}

/**
 * Moves one approval from one of `from` to another state; undefined when it was in none of them. `unexpiredAtMs`: only while it has not
 * expired; `consumedBy`: only if that action consumed it.
 */
export async function moveApproval(
  tx: Tx,
  tenant: string,
  id: string,
  move: {
    from: readonly ApprovalState[];
    set: Changes;
    unexpiredAtMs?: number;
    agentId?: string;
    consumedBy?: string;
  },
): Promise<ApprovalRow | undefined> {
  let update = tx
    .updateTable('approval')
    .set(move.set)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', 'in', [...move.from]);
  if (move.unexpiredAtMs !== undefined) update = update.where('expires_at', '>', move.unexpiredAtMs);
  if (move.agentId !== undefined) update = update.where('agent_id', '=', move.agentId);
  if (move.consumedBy !== undefined) update = update.where('consumed_by', '=', move.consumedBy);
  return update.returningAll().executeTakeFirst();
}

/** Open approvals whose time is over become `expired`; of one agent, or at most `limit` of all. */
export async function expireLapsed(
  tx: Tx,
  tenant: string,
  nowMs: number,
  limit: number,
  agentId?: string,
): Promise<ApprovalRow[]> {
  let lapsed = tx
    .selectFrom('approval')
    .select('id')
    .where('tenant', '=', tenant)
    .where('state', 'in', ['waiting', 'approved'])
    .where('expires_at', '<=', nowMs);
  if (agentId !== undefined) lapsed = lapsed.where('agent_id', '=', agentId);
  return tx
    .updateTable('approval')
    .set({ state: 'expired' })
    .where('tenant', '=', tenant)
    .where('state', 'in', ['waiting', 'approved'])
    .where('id', 'in', lapsed.limit(limit))
    .returningAll()
    .execute();
}

/** Released calls whose outcome nobody reported in time: nobody knows it any more. */
export async function loseOutcomes(
  tx: Tx,
  tenant: string,
  consumedBeforeMs: number,
  limit: number,
  /** Only what was released to this gateway. */
  via?: string,
): Promise<ApprovalRow[]> {
  let lost = tx
    .selectFrom('approval')
    .select('id')
    .where('tenant', '=', tenant)
    .where('state', '=', 'consumed')
    .where('consumed_at', '<', consumedBeforeMs)
    .limit(limit);
  if (via !== undefined) lost = lost.where('consumed_via', '=', via);
  return tx
    .updateTable('approval')
    .set({ state: 'unknown', outcome_status: 'unknown' })
    .where('tenant', '=', tenant)
    .where('state', '=', 'consumed')
    .where('id', 'in', lost)
    .returningAll()
    .execute();
}

/** Open approvals of these agents, or of calls of these tools, become `void`. */
export async function voidOpen(
  tx: Tx,
  tenant: string,
  of: { agentIds: readonly string[] } | { sid: string } | { tool: string } | { server: string },
): Promise<ApprovalRow[]> {
  if ('agentIds' in of && of.agentIds.length === 0) return [];
  let update = tx
    .updateTable('approval')
    .set({ state: 'void' })
    .where('tenant', '=', tenant)
    .where('state', 'in', ['waiting', 'approved']);
  if ('agentIds' in of) update = update.where('agent_id', 'in', [...of.agentIds]);
  else if ('sid' in of) update = update.where('sid', '=', of.sid);
  else if ('tool' in of) update = update.where('tool', '=', of.tool);
  else update = update.where(sql<boolean>`split_part(tool, '/', 1) = ${of.server}`);
  return update.returningAll().execute();
}

/** Settled approvals whose document gateways need no more. Marks them; the caller takes the documents away. */
export async function takeTold(
  tx: Tx,
  tenant: string,
  expiredBeforeMs: number,
  limit: number,
): Promise<string[]> {
  const over = tx
    .selectFrom('approval')
    .select('id')
    .where('tenant', '=', tenant)
    .where('told', '=', true)
    .where('expires_at', '<', expiredBeforeMs)
    .where('state', 'not in', ['waiting', 'approved', 'consumed'])
    .limit(limit);
  const rows = await tx
    .updateTable('approval')
    .set({ told: false })
    .where('tenant', '=', tenant)
    .where('id', 'in', over)
    .returning('id')
    .execute();
  return rows.map((row) => row.id);
}

/** Whether there is anything that time has changed. */
export async function upkeepDue(
  db: Db | Tx,
  tenant: string,
  {
    expiredAtMs,
    consumedBeforeMs,
    toldBeforeMs,
  }: { expiredAtMs: number; consumedBeforeMs: number; toldBeforeMs: number },
): Promise<{ expired: boolean; lost: boolean; told: boolean }> {
  const { rows } = await sql<{ expired: boolean; lost: boolean; told: boolean }>`
    select
      exists (select from approval where tenant = ${tenant} and state in ('waiting', 'approved') and expires_at <= ${expiredAtMs}) as expired,
      exists (select from approval where tenant = ${tenant} and state = 'consumed' and consumed_at < ${consumedBeforeMs}) as lost,
      exists (select from approval where tenant = ${tenant} and told and expires_at < ${toldBeforeMs}
        and state not in ('waiting', 'approved', 'consumed')) as told`.execute(db);
  return rows[0] ?? { expired: true, lost: true, told: true };
}

export interface ApprovalPage {
  readonly state?: ApprovalState | undefined;
  /** Cursor `<requested_at>:<id>` of the last one of the page before. */
  readonly after?: { readonly requestedAt: number; readonly id: string } | undefined;
  readonly limit: number;
  readonly nowMs: number;
}

/** Newest first. `waiting` and `approved` mean those that have not lapsed; `expired` those that have, noticed or not. */
export async function approvalPage(
  db: Db | Tx,
  tenant: string,
  { state, after, limit, nowMs }: ApprovalPage,
): Promise<ApprovalRow[]> {
  let select = db.selectFrom('approval').selectAll().where('tenant', '=', tenant);
  if (state === 'waiting' || state === 'approved')
    select = select.where('state', '=', state).where('expires_at', '>', nowMs);
  else if (state === 'expired') {
    select = select.where((where) =>
      where.or([
        where('state', '=', 'expired'),
        where.and([where('state', 'in', ['waiting', 'approved'] as const), where('expires_at', '<=', nowMs)]),
      ]),
    );
  } else if (state !== undefined) select = select.where('state', '=', state);
  if (after !== undefined)
    select = select.where(sql<boolean>`(requested_at, id) < (${after.requestedAt}, ${after.id})`);
  return select.orderBy('requested_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

export interface PrecedentRow {
  readonly agent_id: string;
  readonly tool: string;
  readonly approved: number;
  readonly rejected: number;
}

/** Earlier decisions on calls of these agents, by agent and tool. */
export async function precedents(
  db: Db | Tx,
  tenant: string,
  agentIds: readonly string[],
): Promise<PrecedentRow[]> {
  if (agentIds.length === 0) return [];
  return db
    .selectFrom('approval')
    .select([
      'agent_id',
      'tool',
      sql<number>`count(*) filter (where state <> 'rejected')::int`.as('approved'),
      sql<number>`count(*) filter (where state = 'rejected')::int`.as('rejected'),
    ])
    .where('tenant', '=', tenant)
    .where('agent_id', 'in', [...new Set(agentIds)])
    .where('decided_at', 'is not', null)
    .groupBy(['agent_id', 'tool'])
    .execute();
}

export async function waitingNow(
  db: Db | Tx,
  tenant: string,
  nowMs: number,
): Promise<{ waiting: number; oldest: number | null }> {
  const row = await db
    .selectFrom('approval')
    .select([sql<number>`count(*)::int`.as('waiting'), sql<number | null>`min(requested_at)`.as('oldest')])
    .where('tenant', '=', tenant)
    .where('state', '=', 'waiting')
    .where('expires_at', '>', nowMs)
    .executeTakeFirst();
  return row ?? { waiting: 0, oldest: null };
}
