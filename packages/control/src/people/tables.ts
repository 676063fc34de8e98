/** Room: people. Who there is, how they sign in, and how they prove that they are present. Personal data stands in `person` alone. */
import type { Role } from '@atf/core/wire/words';
import type { ColumnType } from 'kysely';

export interface PeopleTables {
  person: {
    tenant: string;
    id: string;
    name: string;
    email: string;
    /** Lower case of `email`: the unique one. */
    email_key: string;
    roles: ColumnType<Role[], string, string>;
    /** Set up by the example workspace: presence may be simulated there. */
    bootstrap: boolean;
    /** `scrypt$N$r$p$salt$hash`, base64url; null: none was set. */
    passphrase: string | null;
    created_at: number;
  };
  sign_in_link: {
    tenant: string;
    token_hash: string;
    person_id: string;
    expires_at: number;
    used_at: number | null;
    /** Its session may set the first factor although others have factors already. */
    cleared: boolean;
  };
  clearance: {
    tenant: string;
    id: string;
    operation: string;
    /** Canonical JSON of operation, parameters and body. */
    request: string;
    says: string;
    shown_digest: string;
    asked_by: string;
    asked_at: number;
    granted_by: string | null;
    used_at: number | null;
    /** Of the question until it is granted, of the grant after. */
    expires_at: number;
  };
  console_session: {
    tenant: string;
    id_hash: string;
    person_id: string;
    created_at: number;
    last_seen_at: number;
    /** Opened by a cleared link. */
    cleared: boolean;
    /** Absolute bound; the idle bound counts from `last_seen_at`. */
    expires_at: number;
  };
  passkey: {
    tenant: string;
    credential_id: string;
    person_id: string;
    public_key: Uint8Array;
    counter: number;
    transports: ColumnType<string[], string, string>;
    created_at: number;
  };
  passkey_challenge: {
    tenant: string;
    person_id: string;
    challenge: string;
    expires_at: number;
  };
  presence: {
    tenant: string;
    id: string;
    person_id: string;
    subject_kind: string;
    subject_id: string;
    subject_digest: string;
    /** WebAuthn challenge of this confirmation. */
    challenge: string;
    /** null until confirmed. */
    token_hash: string | null;
    method: string | null;
    expires_at: number;
    used_at: number | null;
  };
  presence_failure: {
    tenant: string;
    person_id: string;
    window_start: number;
    count: number;
  };
}
