/**
 * Room: approvals (invariant 5). What people do: approve exactly what was shown, or reject. Agents never do: no credential of an agent
 * opens these routes, and the operator's token proves nobody's presence.
 */
import { timingSafeEqual } from 'node:crypto';
import { refuse } from '@atf/core/errors';
import type { Approval, Person } from '@atf/core/wire/api';
import type { Role } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { refuseStopped } from '../identity/credentials.ts';
import { instanceById } from '../identity/credential-store.ts';
import { agentById, type AgentRow } from '../identity/store.ts';
import { settingsInForce } from '../policy/load.ts';
import { toolByName } from '../segmentation/store.ts';
import { approvalViews, stateAt, tellApproval } from './documents.ts';
import { storedArguments } from './request.ts';
import { approvalById, type ApprovalRow, moveApproval } from './store.ts';

/** Offices that a person holds for this agent; the role `approver` holds for all. */
export function mayDecide(person: Person, agent: AgentRow, more: readonly Role[] = []): boolean {
  if (person.roles.includes('approver') || person.roles.some((role) => more.includes(role))) return true;
  return [agent.owner_id, agent.technical_owner_id, agent.business_owner_id].includes(person.id);
}

/** Who may read what would run or what came back. */
export function mayReadContent(person: Person, agent: AgentRow | undefined): boolean {
  if (person.roles.some((role) => ['approver', 'security', 'auditor', 'operator'].includes(role)))
    return true;
  return (
    agent !== undefined &&
    [agent.owner_id, agent.technical_owner_id, agent.business_owner_id, agent.escalation_id].includes(
      person.id,
    )
  );
}

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

/**
 * Nobody approves their own agent's call (invariant 5): not its owner and not its technical owner, unless settings name the class. The business owner, who answers
 * for the purpose and not for the agent, may. Whoever brought the asking instance in may not either where settings want four eyes; until a task
 * grant names the person for whom an agent works, that is the person behind it.
 */
async function refuseOwn(
  control: Control,
  tx: Tx,
  row: ApprovalRow,
  agent: AgentRow,
  person: Person,
): Promise<void> {
  const { fourEyes, ownersMayApprove } = await settingsInForce(control, tx);
  const owns = agent.owner_id === person.id || agent.technical_owner_id === person.id;
  if (owns && !ownersMayApprove.includes(row.class))
    refuse('approvals.own_request', 'Owner and technical owner do not approve the calls of their agent.');
  if (!fourEyes.includes(row.class)) return;
  const instance = await instanceById(tx, control.config.tenant, row.instance_id);
  if (instance === undefined || instance.enrolled_by === person.id) refuse('approvals.own_request');
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
    await refuseOwn(control, tx, waiting, agent, person);
    storedArguments(control, waiting);
    await refuseStopped(tx, tenant, agent);
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
