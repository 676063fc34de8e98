/** Room: notifications. What people were told about actions that agents took alone. */
import type { ColumnType } from 'kysely';

export interface NotificationTables {
  notification: {
    tenant: string;
    id: string;
    at: number;
    action_id: string;
    agent_id: string;
    tool: string;
    summary: string;
    because: string;
    /** Ids of the people who were told. */
    recipients: ColumnType<string[], string, string>;
  };
}
