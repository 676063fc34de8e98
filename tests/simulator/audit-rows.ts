/** Takes the place of control's `audit/store.ts` and `audit/index-store.ts`, so that the real intake and the real sequencer run over virtual rows. */
import type { IndexRow } from '@atf/control/audit/index-store';
import type { GatewayRow, LogHeadRow, PayloadRow, PendingLeaf, PendingRow } from '@atf/control/audit/store';
import { leafHash } from '@atf/core/audit/merkle';
import type { PayloadFrame } from '@atf/core/audit/spool-frame';
import type * as index from '@atf/control/audit/index-store';
import type * as store from '@atf/control/audit/store';
import { look, type View, type WritableView } from './rows.ts';

interface Place {
  readonly gateway: string;
  readonly epoch: number;
  readonly seq: number;
}

const writable = (tx: unknown): WritableView => tx as WritableView;
const placeKey = ({ gateway, epoch, seq }: Place): string => `${gateway} ${epoch} ${seq}`;

export async function insertPending(
  tx: unknown,
  _tenant: string,
  leaves: readonly PendingLeaf[],
): Promise<void> {
  const rows = writable(tx);
  let { next } = rows.get<{ next: number }>('audit_sequence', '*') ?? { next: 1 };
  for (const { entry, place } of leaves) {
    if (place !== undefined) {
      if (rows.get('audit_place', placeKey(place)) !== undefined)
        throw new Error('unique constraint audit_pending_once');
      rows.set('audit_place', placeKey(place), { hash: leafHash(entry) });
    }
    const row: PendingRow = { id: next, entry };
    rows.set('audit_pending', String(next++), row);
  }
  rows.set('audit_sequence', '*', { next });
}

export function pendingRows(db: unknown, _tenant: string, rowsMax: number): Promise<PendingRow[]> {
  return look(db, (rows) => rows.values<PendingRow>('audit_pending').slice(0, rowsMax));
}

export function pendingCount(db: unknown): Promise<number> {
  return look(db, (rows) => rows.values('audit_pending').length);
}

export async function deletePending(tx: unknown, _tenant: string, ids: readonly number[]): Promise<number> {
  return ids.filter((id) => writable(tx).delete('audit_pending', String(id))).length;
}

export function logHead(db: unknown, _tenant: string, origin: string): Promise<LogHeadRow | undefined> {
  return look(db, (rows) => rows.get<LogHeadRow>('audit_log', origin));
}

export async function insertLogHead(tx: unknown, row: LogHeadRow): Promise<void> {
  if (writable(tx).get('audit_log', row.origin) !== undefined)
    throw new Error('unique constraint audit_log_pk');
  writable(tx).set('audit_log', row.origin, row);
}

export async function raiseFence(tx: unknown, _tenant: string, origin: string): Promise<LogHeadRow> {
  const row = writable(tx).get<LogHeadRow>('audit_log', origin);
  if (row === undefined) throw new Error('no result');
  const raised = { ...row, fence: row.fence + 1 };
  writable(tx).set('audit_log', origin, raised);
  return raised;
}

export async function advanceHead(
  tx: unknown,
  from: LogHeadRow,
  to: { readonly size: number; readonly root: Uint8Array },
): Promise<boolean> {
  const row = writable(tx).get<LogHeadRow>('audit_log', from.origin);
  if (row === undefined) return false;
  const same =
    row.size === from.size && row.fence === from.fence && Buffer.compare(row.root, from.root) === 0;
  if (!same) return false;
  writable(tx).set('audit_log', from.origin, { ...row, size: to.size, root: to.root });
  return true;
}

export async function lockGateway(tx: unknown, initial: GatewayRow): Promise<GatewayRow> {
  const held = writable(tx).get<GatewayRow>('audit_gateway', initial.gateway);
  if (held === undefined) writable(tx).set('audit_gateway', initial.gateway, initial);
  return held ?? initial;
}

export async function updateGateway(tx: unknown, row: GatewayRow): Promise<void> {
  writable(tx).set('audit_gateway', row.gateway, row);
}

export function gatewayRow(db: unknown, _tenant: string, gateway: string): Promise<GatewayRow | undefined> {
  return look(db, (rows) => rows.get<GatewayRow>('audit_gateway', gateway));
}

export async function recordHash(
  tx: unknown,
  _tenant: string,
  place: Place,
): Promise<Uint8Array | undefined> {
  return (tx as View).get<{ hash: Uint8Array }>('audit_place', placeKey(place))?.hash;
}

export async function insertPayloads(
  tx: unknown,
  tenant: string,
  payloads: readonly PayloadFrame[],
  nowMs: number,
): Promise<number> {
  let inserted = 0;
  for (const { id, kid, wrappedKey, salt, ciphertext } of payloads) {
    if (writable(tx).get('audit_payload', id) !== undefined) continue;
    const bytes = (text: string) => Buffer.from(text, 'base64url');
    const row: PayloadRow = {
      tenant,
      id,
      kid,
      wrapped_key: bytes(wrappedKey),
      salt: bytes(salt),
      ciphertext,
      stored_at: nowMs,
      erased_at: null,
    };
    writable(tx).set('audit_payload', id, row);
    inserted++;
  }
  return inserted;
}

export function payloadRow(db: unknown, _tenant: string, id: string): Promise<PayloadRow | undefined> {
  return look(db, (rows) => rows.get<PayloadRow>('audit_payload', id));
}

export async function insertIndexRows(tx: unknown, rows: readonly IndexRow[]): Promise<void> {
  for (const row of rows) {
    if (writable(tx).get('audit_index', String(row.log_index)) !== undefined)
      throw new Error('unique constraint audit_index_pk');
    writable(tx).set('audit_index', String(row.log_index), row);
  }
}

export async function deleteIndexFrom(tx: unknown, _tenant: string, logIndex: number): Promise<void> {
  for (const { log_index } of writable(tx).values<IndexRow>('audit_index')) {
    if (log_index >= logIndex) writable(tx).delete('audit_index', String(log_index));
  }
}

export function indexedRows(db: unknown): Promise<number> {
  return look(db, (rows) =>
    rows.values<IndexRow>('audit_index').reduce((most, { log_index }) => Math.max(most, log_index + 1), 0),
  );
}

type Replaced = Pick<
  typeof store & typeof index,
  | 'insertPending'
  | 'pendingRows'
  | 'pendingCount'
  | 'deletePending'
  | 'logHead'
  | 'insertLogHead'
  | 'raiseFence'
  | 'advanceHead'
  | 'lockGateway'
  | 'updateGateway'
  | 'gatewayRow'
  | 'recordHash'
  | 'insertPayloads'
  | 'payloadRow'
  | 'insertIndexRows'
  | 'deleteIndexFrom'
  | 'indexedRows'
>;
/** The compiler holds these to the functions whose place they take. */
export const replaced: Replaced = {
  ...{
    insertPending,
    pendingRows,
    pendingCount,
    deletePending,
    logHead,
    insertLogHead,
    raiseFence,
    advanceHead,
    lockGateway,
    updateGateway,
  },
  ...{ gatewayRow, recordHash, insertPayloads, payloadRow, insertIndexRows, deleteIndexFrom, indexedRows },
};
