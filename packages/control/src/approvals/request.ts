/**
 * Room: approvals (invariant 5; S-2). Storing a call for a person to decide, releasing it once, and keeping its outcome. What is stored is
 * what runs: the gateway gets these very bytes back and decides about them again.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import type { BodyOut, ResponseOf } from '@atf/core/wire/api';
import { canonicalJson, isJsonObject, parseStrictText } from '@atf/core/wire/json';
import { type ActionClass, actionClasses } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { refuseOver } from '../identity/delegation-chain.ts';
import { refuseStopped } from '../identity/refuse-stopped.ts';
import { instanceById } from '../identity/credential-store.ts';
import { agentById, type AgentRow, currentVersions, lockAgent, peopleByIds } from '../identity/store.ts';
import { settingsInForce } from '../policy/load.ts';
import { toolByName } from '../segmentation/store.ts';
import { shownDigestOf, stateAt, tellApproval } from './documents.ts';
import { openText, sealText } from './seal.ts';
import {
  approvalById,
  type ApprovalRow,
  expireLapsed,
  insertApproval,
  moveApproval,
  openApprovalFor,
  openCountOfAgent,
} from './store.ts';
import { namedApprover } from './who.ts';

/** Calls of one agent that may wait: more would bury the people who decide. */
export const waitingPerAgentMax = 20;
const nonceBytes = 18;

type Requested = ResponseOf<'gateway.requestApproval'>;
type Redeemed = ResponseOf<'gateway.redeemApproval'>;

/** The arguments must be canonical and be what their digest says, or what a person sees is not what runs. */
function checkArguments(argsText: string, argsDigest: string): void {
  const parsed = parseStrictText(argsText);
  if (!parsed.ok || !isJsonObject(parsed.value) || canonicalJson(parsed.value) !== argsText) {
    refuse('approvals.digest_mismatch', 'The arguments are not canonical JSON of an object.');
  }
  if (sha256(argsText) !== argsDigest)
    refuse('approvals.digest_mismatch', 'The digest is not that of the arguments.');
}

/** An agent may only ask for what stands on its manifest: what it will never be permitted, a person is not bothered with. */
async function refuseNotGranted(tx: Tx, tenant: string, agent: AgentRow, tool: string): Promise<void> {
  const version = (await currentVersions(tx, tenant, [agent])).get(agent.id);
  if (version?.manifest.tools.includes(tool) !== true) refuse('segmentation.tool_not_granted');
}

/** The definition that the gateway decided under must still be the accepted one. Gives what the registry says that the tool does. */
async function classOfAccepted(
  tx: Tx,
  tenant: string,
  ref: string,
  definitionDigest: string,
): Promise<ActionClass> {
  const slash = ref.indexOf('/');
  const tool =
    (await toolByName(tx, tenant, ref.slice(0, slash), ref.slice(slash + 1))) ??
    refuse('segmentation.tool_unknown');
  if (tool.state === 'quarantined') refuse('segmentation.tool_quarantined');
  if (tool.state === 'removed') refuse('segmentation.tool_removed');
  if (tool.definition_digest !== definitionDigest) refuse('segmentation.definition_stale');
  return tool.classification.class ?? 'admin';
}

const moreDangerous = (a: ActionClass, b: ActionClass): ActionClass =>
  actionClasses.indexOf(a) >= actionClasses.indexOf(b) ? a : b;

async function recordExpired(control: Control, tx: Tx, rows: readonly ApprovalRow[]): Promise<void> {
  for (const row of rows) {
    await tellApproval(control, tx, row);
    await control.audit.enqueue(tx, 'approvals.expired', {
      approvalId: row.id,
      agentId: row.agent_id,
      actionId: row.action_id,
      tool: row.tool,
    });
  }
}

/** Notes which open approvals have lapsed, of one agent or of all. Gives how many. */
export async function expireApprovals(
  control: Control,
  tx: Tx,
  limit: number,
  agentId?: string,
): Promise<number> {
  const rows = await expireLapsed(tx, control.config.tenant, control.clock.nowMs(), limit, agentId);
  await recordExpired(control, tx, rows);
  return rows.length;
}

async function store(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  given: BodyOut<'gateway.requestApproval'>,
): Promise<ApprovalRow> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const id = randomUUID();
  const { kid, box } = sealText(control.keys, tenant, id, 'args', given.argsText);
  const stated =
    given.statedText === undefined
      ? undefined
      : sealText(control.keys, tenant, id, 'stated', given.statedText);
  const { approvalSeconds } = await settingsInForce(control, tx);
  const about = { class: given.class, instance_id: given.instanceId, sid: given.sid };
  const named = await namedApprover(control, tx, agent, about, given.approver);
  const bare = {
    id,
    agent_id: agent.id,
    tool: given.tool,
    definition_digest: given.definitionDigest,
    args_digest: given.argsDigest,
    expires_at: nowMs + approvalSeconds * 1000,
    nonce: randomBytes(nonceBytes).toString('base64url'),
  };
  const row: ApprovalRow = {
    tenant,
    ...bare,
    state: 'waiting',
    action_id: given.actionId,
    instance_id: given.instanceId,
    sid: given.sid,
    class: given.class,
    args_kid: kid,
    args_box: box,
    shown_digest: shownDigestOf(bare),
    because: given.because,
    stated_kid: stated?.kid ?? null,
    stated_box: stated?.box ?? null,
    ...named,
    requested_at: nowMs,
    decided_by_id: null,
    decided_at: null,
    reason: null,
    consumed_by: null,
    consumed_at: null,
    consumed_via: null,
    outcome_status: null,
    outcome_kid: null,
    outcome_box: null,
    finished_at: null,
    told: true,
  };
  await insertApproval(tx, row);
  await tellApproval(control, tx, row);
  await control.audit.enqueue(tx, 'approvals.requested', {
    approvalId: id,
    agentId: agent.id,
    agent: agent.name,
    actionId: given.actionId,
    sid: given.sid,
    tool: given.tool,
    class: given.class,
    argsDigest: given.argsDigest,
    definitionDigest: given.definitionDigest,
    expiresAt: new Date(row.expires_at).toISOString(),
    ...(named.for_person_id === null ? {} : { approver: named.for_person_id }),
    ...(named.for_role === null ? {} : { approverRole: named.for_role }),
  });
  return row;
}

/**
 * Stores a call. An equal call that waits already, or is released and not consumed, is that approval. Refuses `approvals.queue_full`,
 * `approvals.digest_mismatch`, `segmentation.tool_not_granted`, stopped agents, and definitions that are not the accepted ones any more.
 */
export async function requestApproval(
  control: Control,
  given: BodyOut<'gateway.requestApproval'>,
): Promise<Requested> {
  checkArguments(given.argsText, given.argsDigest);
  const { tenant } = control.config;
  return control.change(async (tx) => {
    // Under the agent's lock, so that equal calls and the bound are seen by one at a time.
    const agent = (await lockAgent(tx, tenant, given.agentId)) ?? refuse('identity.agent_unknown');
    const instance = await instanceById(tx, tenant, given.instanceId);
    if (instance === undefined || instance.agent_id !== agent.id || instance.state !== 'active')
      refuse('identity.instance_unknown');
    await refuseStopped(tx, tenant, agent);
    // What people are shown, and whether it takes four eyes, is not a gateway's to say; but a statement may do more than its tool is classified as.
    const registered = await classOfAccepted(tx, tenant, given.tool, given.definitionDigest);
    await refuseNotGranted(tx, tenant, agent, given.tool);
    await expireApprovals(control, tx, waitingPerAgentMax, agent.id);
    const open = await openApprovalFor(tx, tenant, { ...given, agentId: agent.id });
    if (open === undefined && (await openCountOfAgent(tx, tenant, agent.id)) >= waitingPerAgentMax)
      refuse('approvals.queue_full');
    const row =
      open ?? (await store(control, tx, agent, { ...given, class: moreDangerous(registered, given.class) }));
    return {
      id: row.id,
      state: row.state,
      requestedAt: new Date(row.requested_at).toISOString(),
      expiresAt: new Date(row.expires_at).toISOString(),
    };
  });
}

/**
 * The agent gives up what waits, or is released and not consumed: nothing of it runs any more. Everything else stays as it is. Gives how it stands then.
 * Refuses `approvals.not_found`.
 */
export async function withdrawApproval(
  control: Control,
  id: string,
  agentId: string,
): Promise<ResponseOf<'gateway.withdrawApproval'>> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const nowMs = control.clock.nowMs();
    const found = await approvalById(tx, tenant, id);
    if (found === undefined || found.agent_id !== agentId) return refuse('approvals.not_found');
    const withdrawn = await moveApproval(tx, tenant, id, {
      from: ['waiting', 'approved'],
      set: { state: 'void', reason: 'The agent withdrew it.', finished_at: nowMs },
      unexpiredAtMs: nowMs,
      agentId,
    });
    if (withdrawn === undefined)
      return { state: stateAt((await approvalById(tx, tenant, id)) ?? found, nowMs) };
    await tellApproval(control, tx, withdrawn);
    await control.audit.enqueue(tx, 'approvals.withdrawn', {
      approvalId: id,
      agentId,
      actionId: withdrawn.action_id,
      tool: withdrawn.tool,
      argsDigest: withdrawn.args_digest,
    });
    return { state: withdrawn.state };
  });
}

/** The stored arguments, checked against their digest once more after decryption. */
export function storedArguments(control: Control, row: ApprovalRow): string {
  const text = openText(control.keys, control.config.tenant, row.id, 'args', {
    kid: row.args_kid,
    box: row.args_box,
  });
  if (text === undefined || sha256(text) !== row.args_digest)
    return refuse('approvals.digest_mismatch', 'The stored call was changed.');
  return text;
}

/** What the agent says about it; undefined when it said nothing, or what was stored was changed. */
export function storedStatement(control: Control, row: ApprovalRow): string | undefined {
  if (row.stated_kid === null || row.stated_box === null) return undefined;
  const sealed = { kid: row.stated_kid, box: row.stated_box };
  return openText(control.keys, control.config.tenant, row.id, 'stated', sealed);
}

function storedOutcome(control: Control, row: ApprovalRow): Redeemed['outcome'] {
  if (row.outcome_status === null) return row.consumed_at === null ? undefined : { status: 'unknown' };
  if (row.outcome_box === null || row.outcome_kid === null) return { status: row.outcome_status };
  const resultText = openText(control.keys, control.config.tenant, row.id, 'outcome', {
    kid: row.outcome_kid,
    box: row.outcome_box,
  });
  // A result that does not open any more is as good as lost; the call must not run again for it.
  return resultText === undefined ? { status: 'unknown' } : { status: row.outcome_status, resultText };
}

function described(
  row: ApprovalRow,
  nowMs: number,
  decidedBy: string | undefined,
): Omit<Redeemed, 'released' | 'argsText' | 'outcome'> {
  return {
    state: stateAt(row, nowMs),
    tool: row.tool,
    argsDigest: row.args_digest,
    definitionDigest: row.definition_digest,
    expiresAt: new Date(row.expires_at).toISOString(),
    ...(decidedBy === undefined ? {} : { decidedBy }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

async function deciderOf(tx: Tx, tenant: string, row: ApprovalRow): Promise<string | undefined> {
  if (row.decided_by_id === null) return undefined;
  return (await peopleByIds(tx, tenant, [row.decided_by_id])).get(row.decided_by_id)?.name;
}

/**
 * Releases an approved call, to exactly one caller ever; everybody else learns how it stands and, after the call, its stored outcome.
 * Refuses `approvals.not_found`, stopped agents, `approvals.digest_mismatch` (then it stays unconsumed).
 */
export async function redeemApproval(
  control: Control,
  id: string,
  agentId: string,
  actionId: string,
  gatewayId: string,
): Promise<Redeemed> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const nowMs = control.clock.nowMs();
    const agent = await agentById(tx, tenant, agentId);
    const found = await approvalById(tx, tenant, id);
    if (agent === undefined || found === undefined || found.agent_id !== agentId)
      return refuse('approvals.not_found');
    await refuseStopped(tx, tenant, agent);
    // What was carried out before is still told.
    if (found.state === 'approved') await refuseOver(control, tx, found.sid);
    const consumed = await moveApproval(tx, tenant, id, {
      from: ['approved'],
      set: { state: 'consumed', consumed_by: actionId, consumed_at: nowMs, consumed_via: gatewayId },
      unexpiredAtMs: nowMs,
      agentId,
    });
    if (consumed === undefined) {
      const row = (await approvalById(tx, tenant, id)) ?? refuse('approvals.not_found');
      const outcome = storedOutcome(control, row);
      return {
        ...described(row, nowMs, await deciderOf(tx, tenant, row)),
        released: false,
        ...(outcome === undefined ? {} : { outcome }),
      };
    }
    const argsText = storedArguments(control, consumed);
    await tellApproval(control, tx, consumed);
    await control.audit.enqueue(tx, 'approvals.redeemed', {
      approvalId: id,
      agentId,
      agent: agent.name,
      actionId,
      askedBy: consumed.action_id,
      tool: consumed.tool,
      argsDigest: consumed.args_digest,
    });
    return { ...described(consumed, nowMs, await deciderOf(tx, tenant, consumed)), released: true, argsText };
  });
}

/** Stores what came of a released call; only the action that consumed the approval may, and the first outcome counts. */
export async function finishApproval(
  control: Control,
  id: string,
  actionId: string,
  outcome: BodyOut<'gateway.finishApproval'>['outcome'],
): Promise<void> {
  const { tenant } = control.config;
  await control.change(async (tx) => {
    const sealed =
      outcome.resultText === undefined
        ? undefined
        : sealText(control.keys, tenant, id, 'outcome', outcome.resultText);
    const row = await moveApproval(tx, tenant, id, {
      // An outcome that comes after the bound is still better than none.
      from: ['consumed', 'unknown'],
      consumedBy: actionId,
      set: {
        state: outcome.status === 'unknown' ? 'unknown' : 'done',
        outcome_status: outcome.status,
        outcome_kid: sealed?.kid ?? null,
        outcome_box: sealed?.box ?? null,
        finished_at: control.clock.nowMs(),
      },
    });
    if (row === undefined) {
      const known = (await approvalById(tx, tenant, id)) ?? refuse('approvals.not_found');
      if (known.consumed_by === actionId && known.state === 'done') return;
      refuse('approvals.not_waiting', 'Another action holds it, or nothing was released.');
    }
    await tellApproval(control, tx, row);
    await control.audit.enqueue(tx, 'approvals.finished', {
      approvalId: id,
      agentId: row.agent_id,
      actionId,
      tool: row.tool,
      status: outcome.status,
    });
  });
}
