/** Room: people. SQL of clearances, and who has a factor. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import { personOf } from './store.ts';
import type { Person } from '@atf/core/wire/api';
import type { PeopleTables } from './tables.ts';

export type ClearanceRow = Selectable<PeopleTables['clearance']>;

/** Everybody who has a passkey or a passphrase. */
export async function peopleWithFactor(db: Db | Tx, tenant: string): Promise<Person[]> {
  const rows = await db
    .selectFrom('person')
    .selectAll()
    .where('tenant', '=', tenant)
    .where((where) =>
      where.or([
        where('passphrase', 'is not', null),
        where.exists(
          where
            .selectFrom('passkey')
            .select('passkey.credential_id')
            .whereRef('passkey.tenant', '=', 'person.tenant')
            .whereRef('passkey.person_id', '=', 'person.id'),
        ),
      ]),
    )
    .execute();
  return rows.map(personOf);
}

/** Drops what has lapsed and, beyond `openMax`, refuses by returning false. */
export async function insertClearance(
  tx: Tx,
  row: ClearanceRow,
  nowMs: number,
  openMax: number,
): Promise<boolean> {
  await tx
    .deleteFrom('clearance')
    .where('tenant', '=', row.tenant)
    .where('expires_at', '<=', nowMs)
    .execute();
  const open = await tx
    .selectFrom('clearance')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('tenant', '=', row.tenant)
    .executeTakeFirstOrThrow();
  if (Number(open.count) >= openMax) return false;
  await tx.insertInto('clearance').values(row).execute();
  return true;
}

export async function clearanceRow(
  db: Db | Tx,
  tenant: string,
  id: string,
): Promise<ClearanceRow | undefined> {
  return db
    .selectFrom('clearance')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** All that is kept, newest first: bounded by how many may be open. */
export async function clearanceRows(db: Db, tenant: string, max: number): Promise<ClearanceRow[]> {
  return db
    .selectFrom('clearance')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('asked_at', 'desc')
    .orderBy('id')
    .limit(max)
    .execute();
}

/** Grants by compare-and-set; undefined: granted already, or lapsed. */
export async function grantClearance(
  tx: Tx,
  given: { tenant: string; id: string; by: string; nowMs: number; expiresAt: number },
): Promise<ClearanceRow | undefined> {
  return tx
    .updateTable('clearance')
    .set({ granted_by: given.by, expires_at: given.expiresAt })
    .where('tenant', '=', given.tenant)
    .where('id', '=', given.id)
    .where('granted_by', 'is', null)
    .where('expires_at', '>', given.nowMs)
    .returningAll()
    .executeTakeFirst();
}

/** Uses a grant up by compare-and-set, for exactly this request of this person; false: it does not count. */
export async function useClearance(
  tx: Tx,
  given: { tenant: string; id: string; askedBy: string; request: string; nowMs: number },
): Promise<boolean> {
  const done = await tx
    .updateTable('clearance')
    .set({ used_at: given.nowMs })
    .where('tenant', '=', given.tenant)
    .where('id', '=', given.id)
    .where('asked_by', '=', given.askedBy)
    .where('request', '=', given.request)
    .where('granted_by', 'is not', null)
    .where('used_at', 'is', null)
    .where('expires_at', '>', given.nowMs)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}
