import { sha256 } from '@atf/core/digest';
import { csrfHeader, type OperationId, type Route, routes } from '@atf/core/wire/api';
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailedAuthentications, failuresMax, windowMs } from './failed-authentications.ts';
import { jwkThumbprint } from '@atf/core/identity/dpop';
import { registerAgent } from './identity/agents.ts';
import { insertInstance } from './identity/credential-store.ts';
import { ReplayMemory } from './identity-proof.ts';
import {
  type Answer,
  Browser,
  dpopProof,
  enrolGateway,
  person,
  type Platform,
  post,
  request,
  signIn,
  startPlatform,
  temporaryFolder,
  testKey,
  type TestGateway,
  type TestKey,
} from './platform.fixture.ts';
import { replaysOf } from './proofs.ts';

const folder = temporaryFolder();
let platform: Platform;
let operator: Browser;
let gateway: TestGateway;
const seen: { key: string; instanceId?: string; jkt?: string }[] = [];

beforeAll(async () => {
  platform = await startPlatform(folder.path, {
    handlers: {
      'instances.token': async (_control, { actor }) => {
        if (actor.kind === 'instance')
          seen.push({ key: 'instances.token', instanceId: actor.instanceId, jkt: actor.jkt });
        throw new Error('a secret 4711 that must not leave');
      },
      'gateway.notify': async () => ({ ok: true }),
      'approvals.approve': async () => {
        throw new Error('must not be reached without presence');
      },
    },
  });
  const olga = await person(platform.control, 'Olga Operator', ['operator']);
  operator = await signIn(platform, olga.id);
  gateway = await enrolGateway(platform, 'edge');
});
afterAll(async () => {
  await platform.close();
  folder.remove();
});

const bearer = (): Record<string, string> => ({ authorization: `Bearer ${platform.operatorToken}` });

/** `fetch` does not let a test choose Host. */
function withHost(
  host: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const url = new URL(platform.url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: url.hostname, port: url.port, path, headers: { ...headers, host } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

function examplePath(route: Route): string {
  return route.path.replace(/:(\w+)/g, (_, name: string) => (name === 'id' ? randomUUID() : 'name'));
}

function call(route: Route, headers: Record<string, string>): Promise<Answer> {
  const url = `${platform.url}${examplePath(route)}`;
  return route.method === 'GET'
    ? request(url, { headers })
    : request(url, {
        method: route.method,
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      });
}

describe('every operation', () => {
  const operations = Object.entries(routes) as [OperationId, Route][];
  const guarded = operations.filter(([, route]) => route.auth !== 'public');

  it.each(guarded)('%s refuses without a credential', async (_key, route) => {
    expect((await call(route, {})).status).toBe(401);
  });

  it('refuses credentials of the wrong kind, each as such', async () => {
    // Counted failures would turn into 429: one of each kind for each kind of route is enough to show.
    for (const auth of ['person', 'gateway', 'instance'] as const) {
      const [, route] = guarded.find(([, candidate]) => candidate.auth === auth) ?? [];
      if (route === undefined) throw new Error(`no route for ${auth}`);
      const wrong: Record<string, string>[] = [
        { authorization: 'Bearer wrong' },
        { authorization: 'GatewayProof a.b.c' },
        { cookie: 'atf_session=forged' },
        { dpop: 'a.b.c' },
      ];
      for (const headers of wrong) expect((await call(route, headers)).status).toBe(401);
    }
  });

  it('is in the OpenAPI document, with its id', async () => {
    const { json } = await request(`${platform.url}/openapi.json`);
    expect(json.openapi).toMatch(/^3\.1/);
    const ids = Object.values(json.paths as Record<string, Record<string, { operationId?: string }>>).flatMap(
      (path) => Object.values(path).map((operation) => operation.operationId),
    );
    expect(ids.sort()).toEqual(operations.map(([key]) => key).sort());
  });
});

describe('persons', () => {
  it('lets the host operator in by token, and names who that is', async () => {
    const { status, json } = await request(`${platform.url}/v1/me`, { headers: bearer() });
    expect(status).toBe(200);
    expect(json).toMatchObject({ by: 'token', csrf: '', person: { name: 'Host operator' } });
  });

  it('refuses the token where presence is needed, and where factors are changed', async () => {
    const digest = sha256('x');
    const body = { shownDigest: digest, presence: 'p'.repeat(30) };
    const approve = await post(`${platform.url}/v1/approvals/${randomUUID()}/approve`, body, bearer());
    expect(approve).toMatchObject({ status: 403, json: { code: 'people.presence_required' } });
    const resume = { scope: { kind: 'fleet', id: '*' }, reason: 'r', presence: 'p'.repeat(30) };
    expect((await post(`${platform.url}/v1/containment/resume`, resume, bearer())).json.code).toBe(
      'people.presence_required',
    );
    const subject = { kind: 'approval', id: 'a', digest };
    expect((await post(`${platform.url}/v1/presence`, { subject }, bearer())).json.code).toBe(
      'people.presence_required',
    );
    const passphrase = { passphrase: 'a long enough one' };
    expect((await post(`${platform.url}/v1/me/passphrase`, passphrase, bearer())).json.code).toBe(
      'people.presence_required',
    );
    expect((await post(`${platform.url}/v1/me/passkey-options`, undefined, bearer())).json.code).toBe(
      'people.presence_required',
    );
  });

  it('refuses who lacks the role, and says which would do', async () => {
    const plain = await signIn(platform, (await person(platform.control, 'Vera Viewer', ['auditor'])).id);
    const answer = await plain.post('/v1/people', { name: 'X', email: 'x@example.com', roles: [] });
    expect(answer).toMatchObject({
      status: 403,
      json: { code: 'people.not_allowed', detail: 'needs one of: operator' },
    });
  });
});

describe('requests from other sites', () => {
  it('refuses a foreign Host (DNS rebinding), except for probes', async () => {
    const port = new URL(platform.url).port;
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost', 'localhost:1', ' ']) {
      const { status, text } = await withHost(host, '/v1/me', bearer());
      expect([400, 403]).toContain(status);
      if (status === 403) expect(JSON.parse(text)).toMatchObject({ code: 'people.origin_refused' });
    }
    expect((await withHost('10.0.0.7:7780', '/healthz')).status).toBe(200);
    expect((await withHost(`127.0.0.1:${port}`, '/v1/me', bearer())).status).toBe(200);
  });

  it('refuses a foreign Origin and a cross-site fetch, also with a valid cookie', async () => {
    const foreign = { ...operator.headers(), origin: 'https://evil.example' };
    expect((await post(`${platform.url}/v1/sign-out`, {}, foreign)).json.code).toBe('people.origin_refused');
    const crossSite = { ...operator.headers(), 'sec-fetch-site': 'cross-site' };
    expect((await post(`${platform.url}/v1/sign-out`, {}, crossSite)).json.code).toBe(
      'people.origin_refused',
    );
    // The router decodes: another spelling of the address is the same route.
    const spelled = await post(`${platform.url}/%761/sign-out`, {}, foreign);
    expect(spelled.json.code).toBe('people.origin_refused');
    expect((await operator.get('/v1/me')).status).toBe(200);
  });

  it('refuses a change without the token of the page, or with a wrong one', async () => {
    const { cookie } = operator;
    expect((await post(`${platform.url}/v1/sign-out`, {}, { cookie })).json.code).toBe(
      'people.origin_refused',
    );
    const wrong = { cookie, [csrfHeader]: 'x'.repeat(43) };
    expect((await post(`${platform.url}/v1/sign-out`, {}, wrong)).json.code).toBe('people.origin_refused');
    expect((await operator.get('/v1/me')).status).toBe(200);
  });

  it('does not count two session cookies', async () => {
    const answer = await request(`${platform.url}/v1/me`, {
      headers: { cookie: `${operator.cookie}; atf_session=planted` },
    });
    expect(answer.json.code).toBe('people.sign_in_required');
  });

  it('answers no cross-origin preflight', async () => {
    const answer = await request(`${platform.url}/v1/me`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example' },
    });
    expect(answer.status).toBe(403);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('bodies', () => {
  const send = (body: string | Uint8Array, type = 'application/json'): Promise<Answer> =>
    request(`${platform.url}/v1/people`, {
      method: 'POST',
      headers: { ...bearer(), 'content-type': type },
      body: Buffer.from(body),
    });

  it.each([
    [
      'duplicate keys',
      '{"name":"a","name":"b","email":"a@example.com","roles":[]}',
      400,
      'request.malformed',
    ],
    ['__proto__', '{"__proto__":{},"name":"a","email":"a@example.com","roles":[]}', 400, 'request.malformed'],
    ['trailing text', '{"name":"a","email":"a@example.com","roles":[]}x', 400, 'request.malformed'],
    ['unsafe numbers', '{"name":9007199254740993}', 400, 'request.malformed'],
    ['too deep', `${'['.repeat(200)}${']'.repeat(200)}`, 400, 'request.malformed'],
    ['too large', JSON.stringify({ name: 'x'.repeat(300_000) }), 413, 'request.too_large'],
  ])('refuses %s', async (_name, body, status, code) => {
    expect(await send(body)).toMatchObject({ status, json: { code } });
  });

  it('names the bound of what is too large', async () => {
    const { json } = await send(JSON.stringify({ name: 'x'.repeat(300_000) }));
    expect(json.detail).toBe('A body may have 262144 bytes.');
  });

  it('refuses invalid UTF-8 and other media types', async () => {
    expect((await send(new Uint8Array([0x22, 0xff, 0x22]))).json.code).toBe('request.malformed');
    expect(await send('a=b', 'application/x-www-form-urlencoded')).toMatchObject({ status: 415 });
    expect(await send('{}', 'text/plain')).toMatchObject({ status: 415 });
  });

  it('names the fields that do not fit, and none of their values', async () => {
    const { status, json } = await send(
      '{"name":"","email":"hidden-value","roles":["no-such-role"],"secretKey":1}',
    );
    expect(status).toBe(400);
    expect(json.code).toBe('request.malformed');
    expect(json.detail).toMatch(/email/);
    expect(json.detail).toMatch(/roles/);
    expect(JSON.stringify(json)).not.toMatch(/hidden-value|no-such-role|secretKey/);
  });
});

describe('faults', () => {
  it('says nothing about an unexpected one but an id', async () => {
    const key = await instanceKey();
    const url = `${platform.url}/v1/token`;
    const instanceId = randomUUID();
    const answer = await post(url, { instanceId }, { dpop: dpopProof(key, 'POST', url) });
    expect(answer).toMatchObject({ status: 500, json: { code: 'internal.fault' } });
    expect(JSON.stringify(answer.json)).not.toMatch(/secret|must not leave/);
    expect(answer.json.detail).toMatch(/^fault [0-9a-f-]{36}$/);
    expect(seen.at(-1)).toMatchObject({ key: 'instances.token', instanceId });
  });

  it('answers what is not there as a problem', async () => {
    const answer = await request(`${platform.url}/v1/nothing`, { headers: { accept: 'text/html' } });
    expect(answer).toMatchObject({ status: 404, json: { code: 'request.not_found' } });
    expect(answer.headers.get('content-type')).toMatch(/application\/problem\+json/);
  });
});

/** A key that an instance of a registered agent holds. */
async function instanceKey(): Promise<TestKey> {
  const { control } = platform;
  const { tenant } = control.config;
  const key = testKey();
  const name = `agent-${randomUUID()}`;
  const owner = await person(control, name, ['agent_owner']);
  const technical = await person(control, `technical ${name}`, ['technical_owner']);
  const business = await person(control, `business ${name}`, ['business_owner']);
  const people = {
    owner: owner.id,
    technicalOwner: technical.id,
    businessOwner: business.id,
    escalation: owner.id,
  };
  const manifest = JSON.stringify({
    name,
    version: '1.0.0',
    ...people,
    purpose: 'tests',
    domain: 'support',
    dataDomains: ['support'],
    capabilities: ['none'],
    tools: [],
    model: { provider: 'p', name: 'm' },
  });
  await control.change(async (tx) => {
    const agentId = await registerAgent(control, tx, manifest, 'json', { id: owner.id, operator: true });
    await insertInstance(tx, {
      tenant,
      id: randomUUID(),
      agent_id: agentId,
      jkt: jwkThumbprint(key.publicKey),
      state: 'active',
      manifest_digest: sha256(manifest),
      credential_epoch: 0,
      enrolled_by: owner.id,
      enrolled_at: control.clock.nowMs(),
    });
  });
  return key;
}

describe('proofs of possession', () => {
  const url = (): string => `${platform.url}/v1/gateway/notifications`;
  const body = { actionId: randomUUID(), agentId: randomUUID(), tool: 'a/b', summary: 's', because: 'b' };
  const send = (headers: Record<string, string>): Promise<Answer> => post(url(), body, headers);
  const path = '/v1/gateway/notifications';

  it('admits an enrolled gateway, once per proof, also under another name of this machine', async () => {
    const headers = gateway.authorization('POST', path);
    expect((await send(headers)).status).toBe(200);
    expect((await send(headers)).json.code).toBe('identity.proof_replayed');
    const htu = `${platform.url.replace('localhost', '127.0.0.1')}${path}`;
    expect((await send(gateway.authorization('POST', path, { htu }))).status).toBe(200);
  });

  it.each([
    ['another method', { htm: 'GET' }],
    ['another address', { htu: 'http://localhost:1/v1/gateway/notifications' }],
    ['another path', { htu: 'x' }],
    ['another audience', { aud: 'atf:gateway' }],
    ['an old one', { iat: Math.floor(Date.now() / 1_000) - 120 }],
    ['one of the future', { iat: Math.floor(Date.now() / 1_000) + 3_600 }],
    ['one without an id', { jti: '' }],
    ['one without a time', { iat: 'now' }],
  ])('refuses %s', async (_name, claims) => {
    expect((await send(gateway.authorization('POST', path, claims))).json.code).toBe(
      'identity.proof_invalid',
    );
  });

  it('refuses a proof by another key, and an unknown gateway', async () => {
    const other = { ...gateway, key: testKey() };
    const forged = await enrolGateway(platform, 'other');
    const headers = forged.authorization('POST', path, { iss: gateway.id });
    expect((await send(headers)).json.code).toBe('identity.proof_invalid');
    expect((await send(gateway.authorization('POST', path, { iss: randomUUID() }))).json.code).toBe(
      'identity.gateway_unknown',
    );
    expect(other.id).toBe(gateway.id);
  });

  it('recognises a replay in another encoding of the same proof', async () => {
    const { authorization = '' } = gateway.authorization('POST', path);
    expect((await send({ authorization })).status).toBe(200);
    // The last character of 64 bytes in base64url has four bits to spare.
    const flipped = authorization.slice(0, -1) + (authorization.endsWith('A') ? 'B' : 'A');
    expect((await send({ authorization: flipped })).json.code).toBe('identity.proof_invalid');
    expect((await send({ authorization: `${authorization}=` })).json.code).toBe('identity.proof_invalid');
  });

  it('gives the handler the thumbprint of the key that was proved', async () => {
    const key = await instanceKey();
    const tokenUrl = `${platform.url}/v1/token`;
    await post(tokenUrl, { instanceId: randomUUID() }, { dpop: dpopProof(key, 'POST', tokenUrl) });
    const { crv, kty, x, y } = key.publicKey;
    expect(seen.at(-1)?.jkt).toBe(sha256(JSON.stringify({ crv, kty, x, y })));
  });
});

describe('what every answer carries', () => {
  it('keeps answers of the API out of caches, frames and sniffing', async () => {
    const { headers } = await operator.get('/v1/me');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('serves health, readiness, metrics and the schema of the manifest', async () => {
    expect((await request(`${platform.url}/healthz`)).json).toEqual({ ok: true });
    expect((await request(`${platform.url}/readyz`)).json).toEqual({ ready: true });
    const metrics = (await request(`${platform.url}/metrics`)).json.text;
    expect(metrics).toMatch(/atf_control_request_seconds_count\{operation="people.me",status="200"\} \d+/);
    const schema = (await request(`${platform.url}/v1/schemas/manifest.json`)).json;
    expect(schema).toMatchObject({ type: 'object', properties: { name: {}, purpose: {} } });
  });
});

describe('floods', () => {
  it('of proofs by keys that anybody can make leave no trace, and keep no gateway away', async () => {
    const { control } = platform;
    const tokenUrl = `${platform.url}/v1/token`;
    const codes = new Set<unknown>();
    const before = replaysOf(control, 'instances').size;
    for (let at = 0; at < failuresMax + 20; at++) {
      const stranger = { dpop: dpopProof(testKey(), 'POST', tokenUrl) };
      codes.add((await post(tokenUrl, { instanceId: randomUUID() }, stranger)).json.code);
    }
    expect([...codes]).toEqual(['identity.instance_unknown', 'identity.proof_flood']);
    expect(replaysOf(control, 'instances').size).toBe(before);
    const notified = '/v1/gateway/notifications';
    const body = { actionId: randomUUID(), agentId: randomUUID(), tool: 'a/b', summary: 's', because: 'b' };
    expect(
      (await post(`${platform.url}${notified}`, body, gateway.authorization('POST', notified))).status,
    ).toBe(200);
    platform.clock.later(61_000);
  });

  it('from an address hold up no instance that shares it: neither one that is known, nor one that is new', async () => {
    const url = `${platform.url}/v1/token`;
    const now = { iat: Math.floor(platform.clock.nowMs() / 1_000) };
    const [known, fresh] = [await instanceKey(), await instanceKey()];
    const renew = (key: TestKey) =>
      post(url, { instanceId: randomUUID() }, { dpop: dpopProof(key, 'POST', url, now) });
    // The handler of this test faults: what matters is that it is reached.
    expect((await renew(known)).status).toBe(500);
    for (let at = 0; at < failuresMax + 3; at++)
      await post(url, { instanceId: randomUUID() }, { dpop: 'a.b.c' });
    expect((await post(url, { instanceId: randomUUID() }, { dpop: 'a.b.c' })).status).toBe(429);
    expect((await renew(known)).status).toBe(500);
    expect((await renew(fresh)).status).toBe(500);
    expect((await renew(testKey())).status).toBe(429);
    platform.clock.later(61_000);
  });

  it('of one key take no more of the memory of proofs than its share', () => {
    const memory = new ReplayMemory({ max: 10, ofKeyMax: 3 });
    for (const jti of ['a', 'b', 'c']) expect(memory.admit('greedy', jti, 0, 0)).toBe(true);
    expect(() => memory.admit('greedy', 'd', 0, 0)).toThrow('request.overloaded');
    expect(memory.admit('modest', 'a', 0, 0)).toBe(true);
    expect(memory.admit('modest', 'a', 1, 1)).toBe(false);
    expect(memory.admit('greedy', 'd', 70_001, 70_001)).toBe(true);
  });

  it('are remembered though the clock is set forwards for a while, and back', () => {
    const memory = new ReplayMemory();
    expect(memory.admit('key', 'a', 0, 0)).toBe(true);
    expect(memory.admit('key', 'b', 3_600_000, 1_000)).toBe(true);
    expect(memory.admit('key', 'a', 2_000, 2_000)).toBe(false);
    expect(memory.admit('key', 'a', 70_001, 70_001)).toBe(true);
    expect(memory.admit('key', 'b', 3_600_000, 80_000)).toBe(false);
  });

  it('of failed authentications: no address is held up for longer than the window when the clock is set back', () => {
    const failures = new FailedAuthentications();
    for (let n = 0; n < failuresMax; n++) failures.failed('192.0.2.1', 'gateway', 3_600_000);
    expect(failures.waitMs('192.0.2.1', 'gateway', 3_600_000)).toBe(windowMs);
    expect(failures.waitMs('192.0.2.1', 'gateway', 1_000)).toBe(0);
    failures.failed('192.0.2.1', 'gateway', 1_000);
    expect(failures.waitMs('192.0.2.1', 'gateway', 1_000)).toBe(0);
  });

  it('of failed authentications are refused after a while, per kind, until the window is over', async () => {
    const url = `${platform.url}/v1/token`;
    const bad = (): Promise<Answer> => post(url, { instanceId: randomUUID() }, { dpop: 'a.b.c' });
    const statuses: number[] = [];
    for (let at = 0; at < failuresMax + 3; at++) statuses.push((await bad()).status);
    expect(statuses.slice(-2)).toEqual([429, 429]);
    expect((await operator.get('/v1/me')).status).toBe(200);
    platform.clock.later(61_000);
    expect((await bad()).status).toBe(401);
  });
});
