/**
 * The proofs of `identity-proof.ts` against this control plane: its addresses, its clock, its gateways, and its memories of replays: one for
 * keys that are enrolled as gateways, and one for keys that anybody can make, so that nobody fills the former without being enrolled. Rooms with raw routes authenticate with these.
 */
import { type CarriedServers, publicKeySchema } from '@atf/core/wire/api';
import { urlsOf } from './addresses.ts';
import type { Actor, Control } from './context.ts';
import { carriedOf } from './gateways/carried.ts';
import { gatewayById } from './gateways/store.ts';
import {
  type ProofCircumstances,
  type PublicKey,
  ReplayMemory,
  verifyDpop,
  verifyEnrolmentProof,
  verifyGatewayProof,
} from './identity-proof.ts';

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

type Keys = 'gateways' | 'anybody';
const memories = {
  gateways: new WeakMap<Control, ReplayMemory>(),
  anybody: new WeakMap<Control, ReplayMemory>(),
};

/** The ids of proofs that were taken from these keys, over all routes. */
export function replaysOf(control: Control, keys: Keys): ReplayMemory {
  const known = memories[keys].get(control);
  if (known !== undefined) return known;
  const replays = new ReplayMemory();
  memories[keys].set(control, replays);
  return replays;
}

function around(control: Control, method: string, path: string, keys: Keys): ProofCircumstances {
  return {
    method,
    urls: urlsOf(control.config.controlUrl, path),
    nowMs: control.clock.nowMs(),
    replays: replaysOf(control, keys),
  };
}

/** The key that the DPoP proof of this request shows possession of. `path` without query. Refuses as {@link verifyDpop}. */
export function dpopOf(
  control: Control,
  headers: Headers,
  method: string,
  path: string,
): { jkt: string; publicKey: PublicKey } {
  return verifyDpop(headers.dpop, around(control, method, path, 'anybody'));
}

/** The enrolled gateway that signed this request. `path` without query. Refuses as {@link verifyGatewayProof}. */
export async function gatewayOf(
  control: Control,
  headers: Headers,
  method: string,
  path: string,
): Promise<Extract<Actor, { kind: 'gateway' }>> {
  const { authorization } = headers;
  let name = '';
  let servers: CarriedServers = [];
  const gatewayId = await verifyGatewayProof(
    typeof authorization === 'string' ? authorization : undefined,
    around(control, method, path, 'gateways'),
    async (id) => {
      const row = await gatewayById(control.db, control.config.tenant, id);
      if (row?.state !== 'active') return undefined;
      name = row.name;
      servers = carriedOf(row.servers);
      return publicKeySchema.parse(JSON.parse(row.public_key));
    },
  );
  return { kind: 'gateway', gatewayId, name, servers };
}

/** The proof of a gateway that enrols. Refuses as {@link verifyEnrolmentProof}. */
export function checkEnrolmentProof(control: Control, proof: string, key: PublicKey, path: string): void {
  verifyEnrolmentProof(proof, key, around(control, 'POST', path, 'anybody'));
}
