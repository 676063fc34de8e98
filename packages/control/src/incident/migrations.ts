/** Room: incident. */
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0002_incident',
    async up(db) {
      await db.schema
        .createTable('containment')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('scope_kind', 'text', (c) => c.notNull())
        .addColumn('scope_id', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('since', 'bigint', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('by_id', 'text', (c) => c.notNull())
        .addColumn('by_name', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('containment_pk', ['tenant', 'key'])
        .execute();
      await db.schema
        .createTable('stop_report')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('report', 'jsonb', (c) => c.notNull())
        .addPrimaryKeyConstraint('stop_report_pk', ['tenant', 'id'])
        .execute();
      await db.schema.createIndex('stop_report_newest').on('stop_report').columns(['tenant', 'at']).execute();
    },
  },
];
