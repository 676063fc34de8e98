/** Room: keys. */
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0001_keys',
    async up(db) {
      await db.schema
        .createTable('key')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('purpose', 'text', (c) => c.notNull())
        .addColumn('kid', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('wrapped', 'bytea', (c) => c.notNull())
        .addColumn('public', 'text')
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('key_pk', ['tenant', 'purpose', 'kid'])
        .execute();
    },
  },
];
