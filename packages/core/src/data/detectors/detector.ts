/**
 * Room: data (D-2, D-3, D-4). What a detector is. One file each in this folder; `index.ts` lists them. Detectors are pure and take time that is linear in the
 * text: expressions without nested repetition, each repetition bounded, checks of structure behind them. What matched never leaves `find` but as a place.
 */

import type { Glance } from '../glance.ts';
import type { Words } from '../word-search.ts';

/** What passes: what an agent reads, what it sends, prompts of servers, definitions of tools. */
export type Channel = 'read' | 'sent' | 'prompt' | 'definition';
/** The kinds of data that labels name. */
export type Category = 'PII' | 'PHI' | 'PCI' | 'secret' | 'injection';

/** From and to (exclusive), in UTF-16 units of the text. */
export interface Place {
  readonly start: number;
  readonly end: number;
  /** It stands there as it is, not behind a disguise or an encoding. */
  readonly clear?: true;
}

export interface Detector {
  /** `pii.email`. */
  readonly id: string;
  readonly summary: string;
  readonly requirement: 'D-2' | 'D-3' | 'D-4';
  readonly category: Category;
  /** What is done where policy says nothing else. */
  readonly kind: 'label' | 'mask' | 'block';
  readonly channels: readonly Channel[];
  /** `keyword`: most texts are left after a search for words. */
  readonly cost: 'keyword' | 'expression';
  /** Stands in the place of what is masked: `[EMAIL]`. */
  readonly placeholder: string;
  /** Check digits hold for all of what it finds: numbers that others see in it are parts of it. */
  readonly isWhole?: true;
  /** Groups of words that it asks its glance for. */
  readonly words?: readonly Words[];
  /** `glance`: what one pass over the text says of it, the same for all detectors. */
  find(text: string, glance: Glance): readonly Place[];
  /** Run as tests: what is found in each text, in order. */
  readonly examples: readonly { readonly text: string; readonly found: readonly string[] }[];
}

export const everywhere: readonly Channel[] = ['read', 'sent', 'prompt', 'definition'];

/** The places where an expression matches and `check` agrees, of group `group` where one is named. */
export function matches(
  text: string,
  pattern: RegExp,
  check: (found: string, match: RegExpExecArray) => boolean = () => true,
): Place[] {
  const places: Place[] = [];
  for (const match of text.matchAll(pattern)) {
    const found = match.groups?.['it'] ?? match[0];
    if (!check(found, match)) continue;
    const start = match.index + match[0].indexOf(found);
    places.push({ start, end: start + found.length });
  }
  return places;
}

/**
 * The same around stretches of numbers only: `margin` is longer than whatever of the expression stands before or after its digits. Where stretches are close, they are
 * looked at together.
 */
export function matchesAround(
  text: string,
  stretches: readonly Place[],
  margin: number,
  pattern: RegExp,
  check: (found: string, place: Place) => boolean,
): Place[] {
  const places: Place[] = [];
  let next = 0;
  for (let at = 0; at < stretches.length; at = next) {
    const from = Math.max(0, (stretches[at]?.start ?? 0) - margin);
    let to = (stretches[at]?.end ?? 0) + margin;
    for (next = at + 1; (stretches[next]?.start ?? Infinity) - margin <= to; next++)
      to = (stretches[next]?.end ?? 0) + margin;
    for (const { start, end } of matches(text.slice(from, to), pattern)) {
      const place = { start: start + from, end: end + from };
      if (check(text.slice(place.start, place.end), place)) places.push(place);
    }
  }
  return places;
}

const letterOrDigit = /[\p{L}\p{N}]/u;
/** Expressions about numbers know the letters of ASCII; those of other scripts next to what they found make it part of a word, too. */
export function standsAlone(text: string, { start, end }: Place): boolean {
  const isBeyond = (at: number) => text.charCodeAt(at) > 127 && letterOrDigit.test(text.charAt(at));
  return !isBeyond(start - 1) && !isBeyond(end);
}

/** Whether one of the words stands shortly before the place. `words` must carry the flag `i` and no `g`. */
export function isNear(text: string, { start, end }: Place, words: RegExp, before = 60, after = 25): boolean {
  return (
    words.test(text.slice(Math.max(0, start - before), start)) || words.test(text.slice(end, end + after))
  );
}

export const digitsOf = (text: string): string => text.replace(/\D/g, '');

/** All one character, or counting up: what stands in manuals. */
export const isFiller = (digits: string): boolean =>
  /^(.)\1*$/.test(digits) ||
  '01234567890123456789'.includes(digits) ||
  '98765432109876543210'.includes(digits);
