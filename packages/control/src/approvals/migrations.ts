/** Room: approvals. */
import { sql } from 'kysely';
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0003_approvals',
    async up(db) {
      await db.schema
        .createTable('approval')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('action_id', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('instance_id', 'text', (c) => c.notNull())
        .addColumn('sid', 'text', (c) => c.notNull())
        .addColumn('tool', 'text', (c) => c.notNull())
        .addColumn('class', 'text', (c) => c.notNull())
        .addColumn('args_digest', 'text', (c) => c.notNull())
        .addColumn('definition_digest', 'text', (c) => c.notNull())
        .addColumn('args_kid', 'text', (c) => c.notNull())
        .addColumn('args_box', 'bytea', (c) => c.notNull())
        .addColumn('nonce', 'text', (c) => c.notNull())
        .addColumn('shown_digest', 'text', (c) => c.notNull())
        .addColumn('because', 'text', (c) => c.notNull())
        .addColumn('requested_at', 'bigint', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('decided_by_id', 'text')
        .addColumn('decided_at', 'bigint')
        .addColumn('reason', 'text')
        .addColumn('consumed_by', 'text')
        .addColumn('consumed_at', 'bigint')
        .addColumn('outcome_status', 'text')
        .addColumn('outcome_kid', 'text')
        .addColumn('outcome_box', 'bytea')
        .addColumn('finished_at', 'bigint')
        .addColumn('told', 'boolean', (c) => c.notNull())
        .addPrimaryKeyConstraint('approval_pk', ['tenant', 'id'])
        .addForeignKeyConstraint('approval_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
        .execute();
      await db.schema
        .createIndex('approval_of_agent')
        .on('approval')
        .columns(['tenant', 'agent_id', 'state'])
        .execute();
      await db.schema
        .createIndex('approval_newest')
        .on('approval')
        .columns(['tenant', 'requested_at'])
        .execute();
      // What upkeep looks for every second.
      await sql`create index approval_open on approval (tenant, expires_at) where state in ('waiting', 'approved')`.execute(
        db,
      );
      await sql`create index approval_running on approval (tenant, consumed_at) where state = 'consumed'`.execute(
        db,
      );
      await sql`create index approval_told on approval (tenant, expires_at) where told`.execute(db);
      // An equal call that already waits is that approval, whoever asks at the same moment.
      await sql`create unique index approval_waits_once on approval (tenant, agent_id, tool, args_digest, definition_digest)
        where state in ('waiting', 'approved')`.execute(db);
    },
  },
  {
    name: '0006_approval_released_to',
    async up(db) {
      await db.schema.alterTable('approval').addColumn('consumed_via', 'text').execute();
    },
  },
  {
    name: '0007_approval_stated',
    async up(db) {
      await db.schema
        .alterTable('approval')
        .addColumn('stated_kid', 'text')
        .addColumn('stated_box', 'bytea')
        .addColumn('for_person_id', 'text')
        .addColumn('for_role', 'text')
        .execute();
    },
  },
  {
    name: '0025_reviews',
    async up(db) {
      await db.schema
        .createTable('review')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('group_key', 'text', (c) => c.notNull())
        .addColumn('agent_id', 'text', (c) => c.notNull())
        .addColumn('because', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('calls', 'jsonb', (c) => c.notNull())
        .addColumn('is_full', 'boolean', (c) => c.notNull())
        .addColumn('first_at', 'bigint', (c) => c.notNull())
        .addColumn('last_at', 'bigint', (c) => c.notNull())
        .addColumn('told', 'boolean', (c) => c.notNull())
        .addColumn('decided_by', 'text')
        .addColumn('decided_at', 'bigint')
        .addColumn('note', 'text')
        .addPrimaryKeyConstraint('review_pk', ['tenant', 'id'])
        .execute();
      await sql`create unique index review_open_once on review (tenant, group_key) where state = 'open' and not is_full`.execute(
        db,
      );
      await sql`create index review_due on review (tenant, first_at) where state = 'open' and not told`.execute(
        db,
      );
      await db.schema
        .createIndex('review_of')
        .on('review')
        .columns(['tenant', 'agent_id', 'first_at'])
        .execute();
      await db.schema.createIndex('review_decided').on('review').columns(['tenant', 'decided_at']).execute();
    },
  },
];
