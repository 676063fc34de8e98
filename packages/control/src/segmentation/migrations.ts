/** Room: segmentation. */
import { sql } from 'kysely';
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0002_segmentation',
    async up(db) {
      await db.schema
        .createTable('tool_server')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('transport', 'jsonb', (c) => c.notNull())
        .addColumn('domain', 'text', (c) => c.notNull())
        .addColumn('output_trust', 'text', (c) => c.notNull())
        .addColumn('stateless', 'boolean', (c) => c.notNull())
        .addColumn('epoch', 'bigint', (c) => c.notNull())
        .addColumn('registered_at', 'bigint', (c) => c.notNull())
        .addColumn('registered_by', 'text', (c) => c.notNull())
        .addColumn('discovered_at', 'bigint')
        .addColumn('fault', 'text')
        .addPrimaryKeyConstraint('tool_server_pk', ['tenant', 'name'])
        .execute();
      await db.schema
        .createTable('tool_classification_prepared')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('server', 'text', (c) => c.notNull())
        .addColumn('tool', 'text', (c) => c.notNull())
        .addColumn('classification', 'jsonb', (c) => c.notNull())
        .addPrimaryKeyConstraint('tool_classification_prepared_pk', ['tenant', 'server', 'tool'])
        .execute();
      await db.schema
        .createTable('tool')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('server', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('why', 'text')
        .addColumn('accepted', 'boolean', (c) => c.notNull())
        .addColumn('definition_digest', 'text', (c) => c.notNull())
        .addColumn('definition', 'text', (c) => c.notNull())
        .addColumn('offered_digest', 'text')
        .addColumn('offered', 'text')
        .addColumn('classification', 'jsonb', (c) => c.notNull())
        .addColumn('epoch', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('tool_pk', ['tenant', 'server', 'name'])
        .addForeignKeyConstraint('tool_of_server', ['tenant', 'server'], 'tool_server', ['tenant', 'name'])
        .execute();
    },
  },
  {
    name: '0004_tool_reviewed',
    async up(db) {
      await db.schema
        .alterTable('tool')
        .addColumn('reviewed', 'boolean', (c) => c.notNull().defaultTo(false))
        .execute();
    },
  },
  {
    name: '0008_service_credential',
    async up(db) {
      await db.schema.alterTable('tool_server').addColumn('credential', 'text').execute();
      await db.schema.alterTable('tool_server').addColumn('credential_kid', 'text').execute();
      await db.schema.alterTable('tool_server').addColumn('credential_box', 'bytea').execute();
    },
  },
  {
    name: '0009_server_may_ask',
    async up(db) {
      await db.schema
        .alterTable('tool_server')
        .addColumn('may_ask', 'jsonb', (c) => c.notNull().defaultTo('[]'))
        .execute();
    },
  },
  {
    name: '0010_call_budgets',
    async up(db) {
      await db.schema
        .createTable('call_budget')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('limit_key', 'text', (c) => c.notNull())
        .addColumn('arrival', 'double precision', (c) => c.notNull())
        .addPrimaryKeyConstraint('call_budget_pk', ['tenant', 'agent_id', 'limit_key'])
        .execute();
      await db.schema
        .createIndex('call_budget_arrival')
        .on('call_budget')
        .columns(['tenant', 'arrival'])
        .execute();
    },
  },
  {
    name: '0019_totals',
    async up(db) {
      await db.schema
        .createTable('total_budget')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('total_key', 'text', (c) => c.notNull())
        .addColumn('slots', 'jsonb', (c) => c.notNull())
        .addColumn('drop_after', 'double precision', (c) => c.notNull())
        .addPrimaryKeyConstraint('total_budget_pk', ['tenant', 'agent_id', 'total_key'])
        .execute();
      await db.schema
        .createIndex('total_budget_drop')
        .on('total_budget')
        .columns(['tenant', 'drop_after'])
        .execute();
      await db.schema
        .createTable('total_hold')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('hold_id', 'text', (c) => c.notNull())
        .addColumn('total_key', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('gateway_id', 'text', (c) => c.notNull())
        .addColumn('slot', 'bigint', (c) => c.notNull())
        .addColumn('reserved', 'bigint', (c) => c.notNull())
        .addColumn('held_at', 'double precision', (c) => c.notNull())
        .addPrimaryKeyConstraint('total_hold_pk', ['tenant', 'hold_id', 'total_key'])
        .execute();
      await db.schema
        .createIndex('total_hold_of')
        .on('total_hold')
        .columns(['tenant', 'agent_id', 'total_key'])
        .execute();
      await db.schema.createIndex('total_hold_age').on('total_hold').columns(['tenant', 'held_at']).execute();
    },
  },
  {
    name: '0021_session_labels',
    async up(db) {
      await db.schema
        .createTable('session_labels')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('holder', 'text', (c) => c.notNull())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('confidentiality', 'text', (c) => c.notNull())
        .addColumn('integrity', 'text', (c) => c.notNull())
        .addColumn('sources', 'jsonb', (c) => c.notNull())
        .addColumn('revision', 'integer', (c) => c.notNull())
        .addColumn('raised_at', 'double precision', (c) => c.notNull())
        .addPrimaryKeyConstraint('session_labels_pk', ['tenant', 'holder'])
        .execute();
      await db.schema
        .createIndex('session_labels_agent')
        .on('session_labels')
        .columns(['tenant', 'agent_id'])
        .execute();
    },
  },
  {
    name: '0022_adaptive',
    async up(db) {
      await db.schema
        .alterTable('agent')
        .addColumn('adapted', 'jsonb', (c) => c.notNull().defaultTo('{}'))
        .execute();
      await sql`create index agent_adapted on agent (tenant) where adapted <> '{}'::jsonb`.execute(db);
      await db.schema
        .createTable('volume_hour')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('hour', 'bigint', (c) => c.notNull())
        .addColumn('calls', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('volume_hour_pk', ['tenant', 'agent_id', 'hour'])
        .execute();
      await db.schema.createIndex('volume_hour_at').on('volume_hour').columns(['tenant', 'hour']).execute();
      await db.schema
        .createTable('volume_baseline')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('day', 'bigint', (c) => c.notNull())
        .addColumn('calls', 'bigint', (c) => c.notNull())
        .addColumn('settled_hour', 'bigint')
        .addPrimaryKeyConstraint('volume_baseline_pk', ['tenant', 'agent_id'])
        .execute();
      await db.schema
        .createTable('volume_mark')
        .addColumn('tenant', 'text', (c) => c.primaryKey())
        .addColumn('counted', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
  {
    name: '0022_negotiations',
    async up(db) {
      await db.schema
        .createTable('negotiation')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('offer', 'text', (c) => c.notNull())
        .addColumn('granted_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('negotiation_pk', ['tenant', 'id'])
        .execute();
      await db.schema
        .createIndex('negotiation_of')
        .on('negotiation')
        .columns(['tenant', 'agent_id', 'granted_at'])
        .execute();
    },
  },
  {
    name: '0024_label_reviews',
    async up(db) {
      await db.schema.alterTable('session_labels').addColumn('review_at', 'double precision').execute();
    },
  },
  {
    name: '0030_tool_findings',
    async up(db) {
      await db.schema
        .alterTable('tool')
        .addColumn('acknowledged', 'jsonb', (c) => c.notNull().defaultTo(sql`'[]'::jsonb`))
        .execute();
    },
  },
  {
    name: '0032_retrieval',
    async up(db) {
      await db.schema
        .alterTable('tool')
        .addColumn('sources', 'jsonb', (c) => c.notNull().defaultTo(sql`'[]'::jsonb`))
        .execute();
      await db.schema.alterTable('session_labels').addColumn('indexes', 'jsonb').execute();
      await db.schema
        .createTable('retrieval_index')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('confidentiality', 'text', (c) => c.notNull())
        .addColumn('integrity', 'text', (c) => c.notNull())
        .addColumn('categories', 'jsonb', (c) => c.notNull())
        .addPrimaryKeyConstraint('retrieval_index_pk', ['tenant', 'name'])
        .execute();
    },
  },
];
