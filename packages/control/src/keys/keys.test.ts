import { RefusalError } from '@atf/core/errors';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf } from '../audit/outbox.ts';
import { pendingRows } from '../audit/store.ts';
import type { Keys } from '../context.ts';
import { type TestDb, testDb } from '../db/test-db.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';
import { defaultKeyFile, keyEncryptionKey } from './key-file.ts';
import { openKeyring } from './keyring.ts';

const folder = mkdtempSync(join(tmpdir(), 'atf-keys-'));
let test: TestDb;
beforeAll(async () => {
  test = await testDb();
});
afterAll(async () => {
  await test.close();
  rmSync(folder, { recursive: true, force: true });
});

const clock = { nowMs: () => 1_000 };
function open(tenant: string, key: Uint8Array): Promise<Keys> {
  const { db, change } = test;
  return openKeyring({
    db,
    change,
    clock,
    tenant,
    enqueue: auditOf(tenant, clock).enqueue,
    keyEncryptionKey: () => key,
  });
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'none';
  } catch (fault) {
    if (fault instanceof RefusalError) return fault.refusal.code;
    throw fault;
  }
}

describe('the key ring', () => {
  it('signs with keys that others can verify, and keeps them over a restart', async () => {
    const kek = randomBytes(32);
    const keys = await open('signs', kek);
    const data = Buffer.from('hello');
    const { kid, signature } = keys.sign('token', data);
    const jwk = keys.publicJwks().keys.find((key) => key.kid === kid);
    expect(jwk).toBeDefined();
    const { kty = 'EC', crv, x, y } = jwk ?? {};
    const tokenKey = createPublicKey({ key: { kty, crv, x, y } as Record<string, string>, format: 'jwk' });
    expect(verify('sha256', data, { key: tokenKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
    const raw = Buffer.from(keys.logPublicKey());
    expect(raw).toHaveLength(32);
    const logKey = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
      format: 'jwk',
    });
    expect(verify(null, data, logKey, keys.sign('log', data).signature)).toBe(true);

    const again = await open('signs', kek);
    expect(again.publicJwks()).toEqual(keys.publicJwks());
    for (const purpose of ['payload', 'approval', 'session', 'notification', 'service'] as const) {
      const { kid: name, key } = keys.secret(purpose);
      expect(key).toHaveLength(32);
      expect(Buffer.from(again.secret(purpose, name).key).equals(Buffer.from(key))).toBe(true);
    }
    expect(() => keys.secret('payload', 'unknown')).toThrow();
  });

  it('never has a key in clear in the database, and records each key that is made', async () => {
    const keys = await open('clear', randomBytes(32));
    const rows = await test.db.selectFrom('key').selectAll().where('tenant', '=', 'clear').execute();
    expect(rows.map((row) => row.purpose).sort()).toEqual([
      'approval',
      'log',
      'notification',
      'payload',
      'service',
      'session',
      'token',
      'token-value',
    ]);
    for (const purpose of [
      'payload',
      'approval',
      'session',
      'notification',
      'service',
      'token-value',
    ] as const) {
      const secret = Buffer.from(keys.secret(purpose).key);
      for (const row of rows) expect(Buffer.from(row.wrapped).includes(secret)).toBe(false);
    }
    const events = await pendingRows(test.db, 'clear', 100);
    expect(events).toHaveLength(8);
  });

  it('refuses a wrong key, and leaves everything as it was', async () => {
    await open('wrong', randomBytes(32));
    const before = await test.db.selectFrom('key').selectAll().where('tenant', '=', 'wrong').execute();
    expect(await codeOf(() => open('wrong', randomBytes(32)))).toBe('storage.key_missing');
    expect(await test.db.selectFrom('key').selectAll().where('tenant', '=', 'wrong').execute()).toEqual(
      before,
    );
  });

  it('does not open a key that was put in the place of another', async () => {
    const kek = randomBytes(32);
    await open('swapped', kek);
    const rows = await test.db.selectFrom('key').selectAll().where('tenant', '=', 'swapped').execute();
    const [payload, approval] = ['payload', 'approval'].map((purpose) =>
      rows.find((row) => row.purpose === purpose),
    );
    if (payload === undefined || approval === undefined) throw new Error('keys are missing');
    await test.db
      .updateTable('key')
      .set({ wrapped: approval.wrapped })
      .where('tenant', '=', 'swapped')
      .where('kid', '=', payload.kid)
      .execute();
    expect(await codeOf(() => open('swapped', kek))).toBe('storage.key_missing');
  });
});

describe('envelopes', () => {
  it('open under their key and context only, and not when a bit has changed', () => {
    const key = randomBytes(32);
    const sealed = sealEnvelope(key, Buffer.from('secret'), 'a');
    expect(openEnvelope(key, sealed, 'a')?.toString()).toBe('secret');
    expect(openEnvelope(key, sealed, 'b')).toBeUndefined();
    expect(openEnvelope(randomBytes(32), sealed, 'a')).toBeUndefined();
    for (let at = 0; at < sealed.byteLength; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(openEnvelope(key, changed, 'a')).toBeUndefined();
    }
    expect(openEnvelope(key, sealed.subarray(0, 20), 'a')).toBeUndefined();
  });
});

describe('the key-encryption key', () => {
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { recursive: true });
  const source = { fromEnvironment: undefined, dataDir, workspaceId: 'w', first: true };

  it('is made once, for this user only, and read back', () => {
    const keyFile = join(folder, 'keys', 'a.key');
    const made = keyEncryptionKey({ ...source, keyFile });
    expect(made).toHaveLength(32);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(keyEncryptionKey({ ...source, keyFile, first: false }).equals(made)).toBe(true);
    expect(keyEncryptionKey({ ...source, keyFile, first: true }).equals(made)).toBe(true);
  });

  it('comes from the environment before any file', () => {
    const key = randomBytes(32);
    const keyFile = join(folder, 'unused.key');
    expect(
      keyEncryptionKey({ ...source, keyFile, fromEnvironment: key.toString('base64') }).equals(key),
    ).toBe(true);
    expect(statSync(keyFile, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('is refused when it is malformed, missing, exposed, or inside the data directory', async () => {
    expect(
      await codeOf(() => keyEncryptionKey({ ...source, keyFile: undefined, fromEnvironment: 'c2hvcnQ=' })),
    ).toBe('storage.key_missing');
    expect(
      await codeOf(() => keyEncryptionKey({ ...source, keyFile: join(folder, 'absent.key'), first: false })),
    ).toBe('storage.key_missing');
    expect(await codeOf(() => keyEncryptionKey({ ...source, keyFile: join(dataDir, 'sub', 'in.key') }))).toBe(
      'storage.key_missing',
    );
    const exposed = join(folder, 'exposed.key');
    writeFileSync(exposed, randomBytes(32).toString('base64'));
    for (const mode of [0o644, 0o640, 0o602]) {
      chmodSync(exposed, mode);
      expect(await codeOf(() => keyEncryptionKey({ ...source, keyFile: exposed }))).toBe(
        'storage.key_exposed',
      );
    }
    const damaged = join(folder, 'damaged.key');
    writeFileSync(damaged, 'not a key', { mode: 0o600 });
    expect(await codeOf(() => keyEncryptionKey({ ...source, keyFile: damaged }))).toBe('storage.key_missing');
    expect(readFileSync(damaged, 'utf8')).toBe('not a key');
    const blocked = join(folder, 'damaged.key', 'below.key');
    expect(await codeOf(() => keyEncryptionKey({ ...source, keyFile: blocked }))).toBe('storage.unwritable');
  });

  it('has its default place beside the configuration of the user', () => {
    expect(defaultKeyFile('w', { XDG_CONFIG_HOME: '/x' })).toBe('/x/atf/w.key');
    expect(defaultKeyFile('w', {})).toMatch(/\/\.config\/atf\/w\.key$/);
  });
});
