/**
 * Room: data (D-2). Whether two texts are nearly the same, by sketches from which no word can be read: the smallest hashes of their pairs of words, which two texts share
 * as far as they share the pairs (Broder 1997, bottom-k). Pure.
 */
import { compatibleForm } from '../compatible-form.ts';

/** Ascending, without repetition. */
export type Sketch = readonly number[];

const sketchLength = 32;
/** Of shorter texts many are alike by nature: «done», «order 5007 refunded». */
const wordsMin = 12;
/** Words of the beginning and of the end that are looked at. */
const wordsHalf = 1_000;
/** Characters before words are counted, at either end. */
const charactersHalf = 16_384;
/** Share of the sketch that two texts have in common; three words of forty may be others. */
const alikeFrom = 0.6;

const wordOf = /[\p{L}\p{N}]+/gu;

/** FNV-1a over UTF-16 units, finished as MurmurHash3 does. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash ^ (hash >>> 16)) >>> 0;
}

function wordsOf(text: string): string[] {
  const looked =
    text.length <= 2 * charactersHalf
      ? text
      : `${text.slice(0, charactersHalf)} ${text.slice(-charactersHalf)}`;
  const words = compatibleForm(looked).toLowerCase().match(wordOf) ?? [];
  return words.length <= 2 * wordsHalf ? words : [...words.slice(0, wordsHalf), ...words.slice(-wordsHalf)];
}

/** Undefined: too short to say anything. */
export function sketchOf(text: string): Sketch | undefined {
  const words = wordsOf(text);
  if (words.length < wordsMin) return undefined;
  const hashes = new Set(words.slice(1).map((word, at) => hashOf(`${words[at]} ${word}`)));
  return [...hashes].sort((a, b) => a - b).slice(0, sketchLength);
}

export function areAlike(one: Sketch, other: Sketch): boolean {
  let [left, right, seen, common] = [0, 0, 0, 0];
  while (seen < sketchLength && (left < one.length || right < other.length)) {
    const [a, b] = [one[left] ?? Number.POSITIVE_INFINITY, other[right] ?? Number.POSITIVE_INFINITY];
    if (a === b) common++;
    if (a <= b) left++;
    if (b <= a) right++;
    seen++;
  }
  return seen > 0 && common / seen >= alikeFrom;
}
