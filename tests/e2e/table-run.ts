/** Scripts that print a table of figures, run as people run them. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './product.ts';

interface Ran {
  readonly code: number | null;
  /** Cells of the rows of the table that was printed. */
  readonly rows: string[][];
  readonly stderr: string;
}

export async function runTable(script: string, options: readonly string[]): Promise<Ran> {
  const args = [join(root, script), ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  const lines = stdout.split('\n').filter((line) => line.startsWith('|'));
  const cells = lines.slice(2).map((line) => line.split('|').map((cell) => cell.trim()));
  return { code, stderr, rows: cells.map((row) => row.slice(1, -1)) };
}
