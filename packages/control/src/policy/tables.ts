/** Room: policy. Every set that was ever in force, by its content; which one is; the versions in their order; candidates for the next. */
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
  policy_candidate: {
    tenant: string;
    id: string;
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
}
