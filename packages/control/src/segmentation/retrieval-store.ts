/** Room: segmentation (S-4). SQL of retrieval sources, which stand with their tools, and of indexes. */
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { ToolRow } from './store.ts';
import type { KeptSource, SegmentationTables } from './tables.ts';

export type IndexRow = Selectable<SegmentationTables['retrieval_index']>;

const answersSomething = sql<boolean>`sources <> '[]'::jsonb`;

/** Tools that sources answer through. */
export async function toolsWithSources(db: Db | Tx, tenant: string): Promise<ToolRow[]> {
  return db
    .selectFrom('tool')
    .selectAll()
    .where('tenant', '=', tenant)
    .where(answersSomething)
    .orderBy('server')
    .orderBy('name')
    .execute();
}

export async function hasSources(db: Db | Tx, tenant: string): Promise<boolean> {
  const found = await db
    .selectFrom('tool')
    .select('name')
    .where('tenant', '=', tenant)
    .where(answersSomething)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** The index, locked until the transaction ends; made as this one where there is none. */
export async function lockIndex(tx: Tx, row: IndexRow): Promise<IndexRow> {
  await tx
    .insertInto('retrieval_index')
    .values({ ...row, categories: JSON.stringify(row.categories) })
    .onConflict((conflict) => conflict.columns(['tenant', 'name']).doNothing())
    .execute();
  return tx
    .selectFrom('retrieval_index')
    .selectAll()
    .where('tenant', '=', row.tenant)
    .where('name', '=', row.name)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

export async function indexNames(db: Db | Tx, tenant: string): Promise<string[]> {
  const rows = await db
    .selectFrom('retrieval_index')
    .select('name')
    .where('tenant', '=', tenant)
    .orderBy('name')
    .execute();
  return rows.map(({ name }) => name);
}

/** Forgets an index from which nothing answers any more. */
export async function dropIndex(tx: Tx, tenant: string, name: string): Promise<void> {
  await tx.deleteFrom('retrieval_index').where('tenant', '=', tenant).where('name', '=', name).execute();
}

/** What is kept of the sources of a tool, without another epoch: nothing that was decided becomes void by it. */
export async function keepSources(
  tx: Tx,
  { tenant, server, name }: Pick<ToolRow, 'tenant' | 'server' | 'name'>,
  sources: readonly KeptSource[],
): Promise<void> {
  await tx
    .updateTable('tool')
    .set({ sources: JSON.stringify(sources) })
    .where('tenant', '=', tenant)
    .where('server', '=', server)
    .where('name', '=', name)
    .execute();
}
