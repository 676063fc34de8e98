/** Room: data (D-3). */
import type { Migration } from '../../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0031_tokens',
    async up(db) {
      await db.schema
        .createTable('data_token')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('token', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('session', 'text', (c) => c.notNull())
        .addColumn('tool', 'text', (c) => c.notNull())
        .addColumn('action', 'text', (c) => c.notNull())
        .addColumn('detector', 'text', (c) => c.notNull())
        .addColumn('kid', 'text', (c) => c.notNull())
        .addColumn('box', 'bytea', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('given', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('data_token_pk', ['tenant', 'token'])
        .execute();
      await db.schema
        .createIndex('data_token_agent')
        .on('data_token')
        .columns(['tenant', 'agent_id'])
        .execute();
      await db.schema
        .createIndex('data_token_expiry')
        .on('data_token')
        .columns(['tenant', 'expires_at'])
        .execute();
    },
  },
];
