/** How long `atf up` takes from the process to the line that says that everything runs: on an empty directory, and on one that has its state. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Product } from '../tests/e2e/product.ts';

const again = 7;

export interface Starts {
  readonly firstMs: number;
  /** Of the starts after the first, in order of their length. */
  readonly laterMs: readonly number[];
}

async function timed(home: string): Promise<number> {
  const begun = performance.now();
  const product = await Product.start({ home });
  const tookMs = performance.now() - begun;
  await product.stop();
  return tookMs;
}

export async function measureStarts(): Promise<Starts> {
  const home = await mkdtemp(join(tmpdir(), 'atf-bench-start-'));
  try {
    const firstMs = await timed(home);
    const laterMs: number[] = [];
    for (let n = 0; n < again; n++) laterMs.push(await timed(home));
    return { firstMs, laterMs: laterMs.sort((a, b) => a - b) };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
