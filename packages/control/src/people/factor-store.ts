/** Room: people. SQL of passkeys, confirmations of presence, and failed attempts. */
import type { PresenceSubject } from '@atf/core/wire/api';
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { PeopleTables } from './tables.ts';

export type PasskeyRow = Selectable<PeopleTables['passkey']>;
export type PresenceRow = Selectable<PeopleTables['presence']>;

export async function passkeysOf(db: Db | Tx, tenant: string, personId: string): Promise<PasskeyRow[]> {
  return db
    .selectFrom('passkey')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('person_id', '=', personId)
    .orderBy('created_at')
    .execute();
}

/** False: this passkey is registered already. */
export async function insertPasskey(
  tx: Tx,
  row: Omit<PasskeyRow, 'transports'> & { transports: string[] },
): Promise<boolean> {
  const done = await tx
    .insertInto('passkey')
    .values({ ...row, transports: JSON.stringify(row.transports) })
    .onConflict((conflict) => conflict.constraint('passkey_pk').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

export async function setPasskeyCounter(
  tx: Tx,
  tenant: string,
  credentialId: string,
  counter: number,
): Promise<void> {
  await tx
    .updateTable('passkey')
    .set({ counter })
    .where('tenant', '=', tenant)
    .where('credential_id', '=', credentialId)
    .execute();
}

export async function putChallenge(tx: Tx, row: PeopleTables['passkey_challenge']): Promise<void> {
  await tx
    .insertInto('passkey_challenge')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .constraint('passkey_challenge_pk')
        .doUpdateSet({ challenge: row.challenge, expires_at: row.expires_at }),
    )
    .execute();
}

/** Takes the challenge away: it counts once. */
export async function takeChallenge(
  tx: Tx,
  tenant: string,
  personId: string,
  nowMs: number,
): Promise<string | undefined> {
  const row = await tx
    .deleteFrom('passkey_challenge')
    .where('tenant', '=', tenant)
    .where('person_id', '=', personId)
    .returning(['challenge', 'expires_at'])
    .executeTakeFirst();
  return row !== undefined && row.expires_at > nowMs ? row.challenge : undefined;
}

/** Drops what has lapsed and, beyond `openMax`, refuses by returning false. */
export async function insertPresence(
  tx: Tx,
  row: PresenceRow,
  nowMs: number,
  openMax: number,
): Promise<boolean> {
  await tx
    .deleteFrom('presence')
    .where('tenant', '=', row.tenant)
    .where('person_id', '=', row.person_id)
    .where('expires_at', '<=', nowMs)
    .execute();
  const open = await tx
    .selectFrom('presence')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('tenant', '=', row.tenant)
    .where('person_id', '=', row.person_id)
    .executeTakeFirstOrThrow();
  if (Number(open.count) >= openMax) return false;
  await tx.insertInto('presence').values(row).execute();
  return true;
}

export async function presenceRow(db: Db | Tx, tenant: string, id: string): Promise<PresenceRow | undefined> {
  return db
    .selectFrom('presence')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Confirms by compare-and-set: false when it was confirmed already or has lapsed. */
export async function confirmPresence(
  tx: Tx,
  row: { tenant: string; id: string; tokenHash: string; method: string; nowMs: number; expiresAt: number },
): Promise<boolean> {
  const done = await tx
    .updateTable('presence')
    .set({ token_hash: row.tokenHash, method: row.method, expires_at: row.expiresAt })
    .where('tenant', '=', row.tenant)
    .where('id', '=', row.id)
    .where('token_hash', 'is', null)
    .where('expires_at', '>', row.nowMs)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}

/** Uses a confirmation up by compare-and-set, for exactly this person and subject; gives the method. */
export async function usePresence(
  tx: Tx,
  tenant: string,
  personId: string,
  tokenHash: string,
  subject: PresenceSubject,
  nowMs: number,
): Promise<string | undefined> {
  const row = await tx
    .updateTable('presence')
    .set({ used_at: nowMs })
    .where('tenant', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .where('person_id', '=', personId)
    .where('subject_kind', '=', subject.kind)
    .where('subject_id', '=', subject.id)
    .where('subject_digest', '=', subject.digest)
    .where('used_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .returning('method')
    .executeTakeFirst();
  return row?.method ?? undefined;
}

/** Counts an attempt in its window; gives how many there are now and when the window began. */
export async function countAttempt(
  tx: Tx,
  tenant: string,
  personId: string,
  nowMs: number,
  windowMs: number,
): Promise<{ count: number; windowStart: number }> {
  const row = await tx
    .selectFrom('presence_failure')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('person_id', '=', personId)
    .forUpdate()
    .executeTakeFirst();
  const same = row !== undefined && nowMs - row.window_start < windowMs;
  const next = same
    ? { count: row.count + 1, window_start: row.window_start }
    : { count: 1, window_start: nowMs };
  await tx
    .insertInto('presence_failure')
    .values({ tenant, person_id: personId, ...next })
    .onConflict((conflict) => conflict.constraint('presence_failure_pk').doUpdateSet(next))
    .execute();
  return { count: next.count, windowStart: next.window_start };
}

export async function clearAttempts(tx: Tx, tenant: string, personId: string): Promise<void> {
  await tx
    .deleteFrom('presence_failure')
    .where('tenant', '=', tenant)
    .where('person_id', '=', personId)
    .execute();
}
