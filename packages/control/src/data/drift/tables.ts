/** Room: data (D-2). */
export interface DriftTables {
  /** What one process of a gateway has counted in an hour of one agent's source. */
  input_window: {
    tenant: string;
    gateway: string;
    boot: string;
    agent_id: string;
    tool: string;
    hour: number;
    /** `InputCounts`. */
    counts: unknown;
    changed_at: number;
  };
  /** Sources that have drifted and have not come back. */
  input_drift: {
    tenant: string;
    agent_id: string;
    tool: string;
    since: number;
    /** JSON array of what it drifted in. */
    dimensions: unknown;
  };
}
