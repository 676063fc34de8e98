/** Runs the built `atf` as a process of its own, as a person or a script would. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './product.ts';

export const atfBin = join(root, 'packages/cli/bin/atf.js');
const runWithinMs = 240_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Told what stands on standard error so far, whenever there is more of it. */
  readonly heard?: (stderr: string) => void;
}

export function run(script: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, NO_COLOR: '', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: runWithinMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      options.heard?.(stderr);
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr, tookMs: performance.now() - startMs }));
  });
}

export const atf = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run(atfBin, args, options);

/** A command that hands over to the browser. Resolves once it waits for a person; `ended` is how it ends. */
export async function handingOver(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ readonly ended: Promise<Ran> }> {
  let waits = () => {};
  const waiting = new Promise<void>((resolve) => {
    waits = resolve;
  });
  const heard = (stderr: string) => (stderr.includes('Waiting') ? waits() : undefined);
  const ended = atf(args, { ...options, heard });
  const early = ended.then(({ code, stderr }) => {
    throw new Error(`it ended with ${code} before it waited: ${stderr}`);
  });
  await Promise.race([waiting, early]);
  early.catch(() => undefined);
  return { ended };
}

/** The documents that `--json` printed. */
export const documents = (ran: Ran): Record<string, unknown>[] =>
  ran.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The failure that `--json` printed on standard error. */
export function failure(ran: Ran): { exitCode: number; code?: string; message: string; help?: string } {
  const line = ran.stderr.split('\n').find((each) => each.startsWith('{"error"'));
  if (line === undefined) throw new Error(`no failure was printed: ${ran.stdout}\n${ran.stderr}`);
  return (JSON.parse(line) as { error: { exitCode: number; code?: string; message: string; help?: string } })
    .error;
}
