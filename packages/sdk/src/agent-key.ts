/**
 * The key of one agent instance (I-2): a P-256 pair made here by WebCrypto, and DPoP proofs signed with it (RFC 9449). The private
 * key never leaves the instance; whoever stores it (`exportAgentKey`) answers for where.
 */
import { type CryptoKey, calculateJwkThumbprint, exportJWK, importJWK, type JWK, SignJWT } from 'jose';
import { z } from 'zod';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** Public half as JWK (RFC 7517); what proofs carry in their header and control binds tokens to. */
export interface PublicAgentKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

export interface AgentKey {
  readonly privateKey: CryptoKey;
  readonly publicJwk: PublicAgentKey;
  /** RFC 7638 thumbprint, SHA-256, base64url: the token's `cnf.jkt`. */
  readonly thumbprint: string;
}

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** The stored form of a key: a private JWK, nothing else in it. */
export const storedAgentKeySchema = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
});
export type StoredAgentKey = z.infer<typeof storedAgentKeySchema>;

async function agentKeyOf(privateKey: CryptoKey, jwk: JWK): Promise<AgentKey> {
  const publicJwk: PublicAgentKey = { kty: 'EC', crv: 'P-256', x: jwk.x as string, y: jwk.y as string };
  return { privateKey, publicJwk, thumbprint: await calculateJwkThumbprint({ ...publicJwk }, 'sha256') };
}

/** Makes a fresh key. `extractable` only for callers that must store it (the local shim); the default cannot be exported. */
export async function generateAgentKey(options: { readonly extractable?: boolean } = {}): Promise<AgentKey> {
  const pair = await crypto.subtle.generateKey(algorithm, options.extractable ?? false, ['sign', 'verify']);
  return agentKeyOf(pair.privateKey, await exportJWK(pair.publicKey));
}

/** The private JWK of an extractable key. @throws when the key was made not extractable. */
export async function exportAgentKey(key: AgentKey): Promise<StoredAgentKey> {
  return storedAgentKeySchema.parse(pick(await exportJWK(key.privateKey)));
}

/** Reads a stored key; in memory it cannot be exported again. @throws ZodError on anything but a private P-256 JWK. */
export async function importAgentKey(stored: unknown): Promise<AgentKey> {
  const jwk = storedAgentKeySchema.parse(stored);
  return agentKeyOf((await importJWK(jwk, 'ES256', { extractable: false })) as CryptoKey, jwk);
}

function pick({ kty, crv, x, y, d }: JWK): unknown {
  return { kty, crv, x, y, d };
}

export interface ProofOf {
  readonly method: string;
  /** Full address of the request; query and fragment are left out of the proof (RFC 9449 §4.2). */
  readonly url: string;
  /** Access token that goes with the proof, hashed into `ath` (RFC 9449 §4.2); absent at enrolment and renewal. */
  readonly accessToken?: string;
  /** Nonce that the server asked for (RFC 9449 §8). */
  readonly nonce?: string;
  /** Unix milliseconds; the clock by default. */
  readonly nowMs?: number;
}

/** A DPoP proof (RFC 9449 §4.2), fresh for one request: unique `jti`, method, address, time, and token hash. */
export async function dpopProof(key: AgentKey, of: ProofOf): Promise<string> {
  const url = new URL(of.url);
  const claims = {
    jti: crypto.randomUUID(),
    htm: of.method.toUpperCase(),
    htu: `${url.origin}${url.pathname}`,
    iat: Math.floor((of.nowMs ?? Date.now()) / 1000),
    ...(of.accessToken === undefined ? {} : { ath: await sha256Base64url(of.accessToken) }),
    ...(of.nonce === undefined ? {} : { nonce: of.nonce }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: { ...key.publicJwk } })
    .sign(key.privateKey);
}

async function sha256Base64url(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  let binary = '';
  for (const byte of digest) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
