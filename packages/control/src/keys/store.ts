/** Room: keys. SQL of the key table. */
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { KeyTables } from './tables.ts';

export type KeyRow = KeyTables['key'];

export async function keyRows(db: Db | Tx, tenant: string): Promise<KeyRow[]> {
  return db
    .selectFrom('key')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('created_at')
    .orderBy('kid')
    .execute();
}

export async function insertKey(tx: Tx, row: KeyRow): Promise<void> {
  await tx.insertInto('key').values(row).execute();
}

/** Any fixed number: the advisory lock under which replicas make keys one after the other. */
const makingKeysLock = 0x6b657973;

/** Held until the transaction ends. */
export async function lockKeys(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(${makingKeysLock})`.execute(tx);
}
