/** Room: replicas. Control processes that share one PostgreSQL: who leads, who is there, and what they remember together. */
import type { ColumnType } from 'kysely';
import type { LiveGateway } from '../context.ts';

export interface ReplicaTables {
  /** What only one process does at a time. A holder writes under its fence; who takes over raises it, so that a late write of the one before is refused. */
  duty: {
    tenant: string;
    name: string;
    /** Id of a replica. */
    holder: string;
    fence: number;
    /** Of the database's clock. */
    until: number;
    /** JSON: what the holder tells the others. */
    note: string;
  };
  replica: {
    tenant: string;
    id: string;
    /** Of the database's clock. */
    seen_at: number;
    gateways: ColumnType<LiveGateway[], string, string>;
  };
  /** Proofs of possession that were taken, until they would be refused for their age. */
  proof_taken: {
    tenant: string;
    /** `gateways` or `instances`. */
    kind: string;
    key: string;
    jti: string;
    lapse: number;
  };
}
