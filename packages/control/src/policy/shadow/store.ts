/** Room: policy. SQL of the shadow: one, the newest, with what each gateway process has counted for it. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../../context.ts';
import type { PolicyTables } from '../tables.ts';

export type ShadowRow = Selectable<PolicyTables['policy_shadow']>;
export type ShadowCountRow = Selectable<PolicyTables['policy_shadow_count']>;

/** Gateway processes that count; those that come later do so for themselves. */
const processesMax = 500;

export async function shadowRow(db: Db | Tx, tenant: string): Promise<ShadowRow | undefined> {
  return db.selectFrom('policy_shadow').selectAll().where('tenant', '=', tenant).executeTakeFirst();
}

/** In place of the one before, with its counts. */
export async function replaceShadow(tx: Tx, row: ShadowRow): Promise<void> {
  const { tenant, ...rest } = row;
  await tx.deleteFrom('policy_shadow_count').where('tenant', '=', tenant).execute();
  await tx
    .insertInto('policy_shadow')
    .values(row)
    .onConflict((conflict) => conflict.column('tenant').doUpdateSet(rest))
    .execute();
}

export async function stopShadow(tx: Tx, tenant: string, id: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('policy_shadow')
    .set({ stopped_at: nowMs })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}

export async function countRows(db: Db | Tx, tenant: string): Promise<ShadowCountRow[]> {
  return db
    .selectFrom('policy_shadow_count')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('gateway')
    .orderBy('boot')
    .limit(processesMax)
    .execute();
}

/** What one process says takes the place of what it said before; both count from its beginning. */
export async function keepCount(tx: Tx, row: ShadowCountRow): Promise<void> {
  const { tenant, gateway, boot, ...rest } = row;
  const known = await tx
    .selectFrom('policy_shadow_count')
    .select(['gateway', 'boot'])
    .where('tenant', '=', tenant)
    .execute();
  const mine = known.some((one) => one.gateway === gateway && one.boot === boot);
  if (!mine && known.length >= processesMax) return;
  await tx
    .insertInto('policy_shadow_count')
    .values(row)
    .onConflict((conflict) => conflict.constraint('policy_shadow_count_pk').doUpdateSet(rest))
    .execute();
}
