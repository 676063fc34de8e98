/** Room: data (D-3). Places of a text in which something was found: whose they are, and the text with something else in them. */
import type { Detector, Place } from './detectors/detector.ts';

/** A place, and the detector that found it there. */
export interface FoundPlace extends Place {
  readonly detector: Detector;
}

export const placeholderOf = ({ detector }: FoundPlace): string => `[${detector.placeholder}]`;

/** The text with something else in these places. */
export function replaced(
  text: string,
  places: readonly FoundPlace[],
  instead: (place: FoundPlace) => string = placeholderOf,
): string {
  const parts: string[] = [];
  let at = 0;
  for (const place of places.toSorted((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, place.start), instead(place));
    at = place.end;
  }
  return parts.join('') + text.slice(at);
}

/** The first of those in order that ends behind this. */
function firstBehind(kept: readonly FoundPlace[], at: number): number {
  let [low, high] = [0, kept.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((kept[middle]?.end ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First come first: a place that overlaps an earlier detector's is that one's. `kept` stays in order, without overlaps. */
export function merge(kept: FoundPlace[], next: readonly Place[], detector: Detector): void {
  for (const place of next) {
    const low = firstBehind(kept, place.start);
    const after = kept[low];
    if (after === undefined || after.start >= place.end) kept.splice(low, 0, { ...place, detector });
  }
}

/**
 * A place that may be a whole text, which nobody takes away by writing something into it that others find: it is spread over what earlier places leave of it, and over those
 * that would not be masked where it is. `lost`: the places that it covers; `taken`: whether anything of it stands in `kept`.
 */
export function spread(
  kept: FoundPlace[],
  place: Place,
  detector: Detector,
  isMasked: (detector: Detector) => boolean,
): { readonly lost: readonly FoundPlace[]; readonly taken: boolean } {
  const low = firstBehind(kept, place.start);
  let high = low;
  while ((kept[high]?.start ?? Infinity) < place.end) high++;
  const overlapped = kept.slice(low, high);
  const covers = (other: FoundPlace) => isMasked(detector) && !isMasked(other.detector);
  const stay = overlapped.filter((other) => !covers(other));
  const parts: FoundPlace[] = [];
  let at = place.start;
  for (const { start, end } of [...stay, { start: place.end, end: place.end }]) {
    if (start > at) parts.push({ ...place, start: at, end: start, detector });
    at = Math.max(at, end);
  }
  const all = [...stay, ...parts].toSorted((a, b) => a.start - b.start);
  kept.splice(low, high - low, ...all);
  return {
    lost: overlapped.filter(covers),
    taken: parts.length > 0 || stay.some((one) => one.detector.id === detector.id),
  };
}
