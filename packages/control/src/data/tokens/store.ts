/** Room: data (D-3). SQL of tokens. */
import type { Insertable, Selectable } from 'kysely';
import type { Db, Tx } from '../../context.ts';
import type { TokenTables } from './tables.ts';

export type TokenRow = Selectable<TokenTables['data_token']>;

export async function tokenRow(db: Db | Tx, tenant: string, token: string): Promise<TokenRow | undefined> {
  return db
    .selectFrom('data_token')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('token', '=', token)
    .executeTakeFirst();
}

/** Those that are there already stay as they are. */
export async function addTokens(
  tx: Tx,
  rows: readonly Insertable<TokenTables['data_token']>[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx
    .insertInto('data_token')
    .values([...rows])
    .onConflict((conflict) => conflict.constraint('data_token_pk').doNothing())
    .execute();
}

export async function tokenCount(tx: Tx, tenant: string, agentId: string): Promise<number> {
  const { count } = await tx
    .selectFrom('data_token')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function countGiven(tx: Tx, tenant: string, token: string): Promise<void> {
  await tx
    .updateTable('data_token')
    .set(({ eb }) => ({ given: eb('given', '+', 1) }))
    .where('tenant', '=', tenant)
    .where('token', '=', token)
    .execute();
}

/** True: it was there. */
export async function dropToken(tx: Tx, tenant: string, token: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('data_token')
    .where('tenant', '=', tenant)
    .where('token', '=', token)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function dropExpired(db: Db | Tx, tenant: string, nowMs: number): Promise<void> {
  await db.deleteFrom('data_token').where('tenant', '=', tenant).where('expires_at', '<=', nowMs).execute();
}
