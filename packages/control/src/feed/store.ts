/** Room: feed. SQL of the documents and of the newest version. */
import type { FeedTopic } from '@atf/core/wire/feed';
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';

export interface StoredDoc {
  readonly topic: FeedTopic;
  readonly key: string;
  readonly version: number;
  /** JSON text; null: gone. */
  readonly body: string | null;
}

/**
 * Takes the next version. The row stays locked until the transaction ends, so that whoever sees a version sees every lower one as well:
 * commit order is version order.
 */
async function nextVersion(tx: Tx, tenant: string): Promise<number> {
  const row = await tx
    .insertInto('feed_head')
    .values({ tenant, version: 1 })
    .onConflict((conflict) =>
      conflict.column('tenant').doUpdateSet({ version: sql<number>`feed_head.version + 1` }),
    )
    .returning('version')
    .executeTakeFirstOrThrow();
  return row.version;
}

export async function writeDoc(tx: Tx, tenant: string, doc: Omit<StoredDoc, 'version'>): Promise<void> {
  const version = await nextVersion(tx, tenant);
  await tx
    .insertInto('feed_doc')
    .values({ tenant, topic: doc.topic, key: doc.key, version, body: doc.body })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'topic', 'key']).doUpdateSet({ version, body: doc.body }),
    )
    .execute();
}

export interface Freshness {
  readonly version: number;
  /** Of the gateways asked about, those that are enrolled and not revoked. */
  readonly active: ReadonlySet<string>;
}

/** One read that attests what is in force now: the newest version, and which of these gateways still count. */
export async function readFreshness(
  db: Db,
  tenant: string,
  gatewayIds: readonly string[],
): Promise<Freshness> {
  const { rows } = await sql<{ version: number | null; id: string | null }>`
    select h.version as version, g.id as id
    from (select (select version from feed_head where tenant = ${tenant}) as version) h
    left join gateway g on g.tenant = ${tenant} and g.state = 'active' and g.id = any(${[...gatewayIds]}::text[])`.execute(
    db,
  );
  const active = new Set<string>();
  for (const row of rows) if (row.id !== null) active.add(row.id);
  return { version: rows[0]?.version ?? 0, active };
}

/** Documents written after `after`, oldest first. Documents that are gone are left out when `alive`. */
export async function docsAfter(
  db: Db,
  tenant: string,
  after: number,
  limit: number,
  alive: boolean,
): Promise<StoredDoc[]> {
  let query = db
    .selectFrom('feed_doc')
    .select(['topic', 'key', 'version', 'body'])
    .where('tenant', '=', tenant)
    .where('version', '>', after);
  if (alive) query = query.where('body', 'is not', null);
  const rows = await query.orderBy('version').limit(limit).execute();
  return rows.map((row) => ({ ...row, topic: row.topic as FeedTopic }));
}

/** The newest text of one document; undefined: never written, null: gone. */
export async function docText(
  db: Db | Tx,
  tenant: string,
  topic: FeedTopic,
  key: string,
): Promise<string | null | undefined> {
  const row = await db
    .selectFrom('feed_doc')
    .select('body')
    .where('tenant', '=', tenant)
    .where('topic', '=', topic)
    .where('key', '=', key)
    .executeTakeFirst();
  return row?.body;
}
