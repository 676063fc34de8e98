/**
 * Room: identity (I-2). Access tokens of agents (RFC 9068 `at+jwt`, ES256): how control writes them and how gateways verify them.
 * Whether agent, instance, session and epochs still count is decided later, in `decide()`, from the snapshot: a verified token is
 * only a claim about the past.
 */
import type { KeyObject } from 'node:crypto';
import { type Refusal, refusal } from '../errors.ts';
import type { FeedDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import { type AccessTokenClaims, accessTokenClaimsSchema, accessTokenType } from '../wire/token.ts';
import { base64url } from './base64url.ts';
import { p256Key, p256PublicJwk, readCompactJws, signingInput, verifiesEs256 } from './compact-jws.ts';

/** How far ahead of ours the clock of control may be. */
export const issuedAheadSecondsMax = 10;
/** No token lives longer, whatever it says. */
export const tokenSecondsMax = 86_400;

/** The verification keys of the issuer by `kid`. */
export type TokenKeys = ReadonlyMap<string, KeyObject>;

/** Imports the published keys once; keys that are not P-256 points are left out, and their tokens then refused. */
export function tokenKeys(jwks: FeedDoc<'jwks'>): TokenKeys {
  const keys = new Map<string, KeyObject>();
  for (const { kid, ...jwk } of jwks.keys) {
    const known = p256PublicJwk(jwk);
    const key = known === undefined ? undefined : p256Key(known);
    if (key !== undefined) keys.set(kid, key);
  }
  return keys;
}

export type AccessTokenVerdict =
  | { readonly ok: true; readonly claims: AccessTokenClaims }
  | { readonly ok: false; readonly refusal: Refusal };

const invalid = (detail: string): AccessTokenVerdict => ({
  ok: false,
  refusal: refusal('identity.credential_invalid', detail),
});

/**
 * Whether a token for the resource `audience` may be taken at `path` of the gateway known as `publicUrl` (RFC 8707 §2, RFC 9068 §4): a
 * token is for a whole gateway, or for exactly this endpoint of it. Compared as text: control writes the same address that it tells agents.
 */
export function isAudience(audience: string, publicUrl: string, path: string): boolean {
  return audience === publicUrl || audience === `${publicUrl}${endpointOf(path)}`;
}

/** An HTTP service is one endpoint with all its addresses. */
export function endpointOf(path: string): string {
  return /^(\/http\/[^/]{1,64})\//.exec(path)?.[1] ?? path;
}

/**
 * Verifies signature, type, issuer and time (RFC 9068 §4); {@link isAudience} is asked for each request, because it depends on the path. Refuses with `identity.credential_invalid` or
 * `identity.credential_expired`. The caller compares `cnf.jkt` with the proof's key, and `tenant` with its own.
 */
export function verifyAccessToken(
  token: string,
  keys: TokenKeys,
  nowMs: number,
  issuer: string,
): AccessTokenVerdict {
  const jws = readCompactJws(token, accessTokenType);
  if (jws === undefined) return invalid('It is not a well-formed ES256 at+jwt.');
  const { kid } = jws.header;
  const key = typeof kid === 'string' ? keys.get(kid) : undefined;
  if (key === undefined) return invalid('Its key is not known here.');
  if (!verifiesEs256(jws, key)) return invalid('Its signature does not fit.');
  const parsed = accessTokenClaimsSchema.safeParse(jws.payload);
  if (!parsed.success) return invalid('Its claims are not those of an access token of this product.');
  const claims = parsed.data;
  if (claims.iss !== issuer) return invalid('Another issuer signed it.');
  if (
    !claims.sub.startsWith('spiffe://') ||
    !claims.sub.endsWith(`/agent/${claims.agent}/inst/${claims.inst}`)
  ) {
    return invalid('Its subject is not its instance.');
  }
  if (claims.exp <= claims.iat || claims.exp - claims.iat > tokenSecondsMax)
    return invalid('Its lifetime is not possible.');
  if (claims.iat * 1000 > nowMs + issuedAheadSecondsMax * 1000)
    return invalid('It was issued in the future.');
  if (claims.exp * 1000 <= nowMs) return { ok: false, refusal: refusal('identity.credential_expired') };
  return { ok: true, claims };
}

/** What signs: the key store says which key signed. */
export type TokenSigner = (data: Uint8Array) => { readonly kid: string; readonly signature: Uint8Array };

const rotationsMax = 3;

/** Writes and signs a token. The `kid` stands in what is signed, so a key that rotates meanwhile means signing again. */
export function signAccessToken(claims: AccessTokenClaims, firstKid: string, sign: TokenSigner): string {
  let kid = firstKid;
  for (let attempt = 0; attempt < rotationsMax; attempt++) {
    const input = signingInput({ alg: 'ES256', typ: accessTokenType, kid }, claims as unknown as JsonObject);
    const signed = sign(Buffer.from(input));
    if (signed.kid === kid) return `${input}.${base64url(signed.signature)}`;
    kid = signed.kid;
  }
  throw new Error('the signing key changes too often');
}
