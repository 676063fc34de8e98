/** Room: identity. Registered agents, their versions, and who may come in under which key. */
import type { Adapted } from '@atf/core/wire/adaptive';
import type { Manifest } from '@atf/core/wire/manifest';
import type { Level } from '@atf/core/wire/words';
import type { ColumnType } from 'kysely';

export interface IdentityTables {
  agent: {
    tenant: string;
    id: string;
    name: string;
    version: string;
    /** SHA-256 of the manifest in force; the text stands in `agent_version`. */
    manifest_digest: string;
    /** Earned level. */
    level: Level;
    /** Temporary cap; null: none. */
    ceiling: Level | null;
    owner_id: string;
    technical_owner_id: string;
    business_owner_id: string;
    escalation_id: string;
    /** Ids of people who may stop it besides owners and operators. */
    may_stop: ColumnType<string[], string, string>;
    /** Got its level by the example workspace, without evidence. */
    bootstrap: boolean;
    /** Raised by every change that decisions depend on. */
    epoch: number;
    /** Raised by a kill or revocation; voids every credential below. */
    credential_epoch: number;
    registered_at: number;
    /** What control adapts while it works: goes with its document. */
    adapted: ColumnType<Adapted, string | undefined, string>;
  };
  agent_version: {
    tenant: string;
    agent_id: string;
    digest: string;
    version: string;
    /** The manifest as given, byte for byte: what the digest is over. */
    text: string;
    manifest: ColumnType<Manifest, string, string>;
    registered_at: number;
    registered_by: string;
  };
  agent_join_token: {
    tenant: string;
    /** SHA-256 of the token; the token itself is never stored. */
    token_hash: string;
    agent_id: string;
    issued_by: string;
    expires_at: number;
    used_at: number | null;
  };
  instance: {
    tenant: string;
    id: string;
    agent_id: string;
    /** RFC 7638 thumbprint; null: a plain bearer token without a key. */
    jkt: string | null;
    state: 'active' | 'revoked';
    /** The version and credential epoch under which it enrolled; it does not outlive either. */
    manifest_digest: string;
    credential_epoch: number;
    /** The person who issued the join token: who brought this copy in. */
    enrolled_by: string;
    enrolled_at: number;
  };
  agent_session: {
    tenant: string;
    sid: string;
    agent_id: string;
    instance_id: string;
    opened_at: number;
    /** When its last token ends; moves on with every token. */
    expires_at: number;
    ended_at: number | null;
    /** The task that it works on. */
    task_id: string | null;
    /** The delegation that it works on; it has no task of its own then. */
    delegation_id: string | null;
  };
  /** One piece of work that one session of an agent gave to another agent, for one session of it. */
  delegation: {
    tenant: string;
    id: string;
    /** To whom. */
    agent_id: string;
    by_agent_id: string;
    by_sid: string;
    /** JSON: the chain above, the root first, as tokens say it. */
    links: string;
    /** The task of the root. */
    task_id: string | null;
    /** What the agent said, sealed. */
    kid: string;
    box: Uint8Array;
    given_at: number;
    expires_at: number;
    /** The session that has it, or had it: no other one ever does. */
    sid: string | null;
  };
  /** Enforcement points of others (points.ts). */
  enforcement_point: {
    tenant: string;
    id: string;
    name: string;
    /** SHA-256 of the credential; the credential itself is never stored. */
    credential_digest: string;
    /** JSON: the agents that it asks about, each with the instance that it holds of them. */
    agents: string;
    application: string | null;
    /** JSON: service → address. */
    services: string;
    proves: boolean;
    questions_per_minute: number;
    registered_at: number;
    registered_by: string;
    revoked_at: number | null;
  };
  /** Host applications (hosts.ts). */
  host_application: {
    tenant: string;
    id: string;
    name: string;
    /** SHA-256 of the credential; the credential itself is never stored. */
    credential_digest: string;
    /** JSON: ids of the agents for which it may declare tasks. */
    agents: string;
    answered_by: string;
    registered_at: number;
    registered_by: string;
    revoked_at: number | null;
  };
  task: {
    tenant: string;
    id: string;
    agent_id: string;
    /** Who gave it, or answers for the host application that declared it. */
    given_by: string;
    /** The host application that declared it, and for whom, by its own reference; null: a person gave it. */
    host_id: string | null;
    declared_for: string | null;
    /** The words, sealed: a JSON array of turns. */
    kid: string;
    box: Uint8Array;
    given_at: number;
    expires_at: number;
    /** The session that has it. */
    sid: string | null;
    ended_at: number | null;
  };
}
