/** Tool servers for tests: the back office over both transports, and scripts that misbehave. Whatever is started here is ended by `cleanUp`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type UpstreamBounds, upstreamBoundsDefault } from './mcp-bounds.ts';
import { McpUpstream, type UpstreamAddress } from './mcp-upstream.ts';
import type { UpstreamCallOptions } from './protocol.ts';

const office = join(dirname(fileURLToPath(import.meta.url)), '../../../../examples/back-office/main.ts');
export const cleanups: (() => Promise<unknown> | unknown)[] = [];
/** To be called after each test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

export const never: AbortSignal = new AbortController().signal;
export const options: UpstreamCallOptions = { signal: never, timeoutMs: 15_000 };

export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'mcp-upstream-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function upstream(
  address: UpstreamAddress,
  bounds: Partial<UpstreamBounds> = {},
  onToolsChanged?: () => void,
): McpUpstream {
  const events = onToolsChanged === undefined ? {} : { onToolsChanged };
  const server = new McpUpstream('test', address, events, { ...upstreamBoundsDefault, ...bounds });
  cleanups.push(() => server.close());
  return server;
}

export const stdio = (dir: string): UpstreamAddress => ({
  kind: 'stdio',
  command: process.execPath,
  args: [office, '--data', dir],
});

/** A server as a script that sees each message as `message` and answers with `send`; the handshake is answered already. */
export function scripted(onMessage: string, more = ''): UpstreamAddress {
  const script = `
    const send = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    ${more}
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const message = JSON.parse(line);
      const reply = (result) => send({ jsonrpc: '2.0', id: message.id, result });
      if (message.method === 'server/discover') return send({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'no' } });
      if (message.method === 'initialize') return reply({ protocolVersion: '2025-06-18', capabilities: { tools: { listChanged: true } }, serverInfo: { name: 's', version: '1' } });
      ${onMessage}
    });`;
  return { kind: 'stdio', command: process.execPath, args: ['--eval', script] };
}

export async function http(dir: string, ...more: string[]): Promise<string> {
  const child = spawn(process.execPath, [office, '--data', dir, '--http', '0', ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    return gone;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /http:\S+/.exec(line)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error('the server ended before it listened');
}

export function effects(dir: string): { effect: string }[] {
  try {
    const lines = readFileSync(join(dir, 'effects.log'), 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

export async function until(condition: () => boolean, waitMsMax = 30_000): Promise<void> {
  const deadlineMs = performance.now() + waitMsMax;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('condition not met in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
