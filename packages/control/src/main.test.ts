/** The control plane as its supervisor meets it: a process, a pipe, orders and news. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { migratedSnapshot } from './db/test-db.ts';
import { openDb } from './db/open.ts';
import { exitCodes, type News, type Order } from './main.ts';
import { post, request, temporaryFolder, tokenOf } from './platform.fixture.ts';

const folder = temporaryFolder();
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});
afterAll(() => folder.remove());

const dataDir = join(folder.path, 'data');
const keyFile = join(folder.path, 'protect.key');
const newsWithinMs = 120_000;

interface Plane {
  readonly child: ChildProcess;
  readonly errors: () => string;
  order(order: Order): void;
  news(): Promise<News>;
  /** Exit code. */
  ended(): Promise<number | null>;
}

function spawnPlane(): Plane {
  const child = fork(new URL('./main.ts', import.meta.url), [], {
    execArgv: ['--conditions=atf-src'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH, HOME: folder.path },
  });
  running.add(child);
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const waiting: News[] = [];
  child.on('message', (news) => waiting.push(news as News));
  const exit = once(child, 'exit').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return {
    child,
    errors: () => errors,
    order: (order) => void child.send(order),
    async news() {
      const signal = AbortSignal.timeout(newsWithinMs);
      while (waiting.length === 0) {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${errors}`);
        await Promise.race([once(child, 'message', { signal }), exit]);
      }
      return waiting.shift() as News;
    },
    ended: () => exit,
  };
}

type Ready = Extract<News, { ready: true }>;
async function started(plane: Plane, more: object = {}): Promise<Ready> {
  plane.order({
    order: 'start',
    options: { dataDir, keyFile, port: 0, example: true, embeddedGateway: 'local', ...more },
  });
  const news = await plane.news();
  if (!('ready' in news) || !news.ready)
    throw new Error(`not ready: ${JSON.stringify(news)} ${plane.errors()}`);
  return news;
}

/** Every file below, as text. */
function contents(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((item) => item.isFile())
    .map((item) => readFileSync(join(item.parentPath, item.name), 'latin1'));
}

describe('the process of the control plane', { timeout: 300_000 }, () => {
  it('starts on an empty directory, hands out links and tokens over its pipe only, and ends with the pipe', async () => {
    // A database of the present schema is put there first, because making one takes long on a busy machine.
    mkdirSync(dataDir, { recursive: true });
    await (await openDb({ dataDir, snapshot: await migratedSnapshot() })).close();
    const plane = spawnPlane();
    const ready = await started(plane);
    expect(ready.url).toMatch(/^http:\/\/localhost:\d+$/);
    expect(ready.gatewayJoinToken).toMatch(/^[\w-]{43}$/);
    const signedIn = await post(`${ready.url}/v1/sign-in`, { token: tokenOf(ready.signInUrl) });
    expect(signedIn.json).toMatchObject({ by: 'session', person: { name: 'Host operator' } });

    plane.order({ order: 'sign-in-link', id: 1, person: 'paula.reyes@example.com' });
    const link = await plane.news();
    if (!('answer' in link) || !('url' in link.answer)) throw new Error(JSON.stringify(link));
    const paula = await post(`${ready.url}/v1/sign-in`, { token: tokenOf(link.answer.url) });
    expect(paula.json).toMatchObject({ presenceMethods: ['simulated'], person: { bootstrap: true } });
    plane.order({ order: 'sign-in-link', id: 2, person: 'nobody@example.com' });
    expect(await plane.news()).toMatchObject({ id: 2, problem: { code: 'people.person_not_found' } });
    plane.order({ order: 'gateway-join-token', id: 3, name: 'edge' });
    expect(await plane.news()).toMatchObject({ id: 3, answer: { joinToken: expect.any(String) as string } });

    plane.child.disconnect();
    expect(await plane.ended()).toBe(exitCodes.clean);
    await expect(request(`${ready.url}/healthz`)).rejects.toThrow();
    const secrets = [ready.signInUrl, link.answer.url].map(tokenOf).concat(ready.gatewayJoinToken ?? 'none');
    for (const text of [plane.errors(), ...contents(dataDir)]) {
      for (const secret of secrets) expect(text.includes(secret)).toBe(false);
      expect(text.includes(readFileSync(keyFile, 'latin1').trim())).toBe(false);
    }
  });

  it('keeps everything over `kill -9`, while a second process on the directory is refused', async () => {
    const plane = spawnPlane();
    const ready = await started(plane);
    const authorization = `Bearer ${readFileSync(join(dataDir, 'operator.token'), 'utf8').trim()}`;
    const agents = await request(`${ready.url}/v1/agents`, { headers: { authorization } });
    expect((agents.json.items as unknown[]).length).toBeGreaterThan(0);

    const second = spawnPlane();
    second.order({ order: 'start', options: { dataDir, keyFile, port: 0 } });
    expect(await second.news()).toMatchObject({ ready: false, problem: { code: 'storage.locked' } });
    expect(await second.ended()).toBe(exitCodes.refused);

    for (let at = 0; at < 3; at++) {
      const person = { name: `Person ${at}`, email: `kept-${at}@example.com`, roles: ['auditor'] };
      expect((await post(`${ready.url}/v1/people`, person, { authorization })).status).toBe(200);
    }
    plane.child.kill('SIGKILL');
    await plane.ended();

    const again = spawnPlane();
    const readyAgain = await started(again);
    const people = await request(`${readyAgain.url}/v1/people`, { headers: { authorization } });
    const emails = (people.json.items as { email: string }[]).map((item) => item.email);
    expect(emails).toEqual(
      expect.arrayContaining(['kept-0@example.com', 'kept-1@example.com', 'kept-2@example.com']),
    );
    again.child.kill('SIGTERM');
    expect(await again.ended()).toBe(exitCodes.clean);
  });

  it('says what is wrong with its first order, and with a wrong key', async () => {
    const wrong = spawnPlane();
    wrong.order({ order: 'stop' });
    expect(await wrong.news()).toMatchObject({ ready: false, problem: { code: 'internal.fault' } });
    expect(await wrong.ended()).toBe(exitCodes.fault);
    const keyless = spawnPlane();
    keyless.order({ order: 'start', options: { dataDir, keyFile: join(folder.path, 'other.key'), port: 0 } });
    expect(await keyless.news()).toMatchObject({ ready: false, problem: { code: 'storage.key_missing' } });
    expect(await keyless.ended()).toBe(exitCodes.refused);
  });
});
