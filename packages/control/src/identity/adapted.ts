/** Room: identity. Changing what control adapts of an agent while it works; the document that gateways hold changes with it. */
import type { Adapted } from '@atf/core/wire/adaptive';
import type { Control, Tx } from '../context.ts';
import { putAgentDoc } from './agents.ts';
import { type AgentRow, updateAgent, versionByDigest } from './store.ts';

/** `agent` is locked by this transaction. With `narrower` calls that are decided and not yet dispatched are decided again. */
export async function setAdapted(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  adapted: Adapted,
  { narrower = false }: { readonly narrower?: boolean } = {},
): Promise<void> {
  const { tenant } = control.config;
  const row = await updateAgent(tx, tenant, agent.id, {
    adapted: JSON.stringify(adapted),
    ...(narrower ? { epoch: agent.epoch + 1 } : {}),
  });
  const version =
    row === undefined ? undefined : await versionByDigest(tx, tenant, agent.id, row.manifest_digest);
  if (row === undefined || version === undefined) throw new Error('an agent without its version');
  await putAgentDoc(control, tx, row, version.manifest);
}
