/** Room: policy. Every set that was ever in force, by its content, and which one is. */
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
}
