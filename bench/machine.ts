/**
 * What this machine is worth here and now, to read other figures beside. Processor: ES256 verifications in a second of its time, sampled in processes of their
 * own; on machines that are shared with others it swings while everything else stays the same. Disk: how long a durable write takes; a governed call waits for two.
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quantile } from './processes.ts';

const file = fileURLToPath(import.meta.url);
const sampleMs = 700;
const samples = 6;

export interface CoreSpeed {
  /** Verifications in a second of processor time: the slowest and the fastest sample. */
  readonly least: number;
  readonly most: number;
}

function verificationsPerSecond(): number {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const text = Buffer.alloc(300, 1);
  const signature = sign('sha256', text, privateKey);
  const some = (count: number) => {
    for (let n = 0; n < count; n++)
      if (!verify('sha256', text, publicKey, signature)) throw new Error('unverified');
  };
  some(2_000);
  const used = process.cpuUsage();
  const begun = performance.now();
  let done = 0;
  for (; performance.now() - begun < sampleMs; done += 50) some(50);
  const { user, system } = process.cpuUsage(used);
  return done / ((user + system) / 1e6);
}

async function sample(): Promise<number> {
  const child = spawn(process.execPath, [file, 'measure'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return Number(text);
}

export async function measureCoreSpeed(): Promise<CoreSpeed> {
  const rates: number[] = [];
  for (let n = 0; n < samples; n++) rates.push(await sample());
  return { least: Math.min(...rates), most: Math.max(...rates) };
}

const writes = 500;
const writeBytes = 2_048;

export interface DiskSpeed {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Durable writes of a record's size, one after another, as the gateway's spool makes them. */
export async function measureDiskSpeed(): Promise<DiskSpeed> {
  const dir = await mkdtemp(join(tmpdir(), 'atf-bench-disk-'));
  const file = await open(join(dir, 'writes'), constants.O_WRONLY | constants.O_CREAT | constants.O_DSYNC);
  const took: number[] = [];
  try {
    for (let n = 0; n < writes; n++) {
      const begun = performance.now();
      await file.write(Buffer.alloc(writeBytes, n), 0, writeBytes, n * writeBytes);
      took.push(performance.now() - begun);
    }
  } finally {
    await file.close();
    await rm(dir, { recursive: true, force: true });
  }
  return { p50Ms: quantile(took, 0.5), p99Ms: quantile(took, 0.99) };
}

if (process.argv[2] === 'measure') process.stdout.write(String(verificationsPerSecond()));
