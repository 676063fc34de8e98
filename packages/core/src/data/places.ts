/** Room: data (D-3). Places of a text in which something was found: which of them count, what is to be masked, and the text with something else in them. */
import type { Detector, Place } from './detectors/detector.ts';

/** A place, and the detector that found it there. */
export interface FoundPlace extends Place {
  readonly detector: Detector;
}

export const placeholderOf = ({ detector }: FoundPlace): string => `[${detector.placeholder}]`;

/** The text with something else in these places, of which none overlaps another. */
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

/** Stretches of a text, in order; where two overlap they are one. */
class Covered {
  readonly #stretches: Place[] = [];

  overlaps(place: Place): boolean {
    return this.#overlapping(place).all.length > 0;
  }

  holds(place: Place): boolean {
    return this.#overlapping(place).all.some(({ start, end }) => start <= place.start && place.end <= end);
  }

  /** What of the place is not covered yet. It is from now on. */
  join({ start, end }: Place): Place[] {
    const { low, all } = this.#overlapping({ start, end });
    const fresh: Place[] = [];
    let at = start;
    for (const each of [...all, { start: end, end }]) {
      if (each.start > at) fresh.push({ start: at, end: each.start });
      at = Math.max(at, each.end);
    }
    if (fresh.length > 0)
      this.#stretches.splice(low, all.length, { start: Math.min(start, all[0]?.start ?? start), end: at });
    return fresh;
  }

  #overlapping({ start, end }: Place): { readonly low: number; readonly all: readonly Place[] } {
    let [low, high] = [0, this.#stretches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#stretches[middle]?.end ?? 0) <= start) low = middle + 1;
      else high = middle;
    }
    while ((this.#stretches[high]?.start ?? Infinity) < end) high++;
    return { low, all: this.#stretches.slice(low, high) };
  }
}

/**
 * What was found in one text. Where two detectors that ship find the same place, the first names it; but what is not to be read or sent (`matters`) counts whatever else was
 * found where it is, as does what a company's own detector found (`isOwn`). Only digits of a number whose check digits hold for all of it are no number of their own.
 */
export class Finds {
  readonly all: FoundPlace[] = [];
  readonly #anything = new Covered();
  readonly #mattering = new Covered();
  readonly #wholeNumbers = new Covered();
  readonly #own = new Map<string, Covered>();
  readonly #matters: (detector: Detector) => boolean;
  readonly #isOwn: (detector: Detector) => boolean;

  constructor(matters: (detector: Detector) => boolean, isOwn: (detector: Detector) => boolean) {
    this.#matters = matters;
    this.#isOwn = isOwn;
  }

  add(places: readonly Place[], detector: Detector): void {
    for (const place of places) {
      if (!this.#counts(place, detector)) continue;
      this.#anything.join(place);
      if (detector.isWhole === true && place.clear === true) this.#wholeNumbers.join(place);
      this.all.push({ ...place, detector });
    }
  }

  #counts(place: Place, detector: Detector): boolean {
    const isOwn = this.#isOwn(detector);
    if (!isOwn && place.clear === true && this.#wholeNumbers.holds(place)) return false;
    const isUnseen = this.#matters(detector) && this.#mattering.join(place).length > 0;
    if (!isOwn) return isUnseen || !this.#anything.overlaps(place);
    const covered = this.#own.get(detector.id) ?? new Covered();
    this.#own.set(detector.id, covered);
    return covered.join(place).length > 0;
  }
}

/** The same places with nothing in two of them: what an earlier one has a later one has no more. What is a part of a find only is no value. */
export function apart(places: readonly FoundPlace[]): FoundPlace[] {
  const covered = new Covered();
  return places.flatMap((place) => {
    const { detector, start, end } = place;
    return covered
      .join(place)
      .map((part) => (part.start === start && part.end === end ? place : { ...part, detector }));
  });
}
