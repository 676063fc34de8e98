/** How long `atf up` takes from the process to the line that says that everything runs: on an empty directory, and on one that has its state. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Product, root } from '../tests/e2e/product.ts';
import { ms, type Part } from './part.ts';

const againDefault = 7;

const shortRuns = 15;

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

/** `helpMs`: the fastest `atf --help`, without what Node itself takes. */
async function measureStarts(again: number) {
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

const seconds = (each: number | undefined) => `${((each ?? Number.NaN) / 1000).toFixed(1)} s`;

export const startPart: Part = {
  name: 'start',
  says: 'starts, on an empty directory and with all state',
  async measure({ quick }) {
    const raw = await measureStarts(quick ? 1 : againDefault);
    const { firstMs, laterMs, helpMs } = raw;
    const median = laterMs[Math.floor(laterMs.length / 2)] ?? Number.NaN;
    return {
      raw,
      rows: [
        { what: 'start on an empty directory', reached: seconds(firstMs) },
        {
          what: `start with all state, median of ${laterMs.length} (fastest, slowest)`,
          reached: `${seconds(median)} (${seconds(laterMs[0])}, ${seconds(laterMs.at(-1))})`,
          wanted: '< 5 s',
          ok: median < 5_000,
        },
        { what: 'atf --help, above Node itself', reached: ms(helpMs), wanted: '≤ 110 ms', ok: helpMs <= 110 },
      ],
    };
  },
};
