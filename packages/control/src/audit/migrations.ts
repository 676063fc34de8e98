/** Room: audit. */
import { sql } from 'kysely';
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0002_audit',
    async up(db) {
      await db.schema
        .createTable('audit_pending')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'bigint', (c) => c.notNull().generatedAlwaysAsIdentity())
        .addColumn('entry', 'bytea', (c) => c.notNull())
        .addColumn('leaf_hash', 'bytea', (c) => c.notNull())
        .addColumn('gateway', 'text')
        .addColumn('epoch', 'bigint')
        .addColumn('seq', 'bigint')
        .addPrimaryKeyConstraint('audit_pending_pk', ['tenant', 'id'])
        .addUniqueConstraint('audit_pending_once', ['tenant', 'gateway', 'epoch', 'seq'])
        .execute();
      await db.schema
        .createTable('audit_gateway')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('gateway', 'text', (c) => c.notNull())
        .addColumn('epoch', 'bigint', (c) => c.notNull())
        .addColumn('seq', 'bigint', (c) => c.notNull())
        .addColumn('hash', 'bytea', (c) => c.notNull())
        .addColumn('reported_epoch', 'bigint', (c) => c.notNull())
        .addColumn('reported_seq', 'bigint', (c) => c.notNull())
        .addColumn('reported_before', 'bigint', (c) => c.notNull())
        .addColumn('forked_at', 'bigint')
        .addPrimaryKeyConstraint('audit_gateway_pk', ['tenant', 'gateway'])
        .execute();
      await db.schema
        .createTable('audit_log')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('origin', 'text', (c) => c.notNull())
        .addColumn('size', 'bigint', (c) => c.notNull())
        .addColumn('root', 'bytea', (c) => c.notNull())
        .addColumn('fence', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('audit_log_pk', ['tenant', 'origin'])
        .execute();
      await db.schema
        .createTable('audit_index')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('log_index', 'bigint', (c) => c.notNull())
        .addColumn('leaf_hash', 'bytea', (c) => c.notNull())
        .addColumn('type', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('agent', 'text')
        .addColumn('session', 'text')
        .addColumn('action', 'text')
        .addColumn('outcome', 'text')
        .addColumn('gateway', 'text')
        .addColumn('epoch', 'bigint')
        .addColumn('seq', 'bigint')
        .addColumn('payload', 'text')
        .addPrimaryKeyConstraint('audit_index_pk', ['tenant', 'log_index'])
        .addUniqueConstraint('audit_index_once', ['tenant', 'gateway', 'epoch', 'seq'])
        .execute();
      // Few, because every record pays for each. `outcome = $1` implies `is not null`, so the partial ones serve.
      for (const column of ['agent', 'action', 'outcome'] as const) {
        await sql`
          create index ${sql.ref(`audit_index_${column}`)} on audit_index (tenant, ${sql.ref(column)}, log_index)
          where ${sql.ref(column)} is not null`.execute(db);
      }
      await sql`create index audit_index_at on audit_index (tenant, at)`.execute(db);
      await db.schema
        .createTable('audit_payload')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('kid', 'text')
        .addColumn('wrapped_key', 'bytea')
        .addColumn('salt', 'bytea')
        .addColumn('ciphertext', 'bytea')
        .addColumn('stored_at', 'bigint', (c) => c.notNull())
        .addColumn('erased_at', 'bigint')
        .addPrimaryKeyConstraint('audit_payload_pk', ['tenant', 'id'])
        .execute();
    },
  },
  {
    // One row, one index entry and one deletion for many leaves: on the embedded database a row cost as much as everything else about its leaf.
    name: '0005_pending_gathered',
    async up(db) {
      await sql`alter table audit_pending add column entries text, add column leaves integer`.execute(db);
      await sql`update audit_pending set entries = json_build_array(convert_from(entry, 'UTF8'))::text, leaves = 1`.execute(
        db,
      );
      await sql`
        alter table audit_pending drop column entry, drop column leaf_hash,
          alter column entries set not null, alter column leaves set not null`.execute(db);
      // Compressing what is deleted a moment later is work for nothing.
      await sql`alter table audit_pending alter column entries set storage external`.execute(db);
    },
  },
  {
    name: '0009_log_files',
    async up(db) {
      await db.schema
        .createTable('log_file')
        .addColumn('tenant', 'text', (c) => c.notNull())
        // Compared by bytes: a folder is a range of paths.
        .addColumn('path', sql`text collate "C"`, (c) => c.notNull())
        .addColumn('bytes', 'bytea', (c) => c.notNull())
        .addPrimaryKeyConstraint('log_file_pk', ['tenant', 'path'])
        .execute();
    },
  },
];
