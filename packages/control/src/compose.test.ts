import { RefusalError } from '@atf/core/errors';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  enrolGateway,
  gatewayProof,
  person,
  type PlatformOptions,
  post,
  request,
  signIn,
  startPlatform,
  temporaryFolder,
} from './platform.fixture.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

async function refusalOf(
  base: string,
  given: PlatformOptions = {},
): Promise<{ code: string; detail: string }> {
  try {
    const platform = await startPlatform(base, given);
    await platform.close();
    return { code: 'none', detail: '' };
  } catch (fault) {
    if (fault instanceof RefusalError)
      return { code: fault.refusal.code, detail: fault.refusal.detail ?? '' };
    throw fault;
  }
}

/** A busy machine makes the first database of a schema slowly. */
const slowMs = 240_000;

describe('a restart', { timeout: slowMs }, () => {
  const base = join(folder.path, 'restart');

  it('keeps people, factors, sessions, gateways and keys; the second owner of the directory is refused', async () => {
    const first = await startPlatform(base, { onDisk: true });
    const { id } = await person(first.control, 'Rosa', ['operator']);
    const browser = await signIn(first, id);
    await browser.post('/v1/me/passphrase', { passphrase: 'correct horse battery' });
    const gateway = await enrolGateway(first, 'edge');
    const jwks = first.control.keys.publicJwks();
    expect((await refusalOf(base, { onDisk: true })).code).toBe('storage.locked');
    expect((await request(`${first.url}/readyz`)).status).toBe(200);
    await first.close();
    await first.close();

    const second = await startPlatform(base, { onDisk: true });
    expect(second.operatorToken).toBe(first.operatorToken);
    expect(second.control.keys.publicJwks()).toEqual(jwks);
    const me = await request(`${second.url}/v1/me`, { headers: { cookie: browser.cookie } });
    expect(me.json).toMatchObject({ person: { id }, hasPassphrase: true, csrf: browser.me.csrf });
    const path = '/v1/gateway/payload-key';
    const proof = gatewayProof(gateway.key, 'POST', `${second.url}${path}`, { iss: gateway.id });
    expect(
      (await post(`${second.url}${path}`, undefined, { authorization: `GatewayProof ${proof}` })).status,
    ).toBe(200);
    const people = await second.control.db.selectFrom('person').select('email').execute();
    expect(people.filter((row) => row.email.startsWith('host-operator'))).toHaveLength(1);
    await second.close();
  });

  it('refuses without the key file, with another key, and with one that others can read; then starts with the right one', async () => {
    const keyFile = join(base, 'protect.key');
    const right = readFileSync(keyFile);
    rmSync(keyFile);
    expect(await refusalOf(base, { onDisk: true })).toMatchObject({ code: 'storage.key_missing' });
    expect(existsSync(keyFile)).toBe(false);
    const wrong = { ATF_KEY: Buffer.alloc(32, 7).toString('base64') };
    expect((await refusalOf(base, { onDisk: true, environment: wrong })).code).toBe('storage.key_missing');
    writeFileSync(keyFile, right, { mode: 0o600 });
    chmodSync(keyFile, 0o644);
    expect((await refusalOf(base, { onDisk: true })).code).toBe('storage.key_exposed');
    chmodSync(keyFile, 0o600);
    expect((await refusalOf(base, { onDisk: true })).code).toBe('none');
  });
});

describe('a start', { timeout: slowMs }, () => {
  it('makes the operator token for this user only, and no secret lies in the data directory besides', async () => {
    const base = join(folder.path, 'files');
    const platform = await startPlatform(base);
    const file = join(platform.dataDir, 'operator.token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(join(platform.dataDir, 'protect.key'))).toBe(false);
    await platform.close();
    chmodSync(file, 0o640);
    expect((await refusalOf(base)).code).toBe('storage.key_exposed');
  });

  it('is refused when the port is taken, and says which', async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const { port } = other.address() as AddressInfo;
    const refused = await refusalOf(join(folder.path, 'port'), { options: { port } });
    expect(refused.code).toBe('storage.port_taken');
    expect(refused.detail).toContain(String(port));
    await new Promise((done) => other.close(done));
  });

  it('is refused when the data directory cannot be made, and lets go of its port', async () => {
    const base = join(folder.path, 'blocked');
    writeFileSync(base, 'a file, not a folder');
    const refused = await refusalOf(base, { onDisk: true });
    expect(refused.code).toBe('storage.unwritable');
  });

  it('serves the built console with strict headers, and falls back to the page for its places only', async () => {
    const base = join(folder.path, 'console');
    mkdirSync(join(base, 'console', 'assets'), { recursive: true });
    writeFileSync(join(base, 'console', 'index.html'), '<!doctype html><title>ATF</title>');
    writeFileSync(join(base, 'console', 'assets', 'app-1a2b.js'), 'export {};');
    const platform = await startPlatform(base);
    const html = { accept: 'text/html' };
    for (const path of ['/', '/approvals/some-id', '/sign-in']) {
      const page = await request(`${platform.url}${path}`, { headers: html });
      expect(page).toMatchObject({ status: 200, json: { text: '<!doctype html><title>ATF</title>' } });
      expect(page.headers.get('content-security-policy')).toContain("require-trusted-types-for 'script'");
      expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
      expect(page.headers.get('cache-control')).toBe('no-cache');
    }
    const asset = await request(`${platform.url}/assets/app-1a2b.js`);
    expect(asset.headers.get('cache-control')).toContain('immutable');
    expect(asset.headers.get('content-type')).toMatch(/javascript/);
    for (const path of ['/v1/nothing', '/assets/gone.js', '/tile/0/0']) {
      expect((await request(`${platform.url}${path}`, { headers: html })).status).toBe(404);
    }
    expect((await request(`${platform.url}/approvals`)).status).toBe(404);
    expect((await request(`${platform.url}/assets/..%2f..%2fprotect.key`)).status).not.toBe(200);
    await platform.close();
  });
});
