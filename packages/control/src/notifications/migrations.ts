/** Room: notifications. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from '../context.ts';

async function actions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('notification')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('action_id', 'text', (c) => c.notNull())
    .addColumn('agent_id', 'text', (c) => c.notNull())
    .addColumn('tool', 'text', (c) => c.notNull())
    .addColumn('summary', 'text', (c) => c.notNull())
    .addColumn('because', 'text', (c) => c.notNull())
    .addColumn('recipients', 'jsonb', (c) => c.notNull())
    .addPrimaryKeyConstraint('notification_pk', ['tenant', 'id'])
    // A gateway that did not hear our answer tells again; people are told once.
    .addUniqueConstraint('notification_once', ['tenant', 'action_id'])
    .addForeignKeyConstraint('notification_agent', ['tenant', 'agent_id'], 'agent', ['tenant', 'id'])
    .execute();
  await db.schema.createIndex('notification_newest').on('notification').columns(['tenant', 'at']).execute();
}

/** From what agents did alone to everything that people are told. */
async function everyKind(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('notification').dropConstraint('notification_once').execute();
  // A stop must be told of also when the agent that it names is not there: nothing here may keep a change from being recorded.
  await db.schema.alterTable('notification').dropConstraint('notification_agent').execute();
  for (const column of ['action_id', 'agent_id', 'tool']) {
    await db.schema
      .alterTable('notification')
      .alterColumn(column, (c) => c.dropNotNull())
      .execute();
  }
  await db.schema
    .alterTable('notification')
    .addColumn('kind', 'text', (c) => c.notNull().defaultTo('action_taken'))
    .addColumn('severity', 'text', (c) => c.notNull().defaultTo('info'))
    .addColumn('once_key', 'text')
    .addColumn('facts', 'jsonb', (c) => c.notNull().defaultTo(sql`'{}'`))
    .addColumn('claimed', 'text')
    .addColumn('claimed_by', 'text')
    .addColumn('routed_at', 'bigint')
    .addColumn('acknowledged_at', 'bigint')
    .addColumn('acknowledged_by', 'text')
    .addColumn('acknowledged_with', 'text')
    .execute();
  await sql`update notification set once_key = 'action:' || action_id, routed_at = at`.execute(db);
  await db.schema
    .alterTable('notification')
    .alterColumn('once_key', (c) => c.setNotNull())
    .execute();
  await db.schema
    .alterTable('notification')
    .addUniqueConstraint('notification_once', ['tenant', 'once_key'])
    .execute();
  await sql`create index notification_unrouted on notification (tenant, at) where routed_at is null`.execute(
    db,
  );
}

async function targets(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('notification_target')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('destination', 'text', (c) => c.notNull())
    .addColumn('kid', 'text')
    .addColumn('box', 'bytea')
    .addColumn('kinds', 'jsonb', (c) => c.notNull())
    .addColumn('severity', 'text', (c) => c.notNull())
    .addColumn('agents', 'jsonb', (c) => c.notNull())
    .addColumn('people', 'jsonb', (c) => c.notNull())
    .addColumn('to_people', 'boolean', (c) => c.notNull())
    .addColumn('to_fixed', 'integer', (c) => c.notNull())
    .addColumn('window_ms', 'bigint', (c) => c.notNull())
    .addColumn('attempts_max', 'integer', (c) => c.notNull())
    .addColumn('private_network', 'boolean', (c) => c.notNull())
    .addColumn('added_by', 'text', (c) => c.notNull())
    .addColumn('added_at', 'bigint', (c) => c.notNull())
    .addColumn('removed_at', 'bigint')
    .addPrimaryKeyConstraint('notification_target_pk', ['tenant', 'id'])
    .execute();
  await sql`create unique index notification_target_name on notification_target (tenant, name) where removed_at is null`.execute(
    db,
  );
}

async function messages(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('notification_lane')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text', (c) => c.notNull())
    .addColumn('lane', 'text', (c) => c.notNull())
    .addColumn('window_until', 'bigint', (c) => c.notNull())
    .addColumn('digest_id', 'text')
    .addColumn('sent', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('notification_lane_pk', ['tenant', 'target_id', 'lane'])
    .execute();
  await db.schema
    .createTable('notification_delivery')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text', (c) => c.notNull())
    .addColumn('recipient', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('digest', 'boolean', (c) => c.notNull())
    .addColumn('severity', 'text', (c) => c.notNull())
    .addColumn('notification_ids', 'jsonb', (c) => c.notNull())
    .addColumn('count', 'integer', (c) => c.notNull())
    .addColumn('counts', 'jsonb', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('problem', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('due_at', 'bigint', (c) => c.notNull())
    .addColumn('claimed_until', 'bigint')
    .addColumn('settled_at', 'bigint')
    .addPrimaryKeyConstraint('notification_delivery_pk', ['tenant', 'id'])
    .addForeignKeyConstraint('notification_delivery_target', ['tenant', 'target_id'], 'notification_target', [
      'tenant',
      'id',
    ])
    .execute();
  await sql`create index notification_delivery_due on notification_delivery (tenant, due_at) where state in ('waiting', 'sending')`.execute(
    db,
  );
  await db.schema
    .createIndex('notification_delivery_newest')
    .on('notification_delivery')
    .columns(['tenant', 'created_at'])
    .execute();
}

export const migrations: readonly Migration[] = [
  { name: '0003_notifications', up: actions },
  {
    name: '0007_notification_targets',
    async up(db) {
      await everyKind(db);
      await targets(db);
      await messages(db);
    },
  },
];
