/**
 * Room: gateways (I-2, R-3). Enrolment of gateways with keys of their own, and their revocation. A join token admits one gateway once; what
 * the gateway may receive and sign hangs on its key from then on.
 */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { canonicalJson } from '@atf/core/wire/json';
import { routes } from '@atf/core/wire/api';
import type { CarriedServers } from '@atf/core/wire/gateway-routes';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Control, Handlers } from '../context.ts';
import { jwkThumbprint } from '@atf/core/identity/dpop';
import { checkConnection, checkEnrolmentProof } from '../proofs.ts';
import { carriedOf, columnOf } from './carried.ts';
import {
  gatewayById,
  gatewayRows,
  insertGateway,
  insertGatewayJoinToken,
  revokeGateway,
  useGatewayJoinToken,
} from './store.ts';

export const joinTokenLifeMs = 3_600_000;
const listedMax = 1_000;
const tokenBytes = 32;

const isoTime = (ms: number): string => new Date(ms).toISOString();

/** Issues a one-time join token for a gateway of this name, which will carry these tool servers. The token is shown once; its hash is stored. */
export async function issueGatewayJoinToken(
  control: Control,
  name: string,
  servers: CarriedServers,
): Promise<{ joinToken: string; expiresAt: string }> {
  const joinToken = randomBytes(tokenBytes).toString('base64url');
  const expiresAt = control.clock.nowMs() + joinTokenLifeMs;
  const { tenant } = control.config;
  await control.change(async (tx) => {
    await insertGatewayJoinToken(tx, {
      tenant,
      token_hash: sha256(joinToken),
      name,
      servers: columnOf(servers),
      expires_at: expiresAt,
      used_at: null,
    });
    await control.audit.enqueue(tx, 'identity.join_token_issued', {
      kind: 'gateway',
      name,
      servers: servers === '*' ? servers : [...servers],
      expiresAt: isoTime(expiresAt),
    });
  });
  return { joinToken, expiresAt: isoTime(expiresAt) };
}

export const gatewayRoutes: Handlers<
  'gateways.list' | 'gateways.joinToken' | 'gateways.enrol' | 'gateways.revoke' | 'gateway.payloadKey'
> = {
  async 'gateways.list'(control) {
    const connected = new Set(
      control.feed.gateways().flatMap((gateway) => (gateway.connected ? [gateway.id] : [])),
    );
    const rows = await gatewayRows(control.db, control.config.tenant, listedMax);
    return {
      items: rows.map((row) => ({
        id: row.id,
        name: row.name,
        state: row.state === 'active' ? ('active' as const) : ('revoked' as const),
        servers: carriedOf(row.servers),
        connected: connected.has(row.id),
        ...(row.public_url === null ? {} : { url: row.public_url }),
        enrolledAt: isoTime(row.enrolled_at),
      })),
    };
  },

  'gateways.joinToken': (control, { body }) => issueGatewayJoinToken(control, body.name, body.servers),

  async 'gateways.enrol'(control, { body, connectionKey }) {
    const { tenant } = control.config;
    checkEnrolmentProof(control, body.proof, body.publicKey, routes['gateways.enrol'].path);
    const jkt = jwkThumbprint(body.publicKey);
    checkConnection(control, connectionKey, jkt);
    return control.change(async (tx) => {
      const nowMs = control.clock.nowMs();
      const admitted = await useGatewayJoinToken(tx, tenant, sha256(body.joinToken), nowMs);
      if (admitted === undefined) return refuse('identity.join_token_invalid');
      const { name } = admitted;
      const carried = carriedOf(admitted.servers);
      const id = randomUUID();
      const { kty, crv, x, y } = body.publicKey;
      const row = {
        tenant,
        id,
        name,
        state: 'active',
        public_key: canonicalJson({ kty, crv, x, y }),
        jkt,
        servers: columnOf(carried),
      };
      // A revoked key does not come back under a new name.
      if (!(await insertGateway(tx, { ...row, enrolled_at: nowMs, revoked_at: null }))) {
        return refuse('identity.proof_invalid', 'this key was enrolled before; make a new one');
      }
      await control.audit.enqueue(tx, 'identity.gateway_enrolled', {
        gatewayId: id,
        name,
        jkt,
        servers: carried,
        publicKey: { kty, crv, x, y },
      });
      return { gatewayId: id, name, tenant, servers: carried };
    });
  },

  async 'gateways.revoke'(control, { params, body, actor }) {
    const { tenant } = control.config;
    await control.change(async (tx) => {
      const row = await revokeGateway(tx, tenant, params.id, control.clock.nowMs());
      if (row === undefined) {
        const known = await gatewayById(tx, tenant, params.id);
        // Revoking twice is no error: what was wanted is so.
        if (known === undefined) refuse('request.not_found', 'there is no such gateway');
        return;
      }
      const by = actor.kind === 'person' ? actor.person.id : actor.kind;
      await control.audit.enqueue(tx, 'identity.gateway_revoked', {
        gatewayId: row.id,
        name: row.name,
        by,
        reason: body.reason,
      });
    });
    control.feed.disconnect(params.id);
    return { ok: true };
  },

  async 'gateway.payloadKey'(control) {
    const { kid, key } = control.keys.secret('payload');
    return { kid, key: Buffer.from(key).toString('base64url') };
  },
};
