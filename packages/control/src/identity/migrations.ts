/** Room: identity. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from '../context.ts';

async function agents(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('agent')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('manifest_digest', 'text', (c) => c.notNull())
    .addColumn('level', 'text', (c) => c.notNull())
    .addColumn('ceiling', 'text')
    .addColumn('owner_id', 'text', (c) => c.notNull())
    .addColumn('technical_owner_id', 'text', (c) => c.notNull())
    .addColumn('business_owner_id', 'text', (c) => c.notNull())
    .addColumn('escalation_id', 'text', (c) => c.notNull())
    .addColumn('may_stop', 'jsonb', (c) => c.notNull())
    .addColumn('bootstrap', 'boolean', (c) => c.notNull())
    .addColumn('epoch', 'bigint', (c) => c.notNull())
    .addColumn('credential_epoch', 'bigint', (c) => c.notNull())
    .addColumn('registered_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('agent_pk', ['tenant', 'id'])
    .addUniqueConstraint('agent_name_once', ['tenant', 'name'])
    .addForeignKeyConstraint('agent_owner', ['tenant', 'owner_id'], 'person', ['tenant', 'id'])
    .addForeignKeyConstraint('agent_technical_owner', ['tenant', 'technical_owner_id'], 'person', [
      'tenant',
      'id',
    ])
    .addForeignKeyConstraint('agent_business_owner', ['tenant', 'business_owner_id'], 'person', [
      'tenant',
      'id',
    ])
    .execute();
  await db.schema
    .createTable('agent_version')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('agent_id', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('text', 'text', (c) => c.notNull())
    .addColumn('manifest', 'jsonb', (c) => c.notNull())
    .addColumn('registered_at', 'bigint', (c) => c.notNull())
    .addColumn('registered_by', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('agent_version_pk', ['tenant', 'agent_id', 'digest'])
    .addUniqueConstraint('agent_version_once', ['tenant', 'agent_id', 'version'])
    .addForeignKeyConstraint('agent_version_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
    .execute();
  await db.schema
    .createTable('agent_join_token')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('token_hash', 'text', (c) => c.notNull())
    .addColumn('agent_id', 'text', (c) => c.notNull())
    .addColumn('issued_by', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .addPrimaryKeyConstraint('agent_join_token_pk', ['tenant', 'token_hash'])
    .addForeignKeyConstraint('agent_join_token_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
    .execute();
}

async function instances(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('instance')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('agent_id', 'text', (c) => c.notNull())
    .addColumn('jkt', 'text')
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('manifest_digest', 'text', (c) => c.notNull())
    .addColumn('credential_epoch', 'bigint', (c) => c.notNull())
    .addColumn('enrolled_by', 'text', (c) => c.notNull())
    .addColumn('enrolled_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('instance_pk', ['tenant', 'id'])
    .addForeignKeyConstraint('instance_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
    .execute();
  await db.schema.createIndex('instance_of_agent').on('instance').columns(['tenant', 'agent_id']).execute();
  // One key is one instance (I-1): a key that two agents shared would blur who acted.
  await sql`create unique index instance_key_once on instance (tenant, jkt) where state = 'active' and jkt is not null`.execute(
    db,
  );
  await db.schema
    .createTable('agent_session')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('sid', 'text', (c) => c.notNull())
    .addColumn('agent_id', 'text', (c) => c.notNull())
    .addColumn('instance_id', 'text', (c) => c.notNull())
    .addColumn('opened_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('ended_at', 'bigint')
    .addPrimaryKeyConstraint('agent_session_pk', ['tenant', 'sid'])
    .addForeignKeyConstraint('agent_session_instance', ['tenant', 'instance_id'], 'instance', [
      'tenant',
      'id',
    ])
    .execute();
  await sql`create unique index agent_session_open_once on agent_session (tenant, instance_id) where ended_at is null`.execute(
    db,
  );
  await db.schema
    .createIndex('agent_session_of_agent')
    .on('agent_session')
    .columns(['tenant', 'agent_id'])
    .execute();
}

export const migrations: readonly Migration[] = [
  {
    name: '0002_identity',
    async up(db) {
      await agents(db);
      await instances(db);
    },
  },
  {
    name: '0004_instance_keys',
    async up(db) {
      // Looked up for every proof, also of revoked ones, and of strangers.
      await db.schema.createIndex('instance_key').on('instance').columns(['tenant', 'jkt']).execute();
    },
  },
  {
    name: '0012_credential_sweeps',
    async up(db) {
      // With each join token those that have lapsed go, with each credential the sessions; with each kill the unused tokens of an agent are void.
      await db.schema
        .createIndex('agent_join_token_lapsed')
        .on('agent_join_token')
        .columns(['tenant', 'expires_at'])
        .execute();
      await sql`create index agent_join_token_unused on agent_join_token (tenant, agent_id) where used_at is null`.execute(
        db,
      );
      await sql`create index agent_session_lapsed on agent_session (tenant, expires_at) where ended_at is not null`.execute(
        db,
      );
    },
  },
  {
    name: '0014_tasks',
    async up(db) {
      await db.schema
        .createTable('task')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('given_by', 'text', (c) => c.notNull())
        .addColumn('kid', 'text', (c) => c.notNull())
        .addColumn('box', 'bytea', (c) => c.notNull())
        .addColumn('given_at', 'bigint', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('sid', 'text')
        .addColumn('ended_at', 'bigint')
        .addPrimaryKeyConstraint('task_pk', ['tenant', 'id'])
        .addForeignKeyConstraint('task_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
        .execute();
      await db.schema
        .createIndex('task_of_agent')
        .on('task')
        .columns(['tenant', 'agent_id', 'expires_at'])
        .execute();
      await db.schema.alterTable('agent_session').addColumn('task_id', 'text').execute();
    },
  },
  {
    name: '0017_enforcement_points',
    async up(db) {
      await db.schema
        .createTable('enforcement_point')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('credential_digest', 'text', (c) => c.notNull())
        .addColumn('agents', 'text', (c) => c.notNull())
        .addColumn('application', 'text')
        .addColumn('services', 'text', (c) => c.notNull())
        .addColumn('proves', 'boolean', (c) => c.notNull())
        .addColumn('questions_per_minute', 'integer', (c) => c.notNull())
        .addColumn('registered_at', 'bigint', (c) => c.notNull())
        .addColumn('registered_by', 'text', (c) => c.notNull())
        .addColumn('revoked_at', 'bigint')
        .addPrimaryKeyConstraint('enforcement_point_pk', ['tenant', 'id'])
        .execute();
      await sql`create unique index enforcement_point_name on enforcement_point (tenant, name) where revoked_at is null`.execute(
        db,
      );
    },
  },
  {
    name: '0023_delegations',
    async up(db) {
      await db.schema
        .createTable('delegation')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('by_agent_id', 'text', (c) => c.notNull())
        .addColumn('by_sid', 'text', (c) => c.notNull())
        .addColumn('links', 'text', (c) => c.notNull())
        .addColumn('task_id', 'text')
        .addColumn('kid', 'text', (c) => c.notNull())
        .addColumn('box', 'bytea', (c) => c.notNull())
        .addColumn('given_at', 'bigint', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('sid', 'text')
        .addPrimaryKeyConstraint('delegation_pk', ['tenant', 'id'])
        .addForeignKeyConstraint('delegation_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
        .execute();
      await db.schema
        .createIndex('delegation_by_session')
        .on('delegation')
        .columns(['tenant', 'by_sid', 'expires_at'])
        .execute();
      await db.schema
        .createIndex('delegation_age')
        .on('delegation')
        .columns(['tenant', 'expires_at'])
        .execute();
      await db.schema.alterTable('agent_session').addColumn('delegation_id', 'text').execute();
    },
  },
  {
    name: '0029_host_applications',
    async up(db) {
      await db.schema
        .createTable('host_application')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('credential_digest', 'text', (c) => c.notNull())
        .addColumn('agents', 'text', (c) => c.notNull())
        .addColumn('answered_by', 'text', (c) => c.notNull())
        .addColumn('registered_at', 'bigint', (c) => c.notNull())
        .addColumn('registered_by', 'text', (c) => c.notNull())
        .addColumn('revoked_at', 'bigint')
        .addPrimaryKeyConstraint('host_application_pk', ['tenant', 'id'])
        .execute();
      await sql`create unique index host_application_name on host_application (tenant, name) where revoked_at is null`.execute(
        db,
      );
      await db.schema.alterTable('task').addColumn('host_id', 'text').execute();
      await db.schema.alterTable('task').addColumn('declared_for', 'text').execute();
      await db.schema
        .createIndex('task_of_host')
        .on('task')
        .columns(['tenant', 'host_id', 'given_at'])
        .execute();
    },
  },
];
