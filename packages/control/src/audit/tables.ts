/** Room: audit. Tables of the audit log. What is signed stands in the tile store; everything here leads to it or can be rebuilt from it. */
import type { Generated } from 'kysely';

export interface AuditTables {
  /** Leaves that wait for the sequencer: what gateways shipped and what control's own transactions enqueued, in one order, several to a row. */
  audit_pending: {
    tenant: string;
    id: Generated<number>;
    /** JSON array of the leaves' texts: strict UTF-8 JSON each, so that a text carries its exact bytes. */
    entries: string;
    leaves: number;
    /** Place of the first leaf; the others follow it in its gateway's chain. Null for control's own events. */
    gateway: string | null;
    epoch: number | null;
    seq: number | null;
  };
  /** Where the chain of each gateway stands. */
  audit_gateway: {
    tenant: string;
    gateway: string;
    /** Last record taken in. */
    epoch: number;
    seq: number;
    hash: Uint8Array;
    /** Durable head that the gateway last reported in a heartbeat. */
    reported_epoch: number;
    reported_seq: number;
    /** Highest head reported in an earlier epoch than `reported_epoch`, until the chain has passed it. */
    reported_before: number;
    /** When two different records for one position were first seen. */
    forked_at: number | null;
  };
  /** The head of the log. Compare-and-set on (size, root, fence) is what makes the sequencer single. */
  audit_log: {
    tenant: string;
    origin: string;
    size: number;
    root: Uint8Array;
    /** Raised by everybody who begins to sequence; only the holder of the newest may set the head. */
    fence: number;
  };
  /** The files of the log where several replicas serve it (tile-store.ts says what each is). */
  log_file: {
    tenant: string;
    path: string;
    bytes: Uint8Array;
  };
  /** What can be asked of the activity; rebuilt from the entry bundles at any time. */
  audit_index: {
    tenant: string;
    log_index: number;
    leaf_hash: Uint8Array;
    type: string;
    at: number;
    agent: string | null;
    session: string | null;
    action: string | null;
    outcome: string | null;
    gateway: string | null;
    epoch: number | null;
    seq: number | null;
    payload: string | null;
  };
  /** Encrypted contents of records. An erased one keeps nothing but its id. */
  audit_payload: {
    tenant: string;
    id: string;
    kid: string | null;
    wrapped_key: Uint8Array | null;
    salt: Uint8Array | null;
    ciphertext: Uint8Array | null;
    stored_at: number;
    erased_at: number | null;
  };
}
