/**
 * Room: identity (I-2). The gateway's own P-256 key: it proves every request to control and seals every batch of records. At rest it is
 * wrapped (AES-256-GCM) under a key that stands outside the gateway's directory; in clear it exists in memory only.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { type SealSigner, sealSigner } from '@atf/core/audit/gateway-key';
import { refuse } from '@atf/core/errors';
import { signEs256 } from '@atf/core/es256';
import { base64url } from '@atf/core/identity/base64url';
import { keyCertificate } from '@atf/core/identity/key-certificate';
import { envelopeKeyOf, envelopeNonceBytes, unwrapKey, wrapKey } from '@atf/core/identity/key-envelope';
import { p256PublicJwk, type P256PublicJwk, signingInput } from '@atf/core/identity/compact-jws';
import { jwkThumbprint } from '@atf/core/identity/dpop';
import { gatewayProofType } from '@atf/core/wire/token';
import { z } from 'zod';

const fileBytesMax = 4_096;
const context = 'atf gateway key v1';
const storedSchema = z.strictObject({ v: z.literal(1), wrapped: z.string().max(2_048) });

export const controlAudience = 'atf:control';

/** Where the key-encryption key comes from. */
export interface KeySource {
  /** `ATF_KEY`: 32 bytes in base64; it wins over the file. */
  readonly fromEnvironment: string | undefined;
  readonly keyFile: string | undefined;
  /** The gateway's own directory: the key file must not be in it. */
  readonly dir: string;
}

function decodeKey(text: string, from: string): Buffer {
  return envelopeKeyOf(text) ?? refuse('storage.key_missing', `${from} does not hold 32 bytes in base64.`);
}

/** Writes a file of mode 0600 that is there whole or not at all. */
export function writePrivateFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.new`;
  const handle = openSync(draft, 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, file);
  chmodSync(file, 0o600);
}

/** The 32 bytes that protect the gateway's key; a key file is made when `first`. Refuses `storage.key_missing`. */
export function keyEncryptionKey({ fromEnvironment, keyFile, dir }: KeySource, first: boolean): Buffer {
  if (fromEnvironment !== undefined && fromEnvironment !== '') return decodeKey(fromEnvironment, 'ATF_KEY');
  if (keyFile === undefined) return refuse('storage.key_missing');
  const file = resolve(keyFile);
  const path = relative(resolve(dir), file);
  if (path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path)) {
    refuse('storage.key_missing', 'The key file must be outside the directory that it protects.');
  }
  if (!existsSync(file)) {
    if (!first) refuse('storage.key_missing', 'The key file is not there.');
    writePrivateFile(file, `${randomBytes(32).toString('base64')}\n`);
  }
  return decodeKey(readPrivate(file, 'The key file'), 'The key file');
}

/** Text of a small file that nobody else may read. Opened first, then looked at: what is checked is what is read. Refuses `storage.key_missing`. */
function readPrivate(file: string, what: string): string {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(handle);
    if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
      refuse('storage.key_missing', `${what}: others may read it.`);
    if (!found.isFile() || found.size > fileBytesMax)
      refuse('storage.key_missing', `${what} is not one, or damaged.`);
    return readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
}

export interface GatewayKey {
  readonly publicJwk: P256PublicJwk;
  readonly publicKey: KeyObject;
  readonly seal: SealSigner;
  /** What shows this key at a TLS connection, in PEM; kept in memory only. */
  identity(): { readonly cert: string; readonly key: string };
  /** A signed proof for one request: `iss` is the gateway's id, absent while it enrols. */
  proof(request: {
    readonly method: string;
    readonly url: string;
    readonly gatewayId: string | undefined;
    readonly nowMs: number;
  }): string;
}

export function gatewayKeyOf(privateKey: KeyObject): GatewayKey {
  const publicKey = createPublicKey(privateKey);
  const publicJwk = p256PublicJwk(publicKey.export({ format: 'jwk' }));
  if (publicJwk === undefined) throw new TypeError('a gateway key is a P-256 key');
  const kid = jwkThumbprint(publicJwk);
  return {
    publicJwk,
    publicKey,
    seal: sealSigner(kid, privateKey),
    identity: () => ({
      cert: keyCertificate(publicKey, privateKey),
      key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    }),
    proof: ({ method, url, gatewayId, nowMs }) => {
      const { origin, pathname } = new URL(url);
      const iss = gatewayId === undefined ? {} : { iss: gatewayId };
      const claims = {
        ...iss,
        aud: controlAudience,
        htm: method,
        htu: `${origin}${pathname}`,
        iat: Math.floor(nowMs / 1000),
        jti: randomBytes(16).toString('base64url'),
      };
      const input = signingInput({ alg: 'ES256', typ: gatewayProofType, kid }, claims);
      return `${input}.${base64url(signEs256(Buffer.from(input), privateKey))}`;
    },
  };
}

/** Opens the gateway's key, or makes it at the first start. */
export function openGatewayKey(source: KeySource): GatewayKey {
  const file = join(source.dir, 'gateway.key');
  const first = !existsSync(file);
  const protecting = keyEncryptionKey(source, first);
  if (first) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    const nonce = randomBytes(envelopeNonceBytes);
    const wrapped = wrapKey({ key: protecting, context }, nonce, der).toString('base64url');
    writePrivateFile(file, `${JSON.stringify({ v: 1, wrapped })}\n`);
    return gatewayKeyOf(privateKey);
  }
  const stored = storedSchema.parse(JSON.parse(readPrivate(file, 'The key of this gateway')));
  const der =
    unwrapKey({ key: protecting, context }, Buffer.from(stored.wrapped, 'base64url')) ??
    refuse('storage.key_missing', 'The key does not open the key of this gateway.');
  return gatewayKeyOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}
