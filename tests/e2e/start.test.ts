/** Starting and stopping, as a person does it: twice, with Ctrl-C, and with everything that can be wrong. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@atf/cli/up/free-port';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { atf, failure } from './cli-run.ts';
import { Product, type ProductOptions, until } from './product.ts';

const folders: string[] = [];
const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'atf-start-'));
  folders.push(made);
  return made;
};
const products: Product[] = [];
const started = async (options: ProductOptions): Promise<Product> => {
  const product = await Product.start(options);
  products.push(product);
  return product;
};
afterEach(async () => {
  for (const product of products.splice(0)) await product.stop();
});
afterAll(() => folders.forEach((each) => rmSync(each, { recursive: true, force: true })));

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const gone = (product: Product) =>
  until('both planes to be gone', () =>
    runs(product.ready.pids.control) || runs(product.ready.pids.gateway) ? undefined : true,
  );

async function occupied(): Promise<{ port: number; server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, server };
}

async function startIn(home: string, more: readonly string[] = []) {
  const ports = ['--control-port', String(await freePort()), '--gateway-port', String(await freePort())];
  const given = (name: string) => more.includes(name);
  const args = [
    'up',
    '--json',
    '--data',
    join(home, 'data'),
    '--key-file',
    join(home, 'atf.key'),
    ...ports,
  ].filter((word, at, all) => !given(word) && !given(all[at - 1] ?? ''));
  return atf([...args, ...more], { cwd: home, env: { XDG_CONFIG_HOME: join(home, 'config') } });
}

/** Starts in a row, also where the machine is busy. */

describe('starting and stopping', () => {
  it('comes up with the example workspace, stops cleanly on Ctrl-C, and is up again with all its state', async () => {
    const home = folder();
    const first = await started({ home });
    const operator = await first.operator();
    const { items } = await operator.call('agents.list');
    expect(items.map(({ effectiveLevel }) => effectiveLevel).sort()).toEqual([
      'intern',
      'junior',
      'principal',
      'senior',
    ]);
    await operator.call('people.add', { body: { name: 'Ada', email: 'ada@example.com', roles: [] } });
    expect(existsSync(join(home, 'data', 'running.json'))).toBe(true);
    expect(await first.stop()).toBe(0);
    await gone(first);
    expect(existsSync(join(home, 'data', 'running.json'))).toBe(false);

    // How fast is measured in bench/start.ts.
    const second = await started({ home });
    const people = (await (await second.operator()).call('people.list')).items.map(({ email }) => email);
    expect(people).toContain('ada@example.com');
    expect(await second.stop()).toBe(0);
  });

  it('sets nothing up with --empty', async () => {
    const product = await started({ home: folder(), empty: true });
    const operator = await product.operator();
    expect((await operator.call('agents.list')).items).toEqual([]);
    expect((await operator.call('tools.list')).items).toEqual([]);
    expect((await operator.call('overview')).example).toBe(false);
    expect(await product.stop()).toBe(0);
  });

  it('starts a plane again that dies, and leaves none behind when it is killed itself', async () => {
    const product = await started({ home: folder(), empty: true });
    product.signal('gateway', 'SIGKILL');
    const event = await until(
      'the gateway to be started again',
      () =>
        product.output.flatMap((line) =>
          line.includes('"restarted"') ? [JSON.parse(line) as { plane: string; pid: number }] : [],
        )[0],
      30_000,
    );
    expect(event.plane).toBe('gateway');
    const operator = await product.operator();
    await until('the gateway to be connected', async () =>
      (await operator.call('overview')).gateways.some(({ connected }) => connected) ? true : undefined,
    );
    const { control } = product.ready.pids;
    const { pid } = JSON.parse(readFileSync(join(product.dataDir, 'running.json'), 'utf8')) as {
      pid: number;
    };
    process.kill(pid, 'SIGKILL');
    await until('both planes to be gone', () => (runs(control) || runs(event.pid) ? undefined : true));
  });
});

describe('what can be wrong', () => {
  it.each([
    ['--control-port', 'storage.port_taken'],
    ['--gateway-port', 'storage.port_taken'],
  ])('a taken port: the error names %s', async (option, code) => {
    const { port, server } = await occupied();
    try {
      const ran = await startIn(folder(), [option, String(port)]);
      expect(failure(ran)).toMatchObject({ exitCode: 5, code });
      expect(`${failure(ran).message} ${failure(ran).help ?? ''}`).toContain(option);
      expect(ran.code).toBe(5);
    } finally {
      server.close();
    }
  });

  it('a locked directory: the error names --data, with and without the note of who runs there', async () => {
    const home = folder();
    const product = await started({ home, empty: true });
    const second = await startIn(home);
    expect(failure(second)).toMatchObject({ exitCode: 5, code: 'storage.locked' });
    expect(failure(second).help).toContain('--data');
    renameSync(join(home, 'data', 'running.json'), join(home, 'data', 'running.away'));
    const third = await startIn(home);
    expect(failure(third)).toMatchObject({ exitCode: 5, code: 'storage.locked' });
    expect(failure(third).message).toContain('--data');
    expect((await (await product.operator()).call('overview')).agents.total).toBe(0);
    expect(await product.stop()).toBe(0);
  });

  it('a directory that cannot be written: the error names --data', async () => {
    const home = folder();
    // A folder below a file cannot be made, whoever asks.
    writeFileSync(join(home, 'data'), '');
    const ran = await startIn(home);
    expect(failure(ran)).toMatchObject({ exitCode: 5, code: 'storage.unwritable' });
    expect(failure(ran).message).toContain('--data');
  });

  it('something fails when both planes are up: they end with the command, and the next start is as any other', async () => {
    const home = folder();
    const ports = { control: await freePort(), gateway: await freePort() };
    // The note of what runs is written once they are up.
    mkdirSync(join(home, 'data', 'running.json'), { recursive: true, mode: 0o700 });
    const at = ['--control-port', String(ports.control), '--gateway-port', String(ports.gateway)];
    const ran = await startIn(home, ['--empty', ...at]);
    expect(failure(ran)).toMatchObject({ exitCode: 5, code: 'storage.unwritable' });
    expect(failure(ran).help).toContain('--data');
    const log = readFileSync(join(home, 'data', 'logs', 'gateway.log'), 'utf8');
    expect(log).toContain('"serving":true');
    rmSync(join(home, 'data', 'running.json'), { recursive: true });
    // The ports and the directory are free.
    const product = await started({ home, empty: true, ports });
    expect(await product.stop()).toBe(0);
  });

  it('another key than the one that protects the directory: the error names --key-file', async () => {
    const home = folder();
    const product = await started({ home, empty: true });
    expect(await product.stop()).toBe(0);
    renameSync(join(home, 'atf.key'), join(home, 'atf.key.away'));
    const ran = await startIn(home);
    expect(failure(ran)).toMatchObject({ exitCode: 5, code: 'storage.key_missing' });
    expect(failure(ran).message).toContain('--key-file');
  });

  it('a log that is shorter than its last checkpoint: nothing starts, and the error names the way out', async () => {
    const home = folder();
    const product = await started({ home, empty: true });
    const checkpoint = join(home, 'data', 'log', 'checkpoint');
    await until('a checkpoint', () => (existsSync(checkpoint) ? true : undefined));
    expect(await product.stop()).toBe(0);
    rmSync(join(home, 'data', 'log', 'tile', 'entries'), { recursive: true });
    const ran = await startIn(home);
    expect(ran.code).toBe(5);
    expect(failure(ran)).toMatchObject({ exitCode: 5, code: 'audit.log_shorter' });
    expect(`${failure(ran).message} ${failure(ran).help ?? ''}`).toContain('recover-the-log');
  });

  it.each([
    ['--control-port', 'eighty'],
    ['--gateway-port', '70000'],
  ])('a port that is none: %s %s is a matter of usage', async (option, value) => {
    const ran = await startIn(folder(), [option, value]);
    expect(ran.code).toBe(2);
    expect(failure(ran).message).toContain(option);
  });
});
