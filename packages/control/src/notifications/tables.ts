/** Room: notifications. What people are told, where it goes, and the messages on their way. */
import type { ChannelKind, DeliveryState, NoticeKind, Severity } from '@atf/core/wire/notifications';
import type { ColumnType } from 'kysely';

/** Facts of an event, ids and not names, from which the words are made. */
export type NoticeFacts = Record<string, unknown>;

export interface NotificationTables {
  notification: {
    tenant: string;
    id: string;
    at: number;
    kind: NoticeKind;
    severity: Severity;
    /** The same piece of news told twice is one notification. */
    once_key: string;
    action_id: string | null;
    agent_id: string | null;
    tool: string | null;
    facts: ColumnType<NoticeFacts, string, string>;
    summary: string;
    because: string;
    /** Words that are not ATF's, and whose. */
    claimed: string | null;
    claimed_by: string | null;
    /** Ids of the people whom it concerns. */
    recipients: ColumnType<string[], string, string>;
    /** Its words were made and its messages written: null until then, when nobody sees it. */
    routed_at: number | null;
    acknowledged_at: number | null;
    acknowledged_by: string | null;
    acknowledged_with: 'session' | 'token' | null;
  };
  notification_target: {
    tenant: string;
    id: string;
    name: string;
    channel: ChannelKind;
    /** What of the address may be shown. */
    destination: string;
    /** Key id and envelope of the channel's settings, addresses and secrets; null: removed. */
    kid: string | null;
    box: Uint8Array | null;
    kinds: ColumnType<NoticeKind[], string, string>;
    severity: Severity;
    agents: ColumnType<string[], string, string>;
    people: ColumnType<string[], string, string>;
    /** Mail only: messages go to each person whom a notification concerns, besides so many fixed addresses. */
    to_people: boolean;
    to_fixed: number;
    window_ms: number;
    attempts_max: number;
    private_network: boolean;
    added_by: string;
    added_at: number;
    removed_at: number | null;
  };
  notification_lane: {
    tenant: string;
    target_id: string;
    /** Person, kind and agent: what is told together. */
    lane: string;
    /** Until then news of this lane joins a digest. */
    window_until: number;
    /** The newest digest of this lane. */
    digest_id: string | null;
    /** Messages that went at once in this window; counted in the lane of a person as a whole. */
    sent: number;
  };
  notification_delivery: {
    tenant: string;
    id: string;
    target_id: string;
    /** `person:<id>`, `to:<place of a fixed address>`, or empty where the target is one address. */
    recipient: string;
    state: DeliveryState;
    digest: boolean;
    severity: Severity;
    /** The first ones, up to a bound; `count` says how many there are. */
    notification_ids: ColumnType<string[], string, string>;
    count: number;
    counts: ColumnType<Record<string, number>, string, string>;
    attempts: number;
    problem: string | null;
    created_at: number;
    due_at: number;
    /** Whoever sends it has until then to say what came of it. */
    claimed_until: number | null;
    settled_at: number | null;
  };
}
