/** Room: policy. */
import { sql } from 'kysely';
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0002_policy',
    async up(db) {
      await db.schema
        .createTable('policy_set')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('files', 'text', (c) => c.notNull())
        .addColumn('policies', 'text', (c) => c.notNull())
        .addColumn('settings', 'text', (c) => c.notNull())
        .addColumn('first_active_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('policy_set_pk', ['tenant', 'digest'])
        .execute();
      await db.schema
        .createTable('policy_active')
        .addColumn('tenant', 'text', (c) => c.primaryKey())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('epoch', 'bigint', (c) => c.notNull())
        .addColumn('since', 'bigint', (c) => c.notNull())
        .addColumn('settings_doc', 'text', (c) => c.notNull())
        .addForeignKeyConstraint('policy_active_set', ['tenant', 'digest'], 'policy_set', [
          'tenant',
          'digest',
        ])
        .execute();
    },
  },
  {
    name: '0013_policy_versions',
    async up(db) {
      await db.schema
        .createTable('policy_version')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('version', 'bigint', (c) => c.notNull())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('by', 'text', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('restores', 'bigint')
        .addColumn('loosens', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('policy_version_pk', ['tenant', 'version'])
        .addForeignKeyConstraint('policy_version_set', ['tenant', 'digest'], 'policy_set', [
          'tenant',
          'digest',
        ])
        .execute();
      await db.schema
        .createTable('policy_candidate')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('base', 'bigint', (c) => c.notNull())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('content', 'text', (c) => c.notNull())
        .addColumn('restores', 'bigint')
        .addColumn('reason', 'text')
        .addColumn('findings', 'text', (c) => c.notNull())
        .addColumn('needed', 'integer', (c) => c.notNull())
        .addColumn('shown_digest', 'text', (c) => c.notNull())
        .addColumn('proposed_by', 'text', (c) => c.notNull())
        .addColumn('proposed_at', 'bigint', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('confirmed_by', 'text', (c) => c.notNull())
        .addColumn('version', 'bigint')
        .addPrimaryKeyConstraint('policy_candidate_pk', ['tenant', 'id'])
        .execute();
      // What was in force before versions were kept is the first of them.
      await sql`
        insert into policy_version (tenant, version, digest, at, by, reason, loosens)
        select tenant, 1, digest, since, '[]', 'in force before versions were kept', '[]' from policy_active
      `.execute(db);
    },
  },
  {
    name: '0016_policy_backtests',
    async up(db) {
      await db.schema
        .createTable('policy_backtest')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('candidate', 'text')
        .addColumn('agent', 'text')
        .addColumn('level', 'text')
        .addColumn('base', 'bigint', (c) => c.notNull())
        .addColumn('days', 'integer', (c) => c.notNull())
        .addColumn('since', 'bigint', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('by', 'text', (c) => c.notNull())
        .addColumn('started_at', 'bigint', (c) => c.notNull())
        .addColumn('beat_at', 'bigint', (c) => c.notNull())
        .addColumn('ended_at', 'bigint')
        .addColumn('cancelled', 'boolean', (c) => c.notNull())
        .addColumn('code', 'text')
        .addColumn('report', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('policy_backtest_pk', ['tenant', 'id'])
        .execute();
      await db.schema
        .createTable('policy_backtest_change')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('backtest', 'text', (c) => c.notNull())
        .addColumn('first', 'bigint', (c) => c.notNull())
        .addColumn('last', 'bigint', (c) => c.notNull())
        .addColumn('items', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('policy_backtest_change_pk', ['tenant', 'backtest', 'first'])
        .addForeignKeyConstraint(
          'policy_backtest_change_of',
          ['tenant', 'backtest'],
          'policy_backtest',
          ['tenant', 'id'],
          (c) => c.onDelete('cascade'),
        )
        .execute();
    },
  },
  {
    name: '0017_applications',
    async up(db) {
      await db.schema
        .createTable('application_version')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('version', 'bigint', (c) => c.notNull())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('content', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('by', 'text', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('application_version_pk', ['tenant', 'name', 'version'])
        .execute();
      await db.schema.alterTable('policy_candidate').addColumn('application', 'text').execute();
    },
  },
  {
    name: '0016_policy_shadow',
    async up(db) {
      await db.schema
        .createTable('policy_shadow')
        .addColumn('tenant', 'text', (c) => c.primaryKey())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('candidate', 'text', (c) => c.notNull())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('base', 'bigint', (c) => c.notNull())
        .addColumn('policies', 'text', (c) => c.notNull())
        .addColumn('by', 'text', (c) => c.notNull())
        .addColumn('started_at', 'bigint', (c) => c.notNull())
        .addColumn('ends_at', 'bigint', (c) => c.notNull())
        .addColumn('stopped_at', 'bigint')
        .execute();
      await db.schema
        .createTable('policy_shadow_count')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('gateway', 'text', (c) => c.notNull())
        .addColumn('boot', 'text', (c) => c.notNull())
        .addColumn('shadow', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('report', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('policy_shadow_count_pk', ['tenant', 'gateway', 'boot'])
        .execute();
    },
  },
];
