/** Room: identity. SQL of enforcement points. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { IdentityTables } from './tables.ts';

export type PointRow = Selectable<IdentityTables['enforcement_point']>;

export async function pointRows(db: Db | Tx, tenant: string, limit: number): Promise<PointRow[]> {
  return db
    .selectFrom('enforcement_point')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('registered_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** One that was not revoked. */
export async function activePoint(db: Db | Tx, tenant: string, id: string): Promise<PointRow | undefined> {
  return db
    .selectFrom('enforcement_point')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
}

export async function activePointNames(tx: Tx, tenant: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('enforcement_point')
    .select('name')
    .where('tenant', '=', tenant)
    .where('revoked_at', 'is', null)
    .execute();
  return rows.map(({ name }) => name);
}

/** False: an active one has this name. */
export async function insertPoint(tx: Tx, row: IdentityTables['enforcement_point']): Promise<boolean> {
  const done = await tx
    .insertInto('enforcement_point')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

/** The revoked point; undefined: none was active under this id. */
export async function revokePointRow(
  tx: Tx,
  tenant: string,
  id: string,
  nowMs: number,
): Promise<PointRow | undefined> {
  return tx
    .updateTable('enforcement_point')
    .set({ revoked_at: nowMs })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}
