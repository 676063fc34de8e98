/** The shim between stdio and HTTP, with a gateway of our own at the other end. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { headersFor, readFrame } from './frames.ts';
import { serveStdio } from './stdio-shim.ts';

interface Posted {
  readonly method: string;
  readonly body: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

function shim(answer: (posted: Posted, n: number) => Promise<Response> | Response, asked: string[] = []) {
  const input = new PassThrough();
  const output = new PassThrough();
  const posted: Posted[] = [];
  const stop = new AbortController();
  const fetch = async (_: string, init: RequestInit) => {
    const each = {
      method: init.method ?? 'GET',
      body: String(init.body),
      headers: new Headers(init.headers),
      signal: init.signal as AbortSignal,
    };
    posted.push(each);
    asked.push(each.method);
    return answer(each, posted.length);
  };
  const done = serveStdio({ address: 'http://localhost/mcp/files', fetch, input, output, stop: stop.signal });
  const lines: string[] = [];
  let rest = '';
  const waiting: (() => void)[] = [];
  output.on('data', (chunk: Buffer) => {
    rest += chunk.toString();
    const all = rest.split('\n');
    rest = all.pop() ?? '';
    lines.push(...all);
    for (const wake of waiting.splice(0)) wake();
  });
  const line = async (n: number): Promise<string> => {
    while (lines.length <= n) await new Promise<void>((resolve) => waiting.push(resolve));
    return lines[n] as string;
  };
  return { input, posted, done, line, lines, stop };
}
const json = (value: unknown, status = 200) => Response.json(value, { status });
const modern = (method: string, id: number, params: object = {}) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method,
    params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
  });

describe('the stdio shim', () => {
  it('carries the very bytes of a message, and the very bytes of its answer', async () => {
    const strange =
      '{ "jsonrpc":"2.0",  "id":1, "method":"tools/call","params":{"name":"x","arguments":{"n":1.50,"s":"\\u00e4"}}}';
    const answer = '{"jsonrpc":"2.0",  "id":1,"result":{"content":[]}}';
    const { input, posted, line, done } = shim(
      () => new Response(answer, { headers: { 'content-type': 'application/json' } }),
    );
    input.write(`${strange}\n`);
    expect(await line(0)).toBe(answer);
    expect(posted[0]?.body).toBe(strange);
    input.end();
    await done;
  });

  it('sends the version of the handshake with all later messages of the older protocol', async () => {
    const { input, posted, line, done } = shim((_, n) =>
      n === 1
        ? json({ jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-11-25' } })
        : n === 2
          ? new Response(null, { status: 202 })
          : json({ jsonrpc: '2.0', id: 2, result: {} }),
    );
    input.write(
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n{"jsonrpc":"2.0","id":2,"method":"tools/list"}\n',
    );
    expect(JSON.parse(await line(1))).toMatchObject({ id: 2 });
    const posts = posted.filter(({ method }) => method === 'POST');
    expect(posts.map(({ headers }) => headers.get('mcp-protocol-version'))).toEqual([
      null,
      '2025-11-25',
      '2025-11-25',
    ]);
    input.end();
    await done;
  });

  it('keeps a stream open beside the calls of the older protocol, for what the gateway tells', async () => {
    const told = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
    const asked: string[] = [];
    const { input, line, done } = shim((_, n) => {
      if (n === 1) return json({ jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-11-25' } });
      if (n === 2) return new Response(null, { status: 202 });
      return new Response(`data: ${told}\n\n`, { headers: { 'content-type': 'text/event-stream' } });
    }, asked);
    input.write(
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n',
    );
    expect(await line(1)).toBe(told);
    expect(asked).toEqual(['POST', 'POST', 'GET']);
    input.end();
    await done;
  });

  it('opens no stream again that the gateway does not have', async () => {
    const asked: string[] = [];
    const { input, line, done } = shim((_, n) => {
      if (n === 3) return new Response(null, { status: 405 });
      if (n === 2) return new Response(null, { status: 202 });
      return json({ jsonrpc: '2.0', id: n, result: {} });
    }, asked);
    input.write(
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n',
    );
    await expect.poll(() => asked.length).toBe(3);
    input.write('{"jsonrpc":"2.0","id":4,"method":"ping"}\n');
    expect(JSON.parse(await line(1))).toMatchObject({ id: 4 });
    expect(asked).toEqual(['POST', 'POST', 'GET', 'POST']);
    input.end();
    await done;
  });

  it('repeats method and name of the newer protocol in headers, as the gateway compares them', () => {
    const frame = readFrame(modern('tools/call', 1, { name: 'create_refund' }));
    expect(frame).toBeDefined();
    if (frame === undefined) return;
    expect(headersFor(frame, undefined)).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'create_refund',
    });
    const odd = readFrame(modern('tools/call', 1, { name: ' zoë' }));
    if (odd !== undefined)
      expect(headersFor(odd, undefined)['mcp-name']).toBe(
        `=?base64?${Buffer.from(' zoë').toString('base64')}?=`,
      );
  });

  it('unpacks event streams, and answers calls in the order in which they end', async () => {
    let release: (() => void) | undefined;
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { input, line, done } = shim(async (_, n) => {
      if (n === 1) {
        await first;
        return new Response(
          'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n: beat\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n',
          { headers: { 'content-type': 'text/event-stream' } },
        );
      }
      return json({ jsonrpc: '2.0', id: 2, result: {} });
    });
    input.write(`${modern('tools/call', 1)}\n${modern('tools/call', 2)}\n`);
    expect(JSON.parse(await line(0))).toMatchObject({ id: 2 });
    release?.();
    expect(JSON.parse(await line(1))).toMatchObject({ method: 'notifications/progress' });
    expect(JSON.parse(await line(2))).toMatchObject({ id: 1 });
    input.end();
    await done;
  });

  it('turns a problem document and a dead gateway into errors of the protocol, with the request id', async () => {
    const { input, line, done } = shim((_, n) => {
      if (n === 1)
        return json(
          {
            title: 'The credential was revoked',
            status: 401,
            code: 'identity.credential_revoked',
            help: 'Ask a person.',
          },
          401,
        );
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    });
    input.write('{"jsonrpc":"2.0","id":"a","method":"tools/list"}\n');
    expect(JSON.parse(await line(0))).toMatchObject({
      id: 'a',
      error: { message: 'The credential was revoked – Ask a person.' },
    });
    input.write('{"jsonrpc":"2.0","id":"b","method":"tools/list"}\n');
    expect(JSON.parse(await line(1))).toMatchObject({
      id: 'b',
      error: { message: 'The gateway cannot be reached: connect ECONNREFUSED' },
    });
    input.end();
    await done;
  });

  it('ends the HTTP request of a call that the host cancels, and of all when the host goes away', async () => {
    const { input, posted, done } = shim(
      ({ signal, body }) =>
        new Promise<Response>((resolve, reject) => {
          if (body.includes('notifications/cancelled')) resolve(new Response(null, { status: 202 }));
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    );
    input.write(`${modern('tools/call', 7)}\n`);
    const cancel = {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 7, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
    };
    input.write(`${JSON.stringify(cancel)}\n${modern('tools/call', 8)}\n`);
    await expect.poll(() => posted.length).toBe(3);
    expect(posted.map(({ signal }) => signal.aborted)).toEqual([true, false, false]);
    input.end();
    await done;
    expect(posted[2]?.signal.aborted).toBe(true);
  });

  it('says so when a line is not a message, and goes on', async () => {
    const { input, line, done } = shim(() => json({ jsonrpc: '2.0', id: 1, result: {} }));
    input.write('[{"jsonrpc":"2.0"}]\n{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    expect(JSON.parse(await line(0))).toMatchObject({
      id: null,
      error: { message: 'Not one JSON-RPC message' },
    });
    expect(JSON.parse(await line(1))).toMatchObject({ id: 1 });
    input.end();
    await done;
  });
});
