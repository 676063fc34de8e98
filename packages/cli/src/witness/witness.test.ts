import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVkey } from '@atf/core/audit/checkpoint';
import { cosignatureBy, formatWitnessVkey, parseWitnessVkey } from '@atf/core/audit/cosignature';
import { withSignatures } from '@atf/core/audit/log-policy';
import { parseNote, type SignedNote, type VerifierKey } from '@atf/core/audit/signed-note';
import { addCheckpointBytesMax, formatAddCheckpoint } from '@atf/core/audit/witness';
import { logVkey, origin, TestTree, testWitness } from '@atf/core/audit/witnessing.fixture';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CliFailure } from '../exit-codes.ts';
import { Witness, type WitnessEvent } from './witness.ts';
import { makeWitnessKey, readWitnessKey } from './witness-key.ts';
import { lockWitness } from './witness-lock.ts';
import { serveWitness, type WitnessServer } from './witness-server.ts';
import { headsOf, WitnessState } from './witness-state.ts';

const nowMs = 1_800_000_000_000;
const tree = new TestTree(60);
const fork = new TestTree(60, (i) => (i < 20 ? `leaf ${i}` : `other ${i}`));
const { signer } = testWitness(1);
const key = parseWitnessVkey(formatWitnessVkey(signer.name, signer.publicKey)) as VerifierKey;
const logs = new Map([[origin, [parseVkey(logVkey) as VerifierKey]]]);

let directory: string;
let server: WitnessServer;
let events: WitnessEvent[];
let faults: unknown[];
let holds: boolean;

async function start(): Promise<void> {
  const witness = new Witness({
    signer,
    logs,
    state: new WitnessState(directory),
    nowMs: () => nowMs,
    holds: () => holds,
    tell: (event) => events.push(event),
  });
  server = await serveWitness(witness, { host: '127.0.0.1', port: 0 }, (fault) => faults.push(fault));
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'atf-witness-'));
  mkdirSync(headsOf(directory));
  events = [];
  faults = [];
  holds = true;
  await start();
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

const post = (body: string | Uint8Array<ArrayBuffer>, path = '/add-checkpoint') =>
  fetch(`${server.url}${path}`, { method: 'POST', body });
async function send(from: number, to: number, by = tree): Promise<Response> {
  return post(
    formatAddCheckpoint({ oldSize: from, proof: await by.consistency(from, to), note: by.note(to) }),
  );
}

describe('over HTTP', () => {
  test('a checkpoint and its successor are cosigned, with the time of now', async () => {
    for (const [from, to] of [
      [0, 7],
      [7, 33],
    ] as const) {
      const response = await send(from, to);
      expect(response.status).toBe(200);
      const lines = (await response.text()).trimEnd().split('\n');
      const note = parseNote(withSignatures(parseNote(tree.note(to)) as SignedNote, lines)) as SignedNote;
      expect(cosignatureBy(note, key)?.timeSeconds).toBe(nowMs / 1_000);
    }
    expect(events).toEqual([
      { event: 'cosigned', origin, size: 7 },
      { event: 'cosigned', origin, size: 33 },
    ]);
  });

  test('409 tells the size that was cosigned, as its media type says', async () => {
    await send(0, 7);
    const response = await send(0, 9);
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      409,
      'text/x.tlog.size',
      '7\n',
    ]);
  });

  test('the head outlives the process that took it', async () => {
    await send(0, 33);
    await server.close();
    await start();
    expect(await (await send(0, 40)).text()).toBe('33\n');
    expect((await send(33, 40, fork)).status).toBe(422);
    expect((await send(33, 40)).status).toBe(200);
  });

  test('another history is refused, told, and kept once as evidence', async () => {
    await send(0, 33);
    expect((await send(33, 33, fork)).status).toBe(409);
    expect((await send(33, 40, fork)).status).toBe(422);
    expect((await send(33, 40, fork)).status).toBe(422);
    expect(events.slice(1)).toEqual([
      { event: 'contradicted', origin, status: 409, size: 33 },
      { event: 'contradicted', origin, status: 422, size: 33 },
    ]);
    const kept = readdirSync(join(directory, 'evidence'));
    expect(kept).toHaveLength(2);
    const texts = kept.map((name) => readFileSync(join(directory, 'evidence', name), 'utf8'));
    expect(texts.every((text) => text.includes(tree.note(33)))).toBe(true);
    expect(texts.some((text) => text.includes(fork.note(33)))).toBe(true);
  });

  test('of many at once that each extend the same head with another tree, one is cosigned', async () => {
    await send(0, 20);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => send(20, 21 + i, i % 2 === 0 ? tree : fork)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
  });

  test('a head that cannot be read is not taken for none: nothing is signed', async () => {
    await send(0, 33);
    const [name = ''] = readdirSync(headsOf(directory));
    for (const damage of ['', 'rubbish', tree.note(33).slice(0, 50)]) {
      writeFileSync(join(headsOf(directory), name), damage);
      const response = await send(0, 9, fork);
      expect([response.status, (await response.text()).includes('—')]).toEqual([500, false]);
    }
    expect(faults).toHaveLength(3);
  });

  test('a process that lost its directory signs nothing', async () => {
    holds = false;
    expect((await send(0, 7)).status).toBe(503);
    expect(readdirSync(headsOf(directory))).toEqual([]);
  });

  test.each([
    ['an unknown path', '/other', 'x', 404],
    ['rubbish', '/add-checkpoint', 'rubbish', 400],
    ['bytes that are no UTF-8', '/add-checkpoint', Uint8Array.of(0xff, 0xfe), 400],
    ['too much', '/add-checkpoint', 'x'.repeat(addCheckpointBytesMax + 1), 413],
  ])('refused: %s', async (_what, path, body, status) => {
    expect((await post(body, path)).status).toBe(status);
  });

  test('GET is not how one asks', async () => {
    expect((await fetch(`${server.url}/add-checkpoint`)).status).toBe(405);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  test('a caller that goes away half way is no fault', async () => {
    await new Promise<void>((done) => {
      const call = httpRequest(`${server.url}/add-checkpoint`, {
        method: 'POST',
        headers: { 'content-length': '1000' },
      });
      call.on('error', () => done());
      call.write('old 0\n', () => call.destroy());
      call.on('close', () => done());
    });
    expect((await send(0, 7)).status).toBe(200);
    expect(faults).toEqual([]);
  });
});

describe('the key file', () => {
  test('is made once, for its user alone, and read again', () => {
    const file = join(directory, 'witness.key');
    expect(readWitnessKey(file)).toBeUndefined();
    const made = makeWitnessKey(file, 'w.example');
    const read = readWitnessKey(file);
    expect(read?.name).toBe('w.example');
    expect(Buffer.from(read?.publicKey ?? []).equals(Buffer.from(made.publicKey))).toBe(true);
    expect(() => makeWitnessKey(file, 'w.example')).toThrow();
  });

  test.runIf(process.platform !== 'win32')('is refused when others may read it', () => {
    const file = join(directory, 'witness.key');
    writeFileSync(file, '{}', { mode: 0o644 });
    expect(() => readWitnessKey(file)).toThrow(/Others may read/);
  });

  test('is refused when it is something else', () => {
    const file = join(directory, 'witness.key');
    for (const text of ['', '{}', '{"name":"a","privateKey":"AAAA"}', 'x'.repeat(5_000)]) {
      writeFileSync(file, text, { mode: 0o600 });
      expect(() => readWitnessKey(file), text.slice(0, 20)).toThrow(CliFailure);
    }
  });
});

describe('the lock', () => {
  test('keeps a second process out, and is given back', () => {
    const lock = lockWitness(directory);
    expect(() => lockWitness(directory)).toThrow(/Another witness/);
    expect(lock.holds()).toBe(true);
    lock.release();
    expect(lock.holds()).toBe(false);
    lockWitness(directory).release();
  });

  test('of a process that is gone, or of another start of the same id, stops nobody', () => {
    for (const left of ['', '999999999 boot:1 n', `${process.pid} other-boot:1 n`]) {
      writeFileSync(join(directory, 'lock'), left);
      lockWitness(directory).release();
    }
  });
});
