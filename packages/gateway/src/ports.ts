/**
 * What the pipeline may touch: clock, randomness, durable record, snapshot, tool servers, control. It takes nothing else, so that a
 * simulator can run the real pipeline under virtual time with faulty ports. No behaviour here.
 */
import type { KeyObject } from 'node:crypto';
import type { EntryDraft } from '@atf/core/audit/entry';
import type { PayloadFrame } from '@atf/core/audit/spool-frame';
import type { Refusal } from '@atf/core/errors';
import type { TokenKeys } from '@atf/core/identity/access-token';
import type { BodyIn, OperationId, ParamsIn, ResponseOf } from '@atf/core/wire/api';
import type {
  AgentDoc,
  ApprovalDoc,
  ContainmentDoc,
  InstanceDoc,
  ServerDoc,
  SettingsDoc,
  ToolDoc,
} from '@atf/core/wire/feed';
import type { LabelsDoc } from '@atf/core/wire/labels';
import type { JsonObject } from '@atf/core/wire/json';
import type { Level } from '@atf/core/wire/words';
import type { PolicyFacts } from '@atf/core/world';
import type { AskService } from './asked-services.ts';
import type { UpstreamCallOptions, UpstreamCallOutcome, UpstreamFault } from './protocols/protocol.ts';
import type { AppendResult } from './spool.ts';

export interface ClockPort {
  /** Unix time, milliseconds. */
  nowMs(): number;
  /** Milliseconds that never go back; origin arbitrary. */
  monotonicMs(): number;
}

/** Durable record. A resolved `ok` means that the record survives power loss. */
export interface SpoolPort {
  append(draft: EntryDraft, payload?: PayloadFrame): Promise<AppendResult>;
  /** For what must be recorded because it has already happened. */
  appendUrgent(draft: EntryDraft, payload?: PayloadFrame): Promise<AppendResult>;
}

/** What the gateway knows now; every answer is of this tick. */
export interface SnapshotPort {
  /** False when control was not heard within the lease or something was not understood. */
  fresh(): boolean;
  settings(): SettingsDoc | undefined;
  tokenKeys(): TokenKeys;
  /** Rises whenever keys or settings change: cached verifications of before do not count. */
  trustGeneration(): number;
  agent(id: string): AgentDoc | undefined;
  instance(id: string): InstanceDoc | undefined;
  sessionRevoked(sid: string): boolean;
  server(name: string): ServerDoc | undefined;
  tool(server: string, name: string): ToolDoc | undefined;
  toolsOf(server: string): readonly ToolDoc[];
  /** Of control, of frames ahead of their documents, and of the stop file. */
  containments(): readonly ContainmentDoc[];
  policy(): PolicyFacts | undefined;
  /** How far each index is trusted from which retrieval sources answer. */
  indexTrusts(): ReadonlyMap<string, number>;
  /** What an instance, or whoever works on a task, has read. */
  labels(holder: string): LabelsDoc | undefined;
  approval(id: string): ApprovalDoc | undefined;
  /** The approval of exactly this call that says most about it now. */
  approvalFor(call: ApprovalKey): ApprovalDoc | undefined;
  approvalsOf(agentId: string): readonly ApprovalDoc[];
  /** Remembers an approval that control just confirmed, until its document arrives. */
  expectApproval(doc: ApprovalDoc): void;
}

export interface ApprovalKey {
  readonly agentId: string;
  /** `server/tool`. */
  readonly tool: string;
  readonly argsDigest: string;
  readonly definitionDigest: string;
}

/** The definition that a live connection offers: its digest, `absent`, or `unknown` when it was not listed yet. */
export type LiveDefinition =
  | { readonly state: 'offered'; readonly digest: string }
  | { readonly state: 'absent' | 'unknown' };

export type Prepared = { readonly ok: true } | { readonly ok: false; readonly fault: UpstreamFault };

/** Connections to tool servers. Calls never throw and are never retried. */
export interface UpstreamPort {
  /** Makes sure that the connection which would serve this instance has listed its tools. Bounded; never throws. */
  prepare(server: ServerDoc, instanceId: string): Promise<Prepared>;
  live(server: ServerDoc, instanceId: string, tool: string): LiveDefinition;
  /** Dispatches in this tick when the connection stands. */
  call(target: CallTarget, args: JsonObject, options: UpstreamCallOptions): Promise<UpstreamCallOutcome>;
  /** Asks the server to tell when a resource changes, or no longer. Bounded; never throws. */
  watch(server: ServerDoc, instanceId: string, uri: string, on: boolean): Promise<UpstreamFault | undefined>;
  /** Certain stop of the process that serves this instance, for servers that ignore a cancellation. */
  kill(server: string, instanceId: string): void;
}

/** What the decision said about a call that is dispatched. */
export interface DispatchedAction {
  readonly actionId: string;
  readonly argsDigest: string;
  readonly approvalId: string | undefined;
  readonly effectiveLevel: Level | undefined;
  readonly obligations: readonly string[];
  /** Whether an answer of this media type is counted or read before it leaves, and so not streamed. */
  readonly isWhole: (type: string) => boolean;
}

export interface CallTarget {
  readonly action: DispatchedAction;
  readonly server: ServerDoc;
  readonly tool: string;
  readonly instanceId: string;
}

export type ControlAnswer<T> =
  | { readonly ok: true; readonly value: T }
  /** `sent` false: control cannot have acted on it. */
  | { readonly ok: false; readonly refusal: Refusal; readonly sent: boolean };

/** Requests to control. Bounded in time; never throws. */
export interface ControlPort {
  request<K extends OperationId>(operation: K, call: ControlCall<K>): Promise<ControlAnswer<ResponseOf<K>>>;
}

export type ControlCall<K extends OperationId> = {
  readonly params?: ParamsIn<K>;
  readonly body?: BodyIn<K>;
};

export interface WrappingKey {
  readonly kid: string;
  /** 32 bytes. */
  readonly key: KeyObject;
}

export interface Ports {
  readonly clock: ClockPort;
  /** Cryptographically strong bytes. */
  random(bytes: number): Uint8Array;
  readonly spool: SpoolPort;
  readonly snapshot: SnapshotPort;
  readonly upstream: UpstreamPort;
  readonly control: ControlPort;
  /** Lets time pass. */
  pause(ms: number): Promise<unknown>;
  /** Whether control holds everything that was recorded until now; false when it does not within `boundMs`. Never throws. */
  replicated(boundMs: number): Promise<boolean>;
  /** Services that look at data; absent: none can be asked. */
  readonly askService?: AskService | undefined;
  /** The key under which payloads are wrapped; undefined while control has not given one: then nothing can be recorded. */
  wrappingKey(): WrappingKey | undefined;
}
