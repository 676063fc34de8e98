/** Room: replicas. SQL of leases, of who is there, and of proofs that were taken. Times are of the database's clock: replicas need not agree about theirs. */
import { sql } from 'kysely';
import type { Db, LiveGateway, Tx } from '../context.ts';

const now = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

export interface Claim {
  readonly tenant: string;
  readonly name: string;
  readonly holder: string;
  readonly leaseMs: number;
}

/** A time further ahead than anybody would write it by more than this was written before the clock of the database was set back. */
const aheadMsMax = 60_000;

/** Takes over a duty that nobody holds, under a fence that nobody had; undefined while somebody holds it. */
export async function claimDuty(
  db: Db,
  { tenant, name, holder, leaseMs }: Claim,
): Promise<number | undefined> {
  const { rows } = await sql<{ fence: number }>`
    insert into duty (tenant, name, holder, fence, until)
    values (${tenant}, ${name}, ${holder}, 1, ${now} + ${leaseMs}::bigint)
    on conflict (tenant, name) do update
      set holder = excluded.holder, fence = duty.fence + 1, until = excluded.until, note = ''
      where duty.until < ${now} or duty.until > ${now} + ${leaseMs + aheadMsMax}::bigint
    returning fence`.execute(db);
  return rows[0]?.fence;
}

/** False: somebody else holds it by now. */
export async function renewDuty(
  db: Db,
  { tenant, name, holder, leaseMs }: Claim,
  fence: number,
  note: string,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update duty set until = ${now} + ${leaseMs}::bigint, note = ${note}
    where tenant = ${tenant} and name = ${name} and holder = ${holder} and fence = ${fence}`.execute(db);
  return numAffectedRows === 1n;
}

export async function releaseDuty(db: Db, { tenant, name, holder }: Claim, fence: number): Promise<void> {
  await db
    .updateTable('duty')
    .set({ until: 0 })
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('holder', '=', holder)
    .where('fence', '=', fence)
    .execute();
}

/** Whether the duty is still held under this fence. The row is shared until the transaction ends: nobody takes over in between. */
export async function shareDuty(tx: Tx, tenant: string, name: string, fence: number): Promise<boolean> {
  const row = await tx
    .selectFrom('duty')
    .select('fence')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('fence', '=', fence)
    .forShare()
    .executeTakeFirst();
  return row !== undefined;
}

/** What the holder of a duty tells; undefined: nobody holds it. */
export async function dutyNote(db: Db, tenant: string, name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('duty')
    .select('note')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where(sql<boolean>`until >= ${now}`)
    .executeTakeFirst();
  return row?.note;
}

export interface Replica {
  readonly id: string;
  readonly gateways: readonly LiveGateway[];
}

/** Says that this replica is there, and gives the others that said so within `withinMs`. Those that have been silent for long are forgotten. */
export async function meetReplicas(
  db: Db,
  tenant: string,
  own: Replica,
  { withinMs, forgetMs }: { readonly withinMs: number; readonly forgetMs: number },
): Promise<Replica[]> {
  await sql`
    insert into replica (tenant, id, seen_at, gateways)
    values (${tenant}, ${own.id}, ${now}, ${JSON.stringify(own.gateways)}::jsonb)
    on conflict (tenant, id) do update set seen_at = excluded.seen_at, gateways = excluded.gateways`.execute(
    db,
  );
  await sql`
    delete from replica where tenant = ${tenant}
      and (seen_at < ${now} - ${forgetMs}::bigint or seen_at > ${now} + ${aheadMsMax}::bigint)`.execute(db);
  return db
    .selectFrom('replica')
    .select(['id', 'gateways'])
    .where('tenant', '=', tenant)
    .where('id', '<>', own.id)
    .where(sql<boolean>`seen_at >= ${now} - ${withinMs}::bigint`)
    .orderBy('id')
    .limit(100)
    .execute();
}

/** Ids of the replicas that said so within this time. */
export async function replicasThere(db: Db | Tx, tenant: string, withinMs: number): Promise<string[]> {
  const rows = await db
    .selectFrom('replica')
    .select('id')
    .where('tenant', '=', tenant)
    .where(sql<boolean>`seen_at >= ${now} - ${withinMs}::bigint`)
    .orderBy('id')
    .limit(10)
    .execute();
  return rows.map(({ id }) => id);
}

export async function leaveReplicas(db: Db, tenant: string, id: string): Promise<void> {
  await db.deleteFrom('replica').where('tenant', '=', tenant).where('id', '=', id).execute();
}

export interface TakenProof {
  readonly kind: 'gateways' | 'instances';
  readonly key: string;
  readonly jti: string;
}

/**
 * `taken` now, or already `known`, or `full`: this key has used as many as it may until they lapse. Remembered for so long by the database's clock, so that a
 * replica whose clock goes wrong forgets nothing.
 */
export async function takeProof(
  db: Db,
  tenant: string,
  { kind, key, jti }: TakenProof,
  { keptMs, ofKeyMax }: { readonly keptMs: number; readonly ofKeyMax: number },
): Promise<'taken' | 'known' | 'full'> {
  const { rows } = await sql<{ taken: boolean; full: boolean }>`
    with held as (
      select count(*) as count from (
        select from proof_taken where tenant = ${tenant} and kind = ${kind} and key = ${key} and lapse > ${now}
        limit ${ofKeyMax}
      ) as few
    ), added as (
      insert into proof_taken (tenant, kind, key, jti, lapse)
      select ${tenant}, ${kind}, ${key}, ${jti}, ${now} + ${keptMs}::bigint from held where count < ${ofKeyMax}
      on conflict (tenant, kind, key, jti) do update set lapse = excluded.lapse where proof_taken.lapse <= ${now}
      returning 1
    )
    select exists (select from added) as taken, (select count >= ${ofKeyMax} from held) as full`.execute(db);
  const [row] = rows;
  if (row?.taken === true) return 'taken';
  return row?.full === true ? 'full' : 'known';
}

export async function forgetProofs(db: Db, tenant: string): Promise<void> {
  await sql`delete from proof_taken where tenant = ${tenant} and lapse < ${now}`.execute(db);
}
