/**
 * Room: audit (I-2, B-1). Keys with which gateways seal what they record, and the seal itself: a signature over the place and leaf
 * hash of one record, which through the `prev` hashes covers every record before it. ES256 or Ed25519; keys come from the caller.
 */
import { createPublicKey, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto';
import { signEs256, verifyEs256 } from '../es256.ts';
import { isJsonObject, parseStrictText } from '../wire/json.ts';

export type SealAlgorithm = 'ES256' | 'EdDSA';
export const signatureBytes = 64;
/** Keys that one gateway may have had over time. */
export const gatewayKeysMax = 64;
const kidPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** A public key as it stands in `gateways.json` of the log directory. */
export interface GatewayKeyRecord {
  readonly kid: string;
  readonly alg: SealAlgorithm;
  /** Public JWK (RFC 7517): EC P-256 or OKP Ed25519. */
  readonly jwk: JsonWebKey;
}

export interface GatewayKey {
  readonly kid: string;
  readonly alg: SealAlgorithm;
  readonly publicKey: KeyObject;
}

/** gateway id → every key it ever sealed with. Revoked keys stay: old records must remain verifiable. */
export type GatewayKeys = ReadonlyMap<string, readonly GatewayKey[]>;

/** Signs seals. `sign` returns the raw 64-byte signature (ES256 in IEEE P1363 form) and is called once per durable batch. */
export interface SealSigner {
  readonly kid: string;
  readonly alg: SealAlgorithm;
  sign(message: Uint8Array): Uint8Array;
}

function algorithmOf(key: KeyObject): SealAlgorithm | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  return undefined;
}

/** A signer over a private key held in memory. @throws TypeError for other keys than P-256 and Ed25519. */
export function sealSigner(kid: string, privateKey: KeyObject): SealSigner {
  const alg = algorithmOf(privateKey);
  if (alg === undefined || !kidPattern.test(kid))
    throw new TypeError('seals need a P-256 or Ed25519 key with a short key id');
  return {
    kid,
    alg,
    sign: (message) => (alg === 'EdDSA' ? sign(null, message, privateKey) : signEs256(message, privateKey)),
  };
}

/** Reads a key record; undefined when it is malformed, of another kind, or holds a private part. */
export function importGatewayKey(record: GatewayKeyRecord): GatewayKey | undefined {
  if (
    !kidPattern.test(record.kid) ||
    typeof record.jwk !== 'object' ||
    record.jwk === null ||
    'd' in record.jwk
  )
    return undefined;
  try {
    const publicKey = createPublicKey({ key: record.jwk, format: 'jwk' });
    return algorithmOf(publicKey) === record.alg
      ? { kid: record.kid, alg: record.alg, publicKey }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The public record of a key, as enrolment stores it. @throws TypeError for other keys than P-256 and Ed25519. */
export function exportGatewayKey(kid: string, key: KeyObject): GatewayKeyRecord {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const alg = algorithmOf(publicKey);
  if (alg === undefined || !kidPattern.test(kid))
    throw new TypeError('seals need a P-256 or Ed25519 key with a short key id');
  return { kid, alg, jwk: publicKey.export({ format: 'jwk' }) };
}

/** The record that a seal covers. `hash` is its leaf hash, which commits to its epoch and, by `prev`, to all records before it. */
export interface SealedHead {
  readonly gateway: string;
  readonly seq: number;
  readonly hash: Uint8Array;
}

function sealMessage(head: SealedHead): Uint8Array {
  return Buffer.from(
    `atf-spool-seal-v1\n${head.gateway}\n${head.seq}\n${Buffer.from(head.hash).toString('base64url')}\n`,
  );
}

/** `<kid>.<base64url signature>`. */
export function makeSeal(head: SealedHead, signer: SealSigner): string {
  return `${signer.kid}.${Buffer.from(signer.sign(sealMessage(head))).toString('base64url')}`;
}

/** Verifies a seal with the gateway's key of that id; false for unknown keys and for anything but the canonical text. */
export function verifySeal(seal: string, head: SealedHead, keys: readonly GatewayKey[]): boolean {
  const dot = seal.indexOf('.');
  const key = keys.find(({ kid }) => kid === seal.slice(0, dot));
  const text = seal.slice(dot + 1);
  const signature = Buffer.from(text, 'base64url');
  if (key === undefined || signature.length !== signatureBytes || signature.toString('base64url') !== text)
    return false;
  const message = sealMessage(head);
  return key.alg === 'EdDSA'
    ? verify(null, message, key.publicKey, signature)
    : verifyEs256(message, key.publicKey, signature);
}

/** `gateways.json` of a log directory: `{"v":1,"gateways":{<id>:[key, …]}}`, ids sorted, so that equal keys give equal bytes. */
export function formatGatewayKeys(keys: ReadonlyMap<string, readonly GatewayKeyRecord[]>): string {
  const gateways = Object.fromEntries([...keys].sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ v: 1, gateways }, undefined, 1)}\n`;
}

/** Reads `gateways.json`; undefined when anything in it is malformed: a key that is silently dropped would hide what it signed. */
export function parseGatewayKeys(text: string): GatewayKeys | undefined {
  const parsed = parseStrictText(text);
  if (
    !parsed.ok ||
    !isJsonObject(parsed.value) ||
    parsed.value.v !== 1 ||
    !isJsonObject(parsed.value.gateways)
  )
    return undefined;
  const keys = new Map<string, readonly GatewayKey[]>();
  for (const [gateway, records] of Object.entries(parsed.value.gateways)) {
    if (!Array.isArray(records) || records.length > gatewayKeysMax) return undefined;
    const own = records.map((record) =>
      isJsonObject(record) ? importGatewayKey(record as unknown as GatewayKeyRecord) : undefined,
    );
    if (own.some((key) => key === undefined)) return undefined;
    keys.set(gateway, own as GatewayKey[]);
  }
  return keys;
}
