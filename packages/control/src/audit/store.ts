/** Room: audit. SQL of the log: pending leaves, chains of gateways, the head, encrypted payloads. Callers pass the transaction. */
import { leafHash } from '@atf/core/audit/merkle';
import type { PayloadFrame } from '@atf/core/audit/spool-frame';
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { AuditTables } from './tables.ts';

export interface PendingLeaf {
  readonly entry: Uint8Array;
  readonly place: { readonly gateway: string; readonly epoch: number; readonly seq: number } | undefined;
}

/** Leaves in one row. Half a step of the sequencer at most, because it takes rows whole. */
const leavesPerRow = 128;
const rowsPerInsert = 1_000;

/** Leaves are strict UTF-8 JSON (core/audit/entry.ts), so text carries their exact bytes at half the cost of hexadecimal digits. */
const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/** Runs of leaves that follow each other in one chain. Control's own stand alone: nothing says where one stands beside another. */
function runsOf(leaves: readonly PendingLeaf[]): PendingLeaf[][] {
  const runs: PendingLeaf[][] = [];
  for (const leaf of leaves) {
    const run = runs.at(-1);
    const [before, place] = [run?.at(-1)?.place, leaf.place];
    const follows =
      before !== undefined &&
      place?.gateway === before.gateway &&
      place.epoch === before.epoch &&
      place.seq === before.seq + 1;
    if (run !== undefined && follows && run.length < leavesPerRow) run.push(leaf);
    else runs.push([leaf]);
  }
  return runs;
}

/** Few rows with long texts: as parameters of their own, because a text inside JSON would be escaped twice and parsed by the database. */
export async function insertPending(tx: Tx, tenant: string, leaves: readonly PendingLeaf[]): Promise<void> {
  if (leaves.length === 0) return;
  const rows = runsOf(leaves).map((run) => ({
    tenant,
    entries: JSON.stringify(run.map(({ entry }) => text(entry))),
    leaves: run.length,
    gateway: run[0]?.place?.gateway ?? null,
    epoch: run[0]?.place?.epoch ?? null,
    seq: run[0]?.place?.seq ?? null,
  }));
  for (let at = 0; at < rows.length; at += rowsPerInsert)
    await tx
      .insertInto('audit_pending')
      .values(rows.slice(at, at + rowsPerInsert))
      .execute();
}

/** A leaf that waits; those of one row have its id. */
export interface PendingRow {
  readonly id: number;
  readonly entry: Uint8Array;
}

const leavesOf = (entries: string): Uint8Array[] =>
  (JSON.parse(entries) as string[]).map((entry) => Buffer.from(entry));

/** The oldest pending leaves, in the order in which they go into the log: rows whole, at most `leavesMax` leaves or one row. */
export async function pendingRows(db: Db | Tx, tenant: string, leavesMax: number): Promise<PendingRow[]> {
  const { rows } = await sql<{ id: number; entries: string }>`
    select id, entries from (
      select id, entries, sum(leaves) over (order by id) as total, row_number() over (order by id) as place
      from (select id, entries, leaves from audit_pending where tenant = ${tenant} order by id limit ${leavesMax}) as oldest
    ) as counted
    where total <= ${leavesMax} or place = 1 order by id`.execute(db);
  return rows.flatMap(({ id, entries }) => leavesOf(entries).map((entry) => ({ id, entry })));
}

export async function pendingCount(db: Db | Tx, tenant: string): Promise<number> {
  const row = await db
    .selectFrom('audit_pending')
    .select(sql<number>`coalesce(sum(leaves), 0)`.as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Deletes exactly the rows of these leaves; returns how many leaves were still there. */
export async function deletePending(tx: Tx, tenant: string, ids: readonly number[]): Promise<number> {
  const rowIds = [...new Set(ids)].join(',');
  const { rows } = await sql<{ leaves: number }>`
    delete from audit_pending where tenant = ${tenant} and id = any(string_to_array(${rowIds}, ',')::bigint[])
    returning leaves`.execute(tx);
  return rows.reduce((sum, { leaves }) => sum + leaves, 0);
}

export type LogHeadRow = Selectable<AuditTables['audit_log']>;

export function logHead(db: Db | Tx, tenant: string, origin: string): Promise<LogHeadRow | undefined> {
  return db
    .selectFrom('audit_log')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('origin', '=', origin)
    .executeTakeFirst();
}

export async function insertLogHead(tx: Tx, row: LogHeadRow): Promise<void> {
  await tx.insertInto('audit_log').values(row).execute();
}

/** Takes over the log: whoever held an older fence can no longer set the head. Returns the head with the new fence. */
export function raiseFence(tx: Tx, tenant: string, origin: string): Promise<LogHeadRow> {
  return tx
    .updateTable('audit_log')
    .set((eb) => ({ fence: eb('fence', '+', 1) }))
    .where('tenant', '=', tenant)
    .where('origin', '=', origin)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Compare-and-set of the head: false when size, root or fence are not those of `from`. */
export async function advanceHead(
  tx: Tx,
  from: LogHeadRow,
  to: { readonly size: number; readonly root: Uint8Array },
): Promise<boolean> {
  const result = await tx
    .updateTable('audit_log')
    .set({ size: to.size, root: to.root })
    .where('tenant', '=', from.tenant)
    .where('origin', '=', from.origin)
    .where('size', '=', from.size)
    .where('root', '=', from.root)
    .where('fence', '=', from.fence)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

export type GatewayRow = Selectable<AuditTables['audit_gateway']>;

/** The chain of a gateway, locked until the transaction ends, so that two shipments of one gateway come one after the other. */
export async function lockGateway(tx: Tx, initial: GatewayRow): Promise<GatewayRow> {
  await tx
    .insertInto('audit_gateway')
    .values(initial)
    .onConflict((conflict) => conflict.columns(['tenant', 'gateway']).doNothing())
    .execute();
  return tx
    .selectFrom('audit_gateway')
    .selectAll()
    .where('tenant', '=', initial.tenant)
    .where('gateway', '=', initial.gateway)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

export async function updateGateway(tx: Tx, row: GatewayRow): Promise<void> {
  const { tenant, gateway, ...rest } = row;
  await tx
    .updateTable('audit_gateway')
    .set(rest)
    .where('tenant', '=', tenant)
    .where('gateway', '=', gateway)
    .execute();
}

export function gatewayRow(db: Db | Tx, tenant: string, gateway: string): Promise<GatewayRow | undefined> {
  return db
    .selectFrom('audit_gateway')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('gateway', '=', gateway)
    .executeTakeFirst();
}

/** Leaf hash of a record that was taken in before, pending or in the log. */
export async function recordHash(
  tx: Tx,
  tenant: string,
  place: { readonly gateway: string; readonly epoch: number; readonly seq: number },
): Promise<Uint8Array | undefined> {
  const pending = await tx
    .selectFrom('audit_pending')
    .select(['entries', 'seq'])
    .where('tenant', '=', tenant)
    .where('gateway', '=', place.gateway)
    .where('epoch', '=', place.epoch)
    .where('seq', '<=', place.seq)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const waiting =
    pending === undefined ? undefined : leavesOf(pending.entries)[place.seq - (pending.seq ?? 0)];
  if (waiting !== undefined) return leafHash(waiting);
  const inLog = await tx
    .selectFrom('audit_index')
    .select('leaf_hash')
    .where('tenant', '=', tenant)
    .where('gateway', '=', place.gateway)
    .where('epoch', '=', place.epoch)
    .where('seq', '=', place.seq)
    .executeTakeFirst();
  return inLog?.leaf_hash;
}

/** One statement carries at most so many bytes of ciphertext, unless a single payload has more. */
const payloadBytesPerInsert = 1_048_576;

/** Stores new payloads; returns how many there were not yet. Small ones go together in one parameter: thousands cost the embedded database several times as much. */
export async function insertPayloads(
  tx: Tx,
  tenant: string,
  payloads: readonly PayloadFrame[],
  nowMs: number,
): Promise<number> {
  let inserted = 0;
  for (let at = 0; at < payloads.length; ) {
    const from = at;
    for (let bytes = 0; at < payloads.length; at++) {
      bytes += (payloads[at] as PayloadFrame).ciphertext.length;
      if (at > from && bytes > payloadBytesPerInsert) break;
    }
    const rows = payloads.slice(from, at).map(({ id, kid, wrappedKey, salt, ciphertext }) => ({
      id,
      kid,
      wrapped_key: Buffer.from(wrappedKey, 'base64url').toString('base64'),
      salt: Buffer.from(salt, 'base64url').toString('base64'),
      ciphertext: base64(ciphertext),
    }));
    const { numAffectedRows } = await sql`
      insert into audit_payload (tenant, id, kid, wrapped_key, salt, ciphertext, stored_at)
      select ${tenant}, id, kid, decode(wrapped_key, 'base64'), decode(salt, 'base64'), decode(ciphertext, 'base64'), ${nowMs}::bigint
      from json_to_recordset(${JSON.stringify(rows)}::json)
        as (id text, kid text, wrapped_key text, salt text, ciphertext text)
      on conflict (tenant, id) do nothing`.execute(tx);
    inserted += Number(numAffectedRows ?? 0n);
  }
  return inserted;
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

export type PayloadRow = Selectable<AuditTables['audit_payload']>;

export function payloadRow(db: Db | Tx, tenant: string, id: string): Promise<PayloadRow | undefined> {
  return db
    .selectFrom('audit_payload')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function payloadRows(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<PayloadRow[]> {
  if (ids.length === 0) return [];
  return db
    .selectFrom('audit_payload')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', 'in', [...new Set(ids)])
    .execute();
}

/** Empties a payload; false when there is none or it is empty already. */
export async function emptyPayload(tx: Tx, tenant: string, id: string, nowMs: number): Promise<boolean> {
  const result = await tx
    .updateTable('audit_payload')
    .set({ kid: null, wrapped_key: null, salt: null, ciphertext: null, erased_at: nowMs })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('erased_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}
