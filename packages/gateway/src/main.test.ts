/** The gateway as a process: enrols over the channel of its supervisor, says when it serves, and ends with that channel. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TokenIssuer } from './testing/agent.fixture.ts';
import { policyDoc, settingsDoc } from './testing/documents.fixture.ts';
import { FakeControl } from './testing/fake-control.fixture.ts';
import { cleanUp, cleanups, fleetOver, folder, until } from './testing/running.fixture.ts';

afterEach(cleanUp);

const main = join(dirname(fileURLToPath(import.meta.url)), 'main.ts');
/** Each test starts several processes, on a machine that may be busy. */
vi.setConfig({ testTimeout: 90_000 });

const key = randomBytes(32).toString('base64');

async function control(): Promise<FakeControl> {
  const made = new FakeControl();
  await made.listen();
  cleanups.push(() => made.close());
  made.put('settings', '*', settingsDoc);
  made.put('jwks', '*', new TokenIssuer().jwks());
  made.put('policy', '*', policyDoc);
  return made;
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly stderr: () => string;
  /** The first message that has this member. */
  message(member: string): Promise<Record<string, unknown>>;
}

function start(args: readonly string[], env: Record<string, string> = {}): Started {
  const child = fork(main, [...args], {
    execArgv: ['--conditions=atf-src', '--disable-warning=ExperimentalWarning'],
    env: { PATH: process.env['PATH'], ATF_KEY: key, ATF_LOG: 'silent', ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const seen: Record<string, unknown>[] = [];
  const waiting: (() => void)[] = [];
  child.on('message', (message) => {
    seen.push(message as Record<string, unknown>);
    for (const look of waiting.splice(0)) look();
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const message = async (member: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = seen.find((each) => member in each);
      if (found !== undefined) return found;
      await new Promise<void>((look) => waiting.push(look));
    }
  };
  return { child, ended, message, stderr: () => said };
}

describe('the process', () => {
  it('asks for a join token once, serves, and ends when its supervisor is gone', async () => {
    const over = await control();
    const args = ['--dir', folder(), '--control', over.url, '--port', '0'];
    const first = start(args);
    await first.message('joinTokenWanted');
    first.child.send({ joinToken: over.joinToken });
    const { url, serving } = await first.message('ready');
    expect(serving).toBe(true);
    await until('it is ready', async () => (await fetch(`${String(url)}/readyz`)).status === 200);
    first.child.disconnect();
    expect(await first.ended).toBe(0);
    const again = start(args);
    await again.message('ready');
    again.child.kill('SIGTERM');
    expect(await again.ended).toBe(0);
    expect(over.told.filter(({ path }) => path === '/v1/gateways/enrol').length).toBe(1);
  });

  it('says in plain words why it cannot start', async () => {
    const over = await control();
    const args = ['--dir', folder(), '--control', over.url, '--port', '0'];
    const wrongToken = start(args, { ATF_GATEWAY_JOIN_TOKEN: 'x'.repeat(32) });
    expect(await wrongToken.ended).toBe(1);
    expect(wrongToken.stderr()).toContain('join token');
    const wrongKey = start(args, { ATF_KEY: 'short' });
    expect(await wrongKey.ended).toBe(1);
    expect(wrongKey.stderr()).toContain('ATF_KEY');
    const wrongUse = start(['--port', '0']);
    expect(await wrongUse.ended).toBe(2);
    expect(wrongUse.stderr()).toContain('Usage');
  });
});

describe('a gateway that was killed', () => {
  it('says of calls that were under way that nobody knows what came of them, and keeps every acknowledged record', async () => {
    const over = await control();
    const dir = folder();
    const { senior: agent, issuer } = await fleetOver(over, dir);
    const args = ['--dir', dir, '--control', over.url, '--port', '0'];
    const first = start(args, { ATF_GATEWAY_JOIN_TOKEN: over.joinToken });
    const { url } = await first.message('ready');
    issuer.audience = String(url);
    const mcp = `${String(url)}/mcp/back-office`;
    const done = await agent.call(mcp, 'create_refund', {
      order_id: 'O-5001',
      amount: 5,
      currency: 'EUR',
      reason: 'late',
    });
    expect(done.isError).toBe(false);
    const lost = agent.call(mcp, 'export_report', { report: 'orders', seconds: 30 }).catch(() => 'cut');
    await until('its intent is shipped', () =>
      over.entries.some(({ body }) => body['tool'] === 'export_report'),
    );
    first.child.kill('SIGKILL');
    expect(await lost).toBe('cut');
    const second = start(args);
    await second.message('ready');
    await until(
      'its outcome is on record',
      () => over.entries.some(({ outcome }) => outcome === 'unknown'),
      30_000,
    );
    const story = over.entries.filter(({ body }) => body['tool'] === 'export_report');
    expect(story.map(({ type, outcome }) => [type, outcome])).toEqual([
      ['action.intent', 'allowed'],
      ['action.outcome', 'unknown'],
    ]);
    expect(over.story(done.atf.actionId).map(({ outcome }) => outcome)).toEqual(['allowed', 'done']);
    const seqs = over.entries.map(({ source }) => ('seq' in source ? source.seq : 0)).sort((a, b) => a - b);
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => i + 1));
  });
});
