/** Room: segmentation (S-4). SQL of what agents have negotiated in the last day. */
import type { Db, Tx } from '../context.ts';

export interface NegotiationRow {
  readonly id: string;
  readonly offer: string;
  readonly granted_at: number;
}

/** Of one agent, since then, oldest first. */
export async function negotiationsSince(
  db: Db | Tx,
  tenant: string,
  agentId: string,
  sinceMs: number,
): Promise<NegotiationRow[]> {
  return db
    .selectFrom('negotiation')
    .select(['id', 'offer', 'granted_at'])
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('granted_at', '>', sinceMs)
    .orderBy('granted_at')
    .execute();
}

export async function insertNegotiation(
  tx: Tx,
  tenant: string,
  agentId: string,
  row: NegotiationRow,
): Promise<void> {
  await tx
    .insertInto('negotiation')
    .values({ tenant, agent_id: agentId, ...row })
    .execute();
}

export async function dropNegotiations(db: Db, tenant: string, beforeMs: number): Promise<void> {
  await db
    .deleteFrom('negotiation')
    .where('tenant', '=', tenant)
    .where('granted_at', '<', beforeMs)
    .execute();
}
