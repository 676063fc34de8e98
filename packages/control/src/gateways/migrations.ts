/** Room: gateways. */
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0001_gateways',
    async up(db) {
      await db.schema
        .createTable('gateway')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('public_key', 'text', (c) => c.notNull())
        .addColumn('jkt', 'text', (c) => c.notNull())
        .addColumn('enrolled_at', 'bigint', (c) => c.notNull())
        .addColumn('revoked_at', 'bigint')
        .addPrimaryKeyConstraint('gateway_pk', ['tenant', 'id'])
        .addUniqueConstraint('gateway_key_once', ['tenant', 'jkt'])
        .execute();
      await db.schema
        .createTable('gateway_join_token')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('token_hash', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('used_at', 'bigint')
        .addPrimaryKeyConstraint('gateway_join_token_pk', ['tenant', 'token_hash'])
        .execute();
    },
  },
  {
    name: '0004_carried_servers',
    async up(db) {
      for (const table of ['gateway', 'gateway_join_token'])
        await db.schema.alterTable(table).addColumn('servers', 'jsonb').execute();
    },
  },
  {
    name: '0009_gateway_address',
    async up(db) {
      await db.schema.alterTable('gateway').addColumn('public_url', 'text').execute();
    },
  },
];
