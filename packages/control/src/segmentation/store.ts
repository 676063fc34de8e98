/** Room: segmentation. SQL of tool servers and tools. */
import type { Classification } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { Insertable, Selectable } from 'kysely';
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { SegmentationTables } from './tables.ts';

export type ServerRow = Selectable<SegmentationTables['tool_server']>;
export type ToolRow = Selectable<SegmentationTables['tool']>;

export async function serverByName(
  db: Db | Tx,
  tenant: string,
  name: string,
): Promise<ServerRow | undefined> {
  return db
    .selectFrom('tool_server')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** The server under a row lock: discoveries of one server by several gateways come one after the other. */
export async function lockServer(tx: Tx, tenant: string, name: string): Promise<ServerRow | undefined> {
  return tx
    .selectFrom('tool_server')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
}

export async function serverRows(db: Db | Tx, tenant: string): Promise<ServerRow[]> {
  return db.selectFrom('tool_server').selectAll().where('tenant', '=', tenant).orderBy('name').execute();
}

export async function serverCount(db: Db | Tx, tenant: string): Promise<number> {
  const row = await db
    .selectFrom('tool_server')
    .select(sql<number>`count(*)::int`.as('n'))
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  return row?.n ?? 0;
}

/** False: a server with this name exists. */
export async function insertServer(
  tx: Tx,
  row: Insertable<SegmentationTables['tool_server']>,
): Promise<boolean> {
  const done = await tx
    .insertInto('tool_server')
    .values(row)
    .onConflict((conflict) => conflict.constraint('tool_server_pk').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

export async function setMayAsk(tx: Tx, { tenant, name, may_ask, epoch }: ServerRow): Promise<void> {
  await tx
    .updateTable('tool_server')
    .set({ may_ask: JSON.stringify(may_ask), epoch })
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .execute();
}

export async function noteDiscovery(
  tx: Tx,
  tenant: string,
  name: string,
  set: { discovered_at?: number; fault: string | null },
): Promise<void> {
  await tx
    .updateTable('tool_server')
    .set(set)
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .execute();
}

/** Replaces what a service is told, under the server's next epoch: what was decided before counts no more. */
export async function putCredential(
  tx: Tx,
  { tenant, name, epoch }: ServerRow,
  set: Pick<ServerRow, 'credential' | 'credential_kid' | 'credential_box'>,
): Promise<void> {
  await tx
    .updateTable('tool_server')
    .set({ ...set, epoch: epoch + 1 })
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .execute();
}

export async function toolRows(db: Db | Tx, tenant: string, limit: number): Promise<ToolRow[]> {
  return db
    .selectFrom('tool')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('server')
    .orderBy('name')
    .limit(limit)
    .execute();
}

/** Tools that a person has accepted, by server and name, behind `after` (`server/tool`). */
export async function acceptedTools(
  db: Db | Tx,
  tenant: string,
  limit: number,
  after?: string,
): Promise<ToolRow[]> {
  const slash = after?.indexOf('/') ?? -1;
  const server = after?.slice(0, slash) ?? '';
  return db
    .selectFrom('tool')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('accepted', '=', true)
    .where((where) =>
      where.or([
        where('server', '>', server),
        where.and([where('server', '=', server), where('name', '>', after?.slice(slash + 1) ?? '')]),
      ]),
    )
    .orderBy('server')
    .orderBy('name')
    .limit(limit)
    .execute();
}

export async function toolsOfServer(db: Db | Tx, tenant: string, server: string): Promise<ToolRow[]> {
  return db
    .selectFrom('tool')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('server', '=', server)
    .orderBy('name')
    .execute();
}

/** Names of all tools that are on offer. */
export async function toolNames(db: Db | Tx, tenant: string): Promise<{ server: string; name: string }[]> {
  return db
    .selectFrom('tool')
    .select(['server', 'name'])
    .where('tenant', '=', tenant)
    .where('state', '!=', 'removed')
    .execute();
}

export async function toolByName(
  db: Db | Tx,
  tenant: string,
  server: string,
  name: string,
): Promise<ToolRow | undefined> {
  return db
    .selectFrom('tool')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('server', '=', server)
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function lockTool(
  tx: Tx,
  tenant: string,
  server: string,
  name: string,
): Promise<ToolRow | undefined> {
  return tx
    .selectFrom('tool')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('server', '=', server)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
}

/** Writes the tool under its next epoch. */
export async function putTool(tx: Tx, row: ToolRow): Promise<ToolRow> {
  const { tenant, server, name, ...rest } = {
    ...row,
    epoch: row.epoch + 1,
    classification: JSON.stringify(row.classification),
    acknowledged: JSON.stringify(row.acknowledged),
    sources: JSON.stringify(row.sources),
  };
  await tx
    .insertInto('tool')
    .values({ tenant, server, name, ...rest })
    .onConflict((conflict) => conflict.constraint('tool_pk').doUpdateSet(rest))
    .execute();
  return { ...row, epoch: row.epoch + 1 };
}

export async function quarantinedCount(db: Db | Tx, tenant: string): Promise<number> {
  const row = await db
    .selectFrom('tool')
    .select(sql<number>`count(*)::int`.as('n'))
    .where('tenant', '=', tenant)
    .where('state', '=', 'quarantined')
    .executeTakeFirst();
  return row?.n ?? 0;
}

/** Writes a classification down before its tool is discovered. */
export async function prepareClassification(
  tx: Tx,
  row: { tenant: string; server: string; tool: string; classification: Classification },
): Promise<void> {
  const classification = JSON.stringify(row.classification);
  await tx
    .insertInto('tool_classification_prepared')
    .values({ ...row, classification })
    .onConflict((conflict) =>
      conflict.constraint('tool_classification_prepared_pk').doUpdateSet({ classification }),
    )
    .execute();
}

export async function preparedClassification(
  tx: Tx,
  tenant: string,
  server: string,
  tool: string,
): Promise<Classification | undefined> {
  const row = await tx
    .selectFrom('tool_classification_prepared')
    .select('classification')
    .where('tenant', '=', tenant)
    .where('server', '=', server)
    .where('tool', '=', tool)
    .executeTakeFirst();
  return row?.classification;
}

/** Definitions of tools by their digests; null: another one was accepted since. */
export async function definitionsByDigests(
  db: Db | Tx,
  tenant: string,
  digests: readonly string[],
): Promise<(readonly [string, JsonObject | null])[]> {
  if (digests.length === 0) return [];
  const rows = await db
    .selectFrom('tool')
    .select(['definition_digest', 'definition'])
    .where('tenant', '=', tenant)
    .where('definition_digest', 'in', digests)
    .execute();
  const known = new Map(rows.map((row) => [row.definition_digest, JSON.parse(row.definition) as JsonObject]));
  return digests.map((digest) => [digest, known.get(digest) ?? null] as const);
}
