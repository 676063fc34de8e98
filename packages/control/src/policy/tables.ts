/** Room: policy. Every set that was ever in force, by its content; which one is; the versions in their order; candidates for the next. */
import type { Level } from '@atf/core/wire/words';

export interface PolicyTables {
  policy_set: {
    tenant: string;
    digest: string;
    /** JSON `[{name, text}]`: the files, byte for byte. */
    files: string;
    /** JSON: the policies of the feed document. */
    policies: string;
    /** JSON: the checked settings. */
    settings: string;
    first_active_at: number;
  };
  policy_active: {
    tenant: string;
    digest: string;
    /** Raised by every activation. */
    epoch: number;
    since: number;
    /** JSON of the settings document as it was last given to gateways. */
    settings_doc: string;
  };
  policy_version: {
    tenant: string;
    /** Counts from 1 without gaps; the highest is in force. */
    version: number;
    digest: string;
    at: number;
    /** JSON: ids of the people whose presence put it into force; none: the start did. */
    by: string;
    /** A person's own words; they stand here and in no record. */
    reason: string;
    restores: number | null;
    /** JSON: sentences. */
    loosens: string;
  };
  /** Sets of applications (applications.ts): every version that was in force. */
  application_version: {
    tenant: string;
    name: string;
    /** Counts from 1 without gaps for each name; the highest is in force. */
    version: number;
    digest: string;
    /** JSON `{files, policies, entities}`. */
    content: string;
    at: number;
    /** JSON: ids of the people whose presence put it into force. */
    by: string;
    reason: string;
  };
  policy_candidate: {
    tenant: string;
    id: string;
    /** Of this application set; null: of the set about agents. */
    application: string | null;
    base: number;
    digest: string;
    /** JSON `{files, policies, settings}`. */
    content: string;
    restores: number | null;
    /** null: only to plan with. */
    reason: string | null;
    /** JSON: what the comparison with the base found. */
    findings: string;
    /** People whose presence it takes. */
    needed: number;
    shown_digest: string;
    proposed_by: string;
    proposed_at: number;
    expires_at: number;
    /** JSON: ids of the people who confirmed. */
    confirmed_by: string;
    /** The version that it became. */
    version: number | null;
  };
  policy_backtest: {
    tenant: string;
    id: string;
    candidate: string | null;
    /** Name of the only agent that is looked at. */
    agent: string | null;
    level: Level | null;
    base: number;
    days: number;
    since: number;
    state: 'running' | 'done' | 'cancelled' | 'failed';
    by: string;
    started_at: number;
    /** Written by the process that runs it, every second. */
    beat_at: number;
    ended_at: number | null;
    /** Somebody wants it to end. */
    cancelled: boolean;
    code: string | null;
    /** JSON: what was found so far. */
    report: string;
  };
  /** Changed decisions, some of them in each row. */
  policy_backtest_change: {
    tenant: string;
    backtest: string;
    /** Index in the log of the first and of the last. */
    first: number;
    last: number;
    /** JSON: the changes. */
    items: string;
  };
  /** The newest shadow. */
  policy_shadow: {
    tenant: string;
    id: string;
    candidate: string;
    digest: string;
    base: number;
    /** JSON: the policies of the feed document. */
    policies: string;
    by: string;
    started_at: number;
    ends_at: number;
    stopped_at: number | null;
  };
  /** What each gateway process has counted for it. */
  policy_shadow_count: {
    tenant: string;
    gateway: string;
    boot: string;
    shadow: string;
    at: number;
    /** JSON. */
    report: string;
  };
}
