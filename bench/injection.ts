/**
 * The part of `npm run bench:detectors` about injected orders (D-2): each text as the gateway looks at it, by collection. What is to be found: how much of it is labelled,
 * and at the blocking threshold; all other texts: how much of them is. The shipped models have seen most of `train.jsonl.gz`: what to expect of new texts
 * stands in their cards.
 */
import { injectionVerdict, type InjectionVerdict } from '@atf/core/data/injection';
import { inspect } from '@atf/core/data/inspect';
import type { Json } from '@atf/core/wire/json';
import type { ModelName } from '@atf/core/data/models/shipped';
import { WorstScore } from '../packages/gateway/src/models.ts';
import { areaUnderCurve, quantileAbove, shareFrom } from '../tools/train/measure.ts';

export interface InjectionRow {
  readonly set: string;
  readonly attack: boolean;
  readonly text: string;
}

interface Looked {
  readonly verdict: InjectionVerdict;
  readonly score: number;
}

/** As the gateway looks at a result, or at a prompt. */
export function lookAt(value: Json, channel: 'read' | 'prompt' = 'read'): Looked {
  const model: ModelName = channel === 'read' ? 'injection-read' : 'injection-prompt';
  const worst = new WorstScore(model);
  const { inspection } = inspect(value, { channel, hear: worst.hear });
  const { score, verdict } = worst.worst;
  return { verdict: injectionVerdict(verdict, [inspection]), score };
}

export interface InjectionLine {
  readonly channel: 'read' | 'prompt';
  readonly set: string;
  readonly attack: boolean;
  readonly rows: number;
  readonly labelled: number;
  readonly blocked: number;
  /** Of the model's score alone, against all texts of the file that are no attack. */
  readonly auc?: number;
  readonly recallAt1?: number;
}

/** One line for each collection of a file. */
export function injectionLines(rows: readonly InjectionRow[], channel: 'read' | 'prompt'): InjectionLine[] {
  const looked = rows.map((row) => ({ ...row, ...lookAt(row.text, channel) }));
  const harmless = looked.flatMap(({ attack, score }) => (attack ? [] : [score]));
  const sets = Object.groupBy(looked, ({ set, attack }) => `${attack ? 1 : 0} ${set}`);
  return Object.values(sets).flatMap((group = []): InjectionLine[] => {
    const [first] = group;
    if (first === undefined) return [];
    const share = (of: (one: Looked) => boolean) => group.filter(of).length / group.length;
    const scores = group.map(({ score }) => score);
    return [
      {
        channel,
        set: first.set,
        attack: first.attack,
        rows: group.length,
        labelled: share(({ verdict }) => verdict !== 'clear'),
        blocked: share(({ verdict }) => verdict === 'block'),
        ...(first.attack && harmless.length > 0
          ? {
              auc: areaUnderCurve(harmless, scores),
              recallAt1: shareFrom(scores, quantileAbove(harmless, 0.01)),
            }
          : {}),
      },
    ];
  });
}

const percent = (value: number | undefined) => (value === undefined ? '' : `${(value * 100).toFixed(1)} %`);

export function injectionTable(lines: readonly InjectionLine[]): string {
  const sorted = [...lines].sort(
    (a, b) =>
      Number(b.attack) - Number(a.attack) || a.channel.localeCompare(b.channel) || a.set.localeCompare(b.set),
  );
  const cells = sorted.map(
    ({ channel, set, attack, rows, labelled, blocked, auc, recallAt1 }) =>
      `| ${set} | ${channel} | ${attack ? 'yes' : 'no'} | ${rows} | ${percent(labelled)} | ${percent(blocked)} | ${auc?.toFixed(3) ?? ''} | ${percent(recallAt1)} |`,
  );
  return [
    '| collection | channel | to be found | rows | labelled | at the blocking threshold | AUC of the model | its recall at 1 % FP |',
    '|---|---|---|---|---|---|---|---|',
    ...cells,
  ].join('\n');
}
