/** How witnesses stand, in one line. */
import type { WitnessingView } from '@atf/core/wire/api';
import { alarmingWitnessStates, witnessStateWords } from '@atf/core/wire/witness-words';

export function witnessesNow({ size, lacks, witnesses }: WitnessingView): string {
  const well = witnesses.filter(({ state }) => state === 'cosigned').length;
  const loud = witnesses
    .filter(({ state }) => alarmingWitnessStates.has(state))
    .map(({ name, state }) => `; ${name} ${witnessStateWords[state]}`);
  const missing = lacks === '' ? '' : `; no quorum for what is newer: ${lacks}`;
  return `${well} of ${witnesses.length} cosign, ${size} entries have a quorum${missing}${loud.join('')}`;
}
