/**
 * What a second of processor time is worth here and now: ES256 verifications in one, sampled in processes of their own. On machines that are shared with
 * others it swings while everything else stays the same; figures per second of processor time are read beside it.
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { fileURLToPath } from 'node:url';

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

if (process.argv[2] === 'measure') process.stdout.write(String(verificationsPerSecond()));
