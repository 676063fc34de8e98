/** Room: approvals. What time and stops do to approvals: they expire, are voided, lose their outcome, and are forgotten by gateways. */
import type { Scope } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { tellApproval } from './documents.ts';
import { expireApprovals } from './request.ts';
import { type ApprovalRow, loseOutcomes, takeTold, voidOpen } from './store.ts';

/** A released call without an outcome after this has an unknown one: longer than any call may take, with its retries of reporting. */
export const outcomeBoundMs = 15 * 60_000;
/** Gateways hold a settled approval this long after its expiry, so that a late question still finds its answer. */
const toldAfterExpiryMs = 60 * 60_000;
const rowsPerTurn = 200;

/** One turn of upkeep, for a timer and for the start. Bounded; gives whether there may be more to do. */
export async function keepApprovals(control: Control): Promise<boolean> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const nowMs = control.clock.nowMs();
    const expired = await expireApprovals(control, tx, rowsPerTurn);
    const lost = await loseOutcomes(tx, tenant, nowMs - outcomeBoundMs, rowsPerTurn);
    for (const row of lost) {
      await tellApproval(control, tx, row);
      await control.audit.enqueue(tx, 'approvals.finished', {
        approvalId: row.id,
        agentId: row.agent_id,
        actionId: row.consumed_by ?? row.action_id,
        tool: row.tool,
        status: 'unknown',
      });
    }
    const over = await takeTold(tx, tenant, nowMs - toldAfterExpiryMs, rowsPerTurn);
    for (const id of over) await control.feed.put(tx, 'approval', id, null);
    return Math.max(expired, lost.length, over.length) === rowsPerTurn;
  });
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
  if (scope.kind !== 'tool')
    return recordVoided(control, tx, await voidOpen(tx, tenant, { agentIds }), scope);
  const of = scope.id.endsWith('/*') ? { server: scope.id.slice(0, -2) } : { tool: scope.id };
  return recordVoided(control, tx, await voidOpen(tx, tenant, of), scope);
}
