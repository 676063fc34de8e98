/** Room: policy. */
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
];
