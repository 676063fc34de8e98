/**
 * The projected facts that a decision may know: nothing else enters `decide()`, and the record stores them, so that every
 * decision can be replayed (invariant 9). Built by the gateway from its snapshot, by control for `atf decide`, by tests from tables.
 */
import type { Refusal } from './errors.ts';
import type { AgentDoc, ApprovalDoc, ContainmentDoc, InstanceDoc, ServerDoc, ToolDoc } from './wire/feed.ts';
import type { QueryFact } from './wire/database.ts';
import type { JsonObject } from './wire/json.ts';
import type { BoundPolicy } from './segmentation/bound-types.ts';
import type { CalledTool } from './segmentation/chosen-index.ts';
import type { FlowFact } from './segmentation/flow.ts';
import type { JudgedFact } from './wire/judge.ts';
import type { ArgumentOrigin } from './segmentation/provenance/argument-origins.ts';
import type { Origin } from './segmentation/provenance/session-memory.ts';
import type { Intent } from './segmentation/provenance/stated-intent.ts';
import type { ActionClass, Level, OutputTrust, Sensitivity } from './wire/words.ts';

/** What the verified credential says; verification itself (signature, proof, replay) happened at the edge. */
export interface CredentialFacts {
  readonly agentId: string;
  readonly instanceId: string;
  readonly sid: string;
  readonly jti: string;
  readonly expiresAtMs: number;
  readonly manifestDigest: string;
  readonly credentialEpoch: number;
  /** `none`: a plain bearer token; reads as Intern at most. */
  readonly proof: 'dpop' | 'none';
  /** The task that a person gave to this session, or to the root of its chain. */
  readonly task?: string;
  /** Absent: it works for no other agent. */
  readonly chain?: Chain;
}

/** One agent above, in the session from which it delegated, as it was then. */
export interface ChainLink {
  readonly agentId: string;
  readonly instanceId: string;
  readonly sid: string;
  readonly manifestDigest: string;
  readonly credentialEpoch: number;
}

/** For whom an agent works (S-5): the agents above it, the root first. */
export interface Chain {
  readonly delegationId: string;
  readonly links: readonly ChainLink[];
  /** Calls of everybody below the root together. */
  readonly callsMax: number;
}

/** What is known now of one link of the chain. */
export interface AboveFact {
  readonly agent: AgentDoc | undefined;
  readonly instance: Pick<InstanceDoc, 'agentId' | 'state'> | undefined;
  readonly sessionRevoked: boolean;
}

/**
 * The door through which an action came: MCP, the action API for programs that run their own tools, plain HTTP, or a question of somebody else's enforcement
 * point, which runs what is allowed (AuthZEN, Envoy ext_authz).
 */
export const protocols = ['mcp', 'action', 'http', 'authzen', 'ext_authz'] as const;
export type Protocol = (typeof protocols)[number];

/** One action as it was received, after strict parsing. `args` never enters the record in clear. */
export interface Received {
  readonly actionId: string;
  readonly protocol: Protocol;
  readonly server: string;
  readonly tool: string;
  readonly args: JsonObject;
  /** SHA-256 of the canonical arguments. */
  readonly argsDigest: string;
  readonly credential: CredentialFacts;
}

/** Result of a limit that was looked at (not yet reserved) in the tick of the decision. */
export interface LimitFact {
  /** `rate:agent`, `rate:server/tool`. */
  readonly id: string;
  readonly ok: boolean;
  readonly max: number;
  readonly perSeconds: number;
  readonly retryAfterMs: number;
  /** Not `ok` because control did not say whether a call is left. */
  readonly unheard?: true;
}

/** A total that binds the call (segmentation/totals.ts), reserved or looked at before the decision. */
export interface TotalFact {
  readonly id: string;
  /** Whose total it is; absent: the agent's own. */
  readonly agentId?: string;
  readonly of: 'amount' | 'records' | 'calls' | 'concurrent';
  readonly per: 'hour' | 'day' | 'task' | 'call';
  /** In hundredths where it is an amount. */
  readonly max: number;
  readonly currency?: string;
  readonly ok: boolean;
  /** What was left before this call; absent: control was not asked. */
  readonly left?: number;
  /** Absent where waiting does not help. */
  readonly retryAfterMs?: number;
  /** Not `ok` because control did not say whether anything is left. */
  readonly unheard?: true;
  /** Not `ok` because a restore has lost what was spent. */
  readonly unknown?: true;
}

export interface SchemaFact {
  /** `unusable`: the tool's schema itself cannot be compiled. */
  readonly verdict: 'valid' | 'invalid' | 'unusable';
  /** JSON pointers and keywords only, never values. */
  readonly problems: readonly string[];
}

/** Where a value of the call came from (segmentation/provenance): one for each value that decides where it goes, what it is done to, and how much. */
export type ProvenanceFact = ArgumentOrigin;

/** What a person wants done in this session. `words` never enter the world; what follows from them for this call does. */
export interface TaskFact {
  /** Who declared it; `absent`: nobody. */
  readonly assurance: 'person' | 'host' | 'absent';
  /** Whether its words ask for what the tool does (segmentation/provenance/stated-intent.ts). */
  readonly intent: Intent;
}

export const noTask: TaskFact = { assurance: 'absent', intent: 'silent' };

export interface DetectorVerdict {
  readonly detector: string;
  readonly version: string;
  /** `review`: a person looks at it before it leaves. */
  readonly verdict: 'clear' | 'label' | 'mask' | 'review' | 'block';
  readonly labels: readonly string[];
}

/** One moment, as policies may ask about it. */
export interface PolicyMoment {
  readonly weekday: 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';
  readonly hour: number;
  readonly minute: number;
  /** `2026-11-22`. */
  readonly date: string;
}

/** The moment of a decision in UTC; and in time zones, each under its name. */
export interface PolicyTime extends PolicyMoment {
  readonly zones?: Readonly<Record<string, PolicyMoment>>;
}

/** Context of one policy question. What may be absent is there where a policy of the set asks about it. */
export interface PolicyContext {
  /** A person approved this exact call, or (first question of the pipeline) might. */
  readonly approved: boolean;
  /** The tool stands on the agent's written list. */
  readonly granted: boolean;
  /** The tool's domain is one of the agent's data domains. */
  readonly inDomain: boolean;
  /** The manifest declares a human checkpoint for this call. */
  readonly humanCheckpoint: boolean;
  /** A limit for this tool is defined for this agent. */
  readonly limited: boolean;
  readonly proof: 'dpop' | 'none';
  /** Who declared the task of the session. */
  readonly task: TaskFact['assurance'];
  /** Whether the task asks for what the tool does. */
  readonly intent: TaskFact['intent'];
  /** The worst origin of the values that say where and to what; `none`: the call has no such value. */
  readonly origin: Origin | 'none';
  /** The same of those that reach outside: addresses and account numbers. */
  readonly reach: Origin | 'none';
  /** The worst origin of an amount. */
  readonly amount: Origin | 'none';
  /** What the session has read: every word up to the most confidential of it. */
  readonly confidentiality: readonly Sensitivity[];
  /** `untrusted`: some of what it has read may have been written by anybody. */
  readonly integrity: OutputTrust;
  /** Tables that the SQL of the call touches, with and without their schema; empty where the call is no SQL. */
  readonly tables: readonly string[];
  /** The same of columns: `table.column`, `table.*`. */
  readonly columns: readonly string[];
  /** What it does to them: read, insert, update, delete. */
  readonly operations: readonly string[];
  /** The amount of the call in hundredths; one that cannot be read is more than any other. Absent: the tool moves no amount. */
  readonly value?: number;
  /** Its currency; `none`: the call names none. */
  readonly valueCurrency?: string;
  readonly time?: PolicyTime;
  /** How far the least trusted of all retrieval sources is trusted that the session has read from, or that this call reads from: 0 to 100. Absent: there is none. */
  readonly sourceTrust?: number;
  /** Arguments that policies of the set about this tool ask about. Absent: none does, or they cannot be told, and what asks about them fails. */
  readonly args?: JsonObject;
  /** How many agents stand above it in a chain of delegation; 0: it works for none. */
  readonly delegationDepth: number;
  /** What detectors say of the arguments: categories of what they hold, how they speak, labels of the company's rules, and whether they were looked at. */
  readonly dataLabels: readonly string[];
  /** How much could go wrong, 0 to 100 (segmentation/risk.ts). */
  readonly risk: number;
}

/** What stands in the context when no task was given and the call has no value that says where or to what. */
export const noProvenance = {
  task: 'absent',
  intent: 'silent',
  origin: 'none',
  reach: 'none',
  amount: 'none',
} as const satisfies Partial<PolicyContext>;

/** What stands in the context when the session has read nothing. */
export const noLabels = {
  confidentiality: ['public'],
  integrity: 'trusted',
} as const satisfies Partial<PolicyContext>;

/** What stands in the context when the call is no SQL, or its statement is not known. */
export const noQuery = { tables: [], columns: [], operations: [] } as const satisfies Partial<PolicyContext>;

/** What stands in the context when it works for no other agent. */
export const noChain = { delegationDepth: 0 } as const satisfies Partial<PolicyContext>;

/** A call whose arguments hold nothing that detectors know. */
export const noData = { dataLabels: [], risk: 0 } as const satisfies Partial<PolicyContext>;

export interface PolicyQuestion {
  readonly agent: AgentDoc;
  readonly effectiveLevel: Level;
  readonly action: ActionClass;
  readonly tool: ToolDoc;
  readonly context: PolicyContext;
  /** The question is about the tool, whatever the arguments: a permit that depends on them counts, a forbid does not. */
  readonly anyArguments?: boolean;
}

export interface PolicyAnswer {
  readonly decision: 'allow' | 'deny';
  /** Determining policies; for a deny the forbids, empty when nothing permits. */
  readonly reasons: readonly string[];
  readonly errors: readonly { readonly policyId: string; readonly message: string }[];
  /** With `anyArguments`: policies whose answer depends on the arguments. */
  readonly byArguments?: readonly string[];
}

/** What the policies of a set ask about a tool beyond what is told of every call (policy/reads.ts). */
export interface ToolReads {
  readonly value: boolean;
  readonly time: boolean;
  /** How far retrieval sources are trusted; absent: no. */
  readonly sourceTrust?: true | undefined;
  /** Time zones; absent: none. */
  readonly zones?: readonly string[] | undefined;
  /** Arguments, by path; absent: none. */
  readonly args?: readonly (readonly string[])[] | undefined;
  /** Its policies about arguments, with the types that each was checked against. */
  readonly bound?: readonly BoundPolicy[] | undefined;
}

/** A compiled policy set. `ask` is pure. */
export interface PolicyFacts {
  readonly digest: string;
  readonly epoch: number;
  ask(question: PolicyQuestion): PolicyAnswer;
  annotations(policyId: string): Readonly<Record<string, string>>;
  /** `ref`: `server/tool`. */
  reads(ref: string): ToolReads;
}

export interface World {
  readonly nowMs: number;
  /** False when control was not heard within the lease, or a frame was not understood. */
  readonly feedFresh: boolean;
  readonly agent: AgentDoc | undefined;
  readonly instance: InstanceDoc | undefined;
  readonly sessionRevoked: boolean;
  /** One for each link of the chain, in its order; absent: there is no chain. */
  readonly above?: readonly AboveFact[];
  readonly server: ServerDoc | undefined;
  readonly tool: CalledTool | undefined;
  /** Every containment in force; `decide` picks those that apply. */
  readonly containments: readonly ContainmentDoc[];
  readonly policy: PolicyFacts | undefined;
  readonly limits: readonly LimitFact[];
  /** Absent: no total binds this call. */
  readonly totals?: readonly TotalFact[];
  /** The approval under which this call is redeemed, if it is. */
  readonly approval: ApprovalDoc | undefined;
  readonly schema: SchemaFact;
  /** What the session has read. */
  readonly flow: FlowFact;
  readonly provenance: readonly ProvenanceFact[];
  readonly task: TaskFact;
  readonly detectors: readonly DetectorVerdict[];
  /** What the SQL of the call does; absent: the tool takes none. */
  readonly query?: QueryFact | undefined;
  /** How far the time zones that policies ask about are ahead of UTC now, in minutes; absent: they ask about none. */
  readonly zones?: Readonly<Record<string, number>> | undefined;
  /** The question is about the tool, whatever the arguments. Such a decision is never carried out, and never recorded. */
  readonly anyArguments?: boolean;
  /** What the judge of intents says of a state-changing call; absent: there is none, or the call only reads. */
  readonly judged?: JudgedFact | undefined;
}

export type CheckName =
  | 'authenticate'
  | 'contain'
  | 'resolve'
  | 'authorise'
  | 'govern_query'
  | 'govern_retrieval'
  | 'limit_time'
  | 'limit_rate'
  | 'limit_transaction'
  | 'limit_total'
  | 'govern_data'
  | 'gate_maturity'
  | 'review_output'
  | 'judge_intent';

export interface Check {
  readonly name: CheckName;
  readonly verdict: 'pass' | 'ask' | 'refuse';
  /** One plain sentence for a person. */
  readonly because: string;
  readonly policies?: readonly string[];
}

/** What must accompany the action: `notify` people of what and why; `review_output` by a person. */
export type Obligation = 'notify' | 'review_output';

export interface Decision {
  readonly outcome: 'allow' | 'ask' | 'refuse';
  /** The refusal, or for `ask` the `maturity.approval_required` that the agent is told. Absent when allowed. */
  readonly refusal?: Refusal;
  readonly checks: readonly Check[];
  readonly effectiveLevel: Level | undefined;
  readonly actionClass: ActionClass | undefined;
  /** Determining policies of the answer that settled it. */
  readonly policies: readonly string[];
  readonly obligations: readonly Obligation[];
  /** Of a question about any arguments: policies whose answer depends on them. */
  readonly byArguments?: readonly string[];
  /** What the last look compares in the tick of dispatch. */
  readonly epochs: {
    readonly agent: number;
    readonly credential: number;
    readonly tool: number;
    readonly server: number;
    readonly policy: number;
  };
}
