/**
 * Room: identity (I-2), S-1. Permits of the action API: a gateway's signed word that one instance may run one tool with exactly these arguments.
 * The gateway asks for it back with the outcome; a tool may check it by itself, so that it runs for nobody who did not ask first.
 * A permit is no credential: it opens nothing else, and a stop is not seen in it (its life is short for that).
 */
import type { KeyObject } from 'node:crypto';
import { type Refusal, refusal } from '../errors.ts';
import type { JsonObject } from '../wire/json.ts';
import { type PermitClaims, permitClaimsSchema, permitType } from '../wire/token.ts';
import { base64url } from './base64url.ts';
import { readCompactJws, signingInput, verifiesEs256 } from './compact-jws.ts';

const aheadSecondsMax = 10;

export interface PermitSigner {
  readonly kid: string;
  sign(message: Uint8Array): Uint8Array;
}

export function signPermit(claims: PermitClaims, signer: PermitSigner): string {
  const input = signingInput(
    { alg: 'ES256', typ: permitType, kid: signer.kid },
    claims as unknown as JsonObject,
  );
  return `${input}.${base64url(signer.sign(Buffer.from(input)))}`;
}

export type PermitVerdict =
  | { readonly ok: true; readonly claims: PermitClaims }
  | { readonly ok: false; readonly refusal: Refusal };

const no = (detail: string): PermitVerdict => ({
  ok: false,
  refusal: refusal('execution.permit_invalid', detail),
});

/**
 * Verifies signature, type and time of issue; `exp` only of what is `starting`: what was started in time is reported later.
 * The caller compares audience, arguments and instance with what it knows.
 */
export function verifyPermit(
  permit: string,
  keys: ReadonlyMap<string, KeyObject>,
  { nowMs, starting }: { readonly nowMs: number; readonly starting: boolean },
): PermitVerdict {
  const jws = readCompactJws(permit, permitType);
  if (jws === undefined) return no('It is not a well-formed permit.');
  const { kid } = jws.header;
  const key = typeof kid === 'string' ? keys.get(kid) : undefined;
  if (key === undefined || !verifiesEs256(jws, key))
    return no('Its signature is not of a gateway known here.');
  const parsed = permitClaimsSchema.safeParse(jws.payload);
  if (!parsed.success) return no('Its claims are not those of a permit.');
  const { iat, exp } = parsed.data;
  if (iat * 1000 > nowMs + aheadSecondsMax * 1000) return no('It was issued in the future.');
  if (starting && exp * 1000 <= nowMs) return no('It has expired; ask again.');
  return { ok: true, claims: parsed.data };
}
