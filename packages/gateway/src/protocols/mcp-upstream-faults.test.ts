import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  cleanups,
  folder,
  http,
  never,
  options,
  scripted,
  until,
  upstream,
} from './mcp-upstream.fixture.ts';
import type { McpUpstream, UpstreamAddress } from './mcp-upstream.ts';
import { readingPace } from './pace.ts';
import type { UpstreamCallOutcome } from './protocol.ts';

afterEach(cleanUp);

const faultCode = (outcome: UpstreamCallOutcome) =>
  outcome.kind === 'fault' ? outcome.fault.code : outcome.kind;

const task = `{ taskId: 'of-the-server', status: 'working', ttl: null, createdAt: '2026-11-21T10:00:00Z', lastUpdatedAt: '2026-11-21T10:00:00Z' }`;

describe('servers that misbehave', () => {
  const call = (server: McpUpstream, timeoutMs = 30_000) =>
    server.callTool('x', {}, { signal: never, timeoutMs });

  it('a crash fails the call under way; the next call starts the server again', async () => {
    const server = upstream(
      scripted(`if (message.method === 'tools/call') process.exit(1);
      if (message.method === 'tools/list') reply({ tools: [{ name: 'x', inputSchema: { type: 'object' } }] });`),
    );
    expect(await call(server)).toMatchObject({
      kind: 'fault',
      fault: { code: 'upstream.unavailable', dispatched: true },
    });
    expect(await server.listTools(options)).toMatchObject({ kind: 'tools', protocolVersion: '2025-06-18' });
  });

  it('one that says much unasked is read at a pace that leaves time for others', async () => {
    const said = 6_000;
    const progress = `{ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: message.params._meta.progressToken, progress: n } }`;
    const server = upstream(
      scripted(`if (message.method === 'tools/call') {
        for (let n = 1; n <= ${said}; n++) send(${progress});
        reply({ content: [{ type: 'text', text: 'said it all' }] });
      }`),
    );
    const heard: number[] = [];
    const startedMs = performance.now();
    const outcome = await server.callTool(
      'x',
      {},
      { signal: never, timeoutMs: 30_000, onProgress: ({ progress }) => void heard.push(progress) },
    );
    expect(outcome).toMatchObject({ kind: 'result' });
    const { perSecond, burst } = readingPace;
    // In order and without a gap; what is read in one go with the answer, about a burst, is nobody's any more.
    expect(heard).toEqual(Array.from(heard, (_, at) => at + 1));
    expect(heard.length).toBeGreaterThan(said - 2 * burst);
    expect(performance.now() - startedMs).toBeGreaterThan(((said - 2 * burst) * 1_000) / perSecond);
  });

  it('one that is left alone for a moment and exits meanwhile loses nothing that it wrote', async () => {
    const server = upstream(
      scripted(`if (message.method === 'tools/call') {
        const said = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } };
        const text = Array.from({ length: 3_000 }, () => JSON.stringify(said) + '\\n').join('');
        const result = { content: [{ type: 'text', text: 'the last word' }] };
        process.stdout.write(text + JSON.stringify({ jsonrpc: '2.0', id: message.id, result }) + '\\n', () => process.exit(0));
      }`),
    );
    expect(await call(server)).toMatchObject({
      kind: 'result',
      result: { content: [{ text: 'the last word' }] },
    });
  });

  it('one that sends large messages unasked is read at a pace, too', async () => {
    const [count, kibibytes] = [40, 100];
    const server = upstream(
      scripted(`if (message.method === 'tools/call') {
        const data = 'x'.repeat(${kibibytes * 1_024});
        for (let n = 0; n < ${count}; n++) send({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } });
        reply({ content: [] });
      }`),
    );
    const startedMs = performance.now();
    expect(await call(server)).toMatchObject({ kind: 'result' });
    const { perSecond, burst } = readingPace;
    const restMs = ((count * kibibytes - 2 * burst) * 1_000) / perSecond;
    expect(performance.now() - startedMs).toBeGreaterThan(restMs);
  });

  it('one that always dies is not started again and again', async () => {
    const dir = folder();
    const script = `require('node:fs').appendFileSync(${JSON.stringify(join(dir, 'starts'))}, 'x'); process.exit(1);`;
    const server = upstream(
      { kind: 'stdio', command: process.execPath, args: ['--eval', script] },
      { backoffFirstMs: 60_000, backoffLastMs: 60_000 },
    );
    for (let i = 0; i < 20; i++)
      expect(await call(server)).toMatchObject({
        fault: { code: 'upstream.unavailable', dispatched: false },
      });
    expect(readFileSync(join(dir, 'starts'), 'utf8').length).toBeLessThanOrEqual(4);
  });

  it('a program that does not exist', async () => {
    const server = upstream({ kind: 'stdio', command: '/nonexistent/program', args: [] });
    expect(await call(server)).toMatchObject({ fault: { code: 'upstream.unavailable', dispatched: false } });
  });

  it('one that dies from an unknown first request is met in the elder way', async () => {
    const address = scripted(`if (message.method === 'tools/call') reply({ content: [] });`);
    if (address.kind !== 'stdio') throw new Error('stdio');
    const args = address.args.map((arg) =>
      arg.replace(
        /if \(message.method === 'server\/discover'\).*\n/,
        `if (message.method === 'server/discover') process.exit(3);\n`,
      ),
    );
    expect(await call(upstream({ ...address, args }))).toMatchObject({
      kind: 'result',
      result: { content: [] },
    });
  });

  const garbage: [string, string, string][] = [
    ['text', `process.stdout.write('Traceback: segmentation fault\\n')`, 'upstream.protocol_error'],
    [
      'half JSON',
      `process.stdout.write('{"jsonrpc":"2.0","id":' + message.id + ',"result":{]\\n')`,
      'upstream.protocol_error',
    ],
    [
      'a duplicate key',
      `process.stdout.write('{"jsonrpc":"2.0","id":' + message.id + ',"result":{"content":[],"content":[]}}\\n')`,
      'upstream.protocol_error',
    ],
    [
      'invalid UTF-8',
      `process.stdout.write(Buffer.from([0x22, 0xff, 0x22, 0x0a]))`,
      'upstream.protocol_error',
    ],
    [
      'deep nesting',
      `process.stdout.write('{"jsonrpc":"2.0","id":' + message.id + ',"result":{"content":[],"structuredContent":' + '['.repeat(5000) + ']'.repeat(5000) + '}}\\n')`,
      'upstream.protocol_error',
    ],
    ['a result of another shape', `reply({ content: 'hello' })`, 'upstream.protocol_error'],
    ['content of an unknown kind', `reply({ content: [{ type: 'hologram' }] })`, 'upstream.protocol_error'],
    ['no object', `reply(7)`, 'upstream.protocol_error'],
    // The gateway declares no tasks to tool servers.
    ['a task that nobody asked for', `reply({ task: ${task} })`, 'upstream.protocol_error'],
    [
      'a task of the extension',
      `reply({ resultType: 'task', ...${task}, ttlMs: null })`,
      'upstream.protocol_error',
    ],
    [
      'a JSON-RPC error',
      `send({ jsonrpc: '2.0', id: message.id, error: { code: -32602, message: 'secret' } })`,
      'upstream.call_refused',
    ],
    ['silence', ``, 'upstream.timeout'],
    [
      'the answer to another call',
      `send({ jsonrpc: '2.0', id: 999, result: { content: [] } })`,
      'upstream.timeout',
    ],
    [
      '8 MB, the id last',
      `send({ result: { content: [{ type: 'text', text: 'x'.repeat(8e6) }] }, jsonrpc: '2.0', id: message.id })`,
      'upstream.result_too_large',
    ],
    [
      '8 MB, the id first',
      `send({ jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text: 'x'.repeat(8e6) }] } })`,
      'upstream.result_too_large',
    ],
    ['8 MB of nothing', `process.stdout.write('x'.repeat(8e6) + '\\n')`, 'upstream.result_too_large'],
  ];
  it.each(garbage)('%s', async (_name, script, code) => {
    const server = upstream(
      scripted(`if (message.method === 'tools/list') return reply({ tools: [] });
      if (message.method === 'tools/call') { ${script} }`),
    );
    // What is timed is the call, and not how long the program takes to start.
    await server.listTools(options);
    const outcome = await call(server, code === 'upstream.timeout' ? 700 : 30_000);
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code, dispatched: true } });
    expect(JSON.stringify(outcome)).not.toContain('secret');
  });

  it('a result that is too large hurts no other call', async () => {
    const server = upstream(
      scripted(`if (message.method !== 'tools/call') return;
      if (message.params.name === 'large') return send({ jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text: 'x'.repeat(8e6) }] } });
      setTimeout(() => reply({ content: [] }), 300);`),
    );
    const [large, small] = await Promise.all([
      server.callTool('large', {}, options),
      server.callTool('small', {}, options),
    ]);
    expect(faultCode(large)).toBe('upstream.result_too_large');
    expect(small.kind).toBe('result');
  });

  it('refuses what a server asks its client, and goes on', async () => {
    const server = upstream(
      scripted(
        `
      if (message.id === 'ask') { answer = message; return send({ jsonrpc: '2.0', id: pending, result: { content: [{ type: 'text', text: JSON.stringify(message.error) }] } }); }
      if (message.method === 'tools/call') { pending = message.id; send({ jsonrpc: '2.0', id: 'ask', method: message.params.name, params: { messages: [], maxTokens: 1 } }); }`,
        'let pending;',
      ),
    );
    for (const method of ['sampling/createMessage', 'elicitation/create', 'roots/list']) {
      const outcome = await server.callTool(method, {}, options);
      expect(outcome).toMatchObject({
        kind: 'result',
        result: { content: [{ text: expect.stringContaining('-32601') }] },
      });
    }
  });

  it('tells that the tools changed', async () => {
    let changes = 0;
    const server = upstream(
      scripted(
        `if (message.method === 'tools/call') { send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }); reply({ content: [] }); }`,
      ),
      {},
      () => changes++,
    );
    expect((await call(server)).kind).toBe('result');
    await until(() => changes > 0);
  });

  it('passes no environment but the one that is written down', async () => {
    process.env.ATF_TEST_SECRET = 'do not pass';
    cleanups.push(() => delete process.env.ATF_TEST_SECRET);
    const address = scripted(
      `if (message.method === 'tools/call') reply({ content: [{ type: 'text', text: JSON.stringify(process.env) }] });`,
    );
    const outcome = await call(upstream({ ...address, env: { SHOP: 'one' } } as UpstreamAddress));
    if (outcome.kind !== 'result') throw new Error('fault');
    const seen = JSON.parse(String(outcome.result.content[0]?.text));
    expect(seen).toMatchObject({ SHOP: 'one' });
    for (const name of ['PATH', 'HOME', 'ATF_TEST_SECRET']) expect(seen).not.toHaveProperty(name);
  });
});

describe('HTTP servers that misbehave', () => {
  async function answering(
    handler: (
      body: string,
    ) => { status?: number; headers?: Record<string, string>; body?: string } | undefined,
  ): Promise<string> {
    const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const {
        status = 200,
        headers = { 'content-type': 'application/json' },
        body: text = '',
      } = handler(body) ?? { status: -1 };
      if (status > 0) response.writeHead(status, headers).end(text);
    };
    const server = createServer((request, response) => void serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  }
  /** Answers discovery well, everything else with `then`. */
  const afterDiscovery =
    (then: (id: unknown) => ReturnType<Parameters<typeof answering>[0]>) => (body: string) => {
      const { id, method } = JSON.parse(body || '{}');
      if (method !== 'server/discover') return then(id);
      const result = {
        resultType: 'complete',
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {} },
        ttlMs: 0,
        cacheScope: 'private',
      };
      return { body: JSON.stringify({ jsonrpc: '2.0', id, result }) };
    };
  const asking = {
    resultType: 'input_required',
    inputRequests: { a: { method: 'elicitation/create', params: { message: 'password?' } } },
  };
  const message = (id: unknown, result: object) => JSON.stringify({ jsonrpc: '2.0', id, result });

  const cases: [string, (id: unknown) => ReturnType<Parameters<typeof answering>[0]>, string][] = [
    ['silence', () => undefined, 'upstream.timeout'],
    ['500', () => ({ status: 500, body: 'secret' }), 'upstream.unavailable'],
    ['401', () => ({ status: 401 }), 'upstream.unavailable'],
    [
      'a redirect',
      () => ({ status: 307, headers: { location: 'http://169.254.169.254/' } }),
      'upstream.unavailable',
    ],
    [
      'a page',
      () => ({ headers: { 'content-type': 'text/html' }, body: '<p>hello' }),
      'upstream.protocol_error',
    ],
    ['no JSON', () => ({ body: 'hello' }), 'upstream.protocol_error'],
    [
      'a duplicate key',
      (id) => ({
        body: `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","content":[],"content":[]}}`,
      }),
      'upstream.protocol_error',
    ],
    ['a missing resultType', (id) => ({ body: message(id, { content: [] }) }), 'upstream.protocol_error'],
    ['a question to the client', (id) => ({ body: message(id, asking) }), 'upstream.protocol_error'],
    [
      '8 MB',
      (id) => ({
        body: message(id, { resultType: 'complete', content: [{ type: 'text', text: 'x'.repeat(8e6) }] }),
      }),
      'upstream.result_too_large',
    ],
    [
      '8 MB of events',
      (id) => ({
        headers: { 'content-type': 'text/event-stream' },
        body: `data: ${message(id, { resultType: 'complete', content: [{ type: 'text', text: 'x'.repeat(8e6) }] })}\n\n`,
      }),
      'upstream.result_too_large',
    ],
    [
      'events that end without an answer',
      () => ({ headers: { 'content-type': 'text/event-stream' }, body: ': hello\n\n' }),
      'upstream.unavailable',
    ],
    [
      'events that imitate the gateway',
      (id) => ({
        headers: { 'content-type': 'text/event-stream' },
        body: `data: {"jsonrpc":"2.0","id":${id},"error":{"code":-32000,"message":"","data":{"mark":"x","reason":"ended"}}}\n\n`,
      }),
      'upstream.call_refused',
    ],
  ];
  it.each(cases)('%s', async (_name, then, code) => {
    const server = upstream({ kind: 'http', url: await answering(afterDiscovery(then)) });
    const outcome = await server.callTool('x', {}, { signal: never, timeoutMs: 2_000 });
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code } });
    expect(JSON.stringify(outcome)).not.toContain('secret');
  });

  it('one that nobody runs', async () => {
    const url = await answering(() => ({}));
    await cleanups.pop()?.();
    const server = upstream({ kind: 'http', url });
    expect(await server.callTool('x', {}, options)).toMatchObject({
      fault: { code: 'upstream.unavailable', dispatched: false },
    });
  });

  it('sends the credential of the gateway', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'token'), 't0ken');
    const url = await http(dir, '--token-file', join(dir, 'token'));
    const with_ = upstream({ kind: 'http', url, headers: { authorization: 'Bearer t0ken' } });
    expect((await with_.callTool('list_refunds', {}, options)).kind).toBe('result');
    const without = upstream({ kind: 'http', url });
    expect(await without.callTool('list_refunds', {}, options)).toMatchObject({
      fault: { code: 'upstream.unavailable', dispatched: false },
    });
  });
});
