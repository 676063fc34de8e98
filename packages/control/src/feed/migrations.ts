/** Room: feed. */
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0001_feed',
    async up(db) {
      await db.schema
        .createTable('feed_head')
        .addColumn('tenant', 'text', (c) => c.primaryKey())
        .addColumn('version', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('feed_doc')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('topic', 'text', (c) => c.notNull())
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('version', 'bigint', (c) => c.notNull())
        .addColumn('body', 'text')
        .addPrimaryKeyConstraint('feed_doc_pk', ['tenant', 'topic', 'key'])
        .execute();
      await db.schema.createIndex('feed_doc_version').on('feed_doc').columns(['tenant', 'version']).execute();
    },
  },
];
