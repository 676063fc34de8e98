/** Room: approvals. Calls that wait for a person, exactly as they would run, encrypted. */
import type { ReviewCall, ReviewReason, ReviewState } from '@atf/core/wire/review';
import type { OutcomeStatus } from '@atf/core/record';
import type { ActionClass, ApprovalState, Role } from '@atf/core/wire/words';
import type { ColumnType } from 'kysely';

export interface ApprovalTables {
  approval: {
    tenant: string;
    id: string;
    state: ApprovalState;
    /** The action that asked. */
    action_id: string;
    agent_id: string;
    instance_id: string;
    sid: string;
    tool: string;
    class: ActionClass;
    args_digest: string;
    definition_digest: string;
    /** Key id and AES-256-GCM box (nonce ‖ ciphertext ‖ tag) of the canonical arguments, bound to this row's id. */
    args_kid: string;
    args_box: Uint8Array;
    /** Random, in what is shown: two equal calls never show the same digest. */
    nonce: string;
    shown_digest: string;
    because: string;
    /** Sealed as the arguments are: what the agent says about it. */
    stated_kid: string | null;
    stated_box: Uint8Array | null;
    /** Only this person, or people with this role, may approve. */
    for_person_id: string | null;
    for_role: Role | null;
    requested_at: number;
    expires_at: number;
    decided_by_id: string | null;
    decided_at: number | null;
    reason: string | null;
    /** The action that consumed it. */
    consumed_by: string | null;
    consumed_at: number | null;
    /** The gateway to which it was released. */
    consumed_via: string | null;
    outcome_status: OutcomeStatus | null;
    outcome_kid: string | null;
    outcome_box: Uint8Array | null;
    finished_at: number | null;
    /** Gateways hold a document of it. */
    told: boolean;
  };
  /** What people look at afterwards: calls of one agent, for one reason, in one hour. */
  review: {
    tenant: string;
    id: string;
    /** Agent, reason and hour: of each there is one that is open and not full. */
    group_key: string;
    agent_id: string;
    because: ReviewReason;
    state: ReviewState;
    calls: ColumnType<ReviewCall[], string, string>;
    /** It gets no more calls. */
    is_full: boolean;
    first_at: number;
    last_at: number;
    /** People were told that it is overdue. */
    told: boolean;
    decided_by: string | null;
    decided_at: number | null;
    note: string | null;
  };
}
