/** Room: incident. What is stopped, and how fast stops took hold. */
import type { StopReport } from '@atf/core/wire/api';
import type { Scope } from '@atf/core/wire/words';
import type { ColumnType } from 'kysely';

export interface IncidentTables {
  containment: {
    tenant: string;
    /** `kind:id`. */
    key: string;
    scope_kind: Scope['kind'];
    scope_id: string;
    state: 'paused' | 'quarantined' | 'killed';
    since: number;
    reason: string;
    by_id: string;
    /** Name as shown to people. */
    by_name: string;
  };
  stop_report: {
    tenant: string;
    id: string;
    at: number;
    report: ColumnType<StopReport, string, string>;
  };
}
