/** Room: segmentation. Tool servers and the tools that they offer, as people accepted them. */
import type { Slots } from '@atf/core/segmentation/totals';
import type { Classification, ServerDoc } from '@atf/core/wire/feed';
import type { LabelSource } from '@atf/core/wire/labels';
import type { IndexRead, SourceDoc } from '@atf/core/wire/retrieval';
import type { CredentialKind } from '@atf/core/wire/service';
import type { AskKind, OutputTrust, Sensitivity } from '@atf/core/wire/words';
import type { ColumnType } from 'kysely';

/** A retrieval source as it is kept with its tool. */
export type KeptSource = SourceDoc & { readonly since: string; readonly by: string };

export interface SegmentationTables {
  /** Rate limits of agents over all gateways: this database allocates, gateways spend what they have leased. */
  call_budget: {
    tenant: string;
    agent_id: string;
    /** Which limit, with its figures: another figure is another budget. */
    limit_key: string;
    /** Theoretical arrival time (core/segmentation/rate.ts), of the database's clock. */
    arrival: number;
  };
  /** What is spent of totals of agents. */
  total_budget: {
    tenant: string;
    agent_id: string;
    /** Which total, without its figure; of a task, with the task. */
    total_key: string;
    slots: ColumnType<Slots, string, string>;
    /** By the database's clock: nothing of it counts any more after this. */
    drop_after: number;
  };
  /** What calls under way have reserved; settled ones have none. */
  total_hold: {
    tenant: string;
    hold_id: string;
    total_key: string;
    agent_id: string;
    gateway_id: string;
    slot: number;
    reserved: number;
    held_at: number;
  };
  /** What an instance, or whoever works on a task, has read. */
  session_labels: {
    tenant: string;
    /** Id of the instance or the task. */
    holder: string;
    kind: 'instance' | 'task';
    agent_id: string;
    confidentiality: Sensitivity;
    integrity: OutputTrust;
    sources: ColumnType<readonly LabelSource[], string, string>;
    /** Indexes that it has read from; null: none. */
    indexes: ColumnType<readonly IndexRead[] | null, string | null | undefined, string | null>;
    /** Rises with every change. */
    revision: number;
    /** When a label rose last, by the database's clock. */
    raised_at: number;
    /** When a person began to look, by the same clock; null: nobody looks. */
    review_at: number | null;
  };
  tool_server: {
    tenant: string;
    name: string;
    transport: ColumnType<ServerDoc['transport'], string, string>;
    domain: string;
    output_trust: 'trusted' | 'untrusted';
    stateless: boolean;
    may_ask: ColumnType<readonly AskKind[], string | undefined, string>;
    epoch: number;
    registered_at: number;
    registered_by: string;
    /** Last discovery by a gateway; null: never yet. The first one may activate tools. */
    discovered_at: number | null;
    fault: string | null;
    /** Of an HTTP service: the kind of its credential; the credential itself is sealed (services.ts). Null: it has none. */
    credential: CredentialKind | null;
    credential_kid: string | null;
    credential_box: Uint8Array | null;
  };
  /** Classifications that a person wrote down before the tool was discovered; they take the place of the automatic one. */
  tool_classification_prepared: {
    tenant: string;
    server: string;
    tool: string;
    classification: ColumnType<Classification, string, string>;
  };
  tool: {
    tenant: string;
    server: string;
    name: string;
    state: 'active' | 'quarantined' | 'removed';
    why: string | null;
    /** A person (or the registration of the server by a person) accepted `definition`; without it the tool never runs. */
    accepted: boolean;
    /** A person accepted this definition by looking at it, or said what the tool does. */
    reviewed: boolean;
    definition_digest: string;
    /** Canonical JSON of the accepted definition, or of the one on offer while nothing was accepted. */
    definition: string;
    /** A definition on offer that differs from the accepted one. */
    offered_digest: string | null;
    offered: string | null;
    /** Names of findings in the accepted definition that whoever accepted it knew of. */
    acknowledged: ColumnType<readonly string[], string | undefined, string>;
    classification: ColumnType<Classification, string, string>;
    /** Retrieval sources that answer through it. */
    sources: ColumnType<readonly KeptSource[], string | undefined, string>;
    epoch: number;
    updated_at: number;
  };
  /** What each index holds, while sources answer from it; one row that changes of its sources lock. */
  retrieval_index: {
    tenant: string;
    name: string;
    confidentiality: Sensitivity;
    integrity: OutputTrust;
    categories: ColumnType<readonly string[], string, string>;
  };
  /** Calls that ran, by agent and hour since the epoch (S-3). */
  volume_hour: { tenant: string; agent_id: string; hour: number; calls: number };
  volume_baseline: {
    tenant: string;
    agent_id: string;
    /** Day since the epoch on which it was made. */
    day: number;
    /** An hour. */
    calls: number;
    /** The hour in which it was throttled: once an hour, also when a person lifts it. */
    settled_hour: number | null;
  };
  /** How far the index of the log is counted. */
  volume_mark: { tenant: string; counted: number };
  /** What was granted in the last day, to count it; what is in force stands with the agent. Its id is the action with which it was asked for. */
  negotiation: { tenant: string; id: string; agent_id: string; offer: string; granted_at: number };
}
