import { describe, expect, it } from 'vitest';
import { encodeProtocolRefusal } from './mcp-encode.ts';
import { parseAgentRequest } from './mcp-parse.ts';
import type { RawRequest } from './protocol.ts';

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
};
const modernHeaders = (method: string, name?: string) => ({
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  ...(name === undefined ? {} : { 'mcp-name': name }),
});

function raw(body: unknown, headers: RawRequest['headers'] = {}, more: Partial<RawRequest> = {}): RawRequest {
  const bytes =
    body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    method: 'POST',
    url: '/mcp/back-office',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: bytes,
    ...more,
  };
}
const elder = (method: string, params: unknown = {}) => ({ jsonrpc: '2.0', id: 1, method, params });
const modern = (method: string, params: Record<string, unknown> = {}) =>
  elder(method, { ...params, _meta: envelope });

describe('requests that are understood', () => {
  const cases: [string, RawRequest, object][] = [
    [
      'the handshake',
      raw(
        elder('initialize', {
          protocolVersion: '2025-06-18',
          capabilities: {},
          clientInfo: { name: 'x', version: '2' },
        }),
      ),
      {
        kind: 'initialize',
        era: '2025-11-25',
        requestedVersion: '2025-06-18',
        protocolVersion: '2025-06-18',
        clientInfo: { name: 'x', version: '2' },
      },
    ],
    [
      'the handshake of an unknown version',
      raw(elder('initialize', { protocolVersion: '2024-11-05', capabilities: {} })),
      { kind: 'initialize', protocolVersion: '2025-11-25' },
    ],
    [
      'ping',
      raw(elder('ping'), { 'mcp-protocol-version': '2025-11-25' }),
      { kind: 'ping', era: '2025-11-25', id: 1 },
    ],
    ['a list', raw(elder('tools/list', { cursor: 'eA' })), { kind: 'list', offered: 'tool', cursor: 'eA' }],
    [
      'a modern list',
      raw(modern('tools/list'), modernHeaders('tools/list')),
      { kind: 'list', offered: 'tool', era: '2026-07-28' },
    ],
    [
      'discovery',
      raw(modern('server/discover'), modernHeaders('server/discover')),
      { kind: 'discover', clientInfo: { name: 'test', version: '1' } },
    ],
    [
      'a call without arguments',
      raw(elder('tools/call', { name: 'list_orders' })),
      {
        kind: 'tools_call',
        serverName: 'back-office',
        toolName: 'list_orders',
        args: {},
        argsBytes: new TextEncoder().encode('{}'),
      },
    ],
    [
      'a call, its arguments written in one order',
      raw(
        modern('tools/call', { name: 'a', arguments: { b: 1, a: { d: null, c: 'é' } }, requestState: 's' }),
        modernHeaders('tools/call', 'a'),
      ),
      {
        kind: 'tools_call',
        args: { b: 1, a: { d: null, c: 'é' } },
        argsBytes: new TextEncoder().encode('{"a":{"c":"é","d":null},"b":1}'),
        retry: { state: 's', answers: {} },
      },
    ],
    [
      'a call whose name is no ASCII',
      raw(
        modern('tools/call', { name: 'häkchen' }),
        modernHeaders('tools/call', `=?base64?${Buffer.from('häkchen').toString('base64')}?=`),
      ),
      { kind: 'tools_call', toolName: 'häkchen' },
    ],
    [
      'a cancellation',
      raw({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }),
      { kind: 'cancelled', requestId: 7 },
    ],
    [
      'another notification',
      raw({ jsonrpc: '2.0', method: 'notifications/initialized' }),
      { kind: 'notification', method: 'notifications/initialized' },
    ],
    [
      'a call in the shape of a notification',
      raw({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'x' } }),
      { kind: 'notification' },
    ],
    [
      'another method',
      raw(elder('tasks/list')),
      {
        kind: 'unsupported',
        problem: { code: 'request.method_refused', httpStatus: 200, rpcCode: -32601, id: 1 },
      },
    ],
    [
      'a modern method that is not governed',
      raw(modern('tasks/list'), modernHeaders('tasks/list')),
      { kind: 'unsupported', problem: { httpStatus: 404, rpcCode: -32601 } },
    ],
    [
      'a modern handshake',
      raw(modern('initialize'), modernHeaders('initialize')),
      { kind: 'unsupported', era: '2026-07-28' },
    ],
    [
      'discovery without an envelope',
      raw(elder('server/discover')),
      { kind: 'unsupported', era: '2025-11-25' },
    ],
    ['a name of Object.prototype', raw(elder('constructor')), { kind: 'unsupported', method: 'constructor' }],
  ];
  it.each(cases)('%s', (_name, request, expected) => {
    expect(parseAgentRequest(request)).toMatchObject(expected);
  });
});

describe('hostile requests', () => {
  const call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":ARGS}}';
  const withArgs = (args: string) => call.replace('ARGS', args);
  const cases: [string, RawRequest, string, number][] = [
    ['GET', raw('', {}, { method: 'GET' }), 'request.method_not_allowed', 405],
    ['DELETE', raw('', {}, { method: 'DELETE' }), 'request.method_not_allowed', 405],
    ['no server in the path', raw('{}', {}, { url: '/mcp/' }), 'request.not_found', 404],
    ['a path with a second part', raw('{}', {}, { url: '/mcp/a/b' }), 'request.not_found', 404],
    ['an encoded path', raw('{}', {}, { url: '/mcp/%2e%2e' }), 'request.not_found', 404],
    ['a server name in capitals', raw('{}', {}, { url: '/mcp/Back-Office' }), 'request.not_found', 404],
    ['a web page', raw(elder('ping'), { origin: 'https://evil.example' }), 'request.origin_refused', 403],
    ['a form', raw('{}', { 'content-type': 'text/plain' }), 'request.media_type_unsupported', 415],
    [
      'a missing content type',
      raw('{}', { 'content-type': undefined }),
      'request.media_type_unsupported',
      415,
    ],
    [
      'another charset',
      raw('{}', { 'content-type': 'application/json; charset=utf-16' }),
      'request.media_type_unsupported',
      415,
    ],
    ['compression', raw('{}', { 'content-encoding': 'gzip' }), 'request.media_type_unsupported', 415],
    [
      'a client that takes no JSON',
      raw('{}', { accept: 'text/html' }),
      'request.media_type_unsupported',
      406,
    ],
    ['10 MB', raw(Buffer.alloc(10 * 1_048_576, 0x20)), 'request.too_large', 413],
    ['nothing', raw(''), 'request.malformed', 400],
    ['half a document', raw('{"jsonrpc":"2.0"'), 'request.malformed', 400],
    ['invalid UTF-8', raw(Buffer.from([0x22, 0xc3, 0x28, 0x22])), 'request.malformed', 400],
    ['a lone surrogate', raw(withArgs('{"a":"\\ud800"}')), 'request.malformed', 400],
    ['deep nesting', raw(withArgs(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)), 'request.malformed', 400],
    [
      'a duplicate key in the arguments',
      raw(withArgs('{"amount":1,"amount":1000}')),
      'request.malformed',
      400,
    ],
    [
      'a duplicate key behind an escape',
      raw(withArgs('{"amount":1,"\\u0061mount":1000}')),
      'request.malformed',
      400,
    ],
    [
      'a duplicate method',
      raw('{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}'),
      'request.malformed',
      400,
    ],
    ['__proto__', raw(withArgs('{"__proto__":{"admin":true}}')), 'request.malformed', 400],
    ['an unsafe integer', raw(withArgs('{"id":9007199254740993}')), 'request.malformed', 400],
    ['too many values', raw(withArgs(`[${'0,'.repeat(60_000)}0]`)), 'request.malformed', 400],
    ['a batch', raw([elder('ping'), elder('ping')]), 'request.batch_refused', 400],
    ['a batch of one', raw([elder('tools/call', { name: 'x' })]), 'request.batch_refused', 400],
    ['a response without an id', raw({ jsonrpc: '2.0', result: {} }), 'request.malformed', 400],
    [
      'a response that is both',
      raw({ jsonrpc: '2.0', id: 1, result: {}, error: {} }),
      'request.malformed',
      400,
    ],
    [
      'a response in the newer revision',
      raw({ jsonrpc: '2.0', id: 1, result: {} }, { 'mcp-protocol-version': '2026-07-28' }),
      'request.malformed',
      400,
    ],
    ['a request and a response in one', raw({ ...elder('ping'), result: {} }), 'request.malformed', 400],
    ['JSON-RPC 1.0', raw({ id: 1, method: 'ping' }), 'request.malformed', 400],
    ['id null', raw({ ...elder('ping'), id: null }), 'request.malformed', 400],
    ['a fractional id', raw({ ...elder('ping'), id: 1.5 }), 'request.malformed', 400],
    ['an object as id', raw({ ...elder('ping'), id: {} }), 'request.malformed', 400],
    ['an endless id', raw({ ...elder('ping'), id: 'x'.repeat(1_000) }), 'request.malformed', 400],
    ['unknown members', raw({ ...elder('ping'), Method: 'tools/call' }), 'request.malformed', 400],
    ['params as a list', raw(elder('tools/call', ['x'])), 'request.malformed', 400],
    ['_meta as a list', raw(elder('tools/call', { name: 'x', _meta: [] })), 'request.malformed', 400],
    ['arguments as a list', raw(elder('tools/call', { name: 'x', arguments: [] })), 'request.malformed', 200],
    ['arguments null', raw(elder('tools/call', { name: 'x', arguments: null })), 'request.malformed', 200],
    ['no tool name', raw(elder('tools/call', {})), 'request.malformed', 200],
    [
      'a cancellation of nothing',
      raw({ jsonrpc: '2.0', method: 'notifications/cancelled', params: {} }),
      'request.malformed',
      400,
    ],
    [
      'a version nobody knows',
      raw(elder('ping'), { 'mcp-protocol-version': '2030-01-01' }),
      'request.version_unsupported',
      400,
    ],
    [
      'a version nobody knows, in the envelope',
      raw(
        elder('tools/list', {
          _meta: { ...envelope, 'io.modelcontextprotocol/protocolVersion': '2030-01-01' },
        }),
      ),
      'request.version_unsupported',
      400,
    ],
    [
      'an elder version in the envelope',
      raw(
        elder('tools/list', {
          _meta: { ...envelope, 'io.modelcontextprotocol/protocolVersion': '2025-11-25' },
        }),
      ),
      'request.version_unsupported',
      400,
    ],
    [
      'an envelope without capabilities',
      raw(
        elder('tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }),
        modernHeaders('tools/list'),
      ),
      'request.malformed',
      400,
    ],
    [
      'a modern header without an envelope',
      raw(elder('tools/call', { name: 'x' }), modernHeaders('tools/call', 'x')),
      'request.malformed',
      400,
    ],
    [
      'a handshake with a modern header',
      raw(elder('initialize', { protocolVersion: '2025-11-25' }), { 'mcp-protocol-version': '2026-07-28' }),
      'request.header_mismatch',
      400,
    ],
    [
      'version header and envelope apart',
      raw(modern('tools/list'), { ...modernHeaders('tools/list'), 'mcp-protocol-version': '2025-11-25' }),
      'request.header_mismatch',
      400,
    ],
    [
      'no version header',
      raw(modern('tools/list'), { 'mcp-method': 'tools/list' }),
      'request.header_mismatch',
      400,
    ],
    [
      'no method header',
      raw(modern('tools/list'), { 'mcp-protocol-version': '2026-07-28' }),
      'request.header_mismatch',
      400,
    ],
    [
      'another method in the header',
      raw(modern('tools/call', { name: 'x' }), modernHeaders('tools/list')),
      'request.header_mismatch',
      400,
    ],
    [
      'the method header twice',
      raw(modern('tools/list'), { ...modernHeaders('tools/list'), 'mcp-method': ['tools/list', 'ping'] }),
      'request.header_mismatch',
      400,
    ],
    [
      'no name header',
      raw(modern('tools/call', { name: 'x' }), modernHeaders('tools/call')),
      'request.header_mismatch',
      400,
    ],
    [
      'another name in the header',
      raw(modern('tools/call', { name: 'delete' }), modernHeaders('tools/call', 'read')),
      'request.header_mismatch',
      400,
    ],
    [
      'another name behind base64',
      raw(modern('tools/call', { name: 'delete' }), modernHeaders('tools/call', '=?base64?cmVhZA==?=')),
      'request.header_mismatch',
      400,
    ],
    [
      'base64 that is none',
      raw(modern('tools/call', { name: 'read' }), modernHeaders('tools/call', '=?base64?cmVhZB==?=')),
      'request.header_mismatch',
      400,
    ],
    [
      'an elder call with another method in the header',
      raw(elder('tools/call', { name: 'x' }), { 'mcp-method': 'ping' }),
      'request.header_mismatch',
      400,
    ],
    [
      'an elder call with another name in the header',
      raw(elder('tools/call', { name: 'x' }), { 'mcp-name': 'y' }),
      'request.header_mismatch',
      400,
    ],
  ];
  it.each(cases)('%s', (_name, request, code, status) => {
    const refusal = parseAgentRequest(request);
    expect(refusal).toMatchObject({ kind: 'refusal', code, httpStatus: status });
    if (refusal.kind !== 'refusal') throw new Error('not refused');
    const response = encodeProtocolRefusal(refusal);
    const body = JSON.parse(Buffer.from(response.body ?? []).toString());
    expect(response.status).toBe(status);
    expect(body).toMatchObject({
      jsonrpc: '2.0',
      id: refusal.id,
      error: { code: refusal.rpcCode, data: { code, status } },
    });
  });

  it('keeps the id of a message that it could read, and allows POST only', () => {
    expect(parseAgentRequest(raw(elder('tools/call', {})))).toMatchObject({ id: 1 });
    expect(parseAgentRequest(raw('', {}, { method: 'PUT' }))).toMatchObject({
      headers: { allow: 'POST, GET' },
    });
    const refusal = parseAgentRequest(raw(elder('ping'), { 'mcp-protocol-version': '2030-01-01' }));
    expect(refusal).toMatchObject({
      data: { supported: expect.arrayContaining(['2026-07-28', '2025-11-25']), requested: '2030-01-01' },
    });
  });

  it('allows a web page whose origin is listed', () => {
    const options = {
      bounds: { bytesMax: 1_000, depthMax: 8, valuesMax: 100 },
      originsAllowed: ['http://127.0.0.1:8080'],
    };
    expect(parseAgentRequest(raw(elder('ping'), { origin: 'http://127.0.0.1:8080' }), options)).toMatchObject(
      { kind: 'ping' },
    );
    expect(parseAgentRequest(raw(elder('ping'), { origin: 'http://127.0.0.1:8081' }), options)).toMatchObject(
      { kind: 'refusal' },
    );
  });
});
