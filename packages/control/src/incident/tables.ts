/** Room: incident. What is stopped, and what people did about stops, with their reasons and how fast stops took hold. */
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
    /** What people call the scope, where its id does not say. */
    label: string | null;
    /** Of a graceful stop, until it is forced. */
    drain_until: number | null;
  };
  containment_event: {
    tenant: string;
    /** Stands in the log in place of the reason, which is a person's own words. */
    id: string;
    at: number;
    kind:
      | 'stopped'
      | 'resumed'
      | 'revoked'
      | 'ceiling'
      | 'unthrottle'
      | 'declassified'
      | 'revealed'
      | 'blended'
      | 'forgotten';
    key: string;
    reason: string;
    by_id: string;
    /** Of a stop, once gateways have confirmed it. */
    report: ColumnType<StopReport | null, string | null, string | null>;
  };
}
