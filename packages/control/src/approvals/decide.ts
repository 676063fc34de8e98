/**
 * Room: approvals (invariant 5). What people do: approve exactly what was shown, or reject. Agents never do: no credential of an agent
 * opens these routes, and the operator's token proves nobody's presence.
 */
import { timingSafeEqual } from 'node:crypto';
import { refuse } from '@atf/core/errors';
import type { Approval, Person } from '@atf/core/wire/api';
import type { Control, Tx } from '../context.ts';
import { refuseOver } from '../identity/delegation-chain.ts';
import { refuseStopped } from '../identity/refuse-stopped.ts';
import { agentById, type AgentRow } from '../identity/store.ts';
import { toolByName } from '../segmentation/store.ts';
import { approvalViews, stateAt, tellApproval } from './documents.ts';
import { storedArguments } from './request.ts';
import { approvalById, type ApprovalRow, moveApproval } from './store.ts';
import { isAskedFor, mayDecide, refuseOwn } from './who.ts';

function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

async function waitingOne(
  control: Control,
  tx: Tx,
  id: string,
): Promise<{ row: ApprovalRow; agent: AgentRow }> {
  const { tenant } = control.config;
  const row = (await approvalById(tx, tenant, id)) ?? refuse('approvals.not_found');
  const agent = (await agentById(tx, tenant, row.agent_id)) ?? refuse('approvals.not_found');
  const state = stateAt(row, control.clock.nowMs());
  if (state !== 'waiting') refuse('approvals.not_waiting', `It is ${state}.`);
  return { row, agent };
}

async function refuseChangedTool(tx: Tx, tenant: string, row: ApprovalRow): Promise<void> {
  const slash = row.tool.indexOf('/');
  const tool = await toolByName(tx, tenant, row.tool.slice(0, slash), row.tool.slice(slash + 1));
  if (tool?.state !== 'active' || tool.definition_digest !== row.definition_digest)
    refuse('segmentation.definition_stale');
}

export interface ApproveGiven {
  readonly shownDigest: string;
  readonly presence: string;
  readonly reason: string | undefined;
}

/**
 * Approves exactly what was shown. Refuses `approvals.not_waiting`, `approvals.digest_mismatch`, `approvals.own_request`, `people.not_allowed`,
 * `people.presence_invalid`, stopped agents and tools that have changed since the call was stored.
 */
export async function approve(
  control: Control,
  id: string,
  person: Person,
  { shownDigest, presence, reason }: ApproveGiven,
): Promise<Approval> {
  const { tenant } = control.config;
  const row = await control.change(async (tx) => {
    const { row: waiting, agent } = await waitingOne(control, tx, id);
    if (!mayDecide(person, agent))
      refuse('people.not_allowed', 'Approvers and the owners of this agent decide.');
    if (!sameDigest(shownDigest, waiting.shown_digest)) refuse('approvals.digest_mismatch');
    if (!isAskedFor(person, waiting))
      refuse('people.not_allowed', 'The agent’s program asked for somebody else to decide this.');
    await refuseOwn(control, tx, waiting, agent, person);
    storedArguments(control, waiting);
    await refuseStopped(tx, tenant, agent);
    await refuseOver(control, tx, waiting.sid);
    await refuseChangedTool(tx, tenant, waiting);
    const { method } = await control.presence.consume(tx, person, presence, {
      kind: 'approval',
      id,
      digest: waiting.shown_digest,
    });
    const nowMs = control.clock.nowMs();
    const approved = await moveApproval(tx, tenant, id, {
      from: ['waiting'],
      set: { state: 'approved', decided_by_id: person.id, decided_at: nowMs, reason: reason ?? null },
      unexpiredAtMs: nowMs,
    });
    if (approved === undefined) return refuse('approvals.not_waiting');
    await tellApproval(control, tx, approved);
    await control.audit.enqueue(tx, 'approvals.approved', {
      approvalId: id,
      agentId: agent.id,
      agent: agent.name,
      actionId: approved.action_id,
      tool: approved.tool,
      argsDigest: approved.args_digest,
      shownDigest: approved.shown_digest,
      presence: method,
      by: person.id,
    });
    return approved;
  });
  const [view] = await approvalViews(control, [row]);
  return view ?? refuse('approvals.not_found');
}

/** Rejects a call. Security and operators may as well: saying no needs less than saying yes. */
export async function reject(
  control: Control,
  id: string,
  person: Person,
  reason: string,
): Promise<Approval> {
  const { tenant } = control.config;
  const row = await control.change(async (tx) => {
    const { agent } = await waitingOne(control, tx, id);
    if (!mayDecide(person, agent, ['security', 'operator']))
      refuse('people.not_allowed', 'Approvers and the owners of this agent decide.');
    const nowMs = control.clock.nowMs();
    const rejected = await moveApproval(tx, tenant, id, {
      from: ['waiting'],
      set: { state: 'rejected', decided_by_id: person.id, decided_at: nowMs, reason },
      unexpiredAtMs: nowMs,
    });
    if (rejected === undefined) return refuse('approvals.not_waiting');
    await tellApproval(control, tx, rejected);
    // The reason is a person's own words: it stays in the table, the log says that there is one.
    await control.audit.enqueue(tx, 'approvals.rejected', {
      approvalId: id,
      agentId: agent.id,
      agent: agent.name,
      actionId: rejected.action_id,
      tool: rejected.tool,
      argsDigest: rejected.args_digest,
      by: person.id,
    });
    return rejected;
  });
  const [view] = await approvalViews(control, [row]);
  return view ?? refuse('approvals.not_found');
}
