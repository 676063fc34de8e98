/** Room: identity. Whether an agent as a whole is stopped, as far as credentials are concerned. */
import { refuse } from '@atf/core/errors';
import type { Tx } from '../context.ts';
import { containments } from '../incident/store.ts';
import { stopOfAgent } from './documents.ts';
import { type AgentRow, versionByDigest } from './store.ts';

/** Refuses what is stopped: no credential is worth having, and one that was voided must not come back by another door. */
export async function refuseStopped(tx: Tx, tenant: string, agent: AgentRow): Promise<void> {
  const stops = await containments(tx, tenant);
  if (stops.length === 0) return;
  const version = await versionByDigest(tx, tenant, agent.id, agent.manifest_digest);
  if (version === undefined) throw new Error('an agent without its version');
  const found = stopOfAgent(agent, version.manifest, stops);
  if (found !== undefined) refuse(found.code);
}
