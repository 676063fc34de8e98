/**
 * Room: audit (B-1, D-4; privacy). The encrypted contents of records. The log commits to them; erasing one destroys wrapped key, salt and
 * ciphertext in its row, after which the commitment in the log says nothing. Old row versions leave the database with its next VACUUM,
 * and backups with their retention. Who may read or erase is decided by the routes.
 */
import type { SealedPayload } from '@atf/core/audit/payload';
import { payloadCommitment } from '@atf/core/audit/payload';
import type { Audit, Db, Tx } from '../context.ts';
import { emptyPayload, payloadRow, type PayloadRow, payloadRows } from './store.ts';

export type StoredPayload =
  | { readonly state: 'present'; readonly sealed: SealedPayload }
  | { readonly state: 'erased'; readonly erasedAt: number }
  | { readonly state: 'absent' };

/** The sealed payload as the gateway encrypted it; open it with the payload key of its `kid` (core/audit/payload.ts). */
export async function readPayload(db: Db | Tx, tenant: string, id: string): Promise<StoredPayload> {
  const row = await payloadRow(db, tenant, id);
  if (row === undefined) return { state: 'absent' };
  const sealed = sealedIn(row);
  return sealed === undefined
    ? { state: 'erased', erasedAt: row.erased_at ?? 0 }
    : { state: 'present', sealed };
}

/** Undefined: it was erased. */
function sealedIn(row: PayloadRow): SealedPayload | undefined {
  const { id, kid, wrapped_key: wrappedKey, salt, ciphertext } = row;
  if (kid === null || wrappedKey === null || salt === null || ciphertext === null) return undefined;
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const commitment = payloadCommitment(salt, ciphertext);
  return { id, kid, wrappedKey: text(wrappedKey), salt: text(salt), ciphertext, commitment };
}

/** Those of these payloads that are there and were not erased, by id. */
export async function payloadsByIds(
  db: Db | Tx,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SealedPayload>> {
  const rows = await payloadRows(db, tenant, ids);
  return new Map(
    rows.flatMap((row) => {
      const sealed = sealedIn(row);
      return sealed === undefined ? [] : [[row.id, sealed] as const];
    }),
  );
}

/** Erases a payload and records that it was erased, in one transaction. False when there was nothing (left) to erase. */
export async function erasePayload(
  tx: Tx,
  audit: Audit,
  erasure: {
    readonly tenant: string;
    readonly id: string;
    readonly nowMs: number;
    readonly by: string;
    readonly reason: string;
  },
): Promise<boolean> {
  const { tenant, id, nowMs, by, reason } = erasure;
  if (!(await emptyPayload(tx, tenant, id, nowMs))) return false;
  await audit.enqueue(tx, 'audit.payload_erased', { payloadId: id, by, reason });
  return true;
}
