/**
 * Room: data (D-2, D-4). What the linear models count: a text as blocks of about 24 letters, each with the slots of its n-grams. Letters are folded (case, accents,
 * digits that stand for letters), and whatever is no letter separates words and counts for nothing, so white space, punctuation and leetspeak change little,
 * and nobody moves the blocks apart with fillers. `s p e l l e d` words are words. The caller has made a normalised text (NFKC, nothing invisible).
 * One pass, a fixed cost per character, no allocation per n-gram.
 */

/** Which n-grams a model counts: bits of its file. */
export const grams = {
  /** Five letters in a row, across words. */
  letters: 1,
  word: 2,
  wordPair: 4,
  /** Two words and what stands between them: nothing, a line's end, the end of a sentence, a quote, a bracket. */
  joinedPair: 8,
} as const;
export const gramsAll = 15;

const blockLetters = 24;
/** A block ends with a word; one that does not end is cut after so many letters. */
const blockLettersMax = 48;
/** Of one block: every letter ends at most one n-gram of letters and one word, which ends three of words. */
const blockSlotsMax = blockLettersMax * 4;

export interface GramSet {
  readonly grams: number;
  readonly seed: number;
  /** The table of weights has two to this power of them. */
  readonly dimensionBits: number;
}

const separator = 0;
/** Symbols above the letters: the digits that stand for no letter, and the letters of every other script, folded to 32. */
const digitFirst = 27;
const foreignFirst = 31;
const foreignCount = 32;

const asLetter: Readonly<Record<string, string>> = {
  l: 'i',
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
};

function symbolOf(code: number): number {
  const plain = String.fromCharCode(code).normalize('NFD').charAt(0).toLowerCase();
  const folded = asLetter[plain] ?? plain;
  if (folded >= 'a' && folded <= 'z') return folded.charCodeAt(0) - 96;
  const digit = '2689'.indexOf(folded);
  if (digit >= 0) return digitFirst + digit;
  return code >= 0xc0 && code !== 0xd7 && code !== 0xf7 ? foreignFirst + (code % foreignCount) : separator;
}

const tabled = 0x250;
const symbols = Uint8Array.from({ length: tabled }, (_, code) => symbolOf(code));

const joins = new Uint8Array(128);
joins[10] = 1;
for (const each of '.!?;:') joins[each.charCodeAt(0)] = 2;
for (const each of '"\'`') joins[each.charCodeAt(0)] = 3;
for (const each of '<>[]{}()') joins[each.charCodeAt(0)] = 4;

const space = 32;

function symbolAt(text: string, at: number): number {
  if (at >= text.length) return separator;
  const code = text.charCodeAt(at);
  if (code < tabled) return symbols[code] as number;
  const punctuation = (code >= 0x2000 && code < 0x2070) || (code >= 0x3000 && code < 0x3030);
  return punctuation ? separator : foreignFirst + (code % foreignCount);
}

function slotOf(hash: number, shift: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> shift;
}

/** Hands over block after block: the slots of its n-grams, the first `count` of an array that is used again. A text without letters has no blocks. */
export function eachBlock(
  text: string,
  set: GramSet,
  take: (slots: Int32Array, count: number) => void,
): void {
  const slots = new Int32Array(blockSlotsMax);
  const shift = 32 - set.dimensionBits;
  const kinds = set.grams;
  const seedOf = (kind: number) => Math.imul(set.seed + kind, 0x9e3779b1);
  const [ofLetters, ofWord, ofPair, ofJoined] = [seedOf(1), seedOf(2), seedOf(3), seedOf(4)];
  let [count, letters] = [0, 0];
  // The last letters, six bits each, and how many there were.
  let [row, seen] = [0, 0];
  // The word that is being read, how many letters of it stand together, the two words before it, and what stands before it.
  let [word, together, before, twoBefore] = [0, 0, 0, 0];
  let [join, joinBefore] = [0, 0];

  for (let at = 0; at <= text.length; at++) {
    const symbol = symbolAt(text, at);
    if (symbol !== separator) {
      if (word === 0) joinBefore = join;
      word = (Math.imul(word ^ symbol, 0x01000193) + 0x1b873593) | 0 || 1;
      together++;
      if ((kinds & grams.letters) !== 0) {
        row = ((row << 6) | symbol) & 0x3fffffff;
        if (++seen >= 5) slots[count++] = slotOf(row ^ ofLetters, shift);
      }
      if (++letters >= blockLettersMax) {
        take(slots, count);
        count = letters = 0;
      }
      continue;
    }
    const code = at < text.length ? text.charCodeAt(at) : space;
    if (word !== 0) {
      const spelled =
        together === 1 &&
        code === space &&
        symbolAt(text, at + 1) !== separator &&
        symbolAt(text, at + 2) === separator;
      together = 0;
      if (spelled) continue;
      // Words that only repeat (tables, rulers, fillers) say nothing each time anew.
      if (word !== before && word !== twoBefore) {
        const pair = Math.imul(before, 0x01000193) ^ word;
        if ((kinds & grams.word) !== 0) slots[count++] = slotOf(word ^ ofWord, shift);
        if ((kinds & grams.wordPair) !== 0) slots[count++] = slotOf(pair ^ ofPair, shift);
        if ((kinds & grams.joinedPair) !== 0)
          slots[count++] = slotOf((pair + joinBefore * 7919) ^ ofJoined, shift);
      }
      twoBefore = before;
      before = word;
      word = join = 0;
      if (letters >= blockLetters) {
        take(slots, count);
        count = letters = 0;
      }
    }
    if (code < 128 && (joins[code] as number) > join) join = joins[code] as number;
  }
  if (count > 0) take(slots, count);
}
