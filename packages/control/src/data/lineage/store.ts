/** Room: data (D-5). SQL of the index of lineage. */
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../../context.ts';
import type { ActionRow, LeafFacts, SessionRow, ValueRow } from './facts.ts';
import type { LineageTables } from './tables.ts';

export type StoredAction = Selectable<LineageTables['lineage_action']>;
export type StoredValue = Selectable<LineageTables['lineage_value']>;
export type StoredSession = Selectable<LineageTables['lineage_session']>;

const rows = (of: readonly object[]) => sql`${JSON.stringify(of)}::json`;

/** The first record of an action or a value counts, so that what is sent again changes nothing. */
export async function addActions(tx: Tx, tenant: string, actions: readonly ActionRow[]): Promise<void> {
  if (actions.length === 0) return;
  await sql`
    insert into lineage_action
      (tenant, action, log_index, at, agent, session, source, class, decided, sensitivity, trust)
    select ${tenant}, action, log_index, at, agent, session, source, class, decided, sensitivity, trust
    from json_to_recordset(${rows(actions)}) as (
      action text, log_index bigint, at bigint, agent text, session text, source text, class text, decided text, sensitivity text, trust text)
    on conflict (tenant, action) do nothing`.execute(tx);
}

export async function addValues(tx: Tx, tenant: string, values: readonly ValueRow[]): Promise<void> {
  if (values.length === 0) return;
  await sql`
    insert into lineage_value (tenant, action, argument, origin, log_index, from_source, from_action)
    select ${tenant}, action, argument, origin, log_index, from_source, from_action
    from json_to_recordset(${rows(values)}) as (
      action text, argument text, origin text, log_index bigint, from_source text, from_action text)
    on conflict (tenant, action, argument) do nothing`.execute(tx);
}

/** A session has one agent; task and parent are told in records of their own. */
export async function addSessions(tx: Tx, tenant: string, sessions: readonly SessionRow[]): Promise<void> {
  const known = new Map<string, SessionRow>();
  for (const each of sessions) {
    const before = known.get(each.session);
    if (before === undefined) known.set(each.session, each);
    else if (before.agent === each.agent)
      known.set(each.session, {
        ...before,
        task: before.task ?? each.task,
        parent: before.parent ?? each.parent,
      });
  }
  if (known.size === 0) return;
  await sql`
    insert into lineage_session (tenant, session, log_index, agent, task, parent)
    select ${tenant}, session, log_index, agent, task, parent
    from json_to_recordset(${rows([...known.values()])}) as (
      session text, log_index bigint, agent text, task text, parent text)
    on conflict (tenant, session) do update set
      task = coalesce(lineage_session.task, excluded.task),
      parent = coalesce(lineage_session.parent, excluded.parent)
    where lineage_session.agent = excluded.agent
      and (lineage_session.task is null and excluded.task is not null
        or lineage_session.parent is null and excluded.parent is not null)`.execute(tx);
}

/** The first outcome of an action counts, and only one of its own agent. */
export async function addOutcomes(tx: Tx, tenant: string, outcomes: LeafFacts['outcomes']): Promise<void> {
  const first = new Map<string, LeafFacts['outcomes'][number]>();
  for (const each of outcomes) {
    const key = `${each.action} ${each.agent}`;
    if (!first.has(key)) first.set(key, each);
  }
  if (first.size === 0) return;
  await sql`
    update lineage_action set status = told.status, ended_at = told.ended_at, labels = told.labels
    from json_to_recordset(${rows([...first.values()])}) as told (
      action text, agent text, status text, ended_at bigint, labels text)
    where lineage_action.tenant = ${tenant} and lineage_action.action = told.action
      and lineage_action.agent = told.agent and lineage_action.status is null`.execute(tx);
}

const markRow = (db: Db | Tx, tenant: string) =>
  db.selectFrom('lineage_mark').select('entries').where('tenant', '=', tenant);

/** Entries of the log that are looked through. */
export const lineageMark = async (db: Db | Tx, tenant: string): Promise<number> =>
  (await markRow(db, tenant).executeTakeFirst())?.entries ?? 0;

export async function lockLineageMark(tx: Tx, tenant: string): Promise<number> {
  // A row that is not there locks nobody out.
  await tx
    .insertInto('lineage_mark')
    .values({ tenant, entries: 0 })
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute();
  return (await markRow(tx, tenant).forUpdate().executeTakeFirst())?.entries ?? 0;
}

export async function setLineageMark(tx: Tx, tenant: string, entries: number): Promise<void> {
  await tx.updateTable('lineage_mark').set({ entries }).where('tenant', '=', tenant).execute();
}

/** The log is another, or shorter, than what this was made of. */
export async function forgetLineage(tx: Tx, tenant: string): Promise<void> {
  for (const table of ['lineage_action', 'lineage_value', 'lineage_session'] as const)
    await tx.deleteFrom(table).where('tenant', '=', tenant).execute();
}

export const actionsById = (db: Db, tenant: string, ids: readonly string[]): Promise<StoredAction[]> =>
  ids.length === 0
    ? Promise.resolve([])
    : db
        .selectFrom('lineage_action')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('action', 'in', ids)
        .execute();

export const sessionsById = (db: Db, tenant: string, ids: readonly string[]): Promise<StoredSession[]> =>
  ids.length === 0
    ? Promise.resolve([])
    : db
        .selectFrom('lineage_session')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('session', 'in', ids)
        .execute();

export interface Part {
  readonly limit: number;
  readonly before?: number | undefined;
  readonly after?: number | undefined;
}

/** Calls that ran, of a session or on a source; newest first, or oldest first behind `after`. */
export async function actionsOf(
  db: Db,
  tenant: string,
  of: { readonly session: string } | { readonly source: string },
  { limit, before, after }: Part,
): Promise<StoredAction[]> {
  let select = db
    .selectFrom('lineage_action')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('decided', '=', 'allowed');
  select =
    'session' in of ? select.where('session', '=', of.session) : select.where('source', '=', of.source);
  if (before !== undefined) select = select.where('log_index', '<', before);
  if (after !== undefined) select = select.where('log_index', '>', after);
  return select
    .orderBy('log_index', after === undefined ? 'desc' : 'asc')
    .limit(limit)
    .execute();
}

export const valuesInto = (db: Db, tenant: string, action: string, limit: number): Promise<StoredValue[]> =>
  db
    .selectFrom('lineage_value')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('action', '=', action)
    .orderBy('argument')
    .limit(limit)
    .execute();

export const valuesFrom = (db: Db, tenant: string, action: string, limit: number): Promise<StoredValue[]> =>
  db
    .selectFrom('lineage_value')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('from_action', '=', action)
    .orderBy('log_index')
    .limit(limit)
    .execute();

export const sessionsUnder = (
  db: Db,
  tenant: string,
  of: { readonly task: string } | { readonly parent: string },
  limit: number,
): Promise<StoredSession[]> => {
  const select = db.selectFrom('lineage_session').selectAll().where('tenant', '=', tenant);
  return ('task' in of ? select.where('task', '=', of.task) : select.where('parent', '=', of.parent))
    .orderBy('log_index')
    .limit(limit)
    .execute();
};
