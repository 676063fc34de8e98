/** Every route of the table, tried without and with wrong credentials against the running product; none may answer. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type OperationId, type Route, routes } from '@atf/core/wire/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from './product.ts';

let product: Product;
beforeAll(async () => {
  product = await Product.start();
});
afterAll(async () => product.remove());

const entries = Object.entries(routes) as [OperationId, Route][];
const address = (route: Route) =>
  `${product.ready.controlUrl}${route.path.replace(/:[a-z]+/g, () => randomUUID())}`;

async function attempt(route: Route, headers: Record<string, string>): Promise<Response> {
  const body =
    route.method === 'GET' ? {} : { body: '{}', headers: { 'content-type': 'application/json', ...headers } };
  return fetch(address(route), { method: route.method, headers, ...body });
}

const wrong: [string, () => Promise<Record<string, string>>][] = [
  ['no credential', async () => ({})],
  [
    'a made-up cookie',
    async () => ({ cookie: `atf_session=${randomBytes(32).toString('base64url')}`, 'x-atf-csrf': 'x' }),
  ],
  [
    'a made-up operator token',
    async () => ({ authorization: `Bearer ${randomBytes(32).toString('base64url')}` }),
  ],
  [
    "an agent's token",
    async () => ({ authorization: `Bearer ${(await product.agent('intern-analyst')).credential.token}` }),
  ],
  ['a made-up gateway proof', async () => ({ authorization: `GatewayProof ${'eyJhbGciOiJub25lIn0.e30.'}` })],
  ['a made-up DPoP proof', async () => ({ dpop: 'eyJhbGciOiJub25lIn0.e30.' })],
];

/** The answer to somebody who reached the address under another name (DNS rebinding); `fetch` lets nobody choose the name. */
function statusWithHost(url: string, host: string, cookie: string): Promise<number> {
  return new Promise((done, fail) => {
    request(`${url}/v1/agents`, { headers: { host, cookie } }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    })
      .once('error', fail)
      .end();
  });
}

describe('every route refuses', () => {
  it.each(wrong)('%s', async (_what, credential) => {
    const headers = await credential();
    for (const [id, route] of entries) {
      if (route.auth === 'public') continue;
      const response = await attempt(route, headers);
      const body = (await response.json()) as { code?: string };
      expect([401, 403, 429], `${id} answered ${response.status} ${body.code}`).toContain(response.status);
      expect(body.code, id).toMatch(/^(?:identity|people)\./);
    }
  });

  it('a flood of rubbish does not keep the operator from the kill switch', async () => {
    const rubbish = await Promise.all(
      Array.from({ length: 200 }, () =>
        fetch(`${product.ready.controlUrl}/v1/agents`, {
          headers: { authorization: `Bearer ${randomBytes(32).toString('base64url')}` },
        }),
      ),
    );
    expect(rubbish.map(({ status }) => status)).toContain(429);
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'junior-support' } });
    const report = await operator.call('containment.stop', {
      body: { scope: { kind: 'agent', id }, state: 'killed', reason: 'drill' },
    });
    expect(report.gateways.confirmed).toBe(1);
  });

  it('public routes refuse made-up tokens', async () => {
    const nothing = await fetch(`${product.ready.controlUrl}/v1/sign-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: product.ready.controlUrl },
      body: JSON.stringify({ token: 'x'.repeat(43) }),
    });
    expect(nothing.status).toBe(401);
    const enrol = await fetch(`${product.ready.controlUrl}/v1/enrol`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ joinToken: 'x'.repeat(43) }),
    });
    expect(enrol.status).toBe(401);
  });

  it("routes that need presence refuse the host operator's token", async () => {
    const token = (await readFile(join(product.dataDir, 'operator.token'), 'utf8')).trim();
    const guarded = entries.filter(([, route]) => route.presence === true);
    expect(guarded.length).toBeGreaterThanOrEqual(2);
    for (const [id, route] of guarded) {
      const response = await attempt(route, { authorization: `Bearer ${token}` });
      expect([400, 403], id).toContain(response.status);
      expect(((await response.json()) as { code: string }).code).not.toBe('internal.fault');
    }
  });

  it('another host name, another origin and a missing page token are refused for a signed-in person', async () => {
    const person = await product.signIn('paula.reyes@example.com');
    expect((await person.client.call('people.me')).person.email).toBe('paula.reyes@example.com');
    const { controlUrl } = product.ready;
    const origin = new URL(controlUrl).origin;
    const { cookie, csrf } = person;
    const read = (headers: Record<string, string>) => fetch(`${controlUrl}/v1/agents`, { headers });
    const change = (headers: Record<string, string>) =>
      fetch(`${controlUrl}/v1/sign-out`, { method: 'POST', headers });
    expect((await read({ cookie })).status).toBe(200);
    // The browser sends the cookie along, whoever asks for it.
    expect((await read({ cookie, origin: 'https://evil.example' })).status).toBe(403);
    expect((await change({ cookie, origin })).status).toBe(403);
    expect((await change({ cookie, origin, 'x-atf-csrf': 'x'.repeat(43) })).status).toBe(403);
    expect((await change({ cookie, origin: 'https://evil.example', 'x-atf-csrf': csrf })).status).toBe(403);
    expect(await statusWithHost(controlUrl, 'evil.example', cookie)).toBe(403);
    expect((await person.client.call('people.me')).person.email).toBe('paula.reyes@example.com');
  });

  it('what is not there says so', async () => {
    const response = await fetch(`${product.ready.controlUrl}/v1/nothing`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'request.not_found' });
  });
});
