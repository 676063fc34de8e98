/** How long `atf up` takes from the process to the line that says that everything runs: on an empty directory, and on one that has its state. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Product, root } from '../tests/e2e/product.ts';

const again = 7;

const shortRuns = 15;

export interface Starts {
  readonly firstMs: number;
  /** Of the starts after the first, in order of their length. */
  readonly laterMs: readonly number[];
  /** Fastest `atf --help`, without what Node itself takes. */
  readonly helpMs: number;
}

async function timed(home: string): Promise<number> {
  const begun = performance.now();
  const product = await Product.start({ home });
  const tookMs = performance.now() - begun;
  await product.stop();
  return tookMs;
}

/** The fastest of several: what it takes when nothing else wants the processor. */
function fastest(args: readonly string[]): number {
  let ms = Number.POSITIVE_INFINITY;
  for (let n = 0; n < shortRuns; n++) {
    const begun = performance.now();
    spawnSync(process.execPath, [...args], { stdio: 'ignore' });
    ms = Math.min(ms, performance.now() - begun);
  }
  return ms;
}

export async function measureStarts(): Promise<Starts> {
  const home = await mkdtemp(join(tmpdir(), 'atf-bench-start-'));
  try {
    const firstMs = await timed(home);
    const laterMs: number[] = [];
    for (let n = 0; n < again; n++) laterMs.push(await timed(home));
    const helpMs = fastest([join(root, 'packages/cli/bin/atf.js'), '--help']) - fastest(['-p', '0']);
    return { firstMs, laterMs: laterMs.sort((a, b) => a - b), helpMs };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
