/** Room: people. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from '../context.ts';

async function people(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('person')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('email', 'text', (c) => c.notNull())
    .addColumn('email_key', 'text', (c) => c.notNull())
    .addColumn('roles', 'jsonb', (c) => c.notNull())
    .addColumn('bootstrap', 'boolean', (c) => c.notNull())
    .addColumn('passphrase', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('person_pk', ['tenant', 'id'])
    .addUniqueConstraint('person_email_once', ['tenant', 'email_key'])
    .execute();
}

async function signIn(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sign_in_link')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('token_hash', 'text', (c) => c.notNull())
    .addColumn('person_id', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .addPrimaryKeyConstraint('sign_in_link_pk', ['tenant', 'token_hash'])
    .addForeignKeyConstraint('sign_in_link_person', ['tenant', 'person_id'], 'person', ['tenant', 'id'])
    .execute();
  await db.schema
    .createTable('console_session')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id_hash', 'text', (c) => c.notNull())
    .addColumn('person_id', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('last_seen_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('console_session_pk', ['tenant', 'id_hash'])
    .addForeignKeyConstraint('console_session_person', ['tenant', 'person_id'], 'person', ['tenant', 'id'])
    .execute();
}

async function passkeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('passkey')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('credential_id', 'text', (c) => c.notNull())
    .addColumn('person_id', 'text', (c) => c.notNull())
    .addColumn('public_key', 'bytea', (c) => c.notNull())
    .addColumn('counter', 'bigint', (c) => c.notNull())
    .addColumn('transports', 'jsonb', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('passkey_pk', ['tenant', 'credential_id'])
    .addForeignKeyConstraint('passkey_person', ['tenant', 'person_id'], 'person', ['tenant', 'id'])
    .execute();
  await db.schema.createIndex('passkey_of_person').on('passkey').columns(['tenant', 'person_id']).execute();
  await db.schema
    .createTable('passkey_challenge')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('person_id', 'text', (c) => c.notNull())
    .addColumn('challenge', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('passkey_challenge_pk', ['tenant', 'person_id'])
    .execute();
}

async function presence(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('presence')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('person_id', 'text', (c) => c.notNull())
    .addColumn('subject_kind', 'text', (c) => c.notNull())
    .addColumn('subject_id', 'text', (c) => c.notNull())
    .addColumn('subject_digest', 'text', (c) => c.notNull())
    .addColumn('challenge', 'text', (c) => c.notNull())
    .addColumn('token_hash', 'text')
    .addColumn('method', 'text')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .addPrimaryKeyConstraint('presence_pk', ['tenant', 'id'])
    .addForeignKeyConstraint('presence_person', ['tenant', 'person_id'], 'person', ['tenant', 'id'])
    .execute();
  await sql`create unique index presence_token_once on presence (tenant, token_hash) where token_hash is not null`.execute(
    db,
  );
  await db.schema
    .createTable('presence_failure')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('person_id', 'text', (c) => c.notNull())
    .addColumn('window_start', 'bigint', (c) => c.notNull())
    .addColumn('count', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('presence_failure_pk', ['tenant', 'person_id'])
    .execute();
}

async function clearances(db: Kysely<unknown>): Promise<void> {
  for (const table of ['sign_in_link', 'console_session']) {
    await db.schema
      .alterTable(table)
      .addColumn('cleared', 'boolean', (c) => c.notNull().defaultTo(false))
      .execute();
  }
  await db.schema
    .createTable('clearance')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('operation', 'text', (c) => c.notNull())
    .addColumn('request', 'text', (c) => c.notNull())
    .addColumn('says', 'text', (c) => c.notNull())
    .addColumn('shown_digest', 'text', (c) => c.notNull())
    .addColumn('asked_by', 'text', (c) => c.notNull())
    .addColumn('asked_at', 'bigint', (c) => c.notNull())
    .addColumn('granted_by', 'text')
    .addColumn('used_at', 'bigint')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('clearance_pk', ['tenant', 'id'])
    .addForeignKeyConstraint('clearance_asked_by', ['tenant', 'asked_by'], 'person', ['tenant', 'id'])
    .execute();
}

export const migrations: readonly Migration[] = [
  {
    name: '0001_people',
    async up(db) {
      await people(db);
      await signIn(db);
      await passkeys(db);
      await presence(db);
    },
  },
  { name: '0004_clearance', up: clearances },
];
