/**
 * Room: data (D-2, D-3). Copies of a text in which what was hidden stands in clear: without invisible characters, in compatible form (NFKC), with
 * look-alike letters as the Latin ones, and decoded (base64, hexadecimal, percent, HTML entities). Every copy knows which part of the original each of its
 * characters stands for, so that what is found in it can be masked in the original. Bounded: views, depth, characters.
 */
import type { Glance } from './glance.ts';
import { latinOf } from './look-alikes.ts';

export type Hiding = 'invisible' | 'compatible' | 'look_alike' | 'base64' | 'hex' | 'percent' | 'entities';

export interface View {
  readonly text: string;
  /** How it was hidden, outermost first. */
  readonly by: readonly Hiding[];
  /** The part of the original, from and to (exclusive), that these characters of the view stand for. */
  span(start: number, end: number): { readonly start: number; readonly end: number };
}

/** Views of one text, the text itself not counted. */
export const viewsMax = 32;
/** Characters of all decoded views of one text together. */
export const decodedMax = 262_144;
/** Encodings within encodings. */
export const depthMax = 3;

/** Characters that nobody sees: formatting, joiners, bidirectional controls, variation selectors, tags, fillers. */
const invisible =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;
const tagFirst = 0xe0020;
const tagLast = 0xe007e;
/** A joiner between pictures, or the selector after one, belongs to them. */
const pictures = /\p{Extended_Pictographic}/u;

export interface Seen {
  readonly views: readonly View[];
  /** The text itself as it is read: without what is invisible, in compatible form, look-alikes as Latin letters. */
  readonly clear: string;
  /** What was encoded in it, in the same form. */
  readonly decoded: readonly string[];
  /** Something was hidden that text for people does not hide: this is a signal by itself. */
  readonly hidden: readonly Hiding[];
  /** Not all of it was looked at: a bound was reached. */
  readonly cut: boolean;
}

/** Offsets of a rebuilt text: where in the source each of its UTF-16 units begins, and where the source of it ends. */
class Rebuilt {
  readonly #parts: string[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  add(text: string, start: number, end: number): void {
    this.#parts.push(text);
    for (let at = 0; at < text.length; at++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  view(by: readonly Hiding[], outer: View['span']): View {
    const [starts, ends] = [this.#starts, this.#ends];
    return {
      text: this.#parts.join(''),
      by,
      span: (start, end) => outer(starts[start] ?? 0, ends[Math.max(start, end - 1)] ?? 0),
    };
  }
}

const whole: View['span'] = (start, end) => ({ start, end });

const decimal = /\p{Nd}/u;

/** A decimal digit of any script as that of ASCII: the ten of a script follow each other (Unicode, general category Nd). */
function digitOf(point: number): string {
  let first = point;
  while (decimal.test(String.fromCodePoint(first - 1))) first--;
  return String((point - first) % 10);
}

/** What a character beyond plain ASCII becomes: '' where it is invisible, a tag as the letter that it spells. Few are used often. */
const forms = new Map<string, string>();
const formsMax = 20_000;

function formOf(char: string): string {
  const known = forms.get(char);
  if (known !== undefined) return known;
  const point = char.codePointAt(0) ?? 0;
  const form =
    point >= tagFirst && point <= tagLast
      ? String.fromCharCode(point - 0xe0000)
      : invisible.test(char)
        ? ''
        : decimal.test(char)
          ? digitOf(point)
          : char.normalize('NFKC');
  if (forms.size < formsMax) forms.set(char, form);
  return form;
}

const isPlain = (point: number): boolean =>
  (point >= 0x20 && point <= 0x7e) || point === 0x09 || point === 0x0a || point === 0x0d;

/** Whether a character of it, beyond plain ASCII, is one that `of` says something about: most texts are done with this. */
function has(text: string, of: (char: string) => boolean): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (isPlain(unit)) continue;
    const point = unit < 0xd800 || unit > 0xdfff ? unit : (text.codePointAt(at) ?? unit);
    if (of(String.fromCodePoint(point))) return true;
    if (point > 0xffff) at++;
  }
  return false;
}

/** Without what is invisible, in compatible form; undefined where that is the text itself. */
function compatible(text: string, outer: View): { view: View; found: Set<Hiding> } | undefined {
  if (!has(text, (char) => formOf(char) !== char)) return undefined;
  const rebuilt = new Rebuilt();
  const found = new Set<Hiding>();
  let before = '';
  for (let at = 0; at < text.length; ) {
    const point = text.codePointAt(at) ?? 0;
    const char = String.fromCodePoint(point);
    const form = isPlain(point) ? char : formOf(char);
    if (form === '' ? !pictures.test(before) : point >= tagFirst && point <= tagLast) found.add('invisible');
    rebuilt.add(form, at, at + char.length);
    if (form !== '') before = char;
    at += char.length;
  }
  const by: Hiding = found.has('invisible') ? 'invisible' : 'compatible';
  return { view: rebuilt.view([...outer.by, by], outer.span), found };
}

/** With look-alikes as Latin letters, in words that mix scripts; undefined where none does. */
function latin(outer: View): View | undefined {
  if (!has(outer.text, (char) => latinOf(char) !== undefined)) return undefined;
  const rebuilt = new Rebuilt();
  let changed = false;
  const words = /[\p{L}\p{M}\p{N}_-]+|[^\p{L}\p{M}\p{N}_-]+/gu;
  for (const { 0: word, index } of outer.text.matchAll(words)) {
    const mixed = /[A-Za-z]/.test(word) && [...word].some((char) => latinOf(char) !== undefined);
    let at = index;
    for (const char of word) {
      const as = mixed ? latinOf(char) : undefined;
      if (as !== undefined) changed = true;
      rebuilt.add(as ?? char, at, at + char.length);
      at += char.length;
    }
  }
  return changed ? rebuilt.view([...outer.by, 'look_alike'], outer.span) : undefined;
}

const utf8 = new TextDecoder('utf-8');
/** What is no text among the bytes: nothing (UTF-16 has one beside each letter), what stands for no character, controls. */
const noText = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffd]/g;
/** A stretch that somebody may read. */
const readable = /[\t\n\r\u0020-\u007e]{12}/;

const readableMin = 12;
/** The same of bytes, before anything is made of them; those that are nothing do not count. */
function mayBeRead(bytes: Uint8Array): boolean {
  let run = 0;
  for (const byte of bytes) {
    if (byte === 0) continue;
    run = isPlain(byte) ? run + 1 : 0;
    if (run >= readableMin) return true;
  }
  return false;
}

/** The text among the bytes; undefined: nobody would read it. */
function textOf(bytes: Uint8Array): string | undefined {
  if (!mayBeRead(bytes)) return undefined;
  const text = utf8.decode(bytes).replaceAll('\u0000', '');
  return readable.test(text) ? text.replace(noText, '') : undefined;
}

const percented = new TextDecoder('utf-8', { fatal: true });
/** The characters that percent signs stand for, or, where the bytes are none, what of them is text. */
function percentText(bytes: Uint8Array): string | undefined {
  try {
    return percented.decode(bytes);
  } catch {
    return utf8.decode(bytes).replace(noText, '');
  }
}

function bytesOfHex(text: string, from = 0): Uint8Array {
  const bytes = new Uint8Array((text.length - from) >> 1);
  for (let at = 0; at < bytes.length; at++)
    bytes[at] = Number.parseInt(text.slice(from + 2 * at, from + 2 * at + 2), 16);
  return bytes;
}

const sextets = new Uint8Array(128);
for (const [at, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  sextets[char.charCodeAt(0)] = at;
sextets['-'.charCodeAt(0)] = 62;
sextets['_'.charCodeAt(0)] = 63;

/** Of letters of either alphabet (RFC 4648) from `from` on; what is left over at the end says nothing. */
function bytesOfBase64(text: string, from: number): Uint8Array {
  const bytes = new Uint8Array(((text.length - from) * 3) >> 2);
  let [bits, count, at] = [0, 0, 0];
  for (let index = from; index < text.length && at < bytes.length; index++) {
    bits = ((bits << 6) | (sextets[text.charCodeAt(index)] ?? 0)) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[at++] = bits >> count;
  }
  return bytes;
}

interface Encoding {
  readonly by: Hiding;
  /** Whether a text may have it; where it may begin, if that is known. */
  readonly isIn: (text: string, glance: Glance) => boolean | readonly number[];
  readonly pattern: RegExp;
  /** Undefined: it is not what it looked like. */
  readonly decode: (text: string) => string | undefined;
}

/** Runs that are longer are looked at from their first letter on only. */
const alignedMax = 8_192;

/** What stands before a code may look like a part of it, so it is read from each of its first letters; the first that gives a text counts. */
function aligned(
  text: string,
  steps: number,
  read: (from: number) => string | undefined,
): string | undefined {
  for (let from = 0; from < (text.length > alignedMax ? 1 : steps); from++) {
    const found = read(from);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Encodings of a run of bytes, which may be broken into lines: each run is a view of its own. */
const runs: readonly Encoding[] = [
  {
    by: 'base64',
    isIn: (_text, { base64 }) => base64,
    // Long enough that a word is not one; decoded only where bytes of text come out.
    pattern: /[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}/y,
    decode: (part) => {
      const text = part.replace(/[\r\n=]+/g, '');
      return aligned(text, 4, (from) => textOf(bytesOfBase64(text, from)));
    },
  },
  {
    by: 'hex',
    isIn: (_text, { hex }) => hex,
    pattern: /(?:(?:\\x|0x)?[0-9A-Fa-f]{2}[\s:,-]{0,2}){8,}[0-9A-Fa-f]?/g,
    decode: (part) => {
      const text = part.replace(/\\x|0x|[^0-9A-Fa-f]/g, '');
      return aligned(text, 2, (from) => textOf(bytesOfHex(text, from)));
    },
  },
];

const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  commat: '@',
  period: '.',
  colon: ':',
  sol: '/',
  lowbar: '_',
  hyphen: '-',
  shy: '',
  zwj: '',
  zwnj: '',
  ZeroWidthSpace: '',
};

function characterOf(entity: string): string | undefined {
  const name = entity.slice(1, -1);
  if (!name.startsWith('#')) return Object.hasOwn(named, name) ? named[name] : undefined;
  const point = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  const isCharacter = point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return isCharacter ? String.fromCodePoint(point) : undefined;
}

/** Encodings of single characters: one view of the whole text, in which they stand decoded. */
const characters: readonly Encoding[] = [
  {
    by: 'percent',
    isIn: (text) => /%[0-9A-Fa-f]{2}/.test(text),
    pattern: /(?:%[0-9A-Fa-f]{2})+/g,
    decode: (text) => percentText(bytesOfHex(text.replaceAll('%', '')))?.replace(noText, ''),
  },
  {
    by: 'entities',
    isIn: (text) => /&[#a-zA-Z]/.test(text),
    pattern: /&(?:#\d{1,12}|#[xX][0-9a-fA-F]{1,12}|[a-zA-Z]{2,16});/g,
    decode: characterOf,
  },
];

function inPlace(outer: View, { by, pattern, decode }: Encoding): View | undefined {
  const rebuilt = new Rebuilt();
  const { text } = outer;
  let at = 0;
  const plainTo = (to: number) => {
    for (; at < to; at++) rebuilt.add(text.charAt(at), at, at + 1);
  };
  let changed = false;
  for (const { 0: part, index } of text.matchAll(pattern)) {
    const decoded = decode(part);
    if (decoded === undefined) continue;
    plainTo(index);
    rebuilt.add(decoded, index, index + part.length);
    at = index + part.length;
    changed = true;
  }
  plainTo(text.length);
  return changed ? rebuilt.view([...outer.by, by], outer.span) : undefined;
}

function* matchesAt(
  text: string,
  pattern: RegExp,
  places: boolean | readonly number[],
): Generator<RegExpExecArray> {
  if (typeof places === 'boolean') {
    if (places) yield* text.matchAll(pattern);
    return;
  }
  let end = 0;
  for (const at of places) {
    if (at < end) continue;
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) continue;
    end = at + match[0].length;
    yield match;
  }
}

function* decoded(outer: View, glance: Glance): Generator<View> {
  for (const encoding of characters) {
    const view = encoding.isIn(outer.text, glance) === true ? inPlace(outer, encoding) : undefined;
    if (view !== undefined) yield view;
  }
  for (const { by, isIn, pattern, decode } of runs) {
    const places = isIn(outer.text, glance);
    for (const { 0: part, index } of matchesAt(outer.text, pattern, places)) {
      const text = decode(part);
      if (text === undefined) continue;
      yield {
        text,
        by: [...outer.by, by],
        // Which character came of which is not kept: all of it stands for all of the run.
        span: () => outer.span(index, index + part.length),
      };
    }
  }
}

/** Every view of a text within the bounds, widest first. `first`: what a glance says of it; `glanceAt`: how to have one at a view. */
export function viewsOf(text: string, first: Glance, glanceAt: (text: string) => Glance): Seen {
  const views: View[] = [];
  const hidden = new Set<Hiding>();
  const read: string[] = [];
  let characters = 0;
  let cut = false;
  const queue: View[] = [{ text, by: [], span: whole }];
  for (let outer = queue.shift(); outer !== undefined; outer = queue.shift()) {
    const found: View[] = [];
    let glance = outer.text === text ? first : glanceAt(outer.text);
    if (!glance.plain) {
      const clear = compatible(outer.text, outer);
      for (const each of clear?.found ?? []) hidden.add(each);
      if (clear !== undefined) found.push(clear.view);
      const shadow = latin(clear?.view ?? outer);
      if (shadow !== undefined) {
        hidden.add('look_alike');
        found.push(shadow);
      }
      const last = found.at(-1);
      if (last !== undefined) glance = glanceAt(last.text);
    }
    const clearest = found.at(-1) ?? outer;
    read.push(clearest.text);
    if (outer.by.length < depthMax) {
      for (const view of decoded(clearest, glance)) {
        characters += view.text.length;
        if (characters > decodedMax || views.length + found.length >= viewsMax) {
          cut = true;
          break;
        }
        found.push(view);
        queue.push(view);
      }
    }
    views.push(...found);
  }
  const [clear = text, ...within] = read;
  return { views, clear, decoded: within, hidden: [...hidden], cut };
}
