import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EntryDraft } from '@atf/core/audit/entry';
import { exportGatewayKey, type GatewayKey, importGatewayKey, sealSigner } from '@atf/core/audit/gateway-key';
import { hashesEqual } from '@atf/core/audit/merkle';
import { payloadRandomBytes, sealPayload } from '@atf/core/audit/payload';
import {
  decodeBatch,
  genesisHash,
  type PayloadFrame,
  type SpoolBatch,
  verifyBatch,
} from '@atf/core/audit/spool-frame';
import { RefusalError } from '@atf/core/errors';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AppendResult, openSpool, type Spool, type SpoolOptions } from './spool.ts';
import { FaultyDisk } from './spool-disk.fixture.ts';
import { epochUsedUp } from './spool-options.ts';

const gateway = '6f0c1d9e-1111-4222-8333-444455556666';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer = sealSigner('gw-key-1', privateKey);
const keys = [importGatewayKey(exportGatewayKey('gw-key-1', privateKey)) as GatewayKey];

const draft = (n: number, extra: Partial<EntryDraft> = {}): EntryDraft => ({
  type: 'action.intent',
  at: '2026-11-20T12:00:00.000Z',
  tenant: 'main',
  action: `action-${n}`,
  body: { n },
  ...extra,
});

function payload(n: number): { frame: PayloadFrame; draft: EntryDraft } {
  const random = Buffer.alloc(payloadRandomBytes, n);
  const frame = sealPayload(
    `payload-${n}`,
    { kid: 'pk1', key: createSecretKey(Buffer.alloc(32, 9)) },
    Buffer.from('{"args":{}}'),
    random,
  );
  return { frame, draft: draft(n, { payload: { id: frame.id, commitment: frame.commitment } }) };
}

/** Reads everything as a shipper would and holds it to the rules of the chain. */
async function shipAll(spool: Spool): Promise<SpoolBatch[]> {
  const batches: SpoolBatch[] = [];
  let prev: Uint8Array = genesisHash;
  let seq = 0;
  for (
    let next = await spool.readFrom(undefined);
    next !== undefined;
    next = await spool.readFrom(next.position)
  ) {
    const batch = decodeBatch(next.frame) as SpoolBatch;
    const verified = verifyBatch(batch, keys);
    if (!verified.ok) throw new Error(`batch: ${verified.problem}`);
    expect(batch.firstSeq).toBe(seq + 1);
    expect(hashesEqual(batch.prev, prev)).toBe(true);
    prev = verified.head;
    seq = next.position.seq;
    batches.push(batch);
  }
  expect(spool.head()).toMatchObject({ seq, head: Buffer.from(prev).toString('base64url') });
  return batches;
}

const numbers = (batches: readonly SpoolBatch[]): number[] =>
  batches.flatMap((batch) =>
    batch.records.map(
      ({ entry }) => (JSON.parse(Buffer.from(entry).toString()) as { body: { n: number } }).body.n,
    ),
  );

const code = (result: AppendResult): string => (result.ok ? 'ok' : result.refusal.code);

describe('on the file system', () => {
  let directory = '';
  let spool: Spool;
  const open = async (more: Partial<SpoolOptions> = {}): Promise<Spool> =>
    openSpool({ directory, gateway, signer, ...more });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'atf-spool-'));
  });
  afterEach(async () => {
    await spool.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const segmentFiles = (): string[] =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.spool'))
      .sort();

  test('records are durable in order, chained over epochs, with their payloads', async () => {
    spool = await open();
    const { frame, draft: withPayload } = payload(2);
    expect(await spool.append(draft(1))).toEqual({ ok: true, epoch: 1, seq: 1 });
    expect(await spool.append(withPayload, frame)).toEqual({ ok: true, epoch: 1, seq: 2 });
    await spool.close();
    expect(code(await spool.append(draft(3)))).toBe('audit.record_unavailable');
    spool = await open();
    expect(await spool.append(draft(3))).toEqual({ ok: true, epoch: 2, seq: 3 });
    const batches = await shipAll(spool);
    expect(numbers(batches)).toEqual([1, 2, 3]);
    expect(batches.map((batch) => batch.epoch)).toEqual([1, 1, 2]);
    expect(Buffer.from(batches[2]?.records[0]?.entry ?? '').toString()).toContain('"seal":"gw-key-1.');
    expect(statSync(directory).mode & 0o077).toBe(0);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o077).toBe(0);
  });

  test('many writers share commits', async () => {
    spool = await open();
    const results = await Promise.all(Array.from({ length: 500 }, (_, i) => spool.append(draft(i))));
    expect(results.every((result) => result.ok)).toBe(true);
    const batches = await shipAll(spool);
    expect(numbers(batches)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(batches.length).toBeLessThan(20);
  });

  test('segments rotate, survive, and go when they were acknowledged', async () => {
    spool = await open({ segmentBytesMax: 4_096 });
    for (let i = 0; i < 60; i++) await spool.append(draft(i));
    const before = segmentFiles().length;
    expect(before).toBeGreaterThan(5);
    expect(numbers(await shipAll(spool))).toHaveLength(60);
    const half = await spool.readFrom({ epoch: 1, seq: 29 });
    await spool.acknowledged({ epoch: 1, seq: 29 });
    expect(segmentFiles().length).toBeLessThan(before);
    expect(await spool.readFrom({ epoch: 1, seq: 29 })).toEqual(half);
    expect((await spool.readFrom(undefined))?.gap).toBe(true);
    await expect(spool.acknowledged({ epoch: 1, seq: 61 })).rejects.toThrow(RangeError);
    await spool.acknowledged({ epoch: 1, seq: 60 });
    expect(segmentFiles()).toHaveLength(1);
    const head = spool.head();
    await spool.close();
    spool = await open();
    expect(spool.head()).toEqual({ ...head, epoch: 2 });
    expect(await spool.append(draft(60))).toEqual({ ok: true, epoch: 2, seq: 61 });
  });

  test('a spool that keeps nothing but an empty segment still knows its head', async () => {
    spool = await open();
    for (let i = 1; i <= 3; i++) await spool.append(draft(i));
    await spool.close();
    spool = await open();
    await spool.acknowledged({ epoch: 1, seq: 3 });
    const head = spool.head();
    await spool.close();
    spool = await open();
    expect(spool.head()).toEqual({ ...head, epoch: 3 });
  });

  test('every way to tear the last batch loses that batch and nothing else', async () => {
    spool = await open();
    await spool.append(draft(1));
    const name = segmentFiles().at(-1) as string;
    const kept = statSync(join(directory, name)).size;
    await spool.append(draft(2));
    await spool.close();
    const whole = readFileSync(join(directory, name));
    for (let length = kept; length < whole.length; length += 37) {
      for (const leftover of readdirSync(directory)) if (leftover !== name) rmSync(join(directory, leftover));
      writeFileSync(join(directory, name), whole.subarray(0, length));
      spool = await open();
      expect(numbers(await shipAll(spool))).toEqual([1]);
      expect(spool.recovered).toEqual({ truncatedBytes: length - kept, damaged: [] });
      await spool.close();
      expect(statSync(join(directory, name)).size).toBe(kept);
    }
  });

  test('damage before whole batches is kept aside and reported, not taken for a torn tail', async () => {
    spool = await open();
    for (let i = 1; i <= 4; i++) await spool.append(draft(i));
    await spool.close();
    const name = segmentFiles()[0] as string;
    const bytes = readFileSync(join(directory, name));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    writeFileSync(join(directory, name), bytes);
    spool = await open();
    expect(spool.recovered.damaged).toEqual([`damaged-${name}`]);
    expect(readFileSync(join(directory, `damaged-${name}`))).toEqual(bytes);
    expect(numbers(await shipAll(spool)).length).toBeLessThan(4);
  });

  test('a damaged older segment is skipped with a declared gap', async () => {
    spool = await open({ segmentBytesMax: 1_024 });
    for (let i = 1; i <= 8; i++) await spool.append(draft(i));
    const [, second] = segmentFiles() as [string, string];
    // What is in memory needs no disk: only a spool that was opened again reads the file.
    await spool.close();
    spool = await open({ segmentBytesMax: 1_024 });
    truncateSync(join(directory, second), 10);
    const first = await spool.readFrom(undefined);
    let last = first?.position.seq ?? 0;
    const gaps: number[] = [];
    for (
      let next = await spool.readFrom(first?.position);
      next !== undefined;
      next = await spool.readFrom(next.position)
    ) {
      if (next.gap) gaps.push(last);
      last = next.position.seq;
    }
    expect(gaps).toHaveLength(1);
    expect(last).toBe(8);
  });

  test('a torn header of a new segment is dropped', async () => {
    spool = await open();
    await spool.append(draft(1));
    await spool.close();
    writeFileSync(join(directory, 'seg-0000000009-0000000000000002.spool'), 'ASG1\0\0\0\xffpart', 'latin1');
    spool = await open();
    expect(numbers(await shipAll(spool))).toEqual([1]);
  });

  test('one process per directory; another gateway is refused; a lost directory gets a fresh epoch', async () => {
    spool = await open();
    const second = await openSpool({ directory, gateway, signer }).catch((error: unknown) => error);
    expect(second).toBeInstanceOf(RefusalError);
    expect((second as RefusalError).refusal.code).toBe('storage.locked');
    await spool.append(draft(1));
    await spool.close();
    await expect(openSpool({ directory, gateway: 'other', signer })).rejects.toThrow(/another gateway/);
    rmSync(directory, { recursive: true });
    spool = await open({ epochMin: 7 });
    expect(await spool.append(draft(1))).toEqual({ ok: true, epoch: 8, seq: 1 });
  });

  test('a lost spool uses no epoch again that it began while control heard nothing of it', async () => {
    const startedMs = Date.UTC(2026, 10, 21);
    const heard = 3;
    const cutOff: number[] = [];
    for (const afterMs of [0, 1_000, 1_500, 2_000]) {
      spool = await open({ epochMin: epochUsedUp(heard, startedMs + afterMs) });
      cutOff.push(spool.head().epoch);
      await spool.close();
    }
    expect(new Set(cutOff).size).toBe(4);
    rmSync(directory, { recursive: true });
    spool = await open({ epochMin: epochUsedUp(heard, startedMs + 10_000) });
    expect(spool.head().epoch).toBeGreaterThan(Math.max(...cutOff));
  });

  test('neither a wrong clock nor a word of control takes the epochs beyond what the names of segments order', async () => {
    expect(epochUsedUp(7, -1)).toBe(8);
    expect(epochUsedUp(7_000_000_000, Date.UTC(2026, 10, 21))).toBe(7_000_000_001);
    spool = await open({ epochMin: epochUsedUp(0, Date.UTC(9_000, 0)) });
    expect(spool.head().epoch).toBe(5_000_000_001);
    expect(code(await spool.append(draft(1)))).toBe('ok');
    await spool.close();
    await expect(open({ epochMin: epochUsedUp(9_999_999_999, 0) })).rejects.toThrow(/used up/);
    spool = await open();
    expect(numbers(await shipAll(spool))).toEqual([1]);
  });

  test('a lock of a dead process does not stop a restart', async () => {
    writeFileSync(join(directory, 'lock'), '4194303 gone');
    spool = await open();
    expect(code(await spool.append(draft(1)))).toBe('ok');
  });

  test('bounds: oversized records, full queue, full spool', async () => {
    spool = await open({ spoolBytesMax: 20_000 });
    expect(code(await spool.append(draft(1, { body: { text: 'x'.repeat(66_000) } })))).toBe(
      'audit.record_too_large',
    );
    const flood = await Promise.all(Array.from({ length: 4_200 }, (_, i) => spool.append(draft(i))));
    const refused = flood.filter((result) => code(result) === 'audit.spool_full').length;
    expect(refused).toBe(4_200 - (4_096 - 64));
    expect(code(await spool.append(draft(1)))).toBe('audit.spool_full');
    expect(code(await spool.appendUrgent(draft(1, { type: 'incident.containment_set' })))).toBe('ok');
    await shipAll(spool);
  });
});

describe('on a failing disk', () => {
  const open = (disk: FaultyDisk): Promise<Spool> =>
    openSpool({ directory: '', gateway, signer, disk, probeEveryMs: 60_000, segmentBytesMax: 3_000 });

  test('a full disk refuses, loses nothing, records stops in the reserve, and comes back after a probe', async () => {
    const disk = new FaultyDisk(1);
    const spool = await open(disk);
    expect(code(await spool.append(draft(1)))).toBe('ok');
    disk.full = true;
    expect(code(await spool.append(draft(2)))).toBe('audit.record_unavailable');
    expect(spool.state().detail).toContain('ENOSPC');
    expect(code(await spool.append(draft(3)))).toBe('audit.record_unavailable');
    expect(await spool.probe()).toBe(false);
    const stop = await spool.appendUrgent(draft(4, { type: 'incident.containment_set' }));
    expect(code(stop)).toBe('ok');
    expect(code(await spool.append(draft(5)))).toBe('audit.record_unavailable');
    expect(await spool.probe()).toBe(false);
    disk.full = false;
    expect(await spool.probe()).toBe(true);
    expect(code(await spool.append(draft(6)))).toBe('ok');
    expect(numbers(await shipAll(spool))).toEqual([1, 4, 6]);
    expect(await disk.list()).toContain('reserve');
    await spool.close();
  });

  /** Every operation once, each with the write taking effect or not before the error, then power loss: FiloSottile/sunlight's table. */
  const steps = Array.from({ length: 46 }, (_, step) => step);
  test.each(
    steps.flatMap((step) => [
      { step, persisted: false },
      { step, persisted: true },
    ]),
  )(
    'fault at operation $step, persisted: $persisted: acknowledged records survive power loss',
    async ({ step, persisted }) => {
      const disk = new FaultyDisk(step * 2 + Number(persisted));
      let spool = await open(disk);
      const acknowledged: number[] = [];
      const write = async (n: number): Promise<void> => {
        if ((await spool.append(draft(n))).ok) acknowledged.push(n);
      };
      await write(1);
      disk.failAt = { operation: disk.operations + step, persisted };
      for (let n = 2; n <= 9; n++) {
        await Promise.all([write(n * 10), write(n * 10 + 1)]);
        if (spool.state().failed) await spool.probe();
      }
      await write(1000);
      const order = acknowledged.slice();
      expect(numbers(await shipAll(spool))).toEqual(order);
      disk.powerLoss();
      spool = await open(disk);
      // What was refused may appear after power loss, what was acknowledged must.
      const survived = new Set(numbers(await shipAll(spool)));
      expect(order.filter((n) => !survived.has(n))).toEqual([]);
      expect(code(await spool.append(draft(2000)))).toBe('ok');
      await spool.close();
    },
  );
});
