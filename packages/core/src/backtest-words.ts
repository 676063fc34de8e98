/** What people read of a change and of what cannot be decided again: the same words in console and command line. */
import type { Backtest, BacktestChange } from './wire/backtest.ts';

export const unreplayableSentence: Readonly<Record<Backtest['unreplayable'][number]['what'], string>> = {
  arguments: 'the arguments that the decision needs were erased',
  record: 'the record is of a form that this version does not know',
  manifest: 'the manifest is gone',
  definition: 'the definition of the tool is gone',
  policy: 'the policy set is gone',
  rules: 'another version of ATF decided it by other rules',
};

const owedWords = (owed: readonly string[]) => (owed.length === 0 ? 'nothing' : owed.join(', '));

/** Why a decision would be another, with the policies that tell the two apart. */
export function changeSentence({
  because,
  rules,
  owed,
}: Pick<BacktestChange, 'because' | 'rules' | 'owed'>): string {
  const why = owed === undefined ? because : `owed ${owedWords(owed.was)} becomes ${owedWords(owed.would)}`;
  return rules.length === 0 ? why : `${why} (${rules.join(', ')})`;
}
