/** Room: audit. SQL of the log: pending leaves, chains of gateways, the head, encrypted payloads. Callers pass the transaction. */
import type { PayloadFrame } from '@atf/core/audit/spool-frame';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { AuditTables } from './tables.ts';

export interface PendingLeaf {
  readonly entry: Uint8Array;
  readonly hash: Uint8Array;
  readonly place: { readonly gateway: string; readonly epoch: number; readonly seq: number } | undefined;
}

/** Leaves are strict UTF-8 JSON (core/audit/entry.ts), so text carries their exact bytes at half the cost of hexadecimal digits. */
const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/** All leaves in one statement with one parameter: thousands of parameters cost the embedded database several times as much. */
export async function insertPending(tx: Tx, tenant: string, leaves: readonly PendingLeaf[]): Promise<void> {
  if (leaves.length === 0) return;
  const rows = leaves.map(({ entry, hash, place }) => ({
    entry: text(entry),
    hash: Buffer.from(hash).toString('hex'),
    ...place,
  }));
  await sql`
    insert into audit_pending (tenant, entry, leaf_hash, gateway, epoch, seq)
    select ${tenant}, convert_to(leaf.entry, 'UTF8'), decode(leaf.hash, 'hex'), leaf.gateway, leaf.epoch, leaf.seq
    from rows from (
      json_to_recordset(${JSON.stringify(rows)}::json) as (entry text, hash text, gateway text, epoch bigint, seq bigint)
    ) with ordinality as leaf(entry, hash, gateway, epoch, seq, place)
    order by leaf.place`.execute(tx);
}

export interface PendingRow {
  readonly id: number;
  readonly entry: Uint8Array;
}

/** The oldest pending leaves, in the order in which they go into the log. As text: the driver is slow at reading many bytea. */
export async function pendingRows(db: Db | Tx, tenant: string, rowsMax: number): Promise<PendingRow[]> {
  const { rows } = await sql<{ id: number; entry: string }>`
    select id, convert_from(entry, 'UTF8') as entry
    from audit_pending where tenant = ${tenant} order by id limit ${rowsMax}`.execute(db);
  return rows.map(({ id, entry }) => ({ id, entry: Buffer.from(entry) }));
}

export async function pendingCount(db: Db | Tx, tenant: string): Promise<number> {
  const row = await db
    .selectFrom('audit_pending')
    .select(sql<number>`count(*)`.as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Deletes exactly these rows; returns how many were still there. */
export async function deletePending(tx: Tx, tenant: string, ids: readonly number[]): Promise<number> {
  const result = await tx
    .deleteFrom('audit_pending')
    .where('tenant', '=', tenant)
    .where('id', 'in', ids)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
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
  const inPending = await tx
    .selectFrom('audit_pending')
    .select('leaf_hash')
    .where('tenant', '=', tenant)
    .where('gateway', '=', place.gateway)
    .where('epoch', '=', place.epoch)
    .where('seq', '=', place.seq)
    .executeTakeFirst();
  if (inPending !== undefined) return inPending.leaf_hash;
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

/** One statement carries at most so many rows and bytes. */
const payloadRowsPerInsert = 500;
const payloadBytesPerInsert = 1_048_576;

/** Stores new payloads; returns how many there were not yet. Small ones go together, large ones alone. */
export async function insertPayloads(
  tx: Tx,
  tenant: string,
  payloads: readonly PayloadFrame[],
  nowMs: number,
): Promise<number> {
  let inserted = 0;
  for (let at = 0; at < payloads.length; ) {
    const rows: Insertable<AuditTables['audit_payload']>[] = [];
    for (let bytes = 0; at < payloads.length && rows.length < payloadRowsPerInsert; at++) {
      const { id, kid, wrappedKey, salt, ciphertext } = payloads[at] as PayloadFrame;
      bytes += ciphertext.length;
      if (rows.length > 0 && bytes > payloadBytesPerInsert) break;
      rows.push({
        tenant,
        id,
        kid,
        wrapped_key: Buffer.from(wrappedKey, 'base64url'),
        salt: Buffer.from(salt, 'base64url'),
        ciphertext,
        stored_at: nowMs,
        erased_at: null,
      });
    }
    const result = await tx
      .insertInto('audit_payload')
      .values(rows)
      .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
      .executeTakeFirst();
    inserted += Number(result.numInsertedOrUpdatedRows ?? 0n);
  }
  return inserted;
}

export type PayloadRow = Selectable<AuditTables['audit_payload']>;

export function payloadRow(db: Db | Tx, tenant: string, id: string): Promise<PayloadRow | undefined> {
  return db
    .selectFrom('audit_payload')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
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
