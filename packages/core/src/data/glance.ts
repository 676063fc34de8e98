/**
 * Room: data (D-3). What one pass over a text says about it: which words of the detectors stand in it, where its numbers are, whether anything in it could be a key or
 * encoded. Each figure is an upper bound, so that a detector which a glance rules out would have found nothing.
 */
import type { Place } from './detectors/detector.ts';
import { type Words, type WordSearch } from './word-search.ts';

export interface Glance {
  /** Printable ASCII, tabs and line breaks only. */
  readonly plain: boolean;
  /** Stretches of digits with at most `gapMax` other signs of numbers between two, which hold `digitsMin` digits or more. */
  readonly numbers: readonly Place[];
  /** Digits of the longest of them; 0: there is no digit. */
  readonly digitsMax: number;
  /** Length of the longest run of what tokens are made of, as far as it is `runMin` or more. */
  readonly tokenMax: number;
  /** Where runs of `runMin` or more letters of base64 begin that have a capital: digits and most letters give some. */
  readonly base64: readonly number[];
  /** A text for people in hexadecimal: each of its letters has a digit. */
  readonly hex: boolean;
  readonly words: ReadonlySet<Words>;
}

const digitsMin = 6;
const gapMax = 4;
export const runMin = 16;
/** Digits of a text that is worth being read, and what may stand between two: a letter, separators, a prefix. */
const hexMin = 12;
const hexGapMax = 6;

const isDigit = 1;
const ofNumber = 2;
const ofToken = 4;
const ofBase64 = 8;
const isCapital = 16;
const isPlain = 32;

const kinds = new Uint8Array(128);
function mark(pattern: RegExp, kind: number): void {
  for (let unit = 0; unit < 128; unit++)
    if (pattern.test(String.fromCharCode(unit))) kinds[unit] = (kinds[unit] ?? 0) | kind;
}
mark(/\d/, isDigit);
mark(/[ .+()/-]/, ofNumber);
mark(/[\w+/=.~-]/, ofToken);
mark(/[\w+/-]/, ofBase64);
mark(/[A-Z]/, isCapital);
mark(/[\t\n\r\u0020-\u007e]/, isPlain);
/** White space and separators beyond ASCII count as what stands between. */
const kindOf = (unit: number): number => (unit < 128 ? (kinds[unit] ?? 0) : ofNumber);

const none: ReadonlySet<Words> = new Set();

function base64In(text: string, from: number, to: number, starts: number[]): void {
  let [run, capital] = [from, false];
  for (let at = from; at <= to; at++) {
    const kind = at === to ? 0 : kindOf(text.charCodeAt(at));
    if ((kind & ofBase64) === 0) {
      if (capital && at - run >= runMin) starts.push(run);
      [run, capital] = [at + 1, false];
    } else if ((kind & isCapital) !== 0) capital = true;
  }
}

function isOneNumber(text: string, from: number, to: number): boolean {
  if (to - from > gapMax) return false;
  for (let at = from; at < to; at++) if ((kindOf(text.charCodeAt(at)) & ofNumber) === 0) return false;
  return true;
}

/** The digits of a text, one after the other. */
class Digits {
  readonly numbers: Place[] = [];
  max = 0;
  hex = false;
  readonly #text: string;
  #from = 0;
  #to = -1;
  #count = 0;
  #hexCount = 0;

  constructor(text: string) {
    this.#text = text;
  }

  at(index: number): void {
    const gap = index - this.#to;
    if (this.#count > 0 && (gap === 0 || isOneNumber(this.#text, this.#to, index))) this.#count++;
    else {
      this.end();
      this.#from = index;
      this.#count = 1;
    }
    this.#hexCount = gap <= hexGapMax ? this.#hexCount + 1 : 1;
    if (this.#hexCount >= hexMin) this.hex = true;
    this.#to = index + 1;
  }

  end(): void {
    if (this.#count > this.max) this.max = this.#count;
    if (this.#count >= digitsMin) this.numbers.push({ start: this.#from, end: this.#to });
    this.#count = 0;
  }
}

/** One loop with plain variables: it sees every character of every text. */
export function glance(text: string, { classes, next, width, found }: WordSearch): Glance {
  const words = new Set<Words>();
  const digits = new Digits(text);
  let [state, plain] = [0, true];
  let [run, tokenMax] = [0, 0];
  const base64: number[] = [];
  const endOfRun = (at: number) => {
    if (at - run > tokenMax) tokenMax = at - run;
    base64In(text, run, at, base64);
  };
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    state = next[state * width + (classes[unit] ?? 0)] ?? 0;
    const here = found[state];
    if (here !== undefined) for (const each of here) words.add(each);
    const kind = unit < 128 ? (kinds[unit] ?? 0) : ofNumber;
    if ((kind & ofToken) === 0) {
      if (at - run >= runMin) endOfRun(at);
      run = at + 1;
      if ((kind & isPlain) === 0) plain = false;
    } else if ((kind & isDigit) !== 0) digits.at(at);
  }
  if (text.length - run >= runMin) endOfRun(text.length);
  digits.end();
  const { numbers, max: digitsMax, hex } = digits;
  return { plain, numbers, digitsMax, tokenMax, base64, hex, words: words.size === 0 ? none : words };
}
