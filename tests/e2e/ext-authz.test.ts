/**
 * A service mesh asks: a proxy that does what Envoy does for ext_authz over HTTP stands before a real service, and passes on what the running product allows. What
 * was done is what the service noted.
 */
import {
  createServer,
  type IncomingMessage,
  request as send,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentFetch } from '@atf/sdk/agent-fetch';
import type { Egress } from '@atf/core/wire/egress';
import type { ControlClient } from '@atf/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { atf, documents } from './cli-run.ts';
import { orderDocument, OrderService } from './order-service.ts';
import { approve, type McpAgent, Product, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const secret = 'sk-live-4f9d2c7b1e8a';
const home = mkdtempSync(join(tmpdir(), 'atf-mesh-'));
const service = new OrderService(secret);

interface Exchanged {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** One request as it is written, with any Host. */
function exchange(
  to: string,
  {
    method,
    path,
    headers,
    body,
  }: { method: string; path: string; headers: Record<string, string>; body: Buffer },
): Promise<Exchanged> {
  const { hostname, port } = new URL(to);
  return new Promise((resolve, reject) => {
    const sent = send({ hostname, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/**
 * What Envoy does with its HTTP authorisation service: the same method, path behind a prefix, the allowed headers and, so configured, the body; 200 lets the
 * request pass without the headers that are named; everything else is the answer to the client.
 */
class Proxy {
  url = '';
  gateway = '';
  upstream = '';
  credential: string | undefined;
  withBody = true;
  #server: Server | undefined;
  checks = 0;

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { method = '', url: path = '' } = request;
    const given = Object.fromEntries(
      Object.entries(request.headers).flatMap(([name, value]) =>
        typeof value === 'string' ? [[name, value]] : [],
      ),
    );
    const allowed = ['host', 'authorization', 'dpop', 'content-type', 'x-region'];
    const shown = Object.fromEntries(Object.entries(given).filter(([name]) => allowed.includes(name)));
    const attached = this.withBody && body.byteLength > 0;
    this.checks++;
    const checked = await exchange(this.gateway, {
      method,
      path: `/ext-authz/orders${path}`,
      headers: {
        ...shown,
        ...(this.credential === undefined ? {} : { 'atf-point': this.credential }),
        ...(attached ? { 'x-envoy-auth-partial-body': 'false' } : {}),
        'content-length': String(attached ? body.byteLength : 0),
      },
      body: attached ? body : Buffer.alloc(0),
    });
    if (checked.status !== 200) {
      response.writeHead(checked.status, {
        'content-type': checked.headers['content-type'] ?? '',
        ...(checked.headers['atf-approval'] === undefined
          ? {}
          : { 'atf-approval': String(checked.headers['atf-approval']) }),
        ...(checked.headers['www-authenticate'] === undefined
          ? {}
          : { 'www-authenticate': checked.headers['www-authenticate'] }),
      });
      return void response.end(checked.body);
    }
    const removed = String(checked.headers['x-envoy-auth-headers-to-remove'] ?? '').split(',');
    const passed = Object.fromEntries(Object.entries(given).filter(([name]) => !removed.includes(name)));
    const action = String(checked.headers['atf-action'] ?? '');
    const headers = { ...passed, 'x-api-key': secret, 'atf-action': action };
    const answer = await exchange(this.upstream, { method, path, headers, body });
    response.writeHead(answer.status, { 'content-type': answer.headers['content-type'] ?? '' });
    response.end(answer.body);
  }
}

const proxy = new Proxy();
let product: Product;
let operator: ControlClient;
let agent: McpAgent;
let mesh: ReturnType<typeof agentFetch>;
let credential: string;

const cli = (...args: string[]) => atf([...args, '--data', product.dataDir, '--json']);
const fetchOf = ({ credential: held, key }: McpAgent) =>
  agentFetch({ credential: held, key, origins: [proxy.url] });

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly approvalId?: string;
  readonly headers: Headers;
}

/** Asked again while control was not heard in time, as the refusal says. */
const ask = (fetcher: typeof mesh, path: string, init: RequestInit = {}): Promise<Answer> =>
  until('an answer while control is heard', async () => {
    const response = await fetcher(`${proxy.url}${path}`, init);
    const text = await response.text();
    const said = text.startsWith('{') ? (JSON.parse(text) as { code?: string; approvalId?: string }) : {};
    const { status, headers } = response;
    return said.code === 'containment.feed_stale' ? undefined : { ...said, status, headers };
  });

beforeAll(async () => {
  product = await Product.start();
  await proxy.start();
  const url = await service.start();
  proxy.upstream = new URL(url).origin;
  proxy.gateway = product.ready.gatewayUrl;
  const document = join(home, 'openapi.yaml');
  writeFileSync(document, orderDocument);
  // The gateway itself has neither a credential for the service nor leave to dial it: it only decides.
  const added = await cli(
    'tool',
    'add',
    'orders',
    '--openapi',
    document,
    '--base-url',
    url,
    '--domain',
    'orders',
  );
  expect(added.code, added.stderr).toBe(0);
  operator = await product.operator();
  const listed = ['listOrders', 'getOrder', 'findOrders', 'createOrder'].map((tool) => `orders/${tool}`);
  const checkpoint = 'checkpoints:\n  - { tool: orders/findOrders, reason: Searches show customers. }\n';
  await operator.call('agents.register', {
    body: { manifest: `${readerManifest('mesh-reader', listed)}${checkpoint}`, format: 'yaml' },
  });
  await operator.call('tools.classify', {
    params: { server: 'orders', name: 'findOrders' },
    body: { class: 'read' },
  });
  const point = await cli('point', 'add', 'envoy', '--service', `orders=${proxy.url}`);
  expect(point.code, point.stderr).toBe(0);
  ({ credential } = documents(point)[0] as { credential: string });
  proxy.credential = credential;
  agent = await product.agent('mesh-reader');
  mesh = fetchOf(agent);
  await until('the gateway to know the service', async () =>
    (await ask(mesh, '/api/orders/O-1')).status === 200 ? true : undefined,
  );
});
afterAll(async () => {
  await product.remove();
  proxy.stop();
  service.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('egress', () => {
  const egressOf = async (name: string, ...options: string[]) => {
    const ran = await atf(['egress', name, '--data', product.dataDir, ...options]);
    expect(ran.code, ran.stderr).toBe(0);
    return ran;
  };

  it('an agent reaches control, the gateway and the guarded service, and nothing else', async () => {
    const json = JSON.parse((await egressOf('mesh-reader', '--format', 'json')).stdout) as Egress;
    expect(json.reach.map(({ kind, url }) => [kind, url])).toEqual([
      ['control', product.ready.controlUrl],
      ['gateway', product.ready.gatewayUrl],
      ['mesh', proxy.url],
    ]);
    const { stdout, stderr } = await egressOf('mesh-reader', '--pin', 'localhost=127.0.0.1/32');
    const policy = parse(stdout) as { kind: string; spec: { egress: { ports: { port: number }[] }[] } };
    const ports = policy.spec.egress.map(({ ports: [first] }) => first?.port).sort((a = 0, b = 0) => a - b);
    const wanted = [
      53,
      ...[product.ready.controlUrl, product.ready.gatewayUrl, proxy.url].map((url) =>
        Number(new URL(url).port),
      ),
    ];
    expect([policy.kind, ports, stderr]).toEqual(['NetworkPolicy', wanted.sort((a, b) => a - b), '']);
    const unsaid = await egressOf('mesh-reader');
    expect(unsaid.stderr).toContain('localhost');
    const clusters = await egressOf('mesh-reader', '--format', 'envoy');
    expect(clusters.stdout).toContain(`port_value: ${new URL(proxy.url).port}`);
  });

  it('a gateway reaches control and the servers that it carries; an agent without rights reaches no gateway', async () => {
    const [gateway] = (await operator.call('gateways.list')).items;
    const json = JSON.parse(
      (await egressOf(gateway?.name ?? '', '--gateway', '--format', 'json')).stdout,
    ) as Egress;
    expect(json.reach).toContainEqual({ kind: 'server', name: 'orders', url: `${proxy.upstream}/api` });
    const manifest = readerManifest('no-rights', ['nowhere/nothing']);
    await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    const bare = JSON.parse((await egressOf('no-rights', '--format', 'json')).stdout) as Egress;
    expect(bare.reach.map(({ kind }) => kind)).toEqual(['control']);
    const unknown = await atf(['egress', 'nobody', '--data', product.dataDir]);
    expect(unknown.code).toBe(1);
  });
});

describe('a request of an agent, handed in by a proxy', () => {
  it('passes when it is allowed, on record, and without the credential of the agent', async () => {
    const before = service.asked('GET', '/orders').length;
    const changing = {
      'x-http-method-override': 'DELETE',
      'x-original-url': '/orders/export',
      x_region: 'us',
    };
    const { status } = await ask(mesh, '/api/orders?state=open&tag=a', {
      headers: { 'x-region': 'eu', ...changing },
    });
    expect(status).toBe(200);
    const [noted, ...rest] = service.asked('GET', '/orders').slice(before);
    expect([noted?.url, noted?.headers['x-region'], rest]).toEqual([
      '/api/orders?state=open&tag=a',
      'eu',
      [],
    ]);
    // Neither what was not decided on, nor what would make another request of it.
    for (const name of Object.keys(changing)) expect(noted?.headers).not.toHaveProperty(name);
    expect(noted?.headers).not.toHaveProperty('authorization');
    expect(noted?.headers).not.toHaveProperty('dpop');
    const id = String(noted?.headers['atf-action']);
    const entries = await until('the records', async () => {
      const found = await operator.call('actions.show', { params: { id } }).catch(() => undefined);
      const read = found?.records.map(
        ({ entry }) => JSON.parse(entry) as { type: string; body: Record<string, unknown> },
      );
      return (read?.length ?? 0) >= 2 ? read : undefined;
    });
    expect(entries.map(({ type, body }) => [type, body['protocol'] ?? body['status'], body['tool']])).toEqual(
      [
        ['action.intent', 'ext_authz', 'listOrders'],
        ['action.outcome', 'unknown', 'listOrders'],
      ],
    );
  });

  it('is refused without a credential, with another one, and for what it may not do', async () => {
    const before = service.noted.length;
    const bare = await fetch(`${proxy.url}/api/orders`);
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('DPoP') as string,
    ]);
    // A proof that was made for another address is worth nothing here.
    const moved = agentFetch({
      credential: agent.credential,
      key: agent.key,
      fetch: (_, init) => fetch(`${proxy.url}/api/orders`, init),
    });
    const stolen = await moved(`${agent.credential.gatewayUrl}/http/orders/orders`);
    expect([stolen.status, ((await stolen.json()) as { code: string }).code]).toEqual([
      401,
      'identity.proof_invalid',
    ]);
    const body = JSON.stringify({ customer: 'C', amount: 5 });
    const headers = { 'content-type': 'application/json' };
    expect(await ask(mesh, '/api/orders', { method: 'POST', headers, body })).toMatchObject({
      status: 403,
      code: 'policy.not_permitted',
    });
    for (const path of ['/api/customers', '/other/orders', '/api/orders/O-1/', '/api/orders/..%2Fx'])
      expect([path, (await ask(mesh, path)).status]).toEqual([path, 403]);
    // An id that spells the path of another operation, which it may not use, whatever its letters.
    for (const path of ['/api/orders/export', '/api/orders/EXPORT'])
      expect([path, (await ask(mesh, path)).status]).toEqual([path, 403]);
    expect(await ask(mesh, '/api/orders?limit=1000')).toMatchObject({ code: 'data.schema_invalid' });
    expect(service.noted.length).toBe(before);
  });

  it('waits for a person, and passes once, after that person has approved it', async () => {
    const found = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"text":"late"}',
    };
    const first = await ask(mesh, '/api/orders/search', found);
    expect(first).toMatchObject({ status: 403, code: 'maturity.approval_required' });
    const id = first.approvalId ?? '';
    expect(first.headers.get('atf-approval')).toBe(id);
    await approve(await product.signIn('paula.reyes@example.com'), id);
    await until('the release', async () =>
      (await ask(mesh, '/api/orders/search', found)).status === 200 ? true : undefined,
    );
    expect((await ask(mesh, '/api/orders/search', found)).status).toBe(403);
    expect(service.asked('POST', '/orders/search').length).toBe(1);
  });

  it('a body that the proxy keeps to itself is not decided on', async () => {
    proxy.withBody = false;
    const found = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"text":"x"}' };
    expect(await ask(mesh, '/api/orders/search', found)).toMatchObject({
      status: 403,
      code: 'request.malformed',
    });
    proxy.withBody = true;
  });

  it('nobody but the registered proxy is answered, and only for its services and hosts', async () => {
    const before = service.noted.length;
    for (const shown of [undefined, `${credential.slice(0, -3)}AAA`]) {
      proxy.credential = shown;
      expect((await ask(mesh, '/api/orders')).status).toBe(401);
    }
    proxy.credential = credential;
    const probe = (path: string, host: string) =>
      exchange(product.ready.gatewayUrl, {
        method: 'GET',
        path,
        headers: { host, 'atf-point': credential },
        body: Buffer.alloc(0),
      });
    const { host } = new URL(proxy.url);
    expect((await probe('/ext-authz/back-office/x', host)).status).toBe(403);
    const other = await probe('/ext-authz/orders/api/orders', 'evil.example.com');
    expect([other.status, other.body.toString()]).toEqual([
      403,
      expect.stringContaining('request.origin_refused'),
    ]);
    // Beside this door a foreign Host is refused as ever.
    expect((await probe('/http/orders/orders', host)).status).toBe(403);
    expect(service.noted.length).toBe(before);
  });

  it('a kill ends it, and no answer of the gateway can be taken for a fault of its own', async () => {
    const { id } = await operator.call('agents.show', { params: { id: 'mesh-reader' } });
    await operator.call('containment.stop', {
      body: { scope: { kind: 'agent', id }, state: 'killed', reason: 'drill' },
    });
    const cut = await atf(['egress', 'mesh-reader', '--data', product.dataDir]);
    expect((parse(cut.stdout) as { spec: object }).spec).toMatchObject({
      policyTypes: ['Egress'],
      egress: [],
    });
    const before = service.noted.length;
    await until('the kill to be heard', async () => {
      const { status } = await ask(mesh, '/api/orders');
      return status === 200 ? undefined : true;
    });
    const after = service.noted.length;
    expect((await ask(mesh, '/api/orders')).status).toBeOneOf([401, 403]);
    expect(service.noted.length).toBe(after);
    expect(after).toBeGreaterThanOrEqual(before);
    // Control is away: what would be 503 elsewhere is a plain no here.
    product.signal('control', 'SIGSTOP');
    try {
      const refused = await until('the lease to run out', async () => {
        const response = await mesh(`${proxy.url}/api/orders`);
        const { code } = (await response.json()) as { code: string };
        return code === 'containment.feed_stale' ? response.status : undefined;
      });
      expect(refused).toBe(403);
    } finally {
      product.signal('control', 'SIGCONT');
    }
  });
});
