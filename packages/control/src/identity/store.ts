/** Room: identity. SQL of agents and their versions. Reads people, whom another room owns. */
import type { Level } from '@atf/core/wire/words';
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IdentityTables } from './tables.ts';
import type { Insertable, Selectable } from 'kysely';

export type AgentRow = Selectable<IdentityTables['agent']>;
export type AgentVersionRow = Selectable<IdentityTables['agent_version']>;

export interface PersonRef {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

export async function peopleByIds(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, PersonRef>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('person')
    .select(['id', 'name', 'email'])
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

export async function agentById(db: Db | Tx, tenant: string, id: string): Promise<AgentRow | undefined> {
  return db
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** By id or by name; names are never UUIDs of other agents because ids are given here, not chosen. */
export async function agentByRef(db: Db | Tx, tenant: string, ref: string): Promise<AgentRow | undefined> {
  return (
    (await agentById(db, tenant, ref)) ??
    (await db
      .selectFrom('agent')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('name', '=', ref)
      .executeTakeFirst())
  );
}

/** Locks these agents in one order, so that two who lock many never wait for each other. */
export async function lockAgents(tx: Tx, tenant: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .selectFrom('agent')
    .select('id')
    .where('tenant', '=', tenant)
    .where('id', 'in', [...ids])
    .orderBy('id')
    .forUpdate()
    .execute();
}

/** The agent under a row lock until the transaction ends: changes of one agent come one after the other. */
export async function lockAgent(tx: Tx, tenant: string, id: string): Promise<AgentRow | undefined> {
  return tx
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
}

export async function lockAgentNamed(tx: Tx, tenant: string, name: string): Promise<AgentRow | undefined> {
  return tx
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
}

/** By name; those behind the name `after`. */
export async function agentRows(
  db: Db | Tx,
  tenant: string,
  limit: number,
  after?: string,
): Promise<AgentRow[]> {
  let query = db.selectFrom('agent').selectAll().where('tenant', '=', tenant);
  if (after !== undefined) query = query.where('name', '>', after);
  return query.orderBy('name').limit(limit).execute();
}

/** Agents whose version in force lists this tool; of `server/*`, any tool of that server. */
export async function agentsListing(db: Db | Tx, tenant: string, tool: string): Promise<AgentRow[]> {
  const lists = tool.endsWith('/*')
    ? sql<boolean>`exists (select from jsonb_array_elements_text(v.manifest -> 'tools') as listed where starts_with(listed, ${tool.slice(0, -1)}))`
    : sql<boolean>`v.manifest -> 'tools' @> ${JSON.stringify([tool])}::jsonb`;
  return await db
    .selectFrom('agent')
    .innerJoin('agent_version as v', (join) =>
      join
        .onRef('v.tenant', '=', 'agent.tenant')
        .onRef('v.agent_id', '=', 'agent.id')
        .onRef('v.digest', '=', 'agent.manifest_digest'),
    )
    .selectAll('agent')
    .where('agent.tenant', '=', tenant)
    .where(lists)
    .orderBy('agent.name')
    .execute();
}

export async function agentCount(db: Db | Tx, tenant: string): Promise<number> {
  const row = await db
    .selectFrom('agent')
    .select(sql<number>`count(*)::int`.as('n'))
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  return row?.n ?? 0;
}

/** False: another agent has the name. */
export async function insertAgent(tx: Tx, row: Insertable<IdentityTables['agent']>): Promise<boolean> {
  const done = await tx
    .insertInto('agent')
    .values(row)
    .onConflict((conflict) => conflict.constraint('agent_name_once').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

export async function updateAgent(
  tx: Tx,
  tenant: string,
  id: string,
  set: Partial<Omit<Insertable<IdentityTables['agent']>, 'tenant' | 'id'>>,
): Promise<AgentRow | undefined> {
  return tx
    .updateTable('agent')
    .set(set)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

export async function versionByDigest(
  db: Db | Tx,
  tenant: string,
  agentId: string,
  digest: string,
): Promise<AgentVersionRow | undefined> {
  return db
    .selectFrom('agent_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('digest', '=', digest)
    .executeTakeFirst();
}

/** Manifests by their digests, of whichever agent. */
export async function manifestsByDigests(
  db: Db | Tx,
  tenant: string,
  digests: readonly string[],
): Promise<Map<string, AgentVersionRow['manifest']>> {
  if (digests.length === 0) return new Map();
  const rows = await db
    .selectFrom('agent_version')
    .select(['digest', 'manifest'])
    .where('tenant', '=', tenant)
    .where('digest', 'in', digests)
    .execute();
  return new Map(rows.map(({ digest, manifest }) => [digest, manifest]));
}

export async function versionNamed(
  db: Db | Tx,
  tenant: string,
  agentId: string,
  version: string,
): Promise<AgentVersionRow | undefined> {
  return db
    .selectFrom('agent_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('version', '=', version)
    .executeTakeFirst();
}

/** The versions in force of these agents, by agent id. */
export async function currentVersions(
  db: Db | Tx,
  tenant: string,
  agents: readonly AgentRow[],
): Promise<Map<string, AgentVersionRow>> {
  if (agents.length === 0) return new Map();
  const rows = await db
    .selectFrom('agent_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('digest', 'in', [...new Set(agents.map((agent) => agent.manifest_digest))])
    .execute();
  const digests = new Map(agents.map((agent) => [agent.id, agent.manifest_digest]));
  return new Map(
    rows.filter((row) => digests.get(row.agent_id) === row.digest).map((row) => [row.agent_id, row]),
  );
}

export async function insertVersion(tx: Tx, row: Insertable<IdentityTables['agent_version']>): Promise<void> {
  await tx
    .insertInto('agent_version')
    .values(row)
    .onConflict((conflict) => conflict.constraint('agent_version_pk').doNothing())
    .execute();
}

export async function setLevel(
  tx: Tx,
  tenant: string,
  id: string,
  level: Level,
  bootstrap: boolean,
): Promise<AgentRow | undefined> {
  return updateAgent(tx, tenant, id, {
    level,
    bootstrap,
    epoch: sql<number>`epoch + 1` as unknown as number,
  });
}

/** Names of agents by id. */
export async function agentNames(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('agent')
    .select(['id', 'name'])
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map(({ id, name }) => [id, name]));
}

export async function agentsByIds(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, AgentRow>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('agent')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}
