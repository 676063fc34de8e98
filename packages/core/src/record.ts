/**
 * Bodies of the records of an action (B-1, B-2, B-5): what the log's leaves hold. No arguments, results or other personal data in clear:
 * those are the encrypted payload, to which the leaf commits. The facts of the decision are here, so that it can be replayed.
 */
import { aboveTouched } from './chain.ts';
import { containmentApplies, touchedBy } from './incident/containment.ts';
import type {
  AgentDoc,
  ApprovalDoc,
  Classification,
  ContainmentDoc,
  InstanceDoc,
  ServerDoc,
  ToolDoc,
} from './wire/feed.ts';
import type { Adapted } from './wire/adaptive.ts';
import type { FlowFact } from './segmentation/flow.ts';
import type { QueryFact } from './wire/database.ts';
import type { JudgedFact } from './wire/judge.ts';
import type { CalledTool, UnknownIndex } from './segmentation/chosen-index.ts';
import type { SourceDoc } from './wire/retrieval.ts';
import type { ReviewReason } from './wire/review.ts';
import type { ActionClass, Level } from './wire/words.ts';
import type {
  Chain,
  ChainLink,
  Check,
  Decision,
  DetectorVerdict,
  LimitFact,
  ProvenanceFact,
  Protocol,
  Received,
  SchemaFact,
  TaskFact,
  TotalFact,
  World,
} from './world.ts';

export interface PayloadRef {
  readonly id: string;
  /** HMAC-SHA-256 under a random salt over the ciphertext, base64url. */
  readonly commitment: string;
  readonly bytes: number;
  /** Absent: the content is the arguments or the result. Otherwise `{arguments, stated}`. */
  readonly stated?: true;
}

/** Body of `action.intent`, `action.refused`, `action.asked`. */
export interface DecisionRecord {
  readonly actionId: string;
  readonly agentId: string;
  readonly agent: string;
  readonly agentVersion: string;
  readonly manifestDigest: string;
  readonly instanceId: string;
  readonly sid: string;
  /** `jti` of the credential. */
  readonly jti: string;
  readonly proof: 'dpop' | 'none';
  /** Id of the person who answers for the agent. */
  readonly responsibleId: string;
  readonly protocol: Protocol;
  readonly server: string;
  readonly tool: string;
  readonly class: ActionClass | undefined;
  readonly definitionDigest: string | undefined;
  readonly level: Level | undefined;
  readonly outcome: Decision['outcome'];
  readonly code: string | undefined;
  readonly checks: readonly Check[];
  readonly policies: readonly string[];
  readonly policyDigest: string | undefined;
  readonly obligations: readonly string[];
  readonly approvalId: string | undefined;
  readonly facts: DecisionFacts;
  readonly payload: PayloadRef | undefined;
}

/**
 * What the decision knew and what no digest leads to. Manifest, tool definition and policy set are found by their digests; free text of
 * people and digests of arguments (personal data, when unsalted) stay out.
 */
export interface DecisionFacts {
  readonly nowMs: number;
  readonly feedFresh: boolean;
  readonly limits: readonly LimitFact[];
  /** Absent: no total bound the call. */
  readonly totals?: readonly TotalFact[];
  readonly schema: SchemaFact;
  /** Absent from records of before sessions had labels. */
  readonly flow?: FlowFact;
  readonly provenance: readonly ProvenanceFact[];
  /** Absent from records of before sessions had tasks. */
  readonly task?: TaskFact;
  readonly detectors: readonly DetectorVerdict[];
  /** What the SQL of the call does, without its literals; absent: the tool takes none. */
  readonly query?: QueryFact;
  /** How far the time zones that policies asked about were ahead of UTC, in minutes; absent: they asked about none. */
  readonly zones?: Readonly<Record<string, number>>;
  /** Absent: no judge of intents is asked about such calls. */
  readonly judged?: JudgedFact;
  readonly epochs: Decision['epochs'];
  readonly credential: { readonly expiresAtMs: number; readonly epoch: number };
  /** How the server is reached; absent: it was not known. */
  readonly transport?: ServerDoc['transport']['kind'];
  /** Absent: control had said nothing of this agent. */
  readonly agent?: AgentFacts;
  readonly instance?: InstanceFacts;
  readonly sessionRevoked: boolean;
  /** For whom the agent worked, the root first; absent: for no other agent. */
  readonly chain?: ChainFacts;
  readonly tool?: ToolFacts;
  /** Of the stops in force those that touch this call: the first of each kind of scope. */
  readonly stops: readonly StopFact[];
  readonly approval?: ApprovalFacts;
}

/** What control says of an agent beside its manifest. `manifestDigest` is the registered one; the record's own is the credential's. */
export interface AgentFacts extends Adapted {
  readonly manifestDigest: string;
  readonly level: Level;
  readonly ceiling?: Level;
  readonly technicalOwnerId: string;
}

export interface ChainFacts extends Pick<Chain, 'delegationId' | 'callsMax'> {
  readonly links: readonly LinkFacts[];
}

/** One agent above as the credential names it, and what was known of it. */
export interface LinkFacts extends ChainLink {
  readonly sessionRevoked: boolean;
  readonly instance?: InstanceFacts;
  readonly agent?: AgentFacts & {
    readonly name: string;
    readonly version: string;
    readonly ownerId: string;
    readonly epoch: number;
    readonly credentialEpoch: number;
  };
}

export type InstanceFacts = Pick<InstanceDoc, 'agentId' | 'state'>;

/** The tool as it was known and offered in that tick. */
export interface ToolFacts {
  readonly state: ToolDoc['state'];
  readonly classification: Classification;
  /** Retrieval sources that this very call read from; absent: none, also of records of before there were sources. */
  readonly sources?: SourceDoc[];
  /** Why nobody knows from which index it would read; absent: that is known, or it is no source. */
  readonly unknownIndex?: UnknownIndex;
}

export type StopFact = Pick<ContainmentDoc, 'scope' | 'state' | 'since'>;

/** The approval under which the call was decided. */
export interface ApprovalFacts
  extends Pick<ApprovalDoc, 'id' | 'agentId' | 'sid' | 'tool' | 'definitionDigest' | 'state' | 'expiresAt'> {
  /** It releases exactly these arguments. The digest itself would tell short arguments to whoever guesses them. */
  readonly sameArguments: boolean;
}

export type OutcomeStatus = 'done' | 'failed' | 'aborted' | 'not_executed' | 'unknown';

/** What detectors found in a result: labels, places by detector, how many of them were masked. Never what stood there. */
export interface DataRecord {
  readonly labels: readonly string[];
  readonly found: Readonly<Record<string, number>>;
  readonly masked: number;
}

/** Body of `action.outcome`. `failed`: the tool said so (`isError`) or a fault with a known non-execution; `unknown`: it may have happened. */
export interface OutcomeRecord {
  readonly actionId: string;
  readonly agentId: string;
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly status: OutcomeStatus;
  readonly code: string | undefined;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly approvalId: string | undefined;
  /** Absent: nothing was found in the result, or there is none. */
  readonly data?: DataRecord;
  /** Indexes that it read from; absent: the tool is no retrieval source. */
  readonly indexes?: readonly string[];
  /** Why a person looks at it afterwards; absent: nobody has to. */
  readonly review?: readonly ReviewReason[];
  readonly payload: PayloadRef | undefined;
}

/** The body of the record of a decision about this agent. `approvalId`: the approval under which the call is redeemed or for which it waits. */
export function decisionRecordOf(
  received: Received,
  world: World,
  decision: Decision,
  about: Pick<DecisionRecord, 'approvalId' | 'payload'> & { readonly agent: AgentDoc },
): DecisionRecord {
  const { agent, approvalId, payload } = about;
  const { credential } = received;
  return {
    actionId: received.actionId,
    agentId: agent.id,
    agent: agent.name,
    agentVersion: agent.version,
    manifestDigest: credential.manifestDigest,
    instanceId: credential.instanceId,
    sid: credential.sid,
    jti: credential.jti,
    proof: credential.proof,
    responsibleId: agent.ownerId,
    protocol: received.protocol,
    server: received.server,
    tool: received.tool,
    class: decision.actionClass,
    definitionDigest: world.tool?.definitionDigest,
    level: decision.effectiveLevel,
    outcome: decision.outcome,
    code: decision.refusal?.code,
    checks: decision.checks,
    policies: decision.policies,
    policyDigest: world.policy?.digest,
    obligations: decision.obligations,
    approvalId,
    facts: factsOf(received, world, decision),
    payload,
  };
}

/** Everything of `received` and `world` that the record must hold for the decision to be made again (replay.ts). */
export function factsOf(received: Received, world: World, decision: Decision): DecisionFacts {
  const {
    nowMs,
    feedFresh,
    limits,
    totals,
    schema,
    flow,
    provenance,
    task,
    detectors,
    query,
    zones,
    judged,
    sessionRevoked,
    agent,
    instance,
    server,
    tool,
    approval,
  } = world;
  const { expiresAtMs, credentialEpoch } = received.credential;
  return {
    nowMs,
    feedFresh,
    limits,
    ...(totals === undefined ? {} : { totals }),
    schema,
    flow,
    provenance,
    task,
    detectors,
    ...(query === undefined ? {} : { query }),
    ...(zones === undefined ? {} : { zones }),
    ...(judged === undefined ? {} : { judged }),
    epochs: decision.epochs,
    credential: { expiresAtMs, epoch: credentialEpoch },
    ...(server === undefined ? {} : { transport: server.transport.kind }),
    ...(agent === undefined ? {} : { agent: agentFacts(agent) }),
    ...(instance === undefined ? {} : { instance: { agentId: instance.agentId, state: instance.state } }),
    sessionRevoked,
    ...chainFacts(received, world),
    ...(tool === undefined ? {} : { tool: toolFacts(tool) }),
    stops: stopsOf(received, world),
    ...(approval === undefined ? {} : { approval: approvalFacts(approval, received) }),
  };
}

const toolFacts = ({ state, classification, sources, unknownIndex }: CalledTool): ToolFacts => ({
  state,
  classification: decidedBy(classification),
  ...(sources === undefined ? {} : { sources }),
  ...(unknownIndex === undefined ? {} : { unknownIndex }),
});

/** No decision asks for the schema of results, and it may be long; the record of who registered it holds it. */
const decidedBy = ({ outputSchema: _, ...classification }: Classification): Classification => classification;

function agentFacts({
  manifestDigest,
  level,
  ceiling,
  technicalOwnerId,
  throttle,
  followed,
  grants,
  blends,
}: NonNullable<World['agent']>): AgentFacts {
  return {
    manifestDigest,
    level,
    ...(ceiling === undefined ? {} : { ceiling }),
    technicalOwnerId,
    ...(throttle === undefined ? {} : { throttle }),
    ...(followed === undefined ? {} : { followed }),
    ...(grants === undefined ? {} : { grants }),
    ...(blends === undefined ? {} : { blends }),
  };
}

function chainFacts(
  { credential: { chain } }: Received,
  { above = [] }: World,
): Partial<Pick<DecisionFacts, 'chain'>> {
  if (chain === undefined) return {};
  const links = chain.links.map((link, at): LinkFacts => {
    const { agent, instance, sessionRevoked = false } = above[at] ?? {};
    return {
      ...link,
      sessionRevoked,
      ...(instance === undefined ? {} : { instance: { agentId: instance.agentId, state: instance.state } }),
      ...(agent === undefined ? {} : { agent: linkAgentFacts(agent) }),
    };
  });
  const { delegationId, callsMax } = chain;
  return { chain: { delegationId, callsMax, links } };
}

function linkAgentFacts(agent: NonNullable<World['agent']>): NonNullable<LinkFacts['agent']> {
  const { name, version, ownerId, epoch, credentialEpoch } = agent;
  return { name, version, ownerId, epoch, credentialEpoch, ...agentFacts(agent) };
}

function stopsOf({ server, tool, credential }: Received, world: World): StopFact[] {
  const { agent, containments } = world;
  if (agent === undefined || containments.length === 0) return [];
  const touched = touchedBy(agent, { server, tool, sid: credential.sid, ...aboveTouched(credential, world) });
  const found = new Map<string, StopFact>();
  for (const { scope, state, since } of containments) {
    if (!found.has(scope.kind) && containmentApplies(scope, touched))
      found.set(scope.kind, { scope, state, since });
  }
  return [...found.values()];
}

function approvalFacts(approval: ApprovalDoc, { argsDigest }: Received): ApprovalFacts {
  const { id, agentId, sid, tool, definitionDigest, state, expiresAt } = approval;
  return {
    id,
    agentId,
    sid,
    tool,
    definitionDigest,
    state,
    expiresAt,
    sameArguments: approval.argsDigest === argsDigest,
  };
}
