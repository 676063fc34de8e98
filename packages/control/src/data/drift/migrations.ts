/** Room: data (D-2). */
import type { Migration } from '../../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0028_drift',
    async up(db) {
      await db.schema
        .createTable('input_window')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('gateway', 'text', (c) => c.notNull())
        .addColumn('boot', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('tool', 'text', (c) => c.notNull())
        .addColumn('hour', 'bigint', (c) => c.notNull())
        .addColumn('counts', 'jsonb', (c) => c.notNull())
        .addColumn('changed_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('input_window_pk', ['tenant', 'agent_id', 'tool', 'hour', 'gateway', 'boot'])
        .execute();
      await db.schema
        .createIndex('input_window_changed')
        .on('input_window')
        .columns(['tenant', 'changed_at'])
        .execute();
      await db.schema
        .createTable('input_drift')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('tool', 'text', (c) => c.notNull())
        .addColumn('since', 'bigint', (c) => c.notNull())
        .addColumn('dimensions', 'jsonb', (c) => c.notNull())
        .addPrimaryKeyConstraint('input_drift_pk', ['tenant', 'agent_id', 'tool'])
        .execute();
    },
  },
];
