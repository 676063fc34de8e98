/**
 * Room: identity (I-2). A JWS in compact form (RFC 7515 §7.1), read strictly: canonical base64url, JSON without duplicate keys, bounded,
 * ES256 only, no critical extensions. Used for access tokens, DPoP proofs and gateway proofs; what their claims mean stands there.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { es256SignatureBytes, verifyEs256 } from '../es256.ts';
import { type JsonObject, isJsonObject, parseStrict } from '../wire/json.ts';
import { base64url, base64urlBytes } from './base64url.ts';

/** Characters of one token or proof. */
export const jwsLengthMax = 4_096;
const partBounds = { bytesMax: jwsLengthMax, depthMax: 6, valuesMax: 200 };
const coordinateBytes = 32;

export interface CompactJws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** `header.payload`, the bytes that are signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function part(text: string): JsonObject | undefined {
  const bytes = base64urlBytes(text);
  if (bytes === undefined) return undefined;
  const parsed = parseStrict(bytes, partBounds);
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined;
}

/** Reads without verifying. Undefined unless it is a well-formed ES256 token of this `typ`. */
export function readCompactJws(text: string, typ: string): CompactJws | undefined {
  if (text.length > jwsLengthMax) return undefined;
  const [headerText, payloadText, signatureText, ...rest] = text.split('.');
  if (headerText === undefined || payloadText === undefined || signatureText === undefined || rest.length > 0)
    return undefined;
  const header = part(headerText);
  const payload = part(payloadText);
  const signature = base64urlBytes(signatureText);
  if (header === undefined || payload === undefined || signature?.byteLength !== es256SignatureBytes)
    return undefined;
  // RFC 8725 §3.1, §3.11: the algorithm is ours, not the token's, and the type is explicit. RFC 7515 §4.1.11: unknown `crit` is refused.
  if (header['alg'] !== 'ES256' || header['typ'] !== typ || Object.hasOwn(header, 'crit')) return undefined;
  return { header, payload, signed: Buffer.from(`${headerText}.${payloadText}`), signature };
}

export function verifiesEs256(jws: CompactJws, key: KeyObject): boolean {
  return verifyEs256(jws.signed, key, jws.signature);
}

/** The bytes to sign for a token; append `.` and the signature in base64url. */
export function signingInput(header: JsonObject, payload: JsonObject): string {
  return `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(payload))}`;
}

export interface P256PublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** The public P-256 key in a JWK, or undefined: other kinds, private or symmetric members, and coordinates in another spelling are refused. */
export function p256PublicJwk(value: unknown): P256PublicJwk | undefined {
  if (!isJsonObject(value)) return undefined;
  const { kty, crv, x, y } = value;
  // RFC 9449 §4.3 no. 7: the jwk must not contain a private key.
  if (['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'].some((name) => Object.hasOwn(value, name)))
    return undefined;
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string') return undefined;
  if (base64urlBytes(x)?.byteLength !== coordinateBytes || base64urlBytes(y)?.byteLength !== coordinateBytes)
    return undefined;
  return { kty, crv, x, y };
}

/** The key, or undefined when the coordinates are not a point on the curve. */
export function p256Key(jwk: P256PublicJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    return undefined;
  }
}
