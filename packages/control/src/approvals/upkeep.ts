/** Room: approvals. What time and stops do to approvals: they expire, are voided, lose their outcome, and are forgotten by gateways. */
import { stopsAgents } from '@atf/core/incident/containment';
import type { Scope } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { tellApproval } from './documents.ts';
import { expireApprovals } from './request.ts';
import { type ApprovalRow, loseOutcomes, takeTold, upkeepDue, voidOpen } from './store.ts';

/** A released call without an outcome after this has an unknown one: longer than any call may take, with its retries of reporting. */
export const outcomeBoundMs = 15 * 60_000;
/** Gateways hold a settled approval this long after its expiry, so that a late question still finds its answer. */
const toldAfterExpiryMs = 60 * 60_000;
const rowsPerTurn = 200;

/**
 * A gateway is a new process since `upMs`: it runs nothing of what was released to the one before, so that outcomes which that one did not report are
 * unknown now, and not only after the bound.
 */
export async function loseInterrupted(control: Control, gatewayId: string, upMs: number): Promise<void> {
  const startedMs = control.clock.nowMs() - upMs;
  for (;;) {
    const rows = await control.change((tx) => lose(control, tx, startedMs, gatewayId));
    if (rows < rowsPerTurn) return;
  }
}

async function lose(control: Control, tx: Tx, beforeMs: number, via?: string): Promise<number> {
  const rows = await loseOutcomes(tx, control.config.tenant, beforeMs, rowsPerTurn, via);
  for (const row of rows) {
    await tellApproval(control, tx, row);
    await control.audit.enqueue(tx, 'approvals.finished', {
      approvalId: row.id,
      agentId: row.agent_id,
      actionId: row.consumed_by ?? row.action_id,
      tool: row.tool,
      status: 'unknown',
    });
  }
  return rows.length;
}

async function forgetSettled(control: Control, tx: Tx, nowMs: number): Promise<number> {
  const ids = await takeTold(tx, control.config.tenant, nowMs - toldAfterExpiryMs, rowsPerTurn);
  for (const id of ids) await control.feed.put(tx, 'approval', id, null);
  return ids.length;
}

/**
 * One turn of upkeep, for a timer and for the start. Bounded; gives whether there may be more to do. Looks before it opens a transaction, because
 * there is seldom anything; each part has one of its own, so that rows are locked before the feed is and nobody waits in a circle.
 */
export async function keepApprovals(control: Control): Promise<boolean> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const due = await upkeepDue(control.db, tenant, {
    expiredAtMs: nowMs,
    consumedBeforeMs: nowMs - outcomeBoundMs,
    toldBeforeMs: nowMs - toldAfterExpiryMs,
  });
  const done = [
    due.expired ? await control.change((tx) => expireApprovals(control, tx, rowsPerTurn)) : 0,
    due.lost ? await control.change((tx) => lose(control, tx, nowMs - outcomeBoundMs)) : 0,
    due.told ? await control.change((tx) => forgetSettled(control, tx, nowMs)) : 0,
  ];
  return done.some((rows) => rows === rowsPerTurn);
}

async function recordVoided(
  control: Control,
  tx: Tx,
  rows: readonly ApprovalRow[],
  scope: Scope,
): Promise<number> {
  for (const row of rows) {
    await tellApproval(control, tx, row);
    await control.audit.enqueue(tx, 'approvals.voided', {
      approvalId: row.id,
      agentId: row.agent_id,
      actionId: row.action_id,
      tool: row.tool,
      scope: { ...scope },
    });
  }
  return rows.length;
}

/** Voids what waits or is released and not consumed, of the agents that a stop concerns, or of the tool that it names. Gives how many. */
export async function voidApprovals(
  control: Control,
  tx: Tx,
  scope: Scope,
  agentIds: readonly string[],
): Promise<number> {
  const { tenant } = control.config;
  if (scope.kind === 'session')
    return recordVoided(control, tx, await voidOpen(tx, tenant, { sid: scope.id }), scope);
  if (stopsAgents(scope)) return recordVoided(control, tx, await voidOpen(tx, tenant, { agentIds }), scope);
  const of = scope.id.endsWith('/*') ? { server: scope.id.slice(0, -2) } : { tool: scope.id };
  return recordVoided(control, tx, await voidOpen(tx, tenant, of), scope);
}
