/**
 * `npm run bench`: measures everything in one run, prints a table, writes `bench/results/<date>.json` and `latest.md`. Figures are compared with peers of the same
 * run as ratios; what was wanted stands beside what was reached. Options: `--only NAME`, again for more (prints, and writes nothing); `--calls N`; `--quick`: a second
 * of each, to see that it measures something (prints, and writes nothing). What cannot be measured is a row of the table too, and the exit code then is 1.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { actionsPart } from './actions.ts';
import { backtestPart } from './backtest.ts';
import { connectedPart } from './connected.ts';
import { decidePart } from './decide-cedar.ts';
import { wholeDecisionPart } from './decide-whole.ts';
import { callPart, httpPart } from './governed-call.ts';
import { largePart } from './large.ts';
import type { Part, Row } from './part.ts';
import { planPart } from './plan.ts';
import { startPart } from './start.ts';
import { streamsPart } from './streams.ts';
import { gatewaysPart, killPart } from './two-gateways.ts';

const parts: readonly Part[] = [
  decidePart,
  wholeDecisionPart,
  callPart,
  httpPart,
  actionsPart,
  streamsPart,
  connectedPart,
  gatewaysPart,
  killPart,
  startPart,
  largePart,
  planPart,
  backtestPart,
];
const quickCalls = 200;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    calls: { type: 'string', default: '20000' },
    quick: { type: 'boolean', default: false },
  },
});
const { only, quick } = options;
const calls = quick ? quickCalls : Number(options.calls);
const unknown = only.filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0 || !Number.isSafeInteger(calls) || calls < 10) {
  process.stderr.write(
    `--only is one of: ${parts.map(({ name }) => name).join(', ')}; --calls is a number from 10.\n`,
  );
  process.exit(2);
}

const rows: Row[] = [];
const at = new Date().toISOString();
const raw: Record<string, unknown> = {
  at,
  machine: { cores: cpus().length, model: cpus()[0]?.model, node: process.version },
  /** Runnable processes per minute before anything was measured: above zero, others use the machine. */
  loadBefore: loadavg()[0],
};
for (const part of parts.filter(({ name }) => only.length === 0 || only.includes(name))) {
  process.stderr.write(`${part.name}: ${part.says} …\n`);
  try {
    const measured = await part.measure({ quick, calls });
    raw[part.name] = measured.raw;
    rows.push(...measured.rows);
  } catch (fault) {
    process.exitCode = 1;
    process.stderr.write(`${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}\n`);
    rows.push({ what: part.says, reached: 'could not be measured', wanted: 'a figure', ok: false });
  }
}

const table = [
  '| what | reached | wanted | |',
  '| --- | --- | --- | --- |',
  ...rows.map(
    ({ what, reached, wanted, ok }) =>
      `| ${what} | ${reached} | ${wanted ?? ''} | ${ok === undefined ? '' : ok ? 'yes' : 'NO'} |`,
  ),
].join('\n');
process.stdout.write(`${table}\n`);
if (only.length === 0 && !quick) {
  const results = join(dirname(fileURLToPath(import.meta.url)), 'results');
  const date = at.slice(0, 10);
  await mkdir(results, { recursive: true });
  await writeFile(join(results, `${date}.json`), `${JSON.stringify({ ...raw, rows }, null, 2)}\n`);
  const head = `Measured ${date} on ${cpus().length} shared cores, Node ${process.version}.`;
  await writeFile(join(results, 'latest.md'), `${head}\n\n${table}\n`);
}
process.exit();
