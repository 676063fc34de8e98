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
        .createTable('containment_event')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('by_id', 'text', (c) => c.notNull())
        .addColumn('report', 'jsonb')
        .addPrimaryKeyConstraint('containment_event_pk', ['tenant', 'id'])
        .execute();
      await db.schema
        .createIndex('containment_event_newest')
        .on('containment_event')
        .columns(['tenant', 'at'])
        .execute();
    },
  },
  {
    name: '0008_incident_graceful',
    async up(db) {
      await db.schema.alterTable('containment').addColumn('label', 'text').execute();
      await db.schema.alterTable('containment').addColumn('drain_until', 'bigint').execute();
    },
  },
];
