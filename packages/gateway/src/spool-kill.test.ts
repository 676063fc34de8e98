import { sealSigner } from '@atf/core/audit/gateway-key';
import { exportGatewayKey, type GatewayKey, importGatewayKey } from '@atf/core/audit/gateway-key';
import { hashesEqual } from '@atf/core/audit/merkle';
import { decodeBatch, genesisHash, type SpoolBatch, verifyBatch } from '@atf/core/audit/spool-frame';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openSpool, type Spool } from './spool.ts';

const killsMax = 20;
const directory = mkdtempSync(join(tmpdir(), 'atf-kill-'));
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keyFile = join(directory, 'key.pem');
writeFileSync(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
const keys = [importGatewayKey(exportGatewayKey('k1', privateKey)) as GatewayKey];
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Lets a writer run for a while after it is ready, kills it, and returns the numbers that it had acknowledged. */
async function writeUntilKilled(spoolDirectory: string, first: number, afterMs: number): Promise<number[]> {
  const script = join(import.meta.dirname, 'spool-writer.fixture.ts');
  const child = spawn(
    process.execPath,
    ['--conditions=atf-src', script, spoolDirectory, keyFile, String(first)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (printed === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    printed += text;
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  // The last line may be torn; it counts only when it is whole.
  return printed
    .slice(0, printed.lastIndexOf('\n'))
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map(Number);
}

/** Every record, held to chain and seals. */
async function readAll(spool: Spool): Promise<{ numbers: number[]; epochs: number }> {
  const numbers: number[] = [];
  let [prev, seq, epochs] = [genesisHash, 0, 0];
  for (
    let next = await spool.readFrom(undefined);
    next !== undefined;
    next = await spool.readFrom(next.position)
  ) {
    const batch = decodeBatch(next.frame) as SpoolBatch;
    const verified = verifyBatch(batch, keys);
    if (!verified.ok) throw new Error(verified.problem);
    expect(batch.firstSeq).toBe(seq + 1);
    expect(hashesEqual(batch.prev, prev)).toBe(true);
    prev = verified.head;
    seq = next.position.seq;
    epochs = batch.epoch;
    numbers.push(...verified.records.map(({ entry }) => Number(entry.body['n'])));
  }
  return { numbers, epochs };
}

test(`kill -9 of a writing process, ${killsMax} times: every acknowledged record is there, the chain is whole`, async () => {
  const spoolDirectory = join(directory, 'spool');
  const acknowledged: number[] = [];
  for (let kill = 0; kill < killsMax; kill++) {
    acknowledged.push(...(await writeUntilKilled(spoolDirectory, (kill + 1) * 1_000_000, (kill * 13) % 90)));
  }
  const spool = await openSpool({
    directory: spoolDirectory,
    gateway: 'g1',
    signer: sealSigner('k1', privateKey),
  });
  const { numbers } = await readAll(spool);
  await spool.close();
  const there = new Set(numbers);
  expect(there.size).toBe(numbers.length);
  expect(acknowledged.length).toBeGreaterThan(killsMax);
  expect(acknowledged.filter((n) => !there.has(n))).toEqual([]);
}, 120_000);
