/** Room: backup. */
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0011_restoration',
    async up(db) {
      await db.schema
        .createTable('restoration')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('place', 'bigint', (c) => c.notNull())
        .addColumn('restored_at', 'bigint', (c) => c.notNull())
        .addColumn('backup_id', 'text', (c) => c.notNull())
        .addColumn('backup_at', 'bigint', (c) => c.notNull())
        .addColumn('from_origin', 'text', (c) => c.notNull())
        .addColumn('from_vkey', 'text', (c) => c.notNull())
        .addColumn('from_checkpoint', 'text', (c) => c.notNull())
        .addColumn('to_origin', 'text', (c) => c.notNull())
        .addColumn('settled_at', 'bigint')
        .addPrimaryKeyConstraint('restoration_pk', ['tenant', 'id'])
        .addUniqueConstraint('restoration_place_once', ['tenant', 'place'])
        .execute();
    },
  },
  {
    name: '0035_totals_after_restore',
    async up(db) {
      await db.schema.alterTable('restoration').addColumn('totals_lifted_at', 'bigint').execute();
    },
  },
];
