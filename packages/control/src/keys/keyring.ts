/**
 * Room: keys (I-2, B-1). The product's own keys: made at first start, wrapped in the key table, in clear in memory only. One active key per
 * purpose signs or encrypts; retired ones still verify and decrypt.
 */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { signEs256 } from '@atf/core/es256';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import type { Audit, Clock, Control, Db, KeyPurpose, Keys, SecretPurpose } from '../context.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';
import { insertKey, type KeyRow, keyRows, lockKeys } from './store.ts';

const purposes: readonly KeyPurpose[] = [
  'token',
  'log',
  'payload',
  'approval',
  'session',
  'notification',
  'service',
  'token-value',
];
const secretBytes = 32;

interface SigningKey {
  readonly kid: string;
  readonly active: boolean;
  readonly privateKey: KeyObject;
  readonly publicJwk: Record<string, unknown>;
}
interface SecretKey {
  readonly kid: string;
  readonly active: boolean;
  readonly key: Uint8Array;
}

export interface KeyringInput {
  readonly db: Db;
  readonly change: Control['change'];
  readonly clock: Clock;
  readonly tenant: string;
  readonly enqueue: Audit['enqueue'];
  /** Asked once, with whether nothing is wrapped yet. */
  readonly keyEncryptionKey: (first: boolean) => Uint8Array;
}

function contextOf(tenant: string, purpose: string, kid: string): string {
  return `atf:key:${tenant}:${purpose}:${kid}`;
}

/** RFC 7638 thumbprint of a public JWK of the kinds we make. */
function thumbprint(jwk: Record<string, unknown>): string {
  const members = jwk.kty === 'EC' ? ['crv', 'kty', 'x', 'y'] : ['crv', 'kty', 'x'];
  return sha256(JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]]))));
}

function fresh(purpose: KeyPurpose): {
  kid: string;
  secret: Buffer;
  publicJwk: Record<string, unknown> | undefined;
} {
  if (purpose !== 'token' && purpose !== 'log') {
    return {
      kid: randomBytes(12).toString('base64url'),
      secret: randomBytes(secretBytes),
      publicJwk: undefined,
    };
  }
  const pair =
    purpose === 'token' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const publicJwk = pair.publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
  return {
    kid: thumbprint(publicJwk),
    secret: pair.privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicJwk,
  };
}

async function makeMissing(input: KeyringInput, kek: Uint8Array): Promise<void> {
  const { change, clock, tenant, enqueue } = input;
  await change(async (tx) => {
    await lockKeys(tx);
    const have = await keyRows(tx, tenant);
    for (const purpose of purposes) {
      if (have.some((row) => row.purpose === purpose && row.state === 'active')) continue;
      const { kid, secret, publicJwk } = fresh(purpose);
      await insertKey(tx, {
        tenant,
        purpose,
        kid,
        state: 'active',
        wrapped: sealEnvelope(kek, secret, contextOf(tenant, purpose, kid)),
        public: publicJwk === undefined ? null : JSON.stringify(publicJwk),
        created_at: clock.nowMs(),
      });
      await enqueue(tx, 'identity.key_created', { purpose, kid });
    }
  });
}

class Keyring implements Keys {
  private readonly signing = new Map<'token' | 'log', SigningKey[]>();
  private readonly secrets = new Map<string, SecretKey[]>();

  /** Refuses `storage.key_missing` when one row does not open: then nothing is overwritten, and nothing starts. */
  constructor(rows: readonly KeyRow[], kek: Uint8Array) {
    for (const row of rows) {
      const plain = openEnvelope(kek, row.wrapped, contextOf(row.tenant, row.purpose, row.kid));
      if (plain === undefined)
        refuse('storage.key_missing', `the key does not open the stored key ${row.purpose}/${row.kid}`);
      const active = row.state === 'active';
      if (row.purpose === 'token' || row.purpose === 'log') {
        const privateKey = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
        const publicJwk = createPublicKey(privateKey).export({ format: 'jwk' }) as Record<string, unknown>;
        this.signing.set(row.purpose, [
          ...(this.signing.get(row.purpose) ?? []),
          { kid: row.kid, active, privateKey, publicJwk },
        ]);
      } else {
        this.secrets.set(row.purpose, [
          ...(this.secrets.get(row.purpose) ?? []),
          { kid: row.kid, active, key: plain },
        ]);
      }
    }
  }

  private signingKey(purpose: 'token' | 'log'): SigningKey {
    const key = this.signing.get(purpose)?.findLast((candidate) => candidate.active);
    if (key === undefined) throw new Error(`no active ${purpose} key`);
    return key;
  }

  sign(purpose: 'token' | 'log', data: Uint8Array): { kid: string; signature: Uint8Array } {
    const { kid, privateKey } = this.signingKey(purpose);
    const signature = purpose === 'token' ? signEs256(data, privateKey) : sign(null, data, privateKey);
    return { kid, signature };
  }

  publicJwks(): ReturnType<Keys['publicJwks']> {
    return {
      keys: (this.signing.get('token') ?? []).map(({ kid, publicJwk }) => ({
        kid,
        kty: 'EC' as const,
        crv: 'P-256' as const,
        x: String(publicJwk.x),
        y: String(publicJwk.y),
      })),
    };
  }

  logPublicKey(): Uint8Array {
    return Buffer.from(String(this.signingKey('log').publicJwk.x), 'base64url');
  }

  secret(purpose: SecretPurpose, kid?: string): { kid: string; key: Uint8Array } {
    const key = this.secrets
      .get(purpose)
      ?.findLast((candidate) => (kid === undefined ? candidate.active : candidate.kid === kid));
    if (key === undefined) throw new Error(`no ${purpose} key ${kid ?? 'is active'}`);
    return { kid: key.kid, key: key.key };
  }
}

/** Refuses `storage.key_missing` unless the key opens every stored key. */
export function checkKeys(rows: readonly KeyRow[], kek: Uint8Array): void {
  new Keyring(rows, kek);
}

/** Loads the keys, making at first start those that are missing. Refuses `storage.key_missing` and what the source of the key refuses. */
export async function openKeyring(input: KeyringInput): Promise<Keys> {
  const { db, tenant } = input;
  const before = await keyRows(db, tenant);
  const kek = input.keyEncryptionKey(before.length === 0);
  // Opens what is there before anything is added, so that a wrong key never leaves a trace.
  checkKeys(before, kek);
  await makeMissing(input, kek);
  return new Keyring(await keyRows(db, tenant), kek);
}
