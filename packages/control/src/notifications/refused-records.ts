/** Room: notifications (B-1). A gateway's records were refused: people are told, once an hour for each gateway and reason. */
import { hourMs } from '@atf/core/hours';
import type { ErrorCode } from '@atf/core/errors';
import type { Control } from '../context.ts';
import { gatewayById } from '../gateways/store.ts';
import { tell } from './outbox.ts';

/** Codes that mean that something is wrong, not that a gateway is behind. */
const grave: ReadonlySet<ErrorCode> = new Set(['audit.batch_invalid', 'audit.gateway_forked']);

export async function tellOfRefusedRecords(
  control: Control,
  gatewayId: string,
  code: ErrorCode,
): Promise<void> {
  if (!grave.has(code)) return;
  const { config, clock, change } = control;
  const nowMs = clock.nowMs();
  await change(async (tx) => {
    const name = (await gatewayById(tx, config.tenant, gatewayId))?.name ?? gatewayId;
    await tell(tx, {
      tenant: config.tenant,
      atMs: nowMs,
      kind: 'records_refused',
      severity: 'critical',
      once: `refused:${gatewayId}:${code}:${Math.floor(nowMs / hourMs)}`,
      facts: { gatewayId, name, code },
      summary: `Records of the gateway ${name} are refused`,
      because: `${code}: what it sends is not what it sealed. Its calls go on until its spool is full; look at that host.`,
    });
  });
}
