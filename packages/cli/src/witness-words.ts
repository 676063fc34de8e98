/** How witnesses stand, in words for people. */
import type { WitnessingView } from '@atf/core/wire/api';

type State = WitnessingView['witnesses'][number]['state'];

export const witnessStateWords: Readonly<Record<State, string>> = {
  waiting: 'not asked yet',
  cosigned: 'cosigns',
  contradicts: 'REFUSES the history of this log: it cosigned another one',
  ahead: 'has cosigned MORE than this log has: the log was rolled back',
  forgot: 'cosigns again, but had forgotten what it cosigned: restored from an old state',
  unreachable: 'does not answer',
  wrong_answer: 'answers wrongly',
  unknown_log: 'was not told of this log',
  wrong_key: "was told another key of this log's",
};

/** States that say that something is wrong with the log, or with the witness itself, and not only between them. */
export const alarming: ReadonlySet<State> = new Set(['contradicts', 'ahead', 'forgot']);

/** One line. */
export function witnessesNow({ size, lacks, witnesses }: WitnessingView): string {
  const well = witnesses.filter(({ state }) => state === 'cosigned').length;
  const loud = witnesses
    .filter(({ state }) => alarming.has(state))
    .map(({ name, state }) => `; ${name} ${witnessStateWords[state]}`);
  const missing = lacks === '' ? '' : `; no quorum for what is newer: ${lacks}`;
  return `${well} of ${witnesses.length} cosign, ${size} entries have a quorum${missing}${loud.join('')}`;
}
