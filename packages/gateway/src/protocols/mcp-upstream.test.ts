import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  effects,
  folder,
  http,
  never,
  options,
  scripted,
  stdio,
  until,
  upstream,
} from './mcp-upstream.fixture.ts';
import type { UpstreamAddress } from './mcp-upstream.ts';
import type { UpstreamCallOutcome } from './protocol.ts';

afterEach(cleanUp);

/** Below every timeout of these calls: what ends in it was cut. */
const atOnceMs = 10_000;

const faultCode = (outcome: UpstreamCallOutcome) =>
  outcome.kind === 'fault' ? outcome.fault.code : outcome.kind;

describe.each(['stdio', 'HTTP'])('the back office over %s', (transport) => {
  const address = async (dir: string): Promise<UpstreamAddress> =>
    transport === 'stdio' ? stdio(dir) : { kind: 'http', url: await http(dir) };

  it('lists, calls, and passes on what the tool says', async () => {
    const dir = folder();
    const server = upstream(await address(dir));
    const listed = await server.listTools(options);
    if (listed.kind !== 'tools') throw new Error(listed.fault.detail);
    expect(listed.protocolVersion).toBe('2026-07-28');
    expect(listed.tools).toHaveLength(11);
    expect(listed.tools.find((tool) => tool.name === 'create_refund')).toMatchObject({
      inputSchema: { required: ['order_id', 'amount', 'currency', 'reason'], additionalProperties: false },
      annotations: { readOnlyHint: false },
    });
    const refund = { order_id: 'O-5001', amount: 12.5, currency: 'EUR', reason: 'late' };
    const done = await server.callTool('create_refund', refund, { ...options, idempotencyKey: 'k1' });
    expect(done).toMatchObject({
      kind: 'result',
      result: { structuredContent: { refund: { id: 'R-0001' } } },
    });
    if (done.kind === 'result') expect(done.resultBytes).toBe(Buffer.byteLength(JSON.stringify(done.result)));
    const refused = await server.callTool('create_refund', { ...refund, amount: 999 }, options);
    expect(refused).toMatchObject({ kind: 'result', result: { isError: true } });
    expect(effects(dir)).toHaveLength(1);
    const unknown = await server.callTool('no_such_tool', {}, options);
    expect(unknown.kind === 'fault' ? unknown.fault.code : unknown.result.isError).toSatisfy(
      (it) => it === 'upstream.call_refused' || it === true,
    );
  });

  it('settles an aborted call at once, and the server stops working', async () => {
    const dir = folder();
    const server = upstream(await address(dir));
    await server.listTools(options);
    const abort = new AbortController();
    const call = server.callTool(
      'export_report',
      { seconds: 60 },
      { signal: abort.signal, timeoutMs: 70_000 },
    );
    await until(() => effects(dir).length >= 3);
    const at = performance.now();
    abort.abort(new Error('killed'));
    expect(await call).toMatchObject({
      kind: 'fault',
      fault: { code: 'upstream.aborted', dispatched: true },
    });
    expect(performance.now() - at).toBeLessThan(atOnceMs);
    // Cancellation is the server's to honour: it has the message once it answers the next call.
    expect((await server.callTool('list_refunds', {}, options)).kind).toBe('result');
    await new Promise((resolve) => setTimeout(resolve, 150));
    const after = effects(dir).length;
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(effects(dir)).toHaveLength(after);
  });

  it('cuts a call by its timeout', async () => {
    const dir = folder();
    const server = upstream(await address(dir));
    await server.listTools(options);
    const outcome = await server.callTool(
      'export_report',
      { seconds: 60 },
      { signal: never, timeoutMs: 400 },
    );
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'upstream.timeout', dispatched: true } });
  });

  it('bounds results', async () => {
    const dir = folder();
    const server = upstream(await address(dir), { resultBytesMax: 500 });
    const outcome = await server.callTool('list_customers', {}, options);
    expect(outcome).toMatchObject({
      kind: 'fault',
      fault: { code: 'upstream.result_too_large', dispatched: true },
    });
  });

  it('does nothing for a call that was aborted before', async () => {
    const dir = folder();
    const server = upstream(await address(dir));
    const outcome = await server.callTool(
      'list_refunds',
      {},
      { signal: AbortSignal.abort(), timeoutMs: 1_000 },
    );
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'upstream.aborted', dispatched: false } });
  });
});

describe('a server of the elder SDK', () => {
  it('is bridged, with arguments that are always there', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'note.txt'), 'hello');
    const program = createRequire(import.meta.url).resolve(
      '@modelcontextprotocol/server-filesystem/dist/index.js',
    );
    const server = upstream({ kind: 'stdio', command: process.execPath, args: [program, dir] });
    const listed = await server.listTools(options);
    expect(listed).toMatchObject({ kind: 'tools', protocolVersion: '2025-11-25' });
    expect(await server.callTool('list_allowed_directories', {}, options)).toMatchObject({ kind: 'result' });
    const read = await server.callTool('read_text_file', { path: join(dir, 'note.txt') }, options);
    expect(read).toMatchObject({ kind: 'result', result: { content: [{ type: 'text', text: 'hello' }] } });
  });
});

describe('certain stop', () => {
  it('kills the process with its descendants, at once, although it ignores everything', async () => {
    const dir = folder();
    const script = `
      process.on('SIGTERM', () => {});
      const child = require('node:child_process').spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      require('node:fs').writeFileSync(${JSON.stringify(join(dir, 'pids'))}, process.pid + ' ' + child.pid);`;
    const server = upstream(scripted('', script));
    const call = server.callTool('anything', {}, options);
    await until(() => alive(pids(dir)[1]));
    await until(() => server.connected);
    const before = pids(dir);
    const at = performance.now();
    server.kill();
    expect(await call).toMatchObject({
      kind: 'fault',
      fault: { code: 'upstream.aborted', dispatched: true },
    });
    expect(performance.now() - at).toBeLessThan(atOnceMs);
    await until(() => !before.some(alive));
    // The next call starts it again.
    const again = server.callTool('anything', {}, options);
    await until(() => pids(dir)[0] !== before[0] && alive(pids(dir)[1]));
    await until(() => server.connected);
    server.kill();
    expect(faultCode(await again)).toBe('upstream.aborted');
  });

  const pids = (dir: string): number[] => {
    try {
      return readFileSync(join(dir, 'pids'), 'utf8').split(' ').map(Number);
    } catch {
      return [];
    }
  };
  const alive = (pid: number | undefined): boolean => {
    if (pid === undefined) return false;
    try {
      // A process that is dead but not reaped by a container's init still takes signals; its state tells.
      return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  };
});
