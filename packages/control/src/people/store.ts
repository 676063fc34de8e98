/** Room: people (I-3). SQL of persons, sign-in links and console sessions. */
import type { Person } from '@atf/core/wire/api';
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { PeopleTables } from './tables.ts';

export type PersonRow = Selectable<PeopleTables['person']>;

/** What other rooms and the API see of a person. */
export function personOf(row: PersonRow): Person {
  return { id: row.id, name: row.name, email: row.email, roles: row.roles, bootstrap: row.bootstrap };
}

export function emailKey(email: string): string {
  return email.normalize('NFKC').toLowerCase();
}

export async function personRow(db: Db | Tx, tenant: string, id: string): Promise<PersonRow | undefined> {
  return db
    .selectFrom('person')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function personById(db: Db | Tx, tenant: string, id: string): Promise<Person | undefined> {
  const row = await personRow(db, tenant, id);
  return row === undefined ? undefined : personOf(row);
}

/** A person by id or e-mail address, as manifests name people. */
export async function personByRef(db: Db | Tx, tenant: string, ref: string): Promise<Person | undefined> {
  const row = await db
    .selectFrom('person')
    .selectAll()
    .where('tenant', '=', tenant)
    .where((where) => where.or([where('id', '=', ref), where('email_key', '=', emailKey(ref))]))
    .executeTakeFirst();
  return row === undefined ? undefined : personOf(row);
}

/** In the order of their names. */
export async function allPeople(db: Db | Tx, tenant: string): Promise<Person[]> {
  const rows = await db
    .selectFrom('person')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('name')
    .orderBy('id')
    .execute();
  return rows.map(personOf);
}

/** False: somebody with this e-mail address is there already. */
export async function insertPerson(tx: Tx, tenant: string, person: Person, nowMs: number): Promise<boolean> {
  const done = await tx
    .insertInto('person')
    .values({
      tenant,
      id: person.id,
      name: person.name,
      email: person.email,
      email_key: emailKey(person.email),
      roles: JSON.stringify(person.roles),
      bootstrap: person.bootstrap,
      passphrase: null,
      created_at: nowMs,
    })
    .onConflict((conflict) => conflict.constraint('person_email_once').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

export async function setPassphraseHash(
  tx: Tx,
  tenant: string,
  personId: string,
  hash: string,
): Promise<void> {
  await tx
    .updateTable('person')
    .set({ passphrase: hash })
    .where('tenant', '=', tenant)
    .where('id', '=', personId)
    .execute();
}

export async function insertLink(tx: Tx, row: PeopleTables['sign_in_link']): Promise<void> {
  await tx
    .deleteFrom('sign_in_link')
    .where('tenant', '=', row.tenant)
    .where('person_id', '=', row.person_id)
    .where((where) =>
      where.or([where('used_at', 'is not', null), where('expires_at', '<', row.expires_at - linkKeptMs)]),
    )
    .execute();
  await tx.insertInto('sign_in_link').values(row).execute();
}

/** Lapsed links are kept this long after the newest would lapse, then they go. */
const linkKeptMs = 3_600_000;

/** Uses a link up by compare-and-set; gives its person's id, and whether it was cleared. */
export async function useLink(
  tx: Tx,
  tenant: string,
  tokenHash: string,
  nowMs: number,
): Promise<{ personId: string; cleared: boolean } | undefined> {
  const row = await tx
    .updateTable('sign_in_link')
    .set({ used_at: nowMs })
    .where('tenant', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .returning(['person_id', 'cleared'])
    .executeTakeFirst();
  return row === undefined ? undefined : { personId: row.person_id, cleared: row.cleared };
}

/** Whether this session was opened by a cleared link. */
export async function sessionCleared(tx: Tx, tenant: string, idHash: string): Promise<boolean> {
  const row = await tx
    .selectFrom('console_session')
    .select('cleared')
    .where('tenant', '=', tenant)
    .where('id_hash', '=', idHash)
    .executeTakeFirst();
  return row?.cleared === true;
}

/** Adds a session and drops lapsed ones and, beyond `perPersonMax`, the oldest of this person. */
export async function insertSession(
  tx: Tx,
  row: PeopleTables['console_session'],
  perPersonMax: number,
): Promise<void> {
  await tx
    .deleteFrom('console_session')
    .where('tenant', '=', row.tenant)
    .where('expires_at', '<=', row.created_at)
    .execute();
  const others = await tx
    .selectFrom('console_session')
    .select('id_hash')
    .where('tenant', '=', row.tenant)
    .where('person_id', '=', row.person_id)
    .orderBy('last_seen_at', 'desc')
    .offset(perPersonMax - 1)
    .execute();
  for (const { id_hash } of others) await deleteSession(tx, row.tenant, id_hash);
  await tx.insertInto('console_session').values(row).execute();
}

export async function deleteSession(tx: Tx, tenant: string, idHash: string): Promise<void> {
  await tx.deleteFrom('console_session').where('tenant', '=', tenant).where('id_hash', '=', idHash).execute();
}

export interface SessionRow {
  readonly idHash: string;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly person: Person;
}

export async function sessionRow(db: Db, tenant: string, idHash: string): Promise<SessionRow | undefined> {
  const row = await db
    .selectFrom('console_session')
    .innerJoin('person', (join) =>
      join
        .onRef('person.id', '=', 'console_session.person_id')
        .onRef('person.tenant', '=', 'console_session.tenant'),
    )
    .selectAll('person')
    .select(['console_session.last_seen_at', 'console_session.expires_at'])
    .where('console_session.tenant', '=', tenant)
    .where('console_session.id_hash', '=', idHash)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { idHash, lastSeenAt: row.last_seen_at, expiresAt: row.expires_at, person: personOf(row) };
}

export async function touchSession(tx: Tx, tenant: string, idHash: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('console_session')
    .set({ last_seen_at: nowMs })
    .where('tenant', '=', tenant)
    .where('id_hash', '=', idHash)
    .execute();
}
