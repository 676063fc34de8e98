/**
 * Room: data (D-3). Words and names of several words, found as whole words in either case, whatever separates them. One walk over the text, of at most as many steps at each
 * word as the longest name has words.
 */
import { compatibleForm } from '../../compatible-form.ts';
import type { Place } from '../detectors/detector.ts';

const wordsMax = 12;
const words = /[\p{L}\p{M}\p{N}]+/gu;
/** Between the words of one name: at most so much, and no end of a sentence. */
const between = /^[^\p{L}\p{N}.!?\n]{1,3}$/u;

interface Node {
  readonly next: Map<string, Node>;
  ends: boolean;
}

const folded = (word: string): string => compatibleForm(word).toLowerCase();
const node = (): Node => ({ next: new Map(), ends: false });

/** @throws {Error} in words, for an entry without a word or with too many */
export function dictionaryOf(entries: readonly string[]): (text: string) => readonly Place[] {
  const root = node();
  for (const entry of entries) {
    const parts = entry.match(words) ?? [];
    if (parts.length === 0) throw new Error(`"${entry}" holds no word`);
    if (parts.length > wordsMax) throw new Error(`"${entry}" has more than ${wordsMax} words`);
    let at = root;
    for (const part of parts) {
      const known = at.next.get(folded(part)) ?? node();
      at.next.set(folded(part), known);
      at = known;
    }
    at.ends = true;
  }
  return (text) => find(text, root);
}

function find(text: string, root: Node): Place[] {
  const all = [...text.matchAll(words)].map(({ 0: word, index }) => ({
    word: folded(word),
    start: index,
    end: index + word.length,
  }));
  const places: Place[] = [];
  for (let first = 0; first < all.length; first++) {
    let [at, end] = [root.next.get(all[first]?.word ?? ''), 0];
    for (let last = first; at !== undefined; last++) {
      const [here, next] = [all[last], all[last + 1]];
      if (at.ends) end = here?.end ?? 0;
      const joined = next !== undefined && between.test(text.slice(here?.end, next.start));
      at = joined ? at.next.get(next.word) : undefined;
    }
    if (end > 0) places.push({ start: all[first]?.start ?? 0, end });
  }
  return places;
}
