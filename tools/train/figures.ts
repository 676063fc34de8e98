/** The figures of a model: what a copy that never saw a collection says of it, harmless texts by kind, and the time it takes. */
import type { Model } from '@atf/core/data/models/linear-model';
import { areaUnderCurve, quantileAbove, shareFrom } from './measure.ts';
import { kindOf, type Recipe, type Split, unbounded } from './recipes.ts';
import type { Row } from './rows.ts';
import { train } from './train.ts';

const rowsMin = 20;
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const scoresOf = (model: Model, rows: readonly Row[]) => rows.map(({ text }) => model.score(text));

export function grouped(rows: readonly Row[], by: (row: Row) => string): [string, Row[]][] {
  return Object.entries(Object.groupBy(rows, by)).map(([name, group]) => [name, group ?? []]);
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const isOrdinary = (row: Row) => kindOf[row.source] !== unbounded;

/** False positives on harmless texts that set the thresholds, by kind. */
export function falsePositives(model: Model, calibrate: readonly Row[]) {
  return grouped(calibrate, ({ source }) => kindOf[source] ?? source).map(([kind, rows]) => {
    const scores = scoresOf(model, rows);
    return {
      kind,
      rows: rows.length,
      label: shareFrom(scores, model.thresholds.label),
      block: shareFrom(scores, model.thresholds.block),
    };
  });
}

function calibrationTable(model: Model, calibrate: readonly Row[]): string {
  return table(
    ['harmless texts', 'rows', 'labelled', 'at the blocking threshold'],
    falsePositives(model, calibrate).map(({ kind, rows, label, block }) => [
      kind,
      rows,
      percent(label),
      percent(block),
    ]),
  );
}

/** What is said of rows that neither trained the model nor set its thresholds. */
export function onRows(model: Model, harmless: readonly number[], rows: readonly Row[]): string[][] {
  return grouped(rows, ({ source, label }) => `${label} ${source}`)
    .filter(([, group]) => group.length >= 5)
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([name, group]) => {
      const scores = scoresOf(model, group);
      const isAttack = name.startsWith('1');
      return [
        name.slice(2),
        isAttack ? 'yes' : 'no',
        `${group.length}`,
        isAttack ? areaUnderCurve(harmless, scores).toFixed(3) : '',
        isAttack ? percent(shareFrom(scores, quantileAbove(harmless, 0.01))) : '',
        percent(shareFrom(scores, model.thresholds.label)),
        percent(shareFrom(scores, model.thresholds.block)),
      ];
    });
}

const head = [
  'collection',
  'to be found',
  'rows',
  'AUC',
  'recall at 1 % FP',
  'labelled',
  'at the blocking threshold',
];

/** Each group of collections, told by a model of the same training without it; its thresholds are set anew. */
function leftOut(recipe: Recipe, { train: rows, calibrate }: Split, seed: number): string {
  const lines = recipe.folds.flatMap((fold) => {
    const isOut = ({ source }: Row) => fold.includes(source);
    const others = rows.filter((row) => !isOut(row));
    // Documents of a collection that is left out set no threshold either.
    const harmless = calibrate.filter((row) => !isOut(row));
    const { model } = train(others, harmless, recipe.grams, seed);
    const out = [...rows, ...calibrate].filter((row) => isOut(row));
    const bySource = Object.groupBy(out, ({ source }) => source);
    const large = out.filter(({ source }) => (bySource[source]?.length ?? 0) >= rowsMin);
    return onRows(model, scoresOf(model, harmless.filter(isOrdinary)), large);
  });
  return table(
    head,
    lines.sort((a, b) => (`${b[1]}${a[0]}` < `${a[1]}${b[0]}` ? -1 : 1)),
  );
}

/** Microseconds for 2 KB of text: the median of many. */
export function microsecondsPer2Kb(model: Model, rows: readonly Row[]): number {
  const texts = rows
    .filter(({ text }) => text.length >= 500)
    .map(({ text }) => text.padEnd(2_048, text).slice(0, 2_048));
  for (const text of texts) model.score(text);
  const times = texts.map((text) => {
    const startMs = performance.now();
    model.score(text);
    return (performance.now() - startMs) * 1_000;
  });
  return Math.round(times.sort((a, b) => a - b)[times.length >> 1] ?? 0);
}

export function figures(recipe: Recipe, model: Model, split: Split, seed: number): string {
  const { calibrate, kept } = split;
  const harmless =
    recipe.folds.length > 0
      ? scoresOf(model, calibrate.filter(isOrdinary))
      : scoresOf(
          model,
          kept.filter(({ label }) => label === 0),
        );
  const parts = [
    '**Harmless texts that it was not trained on.** They set the thresholds.',
    calibrationTable(model, calibrate),
    '**Texts that neither trained it nor set its thresholds.**',
    table(head, onRows(model, harmless, kept)),
  ];
  if (recipe.folds.length > 0)
    parts.push(
      '**Whole collections left out.** A model of the same training that never saw the collection, with thresholds of its own. This is what to expect of texts that nobody has collected yet.',
      leftOut(recipe, split, seed),
    );
  parts.push(`Time: ${microsecondsPer2Kb(model, calibrate)} µs for 2 KB of text (median, one core).`);
  return parts.join('\n\n');
}
