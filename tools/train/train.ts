/** One model from rows: capped, counted, fitted, and its two thresholds set on harmless rows that it never saw. The same rows and seed give the same bytes. */
import { type Model, type ModelParts, makeModel } from '@atf/core/data/models/linear-model';
import { Random } from '../../tests/simulator/random.ts';
import { counted, fit, weigh } from './fit.ts';
import { quantileAbove } from './measure.ts';
import { capped, kindOf, unbounded } from './recipes.ts';
import { digestOf, type Row } from './rows.ts';

const dimensionBits = 18;
const textMax = 4_000;
/** Of each kind of harmless text: below the 1 % and 5 % that are promised, because other texts are not these. */
const blockShare = 0.007;
const labelShare = 0.035;
/** What the two thresholds are on the scale of the score. */
export const thresholds = { label: 0.5, block: 0.7 };

export interface Trained {
  readonly parts: ModelParts;
  readonly model: Model;
  readonly rows: number;
  readonly attacks: number;
}

/** @throws when the rows tell nothing apart */
export function train(rows: readonly Row[], calibrate: readonly Row[], grams: number, seed: number): Trained {
  const random = new Random(seed);
  const set = { grams, seed, dimensionBits };
  const used = capped(rows, random);
  const examples = used.map(({ label, text }) => ({ label, ...counted(text.slice(0, textMax), set) }));
  const { weights, step } = fit(examples, set, random);
  const byKind = new Map<string, number[]>();
  for (const { source, text } of calibrate) {
    const kind = kindOf[source] ?? source;
    if (kind === unbounded) continue;
    const counts = counted(text, set);
    if (counts.ends.length === 0) continue;
    const best = weigh(counts, weights).best * step;
    const scores = byKind.get(kind);
    if (scores === undefined) byKind.set(kind, [best]);
    else scores.push(best);
  }
  const highest = (share: number) =>
    Math.max(...[...byKind.values()].map((all) => quantileAbove(all, share)));
  // Just above, so that texts of the very same score do not cross it together.
  const [label, block] = [highest(labelShare) + 1e-6, highest(blockShare) + 1e-6];
  if (!(block > label))
    throw new Error('harmless texts all score the same: nothing was learned from these rows');
  const logOdds = (score: number) => Math.log(score / (1 - score));
  const slope = (logOdds(thresholds.block) - logOdds(thresholds.label)) / (block - label);
  const parts: ModelParts = {
    ...set,
    weights,
    step,
    slope,
    offset: logOdds(thresholds.label) - slope * label,
    thresholds,
    trainedOn: digestOf(used),
  };
  return {
    parts,
    model: makeModel(parts),
    rows: used.length,
    attacks: used.filter(({ label: is }) => is === 1).length,
  };
}
