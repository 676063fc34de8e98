import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logRoutes } from './routes.ts';
import { decodeStaging, encodeStaging, stagingPath } from './staging.ts';
import { FileTileStore } from './tile-store.ts';

let directory = '';
let store: FileTileStore;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'atf-log-'));
  store = new FileTileStore(join(directory, 'log'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const files = [
  { path: 'checkpoint', bytes: Buffer.from('note\n') },
  { path: 'log.vkey', bytes: Buffer.from('vkey\n') },
  { path: 'tile/0/x001/067', bytes: Buffer.alloc(8_192, 1) },
  { path: 'tile/0/x001/068.p/3', bytes: Buffer.alloc(96, 2) },
  { path: 'tile/0/x001/068.p/4', bytes: Buffer.alloc(128, 3) },
  { path: 'tile/entries/000', bytes: Buffer.from([0, 1, 65]) },
];

test('files are there, exact, for nobody else, and leave no temporary names', async () => {
  expect(await store.get('checkpoint')).toBeUndefined();
  expect(await store.list('staging')).toEqual([]);
  await store.put(files);
  for (const { path, bytes } of files) expect(await store.get(path)).toEqual(bytes);
  await store.put([{ path: 'checkpoint', bytes: Buffer.from('newer') }]);
  expect(await store.get('checkpoint')).toEqual(Buffer.from('newer'));
  const all = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  expect(all.some((name) => name.includes('.new'))).toBe(false);
  for (const name of all) expect(statSync(join(directory, name)).mode & 0o077).toBe(0);
  expect([...(await store.list('tile/0/x001/068.p'))].sort()).toEqual(['3', '4']);
  await store.remove(['tile/0/x001/068.p/3', 'tile/0/x001/068.p/3']);
  expect(await store.list('tile/0/x001/068.p')).toEqual(['4']);
});

test('what a crash left half written is swept by the next process', async () => {
  await store.put(files);
  const left = join(directory, 'log', 'checkpoint.0c3f.new');
  writeFileSync(left, 'half');
  await new FileTileStore(join(directory, 'log')).put(files.slice(0, 1));
  expect(existsSync(left)).toBe(false);
});

test.each([
  '../secret',
  'tile/0/../../secret',
  '/etc/passwd',
  'tile/7x/000',
  'other',
  'staging/x',
  'checkpoint.new',
  'tile/0/000.p/../1',
])('the name %s is never opened', async (path) => {
  await expect(store.get(path)).rejects.toThrow(RangeError);
  await expect(store.put([{ path, bytes: Buffer.alloc(1) }])).rejects.toThrow(RangeError);
  await expect(store.remove([path])).rejects.toThrow(RangeError);
  await expect(store.list(path)).rejects.toThrow(RangeError);
});

test('a failing put leaves every file whole: as before or as wanted', async () => {
  await store.put(files);
  rmSync(join(directory, 'log', 'tile/0/x001'), { recursive: true });
  const wanted = files.map(({ path }) => ({ path, bytes: Buffer.from('wanted') }));
  await expect(store.put(wanted)).rejects.toThrow();
  for (const { path, bytes } of files) {
    const found = await store.get(path);
    if (found !== undefined) expect([bytes.toString(), 'wanted']).toContain(Buffer.from(found).toString());
  }
  expect(
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).some((name) => name.includes('.new')),
  ).toBe(false);
});

test('staging is whole or nothing', () => {
  const staged = Buffer.from(encodeStaging(files));
  expect(decodeStaging(staged)).toEqual(files);
  for (let length = 0; length < staged.length; length += 101)
    expect(decodeStaging(staged.subarray(0, length))).toBeUndefined();
  staged[10] = (staged[10] as number) ^ 1;
  expect(decodeStaging(staged)).toBeUndefined();
  expect(decodeStaging(encodeStaging([]))).toEqual([]);
  expect(stagingPath(3, Buffer.alloc(32, 0xab))).toBe(`staging/3-${'ab'.repeat(32)}`);
});

describe('over HTTP', () => {
  const app = async (): Promise<ReturnType<typeof fastify>> => {
    await store.put(files);
    const server = fastify();
    await server.register(logRoutes, { store, cosigned: async () => undefined });
    return server;
  };

  test.each([
    ['/checkpoint', 'text/plain; charset=utf-8', 'no-cache', 0],
    ['/log/vkey', 'text/plain; charset=utf-8', 'no-cache', 1],
    ['/tile/0/x001/067', 'application/octet-stream', 'private, max-age=31536000, immutable', 2],
    ['/tile/0/x001/068.p/3', 'application/octet-stream', 'private, max-age=31536000, immutable', 3],
    ['/tile/entries/000', 'application/octet-stream', 'private, max-age=31536000, immutable', 5],
  ])('%s', async (url, type, caching, index) => {
    const server = await app();
    const answer = await server.inject({ url });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': type, 'cache-control': caching });
    expect(answer.rawPayload).toEqual(files[index]?.bytes);
    await server.close();
  });

  test.each([
    '/tile/0/000',
    '/tile/0/x001/067.p/256',
    '/tile/..%2fcheckpoint',
    '/tile/0/%2e%2e/x',
    '/tile/staging',
    '/tile/',
  ])('%s is not there', async (url) => {
    const server = await app();
    const answer = await server.inject({ url });
    expect(answer.statusCode).toBe(404);
    await server.close();
  });
});

test('what is read is what was written, byte for byte', async () => {
  await store.put(files);
  expect(readFileSync(join(directory, 'log', 'tile/entries/000'))).toEqual(files[5]?.bytes);
});
