/** Room: data (D-2). SQL of what was seen of retrieval sources. */
import { sql } from 'kysely';
import type { Db, Tx } from '../../context.ts';
import type { TrustTables } from './tables.ts';

type Day = TrustTables['source_day'];
export const countNames = [
  'results',
  'failed',
  'withheld',
  'labelled',
  'above',
  'pii',
  'phi',
  'pci',
  'secret',
  'changed',
] as const satisfies readonly (keyof Day)[];
export type Counts = Pick<Day, (typeof countNames)[number]>;
export type Place = Pick<Day, 'tool' | 'index_name' | 'day'>;

export const noCounts: Counts = {
  results: 0,
  failed: 0,
  withheld: 0,
  labelled: 0,
  above: 0,
  pii: 0,
  phi: 0,
  pci: 0,
  secret: 0,
  changed: 0,
};

/** Adds to what was seen of a source on a day. */
export async function addSeen(tx: Tx, tenant: string, place: Place, counts: Counts): Promise<void> {
  const more = Object.fromEntries(
    countNames.map((name) => [name, sql<number>`source_day.${sql.ref(name)} + ${counts[name]}`]),
  );
  await tx
    .insertInto('source_day')
    .values({ tenant, ...place, ...counts, told: 0 })
    .onConflict((conflict) => conflict.constraint('source_day_pk').doUpdateSet(more))
    .execute();
}

export interface Seen extends Counts {
  readonly tool: string;
  readonly index_name: string;
  readonly told: number;
}

/** By source, since that day. */
export async function seenSince(db: Db | Tx, tenant: string, day: number): Promise<Seen[]> {
  return db
    .selectFrom('source_day')
    .select(['tool', 'index_name', sql<number>`sum(told)::bigint`.as('told')])
    .select(countNames.map((name) => sql<number>`sum(${sql.ref(name)})::bigint`.as(name)))
    .where('tenant', '=', tenant)
    .where('day', '>=', day)
    .groupBy(['tool', 'index_name'])
    .execute();
}

/** People know of everything that was above its index. */
export async function noteTold(tx: Tx, tenant: string, tool: string, index: string): Promise<void> {
  await tx
    .updateTable('source_day')
    .set({ told: sql<number>`above` })
    .where('tenant', '=', tenant)
    .where('tool', '=', tool)
    .where('index_name', '=', index)
    .execute();
}

export async function dropDays(tx: Tx, tenant: string, beforeDay: number): Promise<void> {
  await tx.deleteFrom('source_day').where('tenant', '=', tenant).where('day', '<', beforeDay).execute();
}

/** Sources that have drifted, once for each agent. */
export async function driftedTools(db: Db | Tx, tenant: string): Promise<string[]> {
  const rows = await db.selectFrom('input_drift').select('tool').where('tenant', '=', tenant).execute();
  return rows.map(({ tool }) => tool);
}

/** Objections that are looked at. */
const objectionsMax = 1_000;

/** Tools of calls to which people objected since then, once for each call. */
export async function objectedTools(db: Db | Tx, tenant: string, sinceMs: number): Promise<string[]> {
  const rows = await db
    .selectFrom('review')
    .select('calls')
    .where('tenant', '=', tenant)
    .where('state', '=', 'objected')
    .where('decided_at', '>=', sinceMs)
    .orderBy('decided_at', 'desc')
    .limit(objectionsMax)
    .execute();
  return rows.flatMap(({ calls }) => calls.map(({ tool }) => tool));
}
