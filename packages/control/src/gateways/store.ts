/** Room: gateways. SQL of gateways and their join tokens. */
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { GatewayTables } from './tables.ts';

export type GatewayRow = Selectable<GatewayTables['gateway']>;

export async function gatewayById(db: Db | Tx, tenant: string, id: string): Promise<GatewayRow | undefined> {
  return db
    .selectFrom('gateway')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Newest first, at most `limit`. */
export async function gatewayRows(db: Db | Tx, tenant: string, limit: number): Promise<GatewayRow[]> {
  return db
    .selectFrom('gateway')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('enrolled_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Gateways that are enrolled and not revoked, connected or not. */
export async function activeGatewayCount(db: Db | Tx, tenant: string): Promise<number> {
  const row = await db
    .selectFrom('gateway')
    .select(sql<number>`count(*)::int`.as('n'))
    .where('tenant', '=', tenant)
    .where('state', '=', 'active')
    .executeTakeFirst();
  return row?.n ?? 0;
}

export async function activeGatewayNamed(
  db: Db | Tx,
  tenant: string,
  name: string,
): Promise<GatewayRow | undefined> {
  return db
    .selectFrom('gateway')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('state', '=', 'active')
    .executeTakeFirst();
}

/** False: a gateway with this key is there already, active or revoked. */
export async function insertGateway(tx: Tx, row: Insertable<GatewayTables['gateway']>): Promise<boolean> {
  const done = await tx
    .insertInto('gateway')
    .values(row)
    .onConflict((conflict) => conflict.constraint('gateway_key_once').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

/** The revoked gateway; undefined: none is active under this id. */
export async function revokeGateway(
  tx: Tx,
  tenant: string,
  id: string,
  nowMs: number,
): Promise<GatewayRow | undefined> {
  return tx
    .updateTable('gateway')
    .set({ state: 'revoked', revoked_at: nowMs })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', '=', 'active')
    .returningAll()
    .executeTakeFirst();
}

export async function insertGatewayJoinToken(
  tx: Tx,
  row: Insertable<GatewayTables['gateway_join_token']>,
): Promise<void> {
  // Lapsed tokens go when new ones come, so that the table stays small.
  await tx
    .deleteFrom('gateway_join_token')
    .where('tenant', '=', row.tenant)
    .where(sql<boolean>`expires_at < ${row.expires_at - 86_400_000}`)
    .execute();
  await tx.insertInto('gateway_join_token').values(row).execute();
}

/** Uses a join token up by compare-and-set; gives the name that it admits, and the servers that this gateway carries. */
export async function useGatewayJoinToken(
  tx: Tx,
  tenant: string,
  tokenHash: string,
  nowMs: number,
): Promise<{ name: string; servers: string[] | null } | undefined> {
  return tx
    .updateTable('gateway_join_token')
    .set({ used_at: nowMs })
    .where('tenant', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .returning(['name', 'servers'])
    .executeTakeFirst();
}

/** Sets the address of an active gateway. False: it has it already, or there is no such gateway. */
export async function setGatewayUrl(tx: Tx, tenant: string, id: string, url: string): Promise<boolean> {
  const done = await tx
    .updateTable('gateway')
    .set({ public_url: url })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', '=', 'active')
    .where(sql<boolean>`public_url is distinct from ${url}`)
    .executeTakeFirst();
  return done.numUpdatedRows === 1n;
}

/** Whether agents reach an active gateway under this origin. */
export async function isGatewayUrl(db: Db | Tx, tenant: string, url: string): Promise<boolean> {
  const row = await db
    .selectFrom('gateway')
    .select('id')
    .where('tenant', '=', tenant)
    .where('state', '=', 'active')
    .where('public_url', '=', url)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
