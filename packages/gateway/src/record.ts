/**
 * Room: audit (B-1, B-2, B-5). Writes the records of an action: the decision before anything happens, the outcome before anything of
 * the result leaves. A refusal from here means that nothing may run, or that nothing may be given out.
 */
import type { EntryDraft } from '@atf/core/audit/entry';
import { type Refusal, refusal } from '@atf/core/errors';
import type { EventName } from '@atf/core/events';
import {
  type DataRecord,
  type DecisionRecord,
  decisionRecordOf,
  type OutcomeRecord,
  type OutcomeStatus,
} from '@atf/core/record';
import type { Approver } from '@atf/core/wire/action';
import type { JsonObject } from '@atf/core/wire/json';
import type { ReviewReason } from '@atf/core/wire/review';
import type { AskKind } from '@atf/core/wire/words';
import type { CredentialFacts, Decision, Received, World } from '@atf/core/world';
import { sealText } from './payload.ts';
import type { Ports } from './ports.ts';

/** A decision together with everything it knew. */
export interface Decided {
  readonly received: Received;
  /** Canonical JSON of the arguments: the bytes that were decided on. */
  readonly argsText: string;
  readonly world: World;
  readonly decision: Decision;
  /** The approval under which the call is redeemed or for which it waits. */
  readonly approvalId: string | undefined;
  /** What the agent's program said beside the call. */
  readonly stated?: Stated | undefined;
}

/** Claims of the agent, and whom its program wants to decide. None of it is decided on. */
export interface Stated {
  /** Canonical JSON of reason and context; absent when it said nothing. */
  readonly text: string | undefined;
  readonly approver: Approver | undefined;
}

type DecisionEvent = Extract<EventName, 'action.intent' | 'action.refused' | 'action.asked'>;
const words = { 'action.intent': 'allowed', 'action.refused': 'refused', 'action.asked': 'waiting' } as const;

let lastIso: { readonly ms: number; readonly text: string } = { ms: 0, text: new Date(0).toISOString() };

/** RFC 3339 in UTC. Several records of a call bear the same millisecond, which is written once. */
export function isoOf(ms: number): string {
  if (lastIso.ms !== ms) lastIso = { ms, text: new Date(ms).toISOString() };
  return lastIso.text;
}

/** What is sealed with a decision: the arguments, and beside them what the agent said. */
function contentOf({ argsText, stated }: Decided): string {
  return stated?.text === undefined ? argsText : `{"arguments":${argsText},"stated":${stated.text}}`;
}

/** Durable when it resolves with undefined. An unknown agent has no record of its own: those callers are counted (refusal-count.ts). */
export async function recordDecision(
  ports: Ports,
  event: DecisionEvent,
  decided: Decided,
): Promise<Refusal | undefined> {
  const { received, world } = decided;
  const { agent } = world;
  const settings = ports.snapshot.settings();
  const wrapping = ports.wrappingKey();
  if (agent === undefined || settings === undefined || wrapping === undefined) {
    return refusal('audit.record_unavailable', 'The control plane has not said yet how to record.');
  }
  const sealed = sealText(received.actionId, contentOf(decided), wrapping, ports.random);
  const said = decided.stated?.text === undefined ? {} : { stated: true as const };
  const { decision, approvalId } = decided;
  const payload = { ...sealed.ref, ...said };
  const body = decisionRecordOf(received, world, decision, { agent, approvalId, payload });
  const draft: EntryDraft<DecisionRecord> = {
    type: event,
    at: isoOf(world.nowMs),
    tenant: settings.tenant,
    agent: agent.id,
    session: received.credential.sid,
    action: received.actionId,
    outcome: words[event],
    payload: { id: sealed.ref.id, commitment: sealed.ref.commitment },
    body,
  };
  const appended = await ports.spool.append(draft as unknown as EntryDraft, sealed.frame);
  return appended.ok ? undefined : appended.refusal;
}

export interface Outcome {
  readonly status: OutcomeStatus;
  readonly code: string | undefined;
  /** Canonical JSON of the result, when there is one. */
  readonly resultText: string | undefined;
  readonly startedMs: number;
  readonly durationMs: number;
  /** What detectors found in the result. */
  readonly data?: DataRecord | undefined;
  /** From which it was retrieved. */
  readonly indexes?: readonly string[] | undefined;
  /** Why a person looks at it afterwards. */
  readonly review?: readonly ReviewReason[] | undefined;
}

function outcomeDraft(
  ports: Ports,
  decided: Decided,
  outcome: Outcome,
): { draft: EntryDraft; frame: ReturnType<typeof sealText>['frame'] | undefined } | undefined {
  const { received, world } = decided;
  const settings = ports.snapshot.settings();
  const wrapping = ports.wrappingKey();
  if (world.agent === undefined || settings === undefined) return undefined;
  if (outcome.resultText !== undefined && wrapping === undefined) return undefined;
  const sealed =
    outcome.resultText === undefined || wrapping === undefined
      ? undefined
      : sealText(received.actionId, outcome.resultText, wrapping, ports.random);
  const body: OutcomeRecord = {
    actionId: received.actionId,
    agentId: world.agent.id,
    agent: world.agent.name,
    server: received.server,
    tool: received.tool,
    status: outcome.status,
    code: outcome.code,
    startedAt: isoOf(outcome.startedMs),
    durationMs: outcome.durationMs,
    approvalId: decided.approvalId,
    ...(outcome.data === undefined ? {} : { data: outcome.data }),
    ...(outcome.indexes === undefined || outcome.indexes.length === 0 ? {} : { indexes: outcome.indexes }),
    ...(outcome.review === undefined || outcome.review.length === 0 ? {} : { review: outcome.review }),
    payload: sealed?.ref,
  };
  const draft = {
    type: 'action.outcome' as const,
    at: isoOf(ports.clock.nowMs()),
    tenant: settings.tenant,
    agent: world.agent.id,
    session: received.credential.sid,
    action: received.actionId,
    outcome: outcome.status,
    ...(sealed === undefined ? {} : { payload: { id: sealed.ref.id, commitment: sealed.ref.commitment } }),
    body: body as unknown as JsonObject,
  };
  return { draft, frame: sealed?.frame };
}

/**
 * Durable when it resolves with undefined. What has happened must be recorded: a spool that refuses gets the record again as urgent
 * one. When that fails too the result is withheld, and the intent without outcome says that nobody knows.
 */
export async function recordOutcome(
  ports: Ports,
  decided: Decided,
  outcome: Outcome,
): Promise<Refusal | undefined> {
  const made = outcomeDraft(ports, decided, outcome);
  if (made === undefined)
    return refusal('audit.record_unavailable', 'The control plane has not said yet how to record.');
  const first = await ports.spool.append(made.draft, made.frame);
  if (first.ok) return undefined;
  const again = await ports.spool.appendUrgent(made.draft, made.frame);
  return again.ok ? undefined : again.refusal;
}

/** That an agent is told when a resource changes: which one is sealed, because addresses may hold personal data. */
export async function recordSubscribed(
  ports: Ports,
  { received, world, argsText }: Decided,
): Promise<Refusal | undefined> {
  return await recordBeside(ports, 'action.subscribed', { received, world }, 'allowed', {}, argsText);
}

/** That the judge of intents did not see what a read was for, or could not be asked. */
export async function recordDoubted(
  ports: Ports,
  { received, world, argsText }: Decided,
): Promise<Refusal | undefined> {
  return await recordBeside(ports, 'action.intent_doubted', { received, world }, 'allowed', {}, argsText);
}

export interface InputRecord {
  readonly kinds: readonly AskKind[];
  /** The agent was not asked. */
  readonly refused: boolean;
  /** What was found in it. */
  readonly labels: readonly string[];
  /** Canonical JSON of what was asked or answered. */
  readonly text: string;
}

/** What a tool server asks of an agent's side, and what it is told, each sealed. Durable when it resolves with undefined. */
export async function recordInput(
  ports: Ports,
  event: Extract<EventName, `action.input_${string}`>,
  decided: Decided,
  { kinds, refused, labels, text }: InputRecord,
): Promise<Refusal | undefined> {
  const outcome = refused ? 'refused' : 'allowed';
  const facts = { kinds: [...kinds], refused, ...(labels.length === 0 ? {} : { labels: [...labels] }) };
  return await recordBeside(ports, event, decided, outcome, facts, text);
}

/** A record about an action besides its intent and its outcome, with sealed content. */
async function recordBeside(
  ports: Ports,
  event: EventName,
  { received, world }: Pick<Decided, 'received' | 'world'>,
  outcome: 'allowed' | 'refused',
  facts: JsonObject,
  text: string,
): Promise<Refusal | undefined> {
  const settings = ports.snapshot.settings();
  const wrapping = ports.wrappingKey();
  if (world.agent === undefined || settings === undefined || wrapping === undefined)
    return refusal('audit.record_unavailable', 'The control plane has not said yet how to record.');
  const { actionId, server, tool, credential } = received;
  const { ref, frame } = sealText(actionId, text, wrapping, ports.random);
  const { id: agentId, name: agent } = world.agent;
  const payload = { ...ref } as unknown as JsonObject;
  const draft: EntryDraft = {
    type: event,
    at: isoOf(ports.clock.nowMs()),
    tenant: settings.tenant,
    agent: agentId,
    session: credential.sid,
    action: actionId,
    outcome,
    payload: { id: ref.id, commitment: ref.commitment },
    body: { actionId, agentId, agent, server, tool, ...facts, payload },
  };
  const appended = await ports.spool.append(draft, frame);
  return appended.ok ? undefined : appended.refusal;
}

/** A report whose action was settled without it: beside the outcome that is on record, never in its place. */
export async function recordLateReport(
  ports: Ports,
  credential: CredentialFacts,
  { actionId, tool, status }: { readonly actionId: string; readonly tool: string; readonly status: string },
): Promise<Refusal | undefined> {
  const settings = ports.snapshot.settings();
  if (settings === undefined)
    return refusal('audit.record_unavailable', 'The control plane has not said yet how to record.');
  const slash = tool.indexOf('/');
  const appended = await ports.spool.append({
    type: 'action.reported_late',
    at: isoOf(ports.clock.nowMs()),
    tenant: settings.tenant,
    agent: credential.agentId,
    session: credential.sid,
    action: actionId,
    outcome: status,
    body: {
      actionId,
      agentId: credential.agentId,
      server: tool.slice(0, slash),
      tool: tool.slice(slash + 1),
      status,
    },
  });
  return appended.ok ? undefined : appended.refusal;
}
