/**
 * Room: backup (R-2, invariants 1, 2, 5 and 8). What a restore voids, at the first start after it and before anything is served. A backup knows nothing of what came
 * after it: kills, revocations, demotions, spent approvals and budgets. So nothing that acted then acts now by itself: the fleet is stopped until a person
 * resumes it, every credential and open approval is void, and every gateway enrols again.
 */
import type { RestoredBody } from '@atf/core/audit/continuation';
import { containmentKey } from '@atf/core/incident/scope-id';
import type { Control } from '../context.ts';
import { revokeGateway } from '../gateways/store.ts';
import { recordFirst } from '../incident/recorder.ts';
import { forgetBlends } from '../segmentation/blends.ts';
import { supposeWorst } from '../segmentation/labels.ts';
import { noBackup } from './mark.ts';
import { activeGateways, newestRestoration, type RestorationRow, settle } from './store.ts';

const scope = { kind: 'fleet', id: '*' } as const;
/** Who stops, in records and in what people see. */
const by = 'restore';

const isoTime = (ms: number): string => new Date(ms).toISOString();

const fromWhat = ({ backup_id: id, backup_at: at }: RestorationRow): string =>
  id === noBackup
    ? `by the database; the newest record is of ${isoTime(at)}`
    : `from the backup of ${isoTime(at)}`;

/** What the log says about it. */
function bodyOf(row: RestorationRow): RestoredBody & Record<string, unknown> {
  return {
    restoreId: row.id,
    backupId: row.backup_id,
    backupAt: isoTime(row.backup_at),
    restoredAt: isoTime(row.restored_at),
    from: { origin: row.from_origin, vkey: row.from_vkey, checkpoint: row.from_checkpoint },
    to: row.to_origin,
  };
}

/** Settles the newest restore, if it is not settled; safe to run again after a crash anywhere in it, and by several replicas at once. */
export async function settleRestoration(control: Control): Promise<void> {
  const { tenant } = control.config;
  const row = await newestRestoration(control.db, tenant);
  if (row === undefined || row.settled_at !== null) return;
  const since = isoTime(control.clock.nowMs());
  await recordFirst(control, {
    id: row.id,
    key: containmentKey(scope),
    doc: {
      scope,
      state: 'killed',
      since,
      reason: `Restored ${fromWhat(row)}: what was stopped or revoked since is not known here.`,
      by,
    },
    byId: by,
  });
  await control.change(async (tx) => {
    const nowMs = control.clock.nowMs();
    if (!(await settle(tx, tenant, row.id, nowMs))) return;
    await supposeWorst(control, tx);
    await forgetBlends(control, tx);
    for (const id of await activeGateways(tx, tenant)) {
      const gateway = await revokeGateway(tx, tenant, id, nowMs);
      if (gateway === undefined) continue;
      await control.audit.enqueue(tx, 'identity.gateway_revoked', {
        gatewayId: id,
        name: gateway.name,
        by,
        reason: 'restored',
      });
    }
    await control.audit.enqueue(tx, 'audit.log_restored', bodyOf(row));
  });
  control.log.warn(
    { backup: row.backup_id, origin: row.to_origin },
    'restored: the fleet is stopped until a person resumes it',
  );
}
