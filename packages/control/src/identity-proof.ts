/**
 * Proofs of possession as control verifies them (I-2): an instance's DPoP proof (RFC 9449) and a gateway's signed request proof. Both are
 * ES256 JWTs over method, address, time and a single-use id. Parsing is strict before any signature is looked at, and replays are
 * recognised by `jti`, never by the raw text (the encoding of a JWS is malleable).
 */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { publicKeySchema } from '@atf/core/wire/api';
import { isJsonObject, type JsonObject, parseStrict } from '@atf/core/wire/json';
import { dpopProofType, gatewayProofType } from '@atf/core/wire/token';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { z } from 'zod';

export type PublicKey = z.infer<typeof publicKeySchema>;

const proofBytesMax = 4_096;
const jtiPattern = /^[\x21-\x7e]{8,128}$/;
const base64urlPattern = /^[A-Za-z0-9_-]+$/;
const signatureBytes = 64;
/** A proof older than this is refused: time on the way, and clocks that differ. */
export const proofAgeMs = 60_000;
/** A proof may come from a clock this far ahead. */
export const proofAheadMs = 10_000;
/** Proofs remembered; at more, new ones are refused until old ones lapse. */
export const replaysMax = 200_000;
export const controlAudience = 'atf:control';

interface Jws {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** Decodes base64url that is the canonical encoding of its bytes. */
function strictBytes(text: string): Buffer | undefined {
  if (!base64urlPattern.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function objectIn(part: string): JsonObject | undefined {
  const bytes = strictBytes(part);
  if (bytes === undefined) return undefined;
  const parsed = parseStrict(bytes, { bytesMax: proofBytesMax, depthMax: 4, valuesMax: 64 });
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined;
}

function parseJws(text: string): Jws | undefined {
  if (text.length > proofBytesMax) return undefined;
  const [head, body, tail, ...rest] = text.split('.');
  if (head === undefined || body === undefined || tail === undefined || rest.length > 0) return undefined;
  const header = objectIn(head);
  const claims = objectIn(body);
  const signature = strictBytes(tail);
  if (header === undefined || claims === undefined || signature?.byteLength !== signatureBytes)
    return undefined;
  return { header, claims, signature, signed: Buffer.from(`${head}.${body}`, 'ascii') };
}

/** RFC 7638 thumbprint of a P-256 key. */
export function thumbprintOf(key: PublicKey): string {
  return sha256(JSON.stringify({ crv: key.crv, kty: key.kty, x: key.x, y: key.y }));
}

/** undefined: not a point of the curve. */
function keyObject(key: PublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: key.kty, crv: key.crv, x: key.x, y: key.y }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function signedBy(key: PublicKey, jws: Jws): boolean {
  const publicKey = keyObject(key);
  return (
    publicKey !== undefined &&
    verify('sha256', jws.signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, jws.signature)
  );
}

/** Remembers the ids of proofs for as long as they would be accepted. Bounded: when it is full, it refuses rather than forgets. */
export class ReplayMemory {
  private readonly until = new Map<string, number>();
  private readonly max: number;

  constructor(max: number = replaysMax) {
    this.max = max;
  }

  /** True when `id` is new and now remembered. */
  admit(id: string, nowMs: number): boolean {
    const known = this.until.get(id);
    if (known !== undefined && known > nowMs) return false;
    // Entries lapse in the order of their insertion, give or take the clock skew, so a look at the oldest is enough.
    for (const [old, lapse] of this.until) {
      if (lapse > nowMs) break;
      this.until.delete(old);
    }
    if (this.until.size >= this.max) refuse('request.overloaded');
    this.until.set(id, nowMs + proofAgeMs + proofAheadMs);
    return true;
  }
}

export interface ProofCircumstances {
  readonly method: string;
  /** Addresses under which this request may have been made, each `scheme://host:port/path` without query. */
  readonly urls: readonly string[];
  readonly nowMs: number;
  readonly replays: ReplayMemory;
}

/** RFC 9449 §4.3 item 9: scheme- and syntax-normalised, without query and fragment. A WebSocket's scheme counts as that of its handshake. */
function normalAddress(text: string): string | undefined {
  try {
    const url = new URL(text);
    const scheme = url.protocol === 'ws:' ? 'http:' : url.protocol === 'wss:' ? 'https:' : url.protocol;
    return `${scheme}//${url.host}${url.pathname}`;
  } catch {
    return undefined;
  }
}

function checkClaims(claims: JsonObject, around: ProofCircumstances): string {
  const { htm, htu, iat, jti } = claims;
  if (htm !== around.method) refuse('identity.proof_invalid', 'another method');
  const address = typeof htu === 'string' ? normalAddress(htu) : undefined;
  if (address === undefined || !around.urls.some((url) => normalAddress(url) === address)) {
    refuse('identity.proof_invalid', 'another address');
  }
  if (typeof iat !== 'number') return refuse('identity.proof_invalid', 'no time');
  if (iat * 1_000 < around.nowMs - proofAgeMs) refuse('identity.proof_invalid', 'too old; check the clocks');
  if (iat * 1_000 > around.nowMs + proofAheadMs)
    refuse('identity.proof_invalid', 'from the future; check the clocks');
  if (typeof jti !== 'string' || !jtiPattern.test(jti))
    return refuse('identity.proof_invalid', 'no usable id');
  return jti;
}

/**
 * Verifies a DPoP proof (RFC 9449 §4.3) without an access token. Gives the key that was proved and its thumbprint. Refuses
 * `identity.credential_missing`, `identity.proof_invalid`, `identity.proof_replayed`.
 */
export function verifyDpop(
  header: string | string[] | undefined,
  around: ProofCircumstances,
): { readonly jkt: string; readonly publicKey: PublicKey } {
  if (header === undefined) return refuse('identity.credential_missing', 'no DPoP header');
  const jws = typeof header === 'string' ? parseJws(header) : undefined;
  if (jws === undefined) return refuse('identity.proof_invalid', 'not one signed proof');
  if (jws.header.typ !== dpopProofType || jws.header.alg !== 'ES256')
    refuse('identity.proof_invalid', 'another type or algorithm');
  const key = publicKeySchema.safeParse(jws.header.jwk);
  // A private part in the header would fail the strict schema too (RFC 9449 §4.3 item 7).
  if (!key.success) return refuse('identity.proof_invalid', 'no P-256 public key');
  const jti = checkClaims(jws.claims, around);
  if (!signedBy(key.data, jws)) refuse('identity.proof_invalid', 'the signature does not fit');
  const jkt = thumbprintOf(key.data);
  if (!around.replays.admit(`${jkt}:${jti}`, around.nowMs)) refuse('identity.proof_replayed');
  return { jkt, publicKey: key.data };
}

function gatewayJws(text: string): Jws {
  const jws = parseJws(text);
  if (jws === undefined) return refuse('identity.proof_invalid', 'not one signed proof');
  if (jws.header.typ !== gatewayProofType || jws.header.alg !== 'ES256')
    refuse('identity.proof_invalid', 'another type or algorithm');
  if (jws.claims.aud !== controlAudience) refuse('identity.proof_invalid', 'another audience');
  return jws;
}

const gatewaySchemePattern = /^GatewayProof ([\x21-\x7e]+)$/i;

/**
 * Verifies `authorization: GatewayProof <jwt>` of an enrolled gateway; `keyOf` gives the enrolled key of an active gateway. Gives the
 * gateway's id. Refuses `identity.credential_missing`, `identity.proof_invalid`, `identity.proof_replayed`, `identity.gateway_unknown`.
 */
export async function verifyGatewayProof(
  authorization: string | undefined,
  around: ProofCircumstances,
  keyOf: (gatewayId: string) => Promise<PublicKey | undefined>,
): Promise<string> {
  const text = gatewaySchemePattern.exec(authorization ?? '')?.[1];
  if (text === undefined) return refuse('identity.credential_missing', 'no GatewayProof');
  const jws = gatewayJws(text);
  const jti = checkClaims(jws.claims, around);
  const gatewayId = jws.claims.iss;
  const key = typeof gatewayId === 'string' ? await keyOf(gatewayId) : undefined;
  if (key === undefined || typeof gatewayId !== 'string') return refuse('identity.gateway_unknown');
  if (!signedBy(key, jws)) refuse('identity.proof_invalid', 'the signature does not fit');
  if (!around.replays.admit(`${gatewayId}:${jti}`, around.nowMs)) refuse('identity.proof_replayed');
  return gatewayId;
}

/** Verifies the proof of a gateway that enrols: signed by the very key that it brings. Refuses as {@link verifyGatewayProof}. */
export function verifyEnrolmentProof(proof: string, key: PublicKey, around: ProofCircumstances): void {
  const jws = gatewayJws(proof);
  const jti = checkClaims(jws.claims, around);
  if (!signedBy(key, jws)) refuse('identity.proof_invalid', 'the signature does not fit');
  if (!around.replays.admit(`${thumbprintOf(key)}:${jti}`, around.nowMs)) refuse('identity.proof_replayed');
}
