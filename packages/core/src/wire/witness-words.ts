/** How the witnesses of a log stand, in words for people: the same on every surface. */
import type { WitnessingView } from './api.ts';

export type WitnessState = WitnessingView['witnesses'][number]['state'];

/** Each continues a sentence that begins with the witness's name. */
export const witnessStateWords: Readonly<Record<WitnessState, string>> = {
  waiting: 'was not asked yet',
  cosigned: 'cosigns',
  contradicts: 'REFUSES the history of this log: it cosigned another one',
  ahead: 'has cosigned MORE than this log has: the log was rolled back',
  forgot: 'cosigns again, but had forgotten what it cosigned: restored from an old state',
  unreachable: 'does not answer',
  wrong_answer: 'answers wrongly',
  unknown_log: 'was not told of this log',
  wrong_key: 'was told another key of this log',
};

/** States that say that the log, or a witness, is not what it was; the others are about reaching each other. */
export const alarmingWitnessStates: ReadonlySet<WitnessState> = new Set(['contradicts', 'ahead', 'forgot']);
