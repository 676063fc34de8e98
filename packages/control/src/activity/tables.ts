/** Room: activity. One row per record of the log, in the words of people; made from the log and can be made again from it. */
import type { ActivityItem } from '@atf/core/wire/api';
import type { ActionClass, Level } from '@atf/core/wire/words';

export interface ActivityTables {
  activity: {
    tenant: string;
    /** Position in the log. */
    idx: number;
    at: number;
    type: string;
    agent_id: string | null;
    action_id: string | null;
    tool: string | null;
    class: ActionClass | null;
    level: Level | null;
    outcome: NonNullable<ActivityItem['outcome']> | null;
    code: string | null;
    person_id: string | null;
    summary: string;
    took_ms: number | null;
  };
  activity_head: {
    tenant: string;
    /** The next position of the log to project. */
    next_idx: number;
  };
}
