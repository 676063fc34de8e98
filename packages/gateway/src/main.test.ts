/** The gateway as a process: enrols over the channel of its supervisor, says when it serves, and ends with that channel. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TokenIssuer } from './testing/agent.fixture.ts';
import { policyDoc, settingsDoc } from './testing/documents.fixture.ts';
import { FakeControl } from './testing/fake-control.fixture.ts';
import { cleanUp, cleanups, folder } from './testing/running.fixture.ts';

afterEach(cleanUp);

const main = join(dirname(fileURLToPath(import.meta.url)), 'main.ts');
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
    expect((await fetch(`${String(url)}/readyz`)).status).toBe(200);
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
