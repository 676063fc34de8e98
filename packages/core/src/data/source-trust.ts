/**
 * Room: data (D-2). How far a retrieval source is trusted, 0 to 100, worked out of what was seen of it in the last days. A figure has its reasons: it starts at 100, each
 * reason takes its points, and what was hardly looked at reaches no high figure. Pure and deterministic; what is counted is in control.
 */
import type { SourceSeen, TrustReason } from '../wire/retrieval.ts';

export const trustMax = 100;
/** Days that are looked at. */
export const trustDays = 30;
/** Results from which on a source is known well enough for any figure; below it a figure is at most {@link unknownAt} and one more for each result. */
export const resultsKnown = 50;
const unknownAt = 50;
/** So many days a source is new, and what it then is at most. */
const newDays = 3;
const newAt = 90;

/** A source that was registered just now. */
export const nothingSeen: SourceSeen = {
  results: 0,
  withheld: 0,
  labelled: 0,
  above: 0,
  strange: 0,
  failed: 0,
  drifted: 0,
  changed: 0,
  objections: 0,
  days: 0,
};

export interface Trust {
  readonly score: number;
  /** What took points, the gravest first. Empty: nothing did. */
  readonly reasons: readonly TrustReason[];
}

/** Points for a share of results: none for none, at least `least` for any, at most `most`. */
function forShare(count: number, results: number, most: number, least: number): number {
  if (count <= 0) return 0;
  const share = Math.min(1, count / Math.max(results, 1));
  return Math.min(most, Math.max(least, Math.round(share * 4 * most)));
}

const each = (count: number, points: number, most: number): number =>
  Math.min(most, Math.max(0, count) * points);

/** One failure, or one label, in twenty is nothing that a source is blamed for: detectors find that many in ordinary documents. */
const freeOf = 20;

export function trustOf(seen: SourceSeen): Trust {
  const { results, withheld, labelled, above, strange, failed, drifted, changed, objections, days } = seen;
  const blamed = (count: number) => Math.max(0, count - Math.floor(results / freeOf));
  const reasons: TrustReason[] = [
    { because: 'withheld' as const, count: withheld, points: forShare(withheld, results, 60, 15) },
    { because: 'above' as const, count: above, points: above <= 0 ? 0 : 30 + each(above, 10, 40) },
    { because: 'labelled' as const, count: labelled, points: forShare(blamed(labelled), results, 40, 5) },
    { because: 'strange' as const, count: strange, points: forShare(strange, results, 30, 5) },
    { because: 'objections' as const, count: objections, points: each(objections, 10, 40) },
    { because: 'drifted' as const, count: drifted, points: each(drifted, 15, 30) },
    { because: 'changed' as const, count: changed, points: each(changed, 10, 30) },
    { because: 'failed' as const, count: failed, points: forShare(blamed(failed), results, 20, 1) },
  ].filter(({ points }) => points > 0);
  const found = Math.max(0, trustMax - reasons.reduce((sum, { points }) => sum + points, 0));
  const few = results < resultsKnown ? unknownAt + results : trustMax;
  const fresh = days < newDays ? newAt : trustMax;
  const most = Math.min(few, fresh);
  if (found > most)
    reasons.push(
      few <= fresh
        ? { because: 'few', count: results, points: found - most }
        : { because: 'new', count: days, points: found - most },
    );
  reasons.sort((one, other) => other.points - one.points || (one.because < other.because ? -1 : 1));
  return { score: Math.min(found, most), reasons };
}

const counted = (count: number, one: string, many: string): string =>
  count === 1 ? `1 ${one}` : `${count} ${many}`;

/** In words for a person. */
export function trustWords({ because, count, points }: TrustReason): string {
  const words: Readonly<Record<TrustReason['because'], string>> = {
    withheld: `${counted(count, 'result was', 'results were')} withheld as injected orders`,
    above: `${counted(count, 'result said', 'results said')} that they are more confidential than the index`,
    labelled: `${counted(count, 'result reads', 'results read')} like injected orders, or could not be looked at`,
    strange: `${counted(count, 'result holds', 'results hold')} kinds of sensitive data that the index is not registered for`,
    objections: `people objected to ${counted(count, 'call', 'calls')}`,
    drifted: `it is no longer what it was for ${counted(count, 'agent', 'agents')}`,
    changed: `its definition was changed ${counted(count, 'time', 'times')}`,
    failed: `${counted(count, 'call', 'calls')} of it failed`,
    few: `only ${counted(count, 'result was', 'results were')} looked at`,
    new: `it was registered ${count === 0 ? 'today' : `${counted(count, 'day', 'days')} ago`}`,
  };
  return `${words[because]} (−${points})`;
}
