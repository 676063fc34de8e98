/**
 * The proofs of `identity-proof.ts` against this control plane: its addresses, its clock, its gateways and instances, and its memories of
 * replays: one for gateways and one for instances, of enrolled keys only, so that nobody fills them who is not. Rooms with raw routes
 * authenticate with these.
 */
import { refuse } from '@atf/core/errors';
import { dpopReplayMs } from '@atf/core/identity/dpop';
import { type CarriedServers, publicKeySchema } from '@atf/core/wire/gateway-routes';
import type { IncomingMessage } from 'node:http';
import { urlsOf } from './addresses.ts';
import type { Actor, Control } from './context.ts';
import { carriedOf } from './gateways/carried.ts';
import { gatewayById } from './gateways/store.ts';
import { isInstanceKey } from './identity/credential-store.ts';
import {
  type ProofCircumstances,
  type PublicKey,
  ReplayMemory,
  type Replays,
  replaysMax,
  verifyDpop,
  verifyEnrolmentProof,
  verifyGatewayProof,
} from './identity-proof.ts';
import { connectionKey } from './tls.ts';

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

type Keys = 'gateways' | 'instances';
const memories = {
  gateways: new WeakMap<Control, ReplayMemory>(),
  instances: new WeakMap<Control, ReplayMemory>(),
};
/** Proofs that one instance may use within the time for which they are remembered: a renewal in each second, and more. */
export const proofsOfInstanceMax = 1_000;
const bounds = { gateways: {}, instances: { ofKeyMax: proofsOfInstanceMax } };

/** Over all replicas where there are several, else over all routes of this process. */
function takenProofs(control: Control, keys: Keys): Replays {
  const { shared } = control;
  if (shared === undefined) return replaysOf(control, keys);
  const ofKeyMax = keys === 'instances' ? proofsOfInstanceMax : replaysMax;
  return { admit: (key, jti) => shared.takeProof(keys, key, jti, ofKeyMax) };
}

/** The ids of proofs that this process took from these keys, over all routes. */
export function replaysOf(control: Control, keys: Keys): ReplayMemory {
  const known = memories[keys].get(control);
  if (known !== undefined) return known;
  const replays = new ReplayMemory(bounds[keys]);
  memories[keys].set(control, replays);
  return replays;
}

function around(control: Control, method: string, path: string): ProofCircumstances {
  return {
    method,
    urls: urlsOf(control.config, path),
    nowMs: control.clock.nowMs(),
    // What an earlier process took is not remembered. Later than that a clock that is set back must not refuse everybody.
    sinceMs:
      control.shared === undefined && performance.now() <= dpopReplayMs ? performance.timeOrigin : undefined,
  };
}

/**
 * The key that the DPoP proof of an enrolment shows possession of. Nothing is remembered: the join token beside it counts once, and strangers could fill
 * the memory. `path` without query. Refuses as {@link verifyDpop}.
 */
export function dpopOf(control: Control, headers: Headers, method: string, path: string): { jkt: string } {
  const circumstances = { ...around(control, method, path), sinceMs: undefined };
  return { jkt: verifyDpop(headers.dpop, circumstances).jkt };
}

/**
 * The key of an instance that made this request. Its proof is remembered, and only then: keys that anybody can make leave no trace. Refuses as
 * {@link verifyDpop}, and `identity.instance_unknown`, `identity.proof_replayed`.
 */
export async function instanceKeyOf(
  control: Control,
  headers: Headers,
  method: string,
  path: string,
): Promise<{ jkt: string }> {
  const circumstances = around(control, method, path);
  const { jkt, jti } = verifyDpop(headers.dpop, circumstances);
  if (!(await isInstanceKey(control.db, control.config.tenant, jkt))) refuse('identity.instance_unknown');
  if (!(await takenProofs(control, 'instances').admit(jkt, jti, circumstances.nowMs)))
    refuse('identity.proof_replayed');
  return { jkt };
}

/**
 * The enrolled gateway that signed this request, over a connection of the same key where control has TLS. `path` without query. Refuses as
 * {@link verifyGatewayProof}, and `identity.client_certificate_invalid`.
 */
export async function gatewayOf(
  control: Control,
  request: Pick<IncomingMessage, 'headers' | 'socket'>,
  method: string,
  path: string,
): Promise<Extract<Actor, { kind: 'gateway' }>> {
  const { authorization } = request.headers;
  let name = '';
  let jkt = '';
  let servers: CarriedServers = [];
  const gatewayId = await verifyGatewayProof(
    typeof authorization === 'string' ? authorization : undefined,
    around(control, method, path),
    takenProofs(control, 'gateways'),
    async (id) => {
      const row = await gatewayById(control.db, control.config.tenant, id);
      if (row?.state !== 'active') return undefined;
      name = row.name;
      jkt = row.jkt;
      servers = carriedOf(row.servers);
      return publicKeySchema.parse(JSON.parse(row.public_key));
    },
  );
  checkConnection(control, connectionKey(request), jkt);
  return { kind: 'gateway', gatewayId, name, servers };
}

/** Threat: a stolen proof, or a spool sent on by somebody else. `jkt`: the enrolled key, or the one that enrols. Refuses `identity.client_certificate_invalid`. */
export function checkConnection(control: Control, shown: string | undefined, jkt: string): void {
  if (control.config.mutualTls !== true || shown === jkt) return;
  const why = shown === undefined ? 'it shows no certificate' : 'its certificate is of another key';
  refuse('identity.client_certificate_invalid', why);
}

/** The proof of a gateway that enrols. Refuses as {@link verifyEnrolmentProof}. */
export function checkEnrolmentProof(control: Control, proof: string, key: PublicKey, path: string): void {
  verifyEnrolmentProof(proof, key, { ...around(control, 'POST', path), sinceMs: undefined });
}
