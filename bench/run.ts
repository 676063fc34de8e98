/**
 * `npm run bench`: measures everything in one run, prints a table, writes `bench/results/<date>.json` and `latest.md`. Figures are compared with peers of the same
 * run as ratios; what was wanted stands beside what was reached. Options: `--only decide|call|kill|start` (prints, and writes nothing), `--calls N`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureCoreSpeed } from './core-speed.ts';
import { measureDecide } from './decide-cedar.ts';
import { measureGovernedCall, measureKill } from './governed-call.ts';
import { measureStarts } from './start.ts';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, calls: { type: 'string', default: '20000' } },
});
const wants = (part: string) => options.only === undefined || options.only === part;
const number = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);

interface Row {
  readonly what: string;
  readonly reached: string;
  readonly wanted: string;
  readonly ok: boolean | undefined;
}

const rows: Row[] = [];
const raw: Record<string, unknown> = {
  at: new Date().toISOString(),
  machine: { cores: cpus().length, model: cpus()[0]?.model, node: process.version },
};
const say = (text: string) => process.stderr.write(`${text}\n`);

if (wants('decide')) {
  say('decide(): policies from 10 to 10,000, beside cedar-wasm and agent-governance-sdk …');
  const measured = await measureDecide();
  raw['decide'] = measured;
  for (const { name, policies, opsPerSecond, p50Us, p99Us, ratio } of measured) {
    const ours = name === 'atf' && policies === 1000;
    rows.push({
      what: `decide, ${policies} policies, ${name}`,
      reached: `${number(opsPerSecond)}/s, p50 ${number(p50Us)} µs, p99 ${number(p99Us)} µs${ratio === undefined ? '' : `, ${number(ratio)}× slower than atf`}`,
      wanted: ours
        ? '≥ 100,000/s'
        : name.startsWith('cedar-wasm') && policies === 1000
          ? 'atf ≥ 100× faster'
          : '',
      ok: ours
        ? opsPerSecond >= 100_000
        : name.startsWith('cedar-wasm') && policies === 1000 && ratio !== undefined
          ? ratio >= 100
          : undefined,
    });
  }
}
if (wants('call')) {
  say('a governed MCP tools/call with durable record beside the same call straight to the tool server …');
  const measured = await measureGovernedCall(Number(options.calls));
  const core = await measureCoreSpeed();
  raw['governedCall'] = measured;
  raw['coreSpeed'] = core;
  const { direct, governed, governedHalf, directHalf, callsPerGatewayCoreSecond, addedP50Ms, addedP99Ms } =
    measured;
  const load = ({ perSecond, p50Ms, p99Ms, failed }: typeof direct) =>
    `${number(perSecond)}/s, p50 ${number(p50Ms)} ms, p99 ${number(p99Ms)} ms, ${failed} failed`;
  rows.push(
    { what: 'tools/call, straight, full load', reached: load(direct), wanted: '', ok: undefined },
    {
      what: 'tools/call, governed, full load',
      reached: load(governed),
      wanted: '0 failed',
      ok: governed.failed === 0,
    },
    { what: 'tools/call, straight, half load', reached: load(directHalf), wanted: '', ok: undefined },
    { what: 'tools/call, governed, half load', reached: load(governedHalf), wanted: '', ok: undefined },
    {
      what: 'governed calls per second of gateway processor time',
      reached: number(callsPerGatewayCoreSecond),
      wanted: '≥ 1,000',
      ok: callsPerGatewayCoreSecond >= 1000,
    },
    {
      what: 'ES256 verifications in a second of processor time, for comparison (slowest and fastest sample)',
      reached: `${number(core.least)} to ${number(core.most)}`,
      wanted: '',
      ok: undefined,
    },
    { what: 'added at half load, p50', reached: `${number(addedP50Ms)} ms`, wanted: '', ok: undefined },
    {
      what: 'added at half load, p99',
      reached: `${number(addedP99Ms)} ms`,
      wanted: '≤ 5 ms',
      ok: addedP99Ms <= 5,
    },
  );
}
if (wants('kill')) {
  say('kill to last effect …');
  const measured = await measureKill();
  raw['kill'] = measured;
  rows.push(
    {
      what: `kill to last effect, p50 of ${measured.kills}`,
      reached: `${number(measured.lastEffectP50Ms)} ms`,
      wanted: '',
      ok: undefined,
    },
    {
      what: `kill to last effect, p99 of ${measured.kills}`,
      reached: `${number(measured.lastEffectP99Ms)} ms`,
      wanted: '≤ 250 ms',
      ok: measured.lastEffectP99Ms <= 250,
    },
    { what: 'kill to report, p99', reached: `${number(measured.reportP99Ms)} ms`, wanted: '', ok: undefined },
  );
}

if (wants('start')) {
  say('starts, on an empty directory and with all state …');
  const { firstMs, laterMs, helpMs } = await measureStarts();
  raw['start'] = { firstMs, laterMs, helpMs };
  const median = laterMs[Math.floor(laterMs.length / 2)] ?? Number.NaN;
  const seconds = (ms: number | undefined) => `${((ms ?? Number.NaN) / 1000).toFixed(1)} s`;
  rows.push(
    { what: 'start on an empty directory', reached: seconds(firstMs), wanted: '', ok: undefined },
    {
      what: `start with all state, median of ${laterMs.length} (fastest, slowest)`,
      reached: `${seconds(median)} (${seconds(laterMs[0])}, ${seconds(laterMs.at(-1))})`,
      wanted: '< 5 s',
      ok: median < 5_000,
    },
    {
      what: 'atf --help, above Node itself',
      reached: `${number(helpMs)} ms`,
      wanted: '≤ 110 ms',
      ok: helpMs <= 110,
    },
  );
}

const table = [
  '| what | reached | wanted | |',
  '| --- | --- | --- | --- |',
  ...rows.map(
    ({ what, reached, wanted, ok }) =>
      `| ${what} | ${reached} | ${wanted} | ${ok === undefined ? '' : ok ? 'yes' : 'NO'} |`,
  ),
].join('\n');
if (options.only !== undefined) {
  process.stdout.write(`${table}\n`);
  process.exit(0);
}
const results = join(dirname(fileURLToPath(import.meta.url)), 'results');
await mkdir(results, { recursive: true });
await writeFile(
  join(results, `${String(raw['at']).slice(0, 10)}.json`),
  `${JSON.stringify({ ...raw, rows }, null, 2)}\n`,
);
await writeFile(
  join(results, 'latest.md'),
  `Measured ${String(raw['at']).slice(0, 10)} on ${cpus().length} shared cores, Node ${process.version}.\n\n${table}\n`,
);
process.stdout.write(`${table}\n`);
process.exit(0);
