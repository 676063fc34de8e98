/** Room: data (D-5). */
import type { Migration } from '../../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0027_lineage',
    async up(db) {
      await db.schema
        .createTable('lineage_action')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('action', 'text', (c) => c.notNull())
        .addColumn('log_index', 'bigint', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('agent', 'text', (c) => c.notNull())
        .addColumn('session', 'text', (c) => c.notNull())
        .addColumn('source', 'text', (c) => c.notNull())
        .addColumn('class', 'text')
        .addColumn('decided', 'text', (c) => c.notNull())
        .addColumn('sensitivity', 'text')
        .addColumn('trust', 'text')
        .addColumn('status', 'text')
        .addColumn('ended_at', 'bigint')
        .addColumn('labels', 'text')
        .addPrimaryKeyConstraint('lineage_action_pk', ['tenant', 'action'])
        .execute();
      for (const column of ['session', 'source'] as const)
        await db.schema
          .createIndex(`lineage_action_${column}`)
          .on('lineage_action')
          .columns(['tenant', column, 'log_index'])
          .execute();
      await db.schema
        .createTable('lineage_value')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('action', 'text', (c) => c.notNull())
        .addColumn('argument', 'text', (c) => c.notNull())
        .addColumn('origin', 'text', (c) => c.notNull())
        .addColumn('log_index', 'bigint', (c) => c.notNull())
        .addColumn('from_source', 'text')
        .addColumn('from_action', 'text')
        .addPrimaryKeyConstraint('lineage_value_pk', ['tenant', 'action', 'argument'])
        .execute();
      await db.schema
        .createIndex('lineage_value_from')
        .on('lineage_value')
        .columns(['tenant', 'from_action', 'log_index'])
        .execute();
      await db.schema
        .createTable('lineage_session')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('session', 'text', (c) => c.notNull())
        .addColumn('log_index', 'bigint', (c) => c.notNull())
        .addColumn('agent', 'text', (c) => c.notNull())
        .addColumn('task', 'text')
        .addColumn('parent', 'text')
        .addPrimaryKeyConstraint('lineage_session_pk', ['tenant', 'session'])
        .execute();
      for (const column of ['task', 'parent'] as const)
        await db.schema
          .createIndex(`lineage_session_${column}`)
          .on('lineage_session')
          .columns(['tenant', column])
          .execute();
      await db.schema
        .createTable('lineage_mark')
        .addColumn('tenant', 'text', (c) => c.primaryKey())
        .addColumn('entries', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
];
