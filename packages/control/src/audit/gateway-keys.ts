/** Room: audit. Keys of all gateways of a tenant, also of revoked ones: what they sealed must stay verifiable. */
import { type GatewayKey, type GatewayKeyRecord, importGatewayKey } from '@atf/core/audit/gateway-key';
import type { JsonWebKey } from 'node:crypto';
import type { Db, Tx } from '../context.ts';
import { gatewayById, gatewayRows } from '../gateways/store.ts';

const gatewaysMax = 10_000;

/** A gateway seals with its enrolled P-256 key; the key id is its thumbprint. */
function recordOf(row: { readonly jkt: string; readonly public_key: string }): GatewayKeyRecord {
  return { kid: row.jkt, alg: 'ES256', jwk: JSON.parse(row.public_key) as JsonWebKey };
}

/** For `gateways.json` of the log directory. */
export async function allGatewayKeys(db: Db | Tx, tenant: string): Promise<Map<string, GatewayKeyRecord[]>> {
  const rows = await gatewayRows(db, tenant, gatewaysMax);
  return new Map(rows.map((row) => [row.id, [recordOf(row)]]));
}

/** Keys with which this gateway may ship now, or with which it sealed what a person brings after its end; empty when it is in another state, or unknown. */
export async function shippingKeys(
  db: Db | Tx,
  tenant: string,
  gateway: string,
  state: 'active' | 'revoked' = 'active',
): Promise<GatewayKey[]> {
  const row = await gatewayById(db, tenant, gateway);
  if (row?.state !== state) return [];
  const key = importGatewayKey(recordOf(row));
  return key === undefined ? [] : [key];
}
