/** Room: replicas. */
import { sql } from 'kysely';
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0009_replicas',
    async up(db) {
      await db.schema
        .createTable('duty')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('holder', 'text', (c) => c.notNull())
        .addColumn('fence', 'bigint', (c) => c.notNull())
        .addColumn('until', 'bigint', (c) => c.notNull())
        .addColumn('note', 'text', (c) => c.notNull().defaultTo(''))
        .addPrimaryKeyConstraint('duty_pk', ['tenant', 'name'])
        .execute();
      await db.schema
        .createTable('replica')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('seen_at', 'bigint', (c) => c.notNull())
        .addColumn('gateways', 'jsonb', (c) => c.notNull())
        .addPrimaryKeyConstraint('replica_pk', ['tenant', 'id'])
        .execute();
      await db.schema
        .createTable('proof_taken')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('jti', 'text', (c) => c.notNull())
        .addColumn('lapse', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('proof_taken_pk', ['tenant', 'kind', 'key', 'jti'])
        .execute();
      await sql`create index proof_taken_lapse on proof_taken (tenant, lapse)`.execute(db);
    },
  },
];
