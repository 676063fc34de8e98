/** Room: data (D-5). The index of lineage. Every row is derived from the log, and can be made again from it at any time. */
export interface LineageTables {
  /** One decided call, and what came of it. */
  lineage_action: {
    tenant: string;
    action: string;
    log_index: number;
    at: number;
    agent: string;
    session: string;
    /** `server/tool`. */
    source: string;
    class: string | null;
    /** Of the decision: allowed, waiting, refused. */
    decided: string;
    sensitivity: string | null;
    trust: string | null;
    /** Of the outcome. */
    status: string | null;
    ended_at: number | null;
    /** JSON array: what detectors found in the result. */
    labels: string | null;
  };
  /** Where one value of a call came from. */
  lineage_value: {
    tenant: string;
    action: string;
    argument: string;
    origin: string;
    log_index: number;
    from_source: string | null;
    from_action: string | null;
  };
  lineage_session: {
    tenant: string;
    session: string;
    log_index: number;
    agent: string;
    task: string | null;
    /** The session of the agent above, which delegated. */
    parent: string | null;
  };
  /** How far the log is looked through. */
  lineage_mark: { tenant: string; entries: number };
}
