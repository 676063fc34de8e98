/** Room: activity. */
import { sql } from 'kysely';
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0002_activity',
    async up(db) {
      await db.schema
        .createTable('activity')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('idx', 'bigint', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('type', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text')
        .addColumn('action_id', 'text')
        .addColumn('tool', 'text')
        .addColumn('class', 'text')
        .addColumn('level', 'text')
        .addColumn('outcome', 'text')
        .addColumn('code', 'text')
        .addColumn('person_id', 'text')
        .addColumn('summary', 'text', (c) => c.notNull())
        .addColumn('took_ms', 'double precision')
        .addPrimaryKeyConstraint('activity_pk', ['tenant', 'idx'])
        .execute();
      await db.schema
        .createIndex('activity_of_agent')
        .on('activity')
        .columns(['tenant', 'agent_id', 'idx'])
        .execute();
      await db.schema
        .createIndex('activity_of_outcome')
        .on('activity')
        .columns(['tenant', 'outcome', 'idx'])
        .execute();
      await db.schema.createIndex('activity_at').on('activity').columns(['tenant', 'at']).execute();
      await sql`create index activity_of_action on activity (tenant, action_id, idx) where action_id is not null`.execute(
        db,
      );
      await db.schema
        .createTable('activity_head')
        .addColumn('tenant', 'text', (c) => c.primaryKey())
        .addColumn('next_idx', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
];
