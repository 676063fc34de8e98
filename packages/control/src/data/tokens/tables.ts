/** Room: data (D-3). */
export interface TokenTables {
  /** A value that an agent reads a token in place of, sealed. */
  data_token: {
    tenant: string;
    /** `tok_…`: of one session, one detector and one value. */
    token: string;
    agent_id: string;
    session: string;
    /** `server/tool` in whose result it stood. */
    tool: string;
    action: string;
    detector: string;
    /** Of the key that it is sealed under. */
    kid: string;
    box: Uint8Array;
    expires_at: number;
    /** How often it was turned back for a tool. */
    given: number;
  };
}
