/**
 * Room: identity (I-2). DPoP proofs (RFC 9449): the caller holds the private key to which its token is bound.
 * Pure. Replay is not seen here: the caller remembers `jti` per `jkt` for {@link dpopReplayMs} and refuses a second one.
 */
import type { KeyObject } from 'node:crypto';
import { sha256 } from '../digest.ts';
import { type Refusal, refusal } from '../errors.ts';
import { dpopProofType } from '../wire/token.ts';
import { type P256PublicJwk, p256Key, p256PublicJwk, readCompactJws, verifiesEs256 } from './compact-jws.ts';

/** Age that a proof may have when it arrives. */
export const dpopAgeMsMax = 60_000;
/** How far ahead the caller's clock may be. */
export const dpopAheadMsMax = 10_000;
/** How long a `jti` must be remembered so that no proof counts twice. */
export const dpopReplayMs = dpopAgeMsMax + dpopAheadMsMax;
const jtiPattern = /^[\x21-\x7e]{12,128}$/;

/** Keys already imported, by thumbprint. Importing costs about as much as verifying; the caller bounds it. */
export interface DpopKeyCache {
  get(jkt: string): KeyObject | undefined;
  set(jkt: string, key: KeyObject): unknown;
}

export interface DpopInput {
  /** The value of the one `DPoP` header. */
  readonly proof: string;
  readonly method: string;
  /** The address that was asked, as the callee knows itself, or each of several; query and fragment do not count. */
  readonly url: string | readonly string[];
  /** The access token that came with it, if one did; the proof must then name it (`ath`). */
  readonly accessToken?: string | undefined;
  readonly nowMs: number;
  /** When the callee's memory of replays began: a proof that is older may have been used before. */
  readonly sinceMs?: number | undefined;
  readonly keys?: DpopKeyCache | undefined;
}

export type DpopVerdict =
  | {
      readonly ok: true;
      /** RFC 7638 thumbprint of the key: compare with `cnf.jkt` of the token. */
      readonly jkt: string;
      readonly jti: string;
      /** Seconds. */
      readonly iat: number;
      readonly jwk: P256PublicJwk;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** RFC 7638 §3.2: required members only, in lexicographic order. */
export function jwkThumbprint({ crv, kty, x, y }: P256PublicJwk): string {
  return sha256(JSON.stringify({ crv, kty, x, y }));
}

/** RFC 9449 §4.3 no. 9: compared after normalisation, without query and fragment. Equal texts need none: what clients send nearly always. */
function sameTarget(named: unknown, url: string): boolean {
  if (typeof named !== 'string') return false;
  if (named === url && plainTarget.test(url)) return true;
  const asked = proofTarget(named);
  return asked !== undefined && asked === proofTarget(url);
}

/** An address that is already in the form that {@link proofTarget} gives. */
const plainTarget = /^https?:\/\/[a-z0-9.-]+(?::\d{1,5})?\/[A-Za-z0-9/_-]*$/;

export function proofTarget(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, host, pathname, username, password } = new URL(address);
  if ((protocol !== 'http:' && protocol !== 'https:') || username !== '' || password !== '') return undefined;
  return `${protocol}//${host}${pathname}`;
}

/**
 * Whether a proof of this second (`iat`) was made before the callee started (`sinceMs`): what was used then is not remembered. Times of proofs are whole
 * seconds, so one of the second of the start counts. A caller whose clock runs ahead makes proofs that this does not tell apart.
 */
export function isBeforeStart(iat: number, sinceMs: number): boolean {
  return iat < Math.floor(sinceMs / 1000);
}

const wrong = (detail: string): DpopVerdict => ({
  ok: false,
  refusal: refusal('identity.proof_invalid', detail),
});

/** Checks a proof in the order of RFC 9449 §4.3; the signature comes before any claim is believed. Refuses with `identity.proof_invalid`. */
export function verifyDpopProof({
  proof,
  method,
  url,
  accessToken,
  nowMs,
  sinceMs,
  keys,
}: DpopInput): DpopVerdict {
  const jws = readCompactJws(proof, dpopProofType);
  if (jws === undefined) return wrong('It is not a well-formed ES256 dpop+jwt.');
  const jwk = p256PublicJwk(jws.header['jwk']);
  if (jwk === undefined) return wrong('Its jwk is not a public P-256 key.');
  const jkt = jwkThumbprint(jwk);
  const held = keys?.get(jkt);
  const key = held ?? p256Key(jwk);
  if (key === undefined || !verifiesEs256(jws, key)) return wrong('Its signature does not fit its key.');
  if (held === undefined) keys?.set(jkt, key);

  const { htm, htu, iat, jti, ath } = jws.payload;
  if (typeof jti !== 'string' || !jtiPattern.test(jti))
    return wrong('jti must be 12 to 128 printable characters.');
  if (htm !== method) return wrong('htm is not the method of this request.');
  const asked = typeof url === 'string' ? [url] : url;
  if (!asked.some((each) => sameTarget(htu, each))) return wrong('htu is not the address of this request.');
  if (typeof iat !== 'number' || !Number.isSafeInteger(iat)) return wrong('iat must be whole seconds.');
  const ageMs = nowMs - iat * 1000;
  if (ageMs > dpopAgeMsMax || -ageMs > dpopAheadMsMax) return wrong('iat is too far from the time here.');
  if (sinceMs !== undefined && isBeforeStart(iat, sinceMs))
    return { ok: false, refusal: refusal('identity.proof_before_start') };
  if (accessToken === undefined ? ath !== undefined : ath !== sha256(accessToken)) {
    return wrong('ath does not name the access token of this request.');
  }
  return { ok: true, jkt, jti, iat, jwk };
}
