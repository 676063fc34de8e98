/**
 * The proofs of `identity-proof.ts` against this control plane: its addresses, its clock, its gateways, and one memory of replays for
 * all of its routes. Rooms with raw routes authenticate with these.
 */
import { publicKeySchema } from '@atf/core/wire/api';
import { urlsOf } from './addresses.ts';
import type { Actor, Control } from './context.ts';
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

const memories = new WeakMap<Control, ReplayMemory>();

function around(control: Control, method: string, path: string): ProofCircumstances {
  let replays = memories.get(control);
  if (replays === undefined) {
    replays = new ReplayMemory();
    memories.set(control, replays);
  }
  return { method, urls: urlsOf(control.config.controlUrl, path), nowMs: control.clock.nowMs(), replays };
}

/** The key that the DPoP proof of this request shows possession of. `path` without query. Refuses as {@link verifyDpop}. */
export function dpopOf(
  control: Control,
  headers: Headers,
  method: string,
  path: string,
): { jkt: string; publicKey: PublicKey } {
  return verifyDpop(headers.dpop, around(control, method, path));
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
  const gatewayId = await verifyGatewayProof(
    typeof authorization === 'string' ? authorization : undefined,
    around(control, method, path),
    async (id) => {
      const row = await gatewayById(control.db, control.config.tenant, id);
      if (row?.state !== 'active') return undefined;
      name = row.name;
      return publicKeySchema.parse(JSON.parse(row.public_key));
    },
  );
  return { kind: 'gateway', gatewayId, name };
}

/** The proof of a gateway that enrols. Refuses as {@link verifyEnrolmentProof}. */
export function checkEnrolmentProof(control: Control, proof: string, key: PublicKey, path: string): void {
  verifyEnrolmentProof(proof, key, around(control, 'POST', path));
}
