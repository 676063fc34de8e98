/** Room: notifications. */
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0003_notifications',
    async up(db) {
      await db.schema
        .createTable('notification')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('action_id', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('tool', 'text', (c) => c.notNull())
        .addColumn('summary', 'text', (c) => c.notNull())
        .addColumn('because', 'text', (c) => c.notNull())
        .addColumn('recipients', 'jsonb', (c) => c.notNull())
        .addPrimaryKeyConstraint('notification_pk', ['tenant', 'id'])
        // A gateway that did not hear our answer tells again; people are told once.
        .addUniqueConstraint('notification_once', ['tenant', 'action_id'])
        .addForeignKeyConstraint('notification_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
        .execute();
      await db.schema
        .createIndex('notification_newest')
        .on('notification')
        .columns(['tenant', 'at'])
        .execute();
    },
  },
];
