/** Texts with a label, scored: what is found at a threshold, what is found while one in a hundred harmless texts is flagged, and the area under the curve. */
import { inspect } from '@atf/core/data/inspect';
import type { ModelName } from '@atf/core/data/models/shipped';
import { WorstScore } from '@atf/gateway/models';
import { areaUnderCurve, quantileAbove, shareFrom } from '../tools/train/measure.ts';
import type { Score } from './peer-detectors.ts';

export interface Scored {
  readonly set: string;
  readonly by: string;
  readonly attacks: number;
  readonly harmless: number;
  /** At what it ships with: for ours the labelling threshold, for others whatever they report. */
  readonly recall: number;
  readonly falsePositives: number;
  /** At our blocking threshold. */
  readonly blocked?: number;
  readonly falselyBlocked?: number;
  readonly recallAtOnePercent: number;
  readonly auc: number;
}

export interface LabelledText {
  readonly text: string;
  readonly label: string | number;
}

/** As the product asks: what an inspection hears, in clear and decoded. */
export const modelScore =
  (name: ModelName): Score =>
  (text) => {
    const worst = new WorstScore(name);
    inspect(text, { channel: 'read', hear: worst.hear });
    return worst.worst.score;
  };

export async function scored(
  set: string,
  by: string,
  rows: readonly LabelledText[],
  score: Score,
  thresholds: { readonly label: number; readonly block?: number },
): Promise<Scored | undefined> {
  const [attacks, harmless]: [number[], number[]] = [[], []];
  for (const { text, label } of rows) (Number(label) === 1 ? attacks : harmless).push(await score(text));
  if (attacks.length === 0 || harmless.length === 0) return undefined;
  // More than the harmless text that is one in a hundred from the worst.
  const bound = quantileAbove(harmless, 0.01);
  const { label, block } = thresholds;
  return {
    set,
    by,
    attacks: attacks.length,
    harmless: harmless.length,
    recall: shareFrom(attacks, label),
    falsePositives: shareFrom(harmless, label),
    ...(block === undefined
      ? {}
      : { blocked: shareFrom(attacks, block), falselyBlocked: shareFrom(harmless, block) }),
    recallAtOnePercent: attacks.filter((each) => each > bound).length / attacks.length,
    auc: areaUnderCurve(harmless, attacks),
  };
}
