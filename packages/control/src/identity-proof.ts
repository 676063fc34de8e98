/**
 * Proofs of possession as control verifies them (I-2): an instance's DPoP proof (RFC 9449; the rules stand in core/identity/dpop.ts) and a gateway's
 * signed request proof. Both are ES256 JWTs over method, address, time and a single-use id. Parsing is strict before any signature is
 * looked at, and replays are recognised by `jti`, never by the raw text (the encoding of a JWS is malleable).
 */
import { RefusalError, refuse } from '@atf/core/errors';
import {
  type CompactJws,
  p256Key,
  p256PublicJwk,
  readCompactJws,
  verifiesEs256,
} from '@atf/core/identity/compact-jws';
import {
  dpopAgeMsMax,
  dpopAheadMsMax,
  dpopReplayMs,
  isBeforeStart,
  jwkThumbprint,
  proofTarget,
  verifyDpopProof,
} from '@atf/core/identity/dpop';
import type { publicKeySchema } from '@atf/core/wire/gateway-routes';
import type { JsonObject } from '@atf/core/wire/json';
import { dpopProofType, gatewayProofType } from '@atf/core/wire/token';
import type { z } from 'zod';

export type PublicKey = z.infer<typeof publicKeySchema>;

const jtiPattern = /^[\x21-\x7e]{8,128}$/;
/** Proofs remembered; at more, new ones are refused until old ones lapse. */
export const replaysMax = 200_000;
export const controlAudience = 'atf:control';

interface Admitted {
  readonly lapse: number;
  /** As `lapse`, by the monotonic clock. */
  readonly until: number;
  readonly key: string;
}

/**
 * Remembers the ids of proofs for as long as they would be accepted: by both clocks, because a wall clock that was set forwards may be set back. Bounded, also
 * by key: when it is full, it refuses rather than forgets.
 */
export class ReplayMemory {
  private readonly held = new Map<string, Admitted>();
  private readonly counts = new Map<string, number>();
  private readonly max: number;
  private readonly ofKeyMax: number;

  constructor(bounds: { readonly max?: number; readonly ofKeyMax?: number } = {}) {
    this.max = bounds.max ?? replaysMax;
    this.ofKeyMax = bounds.ofKeyMax ?? this.max;
  }

  get size(): number {
    return this.held.size;
  }

  /** True when the `jti` of this key is new and now remembered. Refuses `request.overloaded`. */
  admit(key: string, jti: string, nowMs: number, monotonicMs = performance.now()): boolean {
    const id = `${key}:${jti}`;
    const counts = ({ lapse, until }: Admitted) => lapse > nowMs || until > monotonicMs;
    const known = this.held.get(id);
    if (known !== undefined && counts(known)) return false;
    // Entries lapse in the order of their insertion, give or take the clock skew, so a look at the oldest is enough.
    for (const [old, entry] of this.held) {
      if (counts(entry)) break;
      this.held.delete(old);
      const left = (this.counts.get(entry.key) ?? 1) - 1;
      if (left > 0) this.counts.set(entry.key, left);
      else this.counts.delete(entry.key);
    }
    const ofKey = this.counts.get(key) ?? 0;
    if (this.held.size >= this.max || ofKey >= this.ofKeyMax) refuse('request.overloaded');
    this.held.set(id, { lapse: nowMs + dpopReplayMs, until: monotonicMs + dpopReplayMs, key });
    this.counts.set(key, ofKey + 1);
    return true;
  }
}

/** Whether the `jti` of this key is new; it is remembered from now on. Refuses `request.overloaded`. */
export interface Replays {
  admit(key: string, jti: string, nowMs: number): boolean | Promise<boolean>;
}

export interface ProofCircumstances {
  readonly method: string;
  /** Addresses under which this request may have been made, each `scheme://host:port/path` without query. */
  readonly urls: readonly string[];
  readonly nowMs: number;
  /** When the memory of replays began, while that still matters. */
  readonly sinceMs: number | undefined;
}

/** The key that a proof says it was made with, unverified: a cheap look for who may be looked at closely. */
export function claimedThumbprint(header: string | string[] | undefined): string | undefined {
  const jws = typeof header === 'string' ? readCompactJws(header, dpopProofType) : undefined;
  const jwk = p256PublicJwk(jws?.header['jwk']);
  return jwk === undefined ? undefined : jwkThumbprint(jwk);
}

/**
 * Verifies a DPoP proof (RFC 9449 §4.3) without an access token. Gives the thumbprint of the key that was proved and the proof's id, which the caller
 * remembers. Refuses `identity.credential_missing`, `identity.proof_invalid`, `identity.proof_before_start`.
 */
export function verifyDpop(
  header: string | string[] | undefined,
  { method, urls, nowMs, sinceMs }: ProofCircumstances,
): { readonly jkt: string; readonly jti: string } {
  if (header === undefined) return refuse('identity.credential_missing', 'no DPoP header');
  if (typeof header !== 'string') return refuse('identity.proof_invalid', 'not one signed proof');
  const verdict = verifyDpopProof({ proof: header, method, url: urls, nowMs, sinceMs });
  if (!verdict.ok) throw new RefusalError(verdict.refusal);
  return { jkt: verdict.jkt, jti: verdict.jti };
}

/** Times, method and address of a gateway's proof; gives its id. */
function checkClaims(claims: JsonObject, around: ProofCircumstances): string {
  const { htm, htu, iat, jti } = claims;
  if (htm !== around.method) refuse('identity.proof_invalid', 'another method');
  const address = typeof htu === 'string' ? proofTarget(htu) : undefined;
  if (address === undefined || !around.urls.some((url) => proofTarget(url) === address))
    refuse('identity.proof_invalid', 'another address');
  if (typeof iat !== 'number') return refuse('identity.proof_invalid', 'no time');
  const ageMs = around.nowMs - iat * 1_000;
  if (ageMs > dpopAgeMsMax) refuse('identity.proof_invalid', 'too old; check the clocks');
  if (-ageMs > dpopAheadMsMax) refuse('identity.proof_invalid', 'from the future; check the clocks');
  if (around.sinceMs !== undefined && isBeforeStart(iat, around.sinceMs))
    refuse('identity.proof_before_start');
  if (typeof jti !== 'string' || !jtiPattern.test(jti))
    return refuse('identity.proof_invalid', 'no usable id');
  return jti;
}

function signedBy(key: PublicKey, jws: CompactJws): boolean {
  const publicKey = p256Key(key);
  return publicKey !== undefined && verifiesEs256(jws, publicKey);
}

function gatewayJws(text: string): CompactJws {
  const jws = readCompactJws(text, gatewayProofType);
  if (jws === undefined) return refuse('identity.proof_invalid', 'not one signed proof of this type');
  if (jws.payload['aud'] !== controlAudience) refuse('identity.proof_invalid', 'another audience');
  return jws;
}

const gatewaySchemePattern = /^GatewayProof ([\x21-\x7e]+)$/i;

/**
 * Verifies `authorization: GatewayProof <jwt>` of an enrolled gateway; `keyOf` gives the enrolled key of an active gateway. Gives the
 * gateway's id. Refuses `identity.credential_missing`, `identity.proof_invalid`, `identity.proof_before_start`, `identity.proof_replayed`,
 * `identity.gateway_unknown`.
 */
export async function verifyGatewayProof(
  authorization: string | undefined,
  around: ProofCircumstances,
  replays: Replays,
  keyOf: (gatewayId: string) => Promise<PublicKey | undefined>,
): Promise<string> {
  const text = gatewaySchemePattern.exec(authorization ?? '')?.[1];
  if (text === undefined) return refuse('identity.credential_missing', 'no GatewayProof');
  const jws = gatewayJws(text);
  const jti = checkClaims(jws.payload, around);
  const gatewayId = jws.payload['iss'];
  const key = typeof gatewayId === 'string' ? await keyOf(gatewayId) : undefined;
  if (key === undefined || typeof gatewayId !== 'string') return refuse('identity.gateway_unknown');
  if (!signedBy(key, jws)) refuse('identity.proof_invalid', 'the signature does not fit');
  if (!(await replays.admit(gatewayId, jti, around.nowMs))) refuse('identity.proof_replayed');
  return gatewayId;
}

/**
 * Verifies the proof of a gateway that enrols: signed by the very key that it brings. Its join token counts once, so nothing is remembered that strangers
 * could fill. Refuses as {@link verifyGatewayProof}.
 */
export function verifyEnrolmentProof(proof: string, key: PublicKey, around: ProofCircumstances): void {
  const jws = gatewayJws(proof);
  checkClaims(jws.payload, around);
  if (!signedBy(key, jws)) refuse('identity.proof_invalid', 'the signature does not fit');
}
