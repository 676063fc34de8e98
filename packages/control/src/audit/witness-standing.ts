/** Room: audit (B-1, invariant 8). How the witnesses stand: for the one who asks them (witnessing.ts), for the record, and for people. */
import type { WitnessingView } from '@atf/core/wire/api';

/** What a witness says against the log. These are put on record. */
export type Disagreement =
  /** Refuses the history as not the one it cosigned. */
  | 'contradicts'
  /** Has cosigned more than the log has. */
  | 'ahead'
  /** Knows less than it cosigned before: it was restored from an old state. */
  | 'forgot';
export type Trouble = Disagreement | 'unreachable' | 'wrong_answer' | 'unknown_log' | 'wrong_key';

export interface WitnessStanding {
  readonly name: string;
  readonly url: string;
  /** `waiting`: not asked yet. */
  readonly state: 'waiting' | 'cosigned' | Trouble;
  /** Largest size that it cosigned; absent: none that is known here. */
  readonly size?: number;
  /** When it says it did, Unix milliseconds. */
  readonly atMs?: number;
  /** Since when it is in trouble, Unix milliseconds. */
  readonly sinceMs?: number;
}

export interface Standing {
  /** Size that a quorum has cosigned; 0: none yet. */
  readonly size: number;
  /** The newest of its cosignatures, Unix milliseconds. */
  readonly atMs: number | undefined;
  readonly lacks: string;
  readonly witnesses: readonly WitnessStanding[];
}

export interface Disagreed {
  readonly witness: string;
  readonly kind: Disagreement;
  /** Size of the log that was shown. */
  readonly size: number;
  /** What the witness says it cosigned, where it does. */
  readonly witnessSize?: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** As people and programs see it. */
export function witnessingView({ size, atMs, lacks, witnesses }: Standing): WitnessingView {
  return {
    size,
    ...(atMs === undefined ? {} : { at: iso(atMs) }),
    lacks,
    witnesses: witnesses.map(({ name, url, state, size: own, atMs: at, sinceMs }) => ({
      name,
      url,
      state,
      ...(own === undefined ? {} : { size: own }),
      ...(at === undefined ? {} : { at: iso(at) }),
      ...(sinceMs === undefined ? {} : { since: iso(sinceMs) }),
    })),
  };
}
