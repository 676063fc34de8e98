import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
} from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it } from 'vitest';
import { type Effect, Office } from './office.ts';

const main = join(dirname(fileURLToPath(import.meta.url)), 'main.ts');
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type AnyClient = {
  listTools(): Promise<{
    tools: { name: string; annotations?: { readOnlyHint?: boolean | undefined } | undefined }[];
  }>;
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
};
type Result = { isError?: boolean; content: { type: string; text: string }[]; structuredContent?: unknown };

function dataDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'back-office-'));
  cleanups.push(() => rmSync(dir, { recursive: true }));
  return dir;
}

function effects(dir: string): Effect[] {
  return readFileSync(join(dir, 'effects.log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Effect);
}

async function serveHttp(dir: string, ...more: string[]): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, [main, '--data', dir, '--http', '0', ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  });
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /http:\S+/.exec(line)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error('the server ended before it listened');
}

async function until(condition: () => boolean, waitMsMax = 30_000): Promise<void> {
  const deadlineMs = performance.now() + waitMsMax;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('condition not met in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const command = (dir: string) => ({ command: process.execPath, args: [main, '--data', dir] });
const info = { name: 'test', version: '1.0.0' };
const connections: Record<string, (dir: string) => Promise<AnyClient>> = {
  'SDK 1 over stdio': async (dir) => {
    const client = new Client(info);
    cleanups.push(() => client.close());
    await client.connect(new StdioClientTransport(command(dir)));
    return client as unknown as AnyClient;
  },
  'SDK 1 over HTTP': async (dir) => {
    const client = new Client(info);
    const address = await serveHttp(dir);
    cleanups.push(() => client.close());
    await client.connect(
      new StreamableHTTPClientTransport(new URL(address)) as Parameters<Client['connect']>[0],
    );
    return client as unknown as AnyClient;
  },
  'SDK 2 over stdio': async (dir) => {
    const client = new ModernClient(info, { versionNegotiation: { mode: 'auto' } });
    cleanups.push(() => client.close());
    await client.connect(new ModernStdio(command(dir)));
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    return client as unknown as AnyClient;
  },
  'SDK 2 over HTTP': async (dir) => {
    const client = new ModernClient(info, { versionNegotiation: { mode: 'auto' } });
    const address = await serveHttp(dir);
    cleanups.push(() => client.close());
    await client.connect(new ModernHttp(new URL(address)));
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    return client as unknown as AnyClient;
  },
};

describe.each(Object.entries(connections))('the back office, %s', (_name, connect) => {
  it('lists tools with hints, changes its books and logs each effect once', async () => {
    const dir = dataDir();
    const client = await connect(dir);
    const call = async (name: string, args: Record<string, unknown>): Promise<Result> =>
      (await client.callTool({ name, arguments: args })) as Result;

    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name).sort()).toEqual([
      'cancel_refund',
      'create_refund',
      'delete_customer',
      'export_report',
      'get_order',
      'list_customers',
      'list_orders',
      'list_refunds',
      'search_customers',
      'send_email',
      'update_order_status',
    ]);
    expect(tools.filter((tool) => tool.annotations?.readOnlyHint).length).toBe(5);

    const found = await call('search_customers', { query: 'amara berlin' });
    expect(found.structuredContent).toMatchObject({ customers: [{ id: 'C-1001' }] });

    const refund = await call('create_refund', {
      order_id: 'O-5001',
      amount: 49.9,
      currency: 'EUR',
      reason: 'broken switch',
    });
    expect(refund.structuredContent).toMatchObject({
      refund: { id: 'R-0001', amount: 49.9, status: 'issued' },
    });
    const over = await call('create_refund', {
      order_id: 'O-5001',
      amount: 80.01,
      currency: 'EUR',
      reason: 'too much',
    });
    expect(over).toMatchObject({
      isError: true,
      content: [{ text: 'Order O-5001 has 80.00 EUR left to refund.' }],
    });
    await call('cancel_refund', { refund_id: 'R-0001' });
    expect(await call('cancel_refund', { refund_id: 'R-0001' })).toMatchObject({ isError: true });
    await call('update_order_status', { order_id: 'O-5005', status: 'shipped' });
    await call('send_email', {
      to: 'amara.okafor@example.com',
      subject: 'Your lamp',
      body: 'We are sorry.\nThe shop',
    });
    await call('delete_customer', { customer_id: 'C-1007' });
    await call('export_report', { seconds: 0.2 });

    const log = effects(dir);
    expect(log.map((each) => each.n)).toEqual(log.map((_, index) => index + 1));
    expect(log.map((each) => each.effect)).toEqual([
      'refund.created',
      'refund.cancelled',
      'order.status_changed',
      'email.sent',
      'customer.deleted',
      'report.started',
      'report.step',
      'report.step',
      'report.finished',
    ]);
    expect(readFileSync(join(dir, 'outbox', 'E-0001.eml'), 'utf8')).toContain('Subject: Your lamp\r\n');
    expect(readFileSync(join(dir, 'reports', 'X-0001.csv'), 'utf8')).toContain('O-5001;C-1001');
    expect(new Office(dir).read()).toMatchObject({
      lastEffect: 9,
      refunds: [{ id: 'R-0001', status: 'cancelled' }],
    });
  });

  it('refuses arguments outside its schemas without an effect', async () => {
    const dir = dataDir();
    const client = await connect(dir);
    for (const args of [
      { to: 'a@example.com', subject: 'x\r\nBcc: b@example.com', body: 'x' },
      { to: 'not an address', subject: 'x', body: 'x' },
      { to: 'a@example.com', subject: 'x', body: 'x', bcc: 'b@example.com' },
    ]) {
      const result = (await client.callTool({ name: 'send_email', arguments: args })) as Result;
      expect(result.isError).toBe(true);
    }
    expect(() => effects(dir)).toThrow('ENOENT');
  });
});

describe('a slow export', () => {
  it('stops with its last effect when it is cancelled', async () => {
    const dir = dataDir();
    const client = new ModernClient(info, { versionNegotiation: { mode: 'auto' } });
    cleanups.push(() => client.close());
    await client.connect(new ModernStdio(command(dir)));
    const abort = new AbortController();
    const call = client.callTool(
      { name: 'export_report', arguments: { seconds: 60 } },
      { signal: abort.signal },
    );
    call.catch(() => undefined);
    await until(() => {
      try {
        return effects(dir).length >= 3;
      } catch {
        return false;
      }
    });
    abort.abort();
    await expect(call).rejects.toThrow();
    // The server answers in order: once this call is answered, the cancellation has arrived.
    await client.callTool({ name: 'list_refunds', arguments: {} });
    const after = effects(dir).length;
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(effects(dir).length).toBe(after);
  });
});

describe('the books', () => {
  it('count every effect once when several processes write at the same time', async () => {
    const dir = dataDir();
    const clients = await Promise.all([
      connections['SDK 2 over stdio']?.(dir),
      connections['SDK 1 over stdio']?.(dir),
    ]);
    const calls = clients.flatMap((client) =>
      Array.from({ length: 20 }, async () => {
        await client?.callTool({
          name: 'create_refund',
          arguments: { order_id: 'O-5003', amount: 1, currency: 'EUR', reason: 'race' },
        });
      }),
    );
    await Promise.all(calls);
    expect(effects(dir).map((each) => each.n)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(new Set(new Office(dir).read().refunds.map((each) => each.id)).size).toBe(40);
  });

  it('survive a lock left by a process that is gone', async () => {
    const dir = dataDir();
    const office = new Office(dir);
    const child = spawn(process.execPath, ['--eval', '0']);
    await new Promise((resolve) => child.once('exit', resolve));
    writeFileSync(join(dir, 'lock'), String(child.pid));
    office.change(() => ({ value: null, effect: 'test.effect', details: {} }));
    expect(effects(dir)).toMatchObject([{ n: 1, effect: 'test.effect' }]);
  });
});

describe('the HTTP side', () => {
  it('refuses callers without the token', async () => {
    const dir = dataDir();
    writeFileSync(join(dir, 'token'), 'correct horse\n');
    const address = await serveHttp(dir, '--token-file', join(dir, 'token'));
    const post = (headers: Record<string, string>) =>
      fetch(address, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      });
    expect((await post({})).status).toBe(401);
    expect((await post({ authorization: 'Bearer correct horsf' })).status).toBe(401);
    expect((await post({ authorization: 'Bearer correct horse' })).status).toBe(400);
  });
});
