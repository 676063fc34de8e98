/** Processes of the benchmark and what they cost (Linux: read from /proc). */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tests/e2e/product.ts';
import type { LoadPlan, LoadResult } from './load.ts';

/** Runs Node on a file of the benchmark, gives it one line, and reads one line. @throws when it fails. */
export async function lineOf(file: string, input: unknown): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'bench', file)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  child.stdin.end(JSON.stringify(input));
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  const code = await ended;
  if (code !== 0) throw new Error(`bench/${file} ended with ${code}`);
  return text;
}

export const load = async (plan: LoadPlan): Promise<LoadResult> =>
  JSON.parse(await lineOf('load.ts', plan)) as LoadResult;

export interface Helper {
  /** The first line that it printed. */
  readonly said: string;
  readonly pid: number;
  close(): void;
}

/** A server of the benchmark: prints one line when it listens, ends with its standard input. */
export async function helper(file: string, args: readonly string[] = []): Promise<Helper> {
  const child = spawn(process.execPath, [join(root, 'bench', file), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const said = await new Promise<string>((done, fail) => {
    child.stdout.once('data', (chunk: Buffer) => done(chunk.toString().trim()));
    child.once('exit', (code) => fail(new Error(`bench/${file} ended with ${code}`)));
  });
  return { said, pid: child.pid ?? 0, close: () => child.stdin.end() };
}

/** Processor seconds of a process so far, user and system. */
export function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory of a process now, in MiB. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};
