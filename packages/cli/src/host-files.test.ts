/** The files that the command line writes on a host: stop file, servers file, key store. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportAgentKey, generateAgentKey } from '@atf/sdk/agent-key';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exitCodes } from './exit-codes.ts';
import { type AgentKeyHome, readInstance, removeInstance, writeInstance } from './key-store.ts';
import { dataDirOf, operatorToken } from './place.ts';
import { writeHostEntry } from './servers-file.ts';
import { liftStop, writeStopFile } from './stop-file.ts';

const folders: string[] = [];
const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'atf-cli-'));
  folders.push(made);
  return made;
};
afterAll(() => folders.forEach((each) => rmSync(each, { recursive: true, force: true })));
const thrown = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the stop file', () => {
  const read = (dir: string) =>
    JSON.parse(readFileSync(join(dir, 'gateway', 'stop'), 'utf8')) as { scopes: unknown; reason: string };

  it('collects stops, names each once, and is for its owner only', () => {
    const dir = folder();
    writeStopFile(dir, 'agent', 'junior-support', 'first');
    const file = writeStopFile(dir, 'tool', 'back-office/*', 'second');
    writeStopFile(dir, 'agent', 'junior-support', 'third');
    expect(read(dir)).toMatchObject({
      reason: 'third',
      scopes: [
        { kind: 'tool', id: 'back-office/*' },
        { kind: 'agent', id: 'junior-support' },
      ],
    });
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  it('lifts the one that is named and no other, and goes with the last', () => {
    const dir = folder();
    writeStopFile(dir, 'fleet', undefined, 'incident');
    const file = writeStopFile(dir, 'agent', 'junior-support', 'too');
    expect(thrown(() => liftStop(dir, 'agent', 'intern-analyst'))).toMatchObject({
      code: 'containment.not_stopped',
      help: expect.stringContaining('fleet, agent junior-support'),
    });
    const before = read(dir);
    expect(liftStop(dir, 'agent', 'junior-support').left).toEqual([{ kind: 'fleet', id: '*' }]);
    expect(read(dir)).toEqual({ ...before, scopes: [{ kind: 'fleet', id: '*' }] });
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(liftStop(dir, 'fleet', undefined).left).toEqual([]);
    expect(existsSync(file)).toBe(false);
    expect(thrown(() => liftStop(dir, 'fleet', undefined))).toMatchObject({
      code: 'containment.not_stopped',
    });
  });

  it('lets only the fleet be lifted from a file that cannot be understood', () => {
    const dir = folder();
    const file = writeStopFile(dir, 'agent', 'a', 'x');
    writeFileSync(file, 'not json');
    expect(thrown(() => liftStop(dir, 'agent', 'a'))).toMatchObject({ code: 'containment.not_stopped' });
    expect(liftStop(dir, 'fleet', undefined).left).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it('goes on stopping everything when the file before could not be understood', () => {
    const dir = folder();
    writeStopFile(dir, 'fleet', undefined, 'x');
    writeFileSync(join(dir, 'gateway', 'stop'), 'not json');
    writeStopFile(dir, 'agent', 'a', 'y');
    expect(read(dir).scopes).toEqual([
      { kind: 'fleet', id: '*' },
      { kind: 'agent', id: 'a' },
    ]);
  });

  it('takes no word that the gateway could not', () => {
    for (const [kind, name] of [
      ['tool', 'back-office'],
      ['owner', 'ines'],
    ] as const)
      expect(thrown(() => writeStopFile(folder(), kind, name, 'y'))).toMatchObject({
        exitCode: exitCodes.usage,
      });
    expect(thrown(() => writeStopFile(folder(), 'planet', 'x', 'y'))).toMatchObject({
      exitCode: exitCodes.usage,
    });
    expect(thrown(() => writeStopFile(folder(), 'owner', 'ines@example.com', 'y'))).toMatchObject({
      exitCode: exitCodes.usage,
    });
  });
});

describe('the servers file', () => {
  it('keeps what is there, comments too', () => {
    const dir = folder();
    writeHostEntry(dir, 'crm', { command: '["/usr/bin/node", "server.js", "--port", "1"]' });
    const file = join(dir, 'gateway', 'servers.yaml');
    writeFileSync(file, `# of the host\n${readFileSync(file, 'utf8')}`);
    writeHostEntry(dir, 'wiki', { privateNetwork: true });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('# of the host');
    expect(parse(text)).toEqual({
      crm: { command: '/usr/bin/node', args: ['server.js', '--port', '1'] },
      wiki: { privateNetwork: true },
    });
  });

  it.each(['rm -rf /', '[]', '[1]', '{"a":1}'])('takes no command like %s', (command) => {
    expect(thrown(() => writeHostEntry(folder(), 'crm', { command }))).toMatchObject({
      exitCode: exitCodes.usage,
    });
  });
});

describe('the key store', () => {
  it('keeps a key for its owner only, by deployment and agent', async () => {
    const dir = folder();
    const key = await exportAgentKey(await generateAgentKey({ extractable: true }));
    const stored = {
      controlUrl: 'http://localhost:7780',
      agent: 'junior-support',
      instanceId: '6f1d6f57-1c0e-4a1b-9d2b-0a1b2c3d4e5f',
      key,
    };
    const home = { configDir: dir, fromEnvironment: undefined, keyFile: join(folder(), 'agent-keys.key') };
    const read = (more: Partial<AgentKeyHome> = {}, from = stored.controlUrl) =>
      readInstance({ ...home, ...more }, from, stored.agent);
    const file = writeInstance(home, stored);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(home.keyFile).mode & 0o777).toBe(0o600);
    // Neither the private number nor anything that holds it stands in the file.
    expect(readFileSync(file, 'utf8')).not.toContain(key.d);
    expect(read()).toEqual(stored);
    expect(read({}, 'http://localhost:7790')).toBeUndefined();

    // Another key, none, and a box moved to another instance open nothing.
    const other = { fromEnvironment: Buffer.alloc(32, 7).toString('base64') };
    expect(thrown(() => read(other))).toMatchObject({ code: 'storage.key_missing' });
    expect(thrown(() => read({ fromEnvironment: 'short' }))).toMatchObject({ code: 'storage.key_missing' });
    expect(thrown(() => read({ keyFile: join(dir, 'none') }))).toMatchObject({ code: 'storage.key_missing' });
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, whole.replace('6f1d6f57', '6f1d6f58'));
    expect(thrown(() => read())).toMatchObject({ code: 'storage.key_missing' });

    // A file from before is read once and wrapped.
    writeFileSync(file, JSON.stringify(stored));
    expect(read()).toEqual(stored);
    expect(readFileSync(file, 'utf8')).not.toContain(key.d);
    expect(writeInstance({ ...home, ...other }, stored)).toBe(file);
    expect(read(other)).toEqual(stored);

    chmodSync(file, 0o644);
    expect(thrown(() => read(other))).toMatchObject({ exitCode: exitCodes.refused });
    removeInstance(home, stored.controlUrl, stored.agent);
    expect(read()).toBeUndefined();
  });
});

describe('where things are', () => {
  it('finds the data directory by option, environment, or upwards', () => {
    const home = folder();
    writeStopFile(join(home, '.atf'), 'fleet', undefined, 'x');
    expect(dataDirOf('/x', { ATF_DATA_DIR: '/y' }, home)).toBe('/x');
    expect(dataDirOf(undefined, { ATF_DATA_DIR: '/y' }, home)).toBe('/y');
    expect(dataDirOf(undefined, {}, join(home, 'a', 'b'))).toBe(join(home, '.atf'));
  });

  it('does not take a data directory that it found and that is not only its own', () => {
    const home = folder();
    const planted = join(home, '.atf');
    mkdirSync(planted);
    chmodSync(planted, 0o777);
    const found = () => dataDirOf(undefined, {}, join(home, 'a'));
    expect(found).toThrow('is not only yours');
    expect(dataDirOf(planted, {}, home)).toBe(planted);
    chmodSync(planted, 0o700);
    expect(found()).toBe(planted);
    rmSync(planted, { recursive: true });
    symlinkSync(folder(), planted);
    expect(found).toThrow('is not only yours');
  });

  it("does not send the operator's token in clear over a network", () => {
    const dir = folder();
    writeFileSync(join(dir, 'operator.token'), 'secret\n');
    expect(operatorToken(dir, 'http://localhost:7780')).toBe('secret');
    expect(operatorToken(dir, 'https://atf.example.com')).toBe('secret');
    expect(thrown(() => operatorToken(dir, 'http://atf.example.com'))).toMatchObject({
      exitCode: exitCodes.usage,
    });
    expect(thrown(() => operatorToken(folder(), 'http://localhost:7780'))).toMatchObject({
      exitCode: exitCodes.unreachable,
    });
  });
});
