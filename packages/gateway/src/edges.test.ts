/** Small parts at their edges: replay memory, limits, calls under way, stop file, servers file, gateway key, shipping. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refusal, RefusalError } from '@atf/core/errors';
import { dpopReplayMs } from '@atf/core/identity/dpop';
import { afterEach, describe, expect, it } from 'vitest';
import { ReplayCache } from './authenticate.ts';
import { CallsUnderWay, callsOfAgentMax, type CallStart } from './calls.ts';
import { readConfig } from './config.ts';
import { addressOf } from './connect-server.ts';
import { keyEncryptionKey, openGatewayKey } from './gateway-key.ts';
import { RandomPool } from './random-pool.ts';
import { parseServersFile, ServersFile } from './servers-file.ts';
import { Shipper } from './ship.ts';
import { readStopFile } from './stop-file.ts';
import { serverDoc, uuid } from './testing/documents.fixture.ts';

const folders: string[] = [];
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'atf-edges-'));
  folders.push(dir);
  return dir;
}
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true });
});
const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof RefusalError ? error.refusal.code : 'another fault';
  }
};

const both = (ms: number) => ({ nowMs: ms, monotonicMs: ms });

describe('memory of proofs', () => {
  it('remembers for as long as a proof would be accepted', () => {
    const replay = new ReplayCache();
    const start = 1_000_000;
    expect(replay.take('a', both(start))).toBe('new');
    expect(replay.take('a', both(start))).toBe('replayed');
    expect(replay.take('a', both(start + dpopReplayMs))).toBe('replayed');
    expect(replay.take('a', both(start + dpopReplayMs + 10_000))).toBe('new');
  });

  it('remembers what a clock that is set forwards for a while makes look old', () => {
    const replay = new ReplayCache();
    const start = 1_000_000;
    const hourMs = 3_600_000;
    expect(replay.take('a', both(start))).toBe('new');
    expect(replay.take('b', { nowMs: start + hourMs, monotonicMs: start + 1_000 })).toBe('new');
    expect(replay.take('a', both(start + 2_000))).toBe('replayed');
    expect(replay.take('a', both(start + dpopReplayMs + 10_000))).toBe('new');
    expect(replay.take('b', both(start + hourMs))).toBe('replayed');
  });

  it('takes no proof when it is full, because a replay could not be seen', () => {
    const replay = new ReplayCache(2);
    expect(['a', 'b', 'c', 'a'].map((key) => replay.take(key, both(0)))).toEqual([
      'new',
      'new',
      'full',
      'replayed',
    ]);
    expect(replay.take('c', both(dpopReplayMs + 20_000))).toBe('new');
  });
});

describe('calls under way', () => {
  const start = (n: number): CallStart => ({
    actionId: uuid(n),
    agentId: uuid(1),
    version: '1.0.0',
    purpose: 'Tests',
    ownerIds: [uuid(9)],
    instanceId: uuid(2),
    sid: uuid(3),
    server: 'office',
    tool: 'pay',
    actionClass: 'write',
    requestId: n,
  });

  it('are bounded for each agent, and make room when they end', () => {
    const calls = new CallsUnderWay();
    const begun = Array.from({ length: callsOfAgentMax }, (_, n) => calls.begin(start(n)));
    expect(calls.begin(start(9_999))).toBeUndefined();
    calls.end(begun[0] ?? expect.fail());
    expect(calls.begin(start(9_999))).toBeDefined();
  });

  it('are cut once, for the first reason', () => {
    const calls = new CallsUnderWay();
    const call = calls.begin(start(1)) ?? expect.fail();
    expect(calls.cut(() => true, refusal('containment.fleet_stopped'))).toEqual([]);
    call.dispatched = true;
    expect(calls.cut(() => true, refusal('upstream.aborted'))).toEqual([]);
    expect([call.cut?.code, call.signal.aborted]).toEqual(['containment.fleet_stopped', true]);
  });
});

describe('the stop file', () => {
  const read = (text: string) =>
    readStopFile(Buffer.from(text), 0, (name) => (name === 'known' ? uuid(1) : undefined)).map(
      ({ scope }) => `${scope.kind}:${scope.id}`,
    );
  const since = '2026-11-20T10:00:00Z';

  it.each([
    [
      JSON.stringify({
        scopes: [
          { kind: 'agent', id: uuid(7) },
          { kind: 'tool', id: 'office/pay' },
        ],
        since,
        reason: 'r',
      }),
      [`agent:${uuid(7)}`, 'tool:office/pay'],
    ],
    [JSON.stringify({ scopes: [{ kind: 'agent', id: 'known' }], since, reason: 'r' }), [`agent:${uuid(1)}`]],
    [JSON.stringify({ scopes: [{ kind: 'agent', id: 'unknown' }], since, reason: 'r' }), ['fleet:*']],
    [JSON.stringify({ scopes: [{ kind: 'tool', id: 'office/*' }], since, reason: 'r' }), ['tool:office/*']],
    [JSON.stringify({ scopes: [{ kind: 'tool', id: 'office' }], since, reason: 'r' }), ['fleet:*']],
    [JSON.stringify({ scopes: [{ kind: 'owner', id: uuid(9) }], since, reason: 'r' }), [`owner:${uuid(9)}`]],
    [JSON.stringify({ scopes: [{ kind: 'owner', id: 'ines' }], since, reason: 'r' }), ['fleet:*']],
    [JSON.stringify({ scopes: [], since, reason: 'r' }), ['fleet:*']],
    [JSON.stringify({ scopes: [{ kind: 'planet', id: 'earth' }], since, reason: 'r' }), ['fleet:*']],
    ['', ['fleet:*']],
    ['stop', ['fleet:*']],
    ['{"scopes":[],"scopes":[]}', ['fleet:*']],
  ])('%s stops %j', (text, stopped) => {
    expect(read(text)).toEqual(stopped);
  });
});

describe('the servers file', () => {
  it('names commands, and nothing that it does not know', () => {
    const parsed = parseServersFile(
      'office:\n  command: /usr/bin/office\n  args: [--data, x]\n  env: { TZ: UTC }\n',
    );
    expect(parsed).toMatchObject({ ok: true });
    expect(parsed.ok && parsed.servers.get('office')).toMatchObject({
      command: '/usr/bin/office',
      args: ['--data', 'x'],
      env: { TZ: 'UTC' },
      privateNetwork: false,
    });
    for (const text of [
      'office: { comand: x }',
      'Office: { command: x }',
      '- a',
      'office: {command: x}\noffice: {command: y}',
      'a: &a {command: x}\nb: *a',
    ]) {
      expect(parseServersFile(text).ok).toBe(false);
    }
  });

  it('is refused whole when others may write it, and read anew when it changed', () => {
    const dir = folder();
    const path = join(dir, 'servers.yaml');
    const file = new ServersFile(dir);
    expect(file.read()).toEqual({ ok: true, servers: new Map() });
    writeFileSync(path, 'office: { command: /a }\n', { mode: 0o600 });
    const first = file.read();
    expect(first.ok && first.servers.get('office')?.command).toBe('/a');
    writeFileSync(path, 'office: { command: /longer }\n');
    const second = file.read();
    expect(second.ok && second.servers.get('office')?.command).toBe('/longer');
    chmodSync(path, 0o666);
    expect(file.read().ok).toBe(false);
  });

  it('gives an address only for what this host allows', () => {
    const stdio = serverDoc('office');
    expect(addressOf(stdio, undefined, {})).toContain('no command');
    const parsed = parseServersFile(
      'crm: { privateNetwork: true, headersFrom: { authorization: CRM_TOKEN } }',
    );
    const host = parsed.ok ? parsed.servers.get('crm') : undefined;
    const http = serverDoc('crm', { transport: { kind: 'http', url: 'http://crm.test/mcp' } });
    expect(addressOf(http, host, {})).toContain('not in the environment');
    expect(addressOf(http, host, { CRM_TOKEN: 'Bearer x' })).toMatchObject({
      kind: 'http',
      headers: { authorization: 'Bearer x' },
    });
  });
});

describe('the key of the gateway', () => {
  it('is wrapped at rest, opens again with its key only, and never leaves in clear', () => {
    const dir = folder();
    const fromEnvironment = Buffer.alloc(32, 1).toString('base64');
    const made = openGatewayKey({ dir, fromEnvironment, keyFile: undefined });
    expect(openGatewayKey({ dir, fromEnvironment, keyFile: undefined }).publicJwk).toEqual(made.publicJwk);
    const other = Buffer.alloc(32, 2).toString('base64');
    expect(codeOf(() => openGatewayKey({ dir, fromEnvironment: other, keyFile: undefined }))).toBe(
      'storage.key_missing',
    );
    expect(readFileSync(join(dir, 'gateway.key'), 'utf8')).not.toContain('PRIVATE');
    expect(statSync(join(dir, 'gateway.key')).mode & 0o077).toBe(0);
  });

  it('takes its protecting key from a file outside its directory that nobody else may read', () => {
    const dir = folder();
    const elsewhere = folder();
    const keyFile = join(elsewhere, 'atf.key');
    const source = { dir, fromEnvironment: undefined, keyFile };
    expect(codeOf(() => keyEncryptionKey(source, false))).toBe('storage.key_missing');
    const key = keyEncryptionKey(source, true);
    expect(keyEncryptionKey(source, false)).toEqual(key);
    writeFileSync(join(elsewhere, 'open.key'), readFileSync(keyFile), { mode: 0o644 });
    expect(codeOf(() => keyEncryptionKey({ ...source, keyFile: join(elsewhere, 'open.key') }, false))).toBe(
      'storage.key_missing',
    );
    expect(codeOf(() => keyEncryptionKey({ ...source, keyFile: join(dir, 'in.key') }, true))).toBe(
      'storage.key_missing',
    );
    expect(codeOf(() => keyEncryptionKey({ dir, fromEnvironment: 'short', keyFile: undefined }, true))).toBe(
      'storage.key_missing',
    );
  });
});

describe('random bytes drawn ahead', () => {
  it('are as many as asked for and never given twice', () => {
    const pool = new RandomPool();
    const seen = new Set(Array.from({ length: 2_000 }, () => Buffer.from(pool.take(16)).toString('hex')));
    expect(seen.size).toBe(2_000);
    expect([...seen][0]).toHaveLength(32);
    expect(() => pool.take(10_000)).toThrow(RangeError);
  });
});

describe('configuration', () => {
  it('wants a directory and an address of control', () => {
    expect(readConfig(['--dir', '/d', '--control', 'http://localhost:7780'], {})).toMatchObject({
      dir: '/d',
      controlUrls: ['http://localhost:7780'],
      port: 7781,
      host: '127.0.0.1',
    });
    expect(codeOf(() => readConfig(['--dir', '/d'], {}))).toBe('request.malformed');
    expect(codeOf(() => readConfig(['--dir', '/d', '--control', 'ftp://x'], {}))).toBe('request.malformed');
    expect(codeOf(() => readConfig(['--dir', '/d', '--control', 'http://x', '--port', '70000'], {}))).toBe(
      'request.malformed',
    );
  });
});

describe('shipping', () => {
  const frames = [1, 2, 3].map((seq) => ({ frame: Buffer.of(seq), position: { epoch: 1, seq }, gap: false }));
  type Send = ConstructorParameters<typeof Shipper>[0]['send'];
  const ship = async (send: Send, enough: (acknowledged: number[]) => boolean) => {
    const acknowledged: number[] = [];
    const refusedCodes: string[] = [];
    const done = Promise.withResolvers<void>();
    const shipper = new Shipper({
      spool: {
        head: () => ({ epoch: 1, seq: 3, head: '' }),
        onDurable: () => () => true,
        readFrom: async (position) => frames.find(({ position: { seq } }) => seq > (position?.seq ?? 0)),
        acknowledged: async ({ seq }) => {
          acknowledged.push(seq);
          if (enough(acknowledged)) done.resolve();
        },
      },
      send,
      pause: async () => await new Promise((next) => setImmediate(next)),
      onRefused: (code) => refusedCodes.push(code),
    });
    shipper.start();
    await done.promise;
    await shipper.close(0);
    return { acknowledged, refusedCodes };
  };
  const answer = (status: number, body: object) => ({ status, body: Buffer.from(JSON.stringify(body)) });
  const accepted = (seq: number) => answer(200, { position: { epoch: 1, seq } });

  it('sends again what was not answered, and acknowledges only what control holds', async () => {
    const sent: number[][] = [];
    const { acknowledged } = await ship(
      async (_, gathered) => {
        sent.push([...gathered]);
        return sent.length === 1 ? undefined : accepted(gathered.at(-1) ?? 0);
      },
      (seen) => seen.length === 1,
    );
    // What is durable by then goes in one shipment.
    expect([sent, acknowledged]).toEqual([
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
      [3],
    ]);
  });

  it('goes where control stands, and reports what control refuses', async () => {
    let step = 0;
    const { acknowledged, refusedCodes } = await ship(
      async (_, frame) => {
        const seq = frame.at(-1) ?? 0;
        step++;
        if (step === 1)
          return answer(409, { code: 'audit.batch_out_of_order', position: { epoch: 1, seq: 2 } });
        return step === 2 ? answer(422, { code: 'audit.batch_invalid' }) : accepted(seq);
      },
      (seen) => seen.includes(3),
    );
    expect([acknowledged, refusedCodes]).toEqual([[3], ['audit.batch_invalid']]);
  });
});
