/**
 * `npm run bench:detectors`: every shipped detector over labelled data, without the gateway: recall, precision, false positives on ordinary texts, time per 2 KB.
 * Beside them, on the same rows in the same run, packages of others that look for the same (peer-detectors.ts). Expressions and check digits were fitted to nothing; the models
 * were trained on `train` files, so that only what other files say of them counts.
 *
 * Options: `--data DIR` (`pii/*.json[.gz]`: rows `{full_text, spans}`; `secrets`, `injection` and `toxicity/*.jsonl[.gz]`: rows `{text, label, set}`; those of `injection`
 * with `label` 0 are ordinary texts), `--json FILE`.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { Detector } from '@atf/core/data/detectors/detector';
import { detectors, glanceAt } from '@atf/core/data/detectors/index';
import { z } from 'zod';
import { injectionLines, injectionTable, lookAt } from './injection.ts';
import { toolRows, traceRows } from './injection-rows.ts';
import { agentGovernance, redactPii, secretlint } from './peer-detectors.ts';
import { sample } from './sample.ts';
import { modelScore, type Scored, scored } from './scored-texts.ts';

const root = join(import.meta.dirname, '..');
const shared = process.env['ATF_DATA'] ?? join(root, '../shared/data');
const { values: options } = parseArgs({
  options: { data: { type: 'string', default: shared }, json: { type: 'string' } },
});

/** Names of kinds in the data of Presidio, and who finds them here. */
const finders: Readonly<Record<string, string>> = {
  EMAIL_ADDRESS: 'pii.email',
  CREDIT_CARD: 'pii.card',
  IBAN_CODE: 'pii.iban',
  IP_ADDRESS: 'pii.ip',
  US_SSN: 'pii.us_ssn',
  PHONE_NUMBER: 'pii.phone',
};
const spanned = z.object({
  full_text: z.string(),
  spans: z.array(z.object({ entity_type: z.string(), start_position: z.int(), end_position: z.int() })),
});
const labelled = z.object({
  text: z.string(),
  label: z.union([z.int(), z.string()]),
  set: z.string().optional(),
  class: z.string().optional(),
  src: z.string().optional(),
});

function files(folder: string, ending: RegExp): { readonly name: string; readonly text: string }[] {
  const dir = join(options.data, folder);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => ending.test(name))
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(dir, name));
      return { name, text: (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8') };
    });
}
const rowsOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => labelled.parse(JSON.parse(line)));

interface Line {
  readonly set: string;
  readonly detector: string;
  readonly wanted: number;
  readonly found: number;
  readonly wrong: number;
  readonly recall: number | undefined;
  /** Of what was found; over texts: the share of ordinary texts in which something was found. */
  readonly precision?: number | undefined;
  readonly falsePositives?: number | undefined;
}

const share = (part: number, all: number): number | undefined => (all === 0 ? undefined : part / all);

function spans(
  set: string,
  rows: readonly z.infer<typeof spanned>[],
  kind: string,
  detector: Detector,
): Line {
  let [wanted, found, wrong] = [0, 0, 0];
  for (const { full_text: text, spans: all } of rows) {
    const places = detector.find(text, glanceAt(text));
    const own = all.filter(({ entity_type: type }) => type === kind);
    const meets = (place: { start: number; end: number }, span: (typeof own)[number]) =>
      place.start < span.end_position && place.end > span.start_position;
    wanted += own.length;
    found += own.filter((span) => places.some((place) => meets(place, span))).length;
    wrong += places.filter((place) => !own.some((span) => meets(place, span))).length;
  }
  const recall = share(found, wanted);
  return { set, detector: detector.id, wanted, found, wrong, recall, precision: share(found, found + wrong) };
}

function texts(
  set: string,
  rows: readonly z.infer<typeof labelled>[],
  name: string,
  of: readonly Detector[],
): Line {
  const hit = ({ text }: { text: string }) =>
    of.some((detector) => detector.find(text, glanceAt(text)).length > 0);
  const positive = rows.filter(({ label }) => Number(label) === 1);
  const ordinary = rows.filter(({ label }) => Number(label) === 0);
  const [found, wrong] = [positive.filter(hit).length, ordinary.filter(hit).length];
  const rates = { recall: share(found, positive.length), falsePositives: share(wrong, ordinary.length) };
  return { set, detector: name, wanted: positive.length, found, wrong, ...rates };
}

/** The same spans as of a package that only says what is left: found where the text of the span is gone, wrong where a text without one was changed. */
function redacted(
  set: string,
  rows: readonly z.infer<typeof spanned>[],
  kind: string,
  redact: (text: string) => string,
): Line {
  let [wanted, found, wrong] = [0, 0, 0];
  for (const { full_text: text, spans: all } of rows) {
    const after = redact(text);
    const own = all.filter(({ entity_type: type }) => type === kind);
    wanted += own.length;
    found += own.filter((span) => !after.includes(text.slice(span.start_position, span.end_position))).length;
    if (own.length === 0 && after !== text) wrong++;
  }
  const rates = { recall: share(found, wanted), precision: share(found, found + wrong) };
  return { set, detector: `redact-pii, ${kind}`, wanted, found, wrong, ...rates };
}

async function textsOfPeer(
  set: string,
  rows: readonly z.infer<typeof labelled>[],
  name: string,
  score: (text: string) => number | Promise<number>,
): Promise<Line> {
  let [wanted, found, ordinary, wrong] = [0, 0, 0, 0];
  for (const { text, label } of rows) {
    const hit = (await score(text)) > 0;
    if (Number(label) === 1) [wanted, found] = [wanted + 1, found + Number(hit)];
    else [ordinary, wrong] = [ordinary + 1, wrong + Number(hit)];
  }
  const rates = { recall: share(found, wanted), falsePositives: share(wrong, ordinary) };
  return { set, detector: name, wanted, found, wrong, ...rates };
}

const lines: Line[] = [];
const ordinaryMax = 3_000;
for (const { name, text } of files('pii', /\.json(?:\.gz)?$/)) {
  const rows = z.array(spanned).parse(JSON.parse(text));
  for (const [kind, id] of Object.entries(finders)) {
    const detector = detectors.find((each) => each.id === id);
    if (detector !== undefined) lines.push(spans(name, rows, kind, detector));
    const redact = redactPii(id);
    if (redact !== undefined) lines.push(redacted(name, rows, kind, redact));
  }
}
const secrets = detectors.filter(({ category }) => category === 'secret');
for (const { name, text } of files('secrets', /\.jsonl(?:\.gz)?$/)) {
  const rows = rowsOf(text);
  lines.push(texts(name, rows, 'secret.*', secrets));
  lines.push(await textsOfPeer(name, rows, 'secretlint', secretlint));
  // Fixtures that lost the text of their example hold nothing to find.
  const whole = rows.filter((row) => Number(row.label) === 0 || /[A-Za-z0-9]{6}/.test(row.text));
  if (whole.length < rows.length) lines.push(texts(`${name}, rows with a text`, whole, 'secret.*', secrets));
}
for (const { name, text } of files('injection', /\.jsonl(?:\.gz)?$/)) {
  const ordinary = rowsOf(text).filter(({ label }) => Number(label) === 0);
  for (const detector of detectors) lines.push(texts(`${name}, ordinary`, ordinary, detector.id, [detector]));
  lines.push(texts(`${name}, ordinary`, ordinary, 'secret.*', secrets));
  const some = ordinary.slice(0, ordinaryMax);
  lines.push(await textsOfPeer(`${name}, ordinary (first ${some.length})`, some, 'secretlint', secretlint));
}

/** Thresholds of our models, on the scale of their cards. */
const ours = { label: 0.5, block: 0.7 };
const ofFolder = {
  injection: [
    ['injection-read', modelScore('injection-read'), ours],
    ['injection-prompt', modelScore('injection-prompt'), ours],
    ['agent-governance-sdk', agentGovernance, { label: 1 }],
  ],
  toxicity: [['toxicity', modelScore('toxicity'), ours]],
} as const;
const scores: Scored[] = [];
for (const [folder, all] of Object.entries(ofFolder))
  for (const { name, text } of files(folder, /\.jsonl(?:\.gz)?$/)) {
    const rows = rowsOf(text);
    for (const [by, score, thresholds] of all) {
      const line = await scored(name, by, rows, score, thresholds);
      if (line !== undefined) scores.push(line);
    }
  }

const percent = (value: number | undefined): string =>
  value === undefined ? '–' : `${(value * 100).toFixed(1)} %`;
process.stdout.write(
  '| set | detector | wanted | found | wrong | recall | precision | ordinary texts with a find |\n|---|---|---|---|---|---|---|---|\n',
);
for (const { set, detector, wanted, found, wrong, recall, precision, falsePositives } of lines)
  process.stdout.write(
    `| ${set} | \`${detector}\` | ${wanted} | ${found} | ${wrong} | ${percent(recall)} | ${percent(precision)} | ${percent(falsePositives)} |\n`,
  );

const scoredHeads = [
  'set',
  'by',
  'attacks',
  'harmless',
  'found',
  'false positives',
  'at the blocking threshold',
  'false positives there',
  'recall at 1 % false positives',
  'AUC',
];
process.stdout.write(`\n| ${scoredHeads.join(' | ')} |\n|${'---|'.repeat(scoredHeads.length)}\n`);
for (const each of scores)
  process.stdout.write(
    `| ${each.set} | ${each.by} | ${each.attacks} | ${each.harmless} | ${percent(each.recall)} | ${percent(each.falsePositives)} | ${percent(each.blocked)} | ${percent(each.falselyBlocked)} | ${percent(each.recallAtOnePercent)} | ${each.auc.toFixed(3)} |\n`,
  );

const orders = [
  ...files('injection', /\.jsonl(?:\.gz)?$/).flatMap(({ name, text }) => {
    const rows = rowsOf(text).map(({ set, src, class: kind, label, text: said }) => ({
      set: `${name}: ${set ?? src ?? kind ?? 'all'}`,
      attack: Number(label) === 1,
      text: said,
    }));
    return [...injectionLines(rows, 'read'), ...injectionLines(rows, 'prompt')];
  }),
  ...injectionLines(traceRows(options.data), 'read'),
  ...injectionLines(toolRows(options.data), 'read'),
];
process.stdout.write(`\n${injectionTable(orders)}\n`);

const ordinary = files('injection', /\.jsonl(?:\.gz)?$/)
  .flatMap(({ text }) => rowsOf(text))
  .filter(({ label }) => Number(label) === 0);
const body = ordinary.map(({ text }) => text).join('\n');
const twoKb = Array.from({ length: Math.min(200, Math.floor(body.length / 2_048)) }, (_, at) =>
  body.slice(at * 2_048, (at + 1) * 2_048),
);
const speed = twoKb.length === 0 ? undefined : sample((text: string) => lookAt(text), twoKb);
if (speed !== undefined)
  process.stdout.write(
    `\nAll detectors, views and the model, 2 KB of ordinary text: ${(1_000_000 / speed.opsPerSecond).toFixed(0)} µs of processor time; p50 ${speed.p50Us.toFixed(0)} µs, p99 ${speed.p99Us.toFixed(0)} µs.\n`,
  );
/** Others take turns on the same texts; a call that waits is measured until it is done. */
const peers: Record<string, number> = {};
for (const [name, score] of [
  ['secretlint', secretlint],
  ['agent-governance-sdk', agentGovernance],
] as const) {
  const started = process.threadCpuUsage();
  for (const text of twoKb) await score(text);
  const { user, system } = process.threadCpuUsage(started);
  if (twoKb.length > 0) peers[name] = (user + system) / twoKb.length;
  process.stdout.write(`${name}: ${(peers[name] ?? 0).toFixed(0)} µs of processor time for 2 KB.\n`);
}
if (options.json !== undefined)
  writeFileSync(
    options.json,
    `${JSON.stringify({ lines, scores, injection: orders, speed, peers }, undefined, 2)}\n`,
  );
