/**
 * Room: data (D-3). Looks at a stream while it passes and holds no more of it than a window. What stands in one event, line or run of lines is masked there; what
 * begins in what has left already and ends in what comes now cannot be masked any more: then nothing more leaves. Pure: whoever drives it gives text or bytes
 * and gets what may leave.
 */
import { isJsonObject, type Json, parseStrict } from '../wire/json.ts';
import type { Detector } from './detectors/detector.ts';
import { inspectInParts, placesInParts } from './inspect.ts';
import { apart, type FoundPlace, placeholderOf, replaced } from './places.ts';
import type { MadeDetector } from './own/own-detectors.ts';
import { eventLines, Units, unitLengthMax, withData } from './stream-units.ts';
import { Tally } from './tally.ts';
import { type KeptValue, Tokenising, type Tokens } from './tokens.ts';

/** Characters of what has left that are looked at again together with what comes. */
export const tailLength = 2_048;
/** Characters of new text from which on it is heard before it leaves; fewer are heard with what follows them, and at the end. A few words look like anything. */
const heardMin = 128;
/** Members of JSON whose strings are followed over several units, each by itself; those of more members all together. */
const pathsMax = 32;
/** A value that comes again as it was is no continuation. */
const sameLengthMin = 8;
/** Plain text without an end of a line leaves from here on, all but the overlap. */
const heldMax = 65_536;
const overlap = 17_000;
/** Bytes that are gathered before they are looked at, and those that stay behind until more is known. */
const bytesAtOnce = 4_096;
const bytesKept = 512;

export type Passed<T> = { readonly out: T } | { readonly cut: 'found' | 'too_long' };
export type Mask = (detector: Detector) => boolean;

/** A look at what came; where it gives values, whoever drives it says what stands for each. */
export type Look<T> = Generator<void | readonly KeptValue[], Passed<T>, Tokens>;

const none = (): boolean => false;

/** Has values told that were found since, and knows then what stands for them. False: there are none. */
function* told(tokenising: Tokenising): Generator<readonly KeptValue[], boolean, Tokens> {
  const fresh = tokenising.fresh();
  if (fresh.length === 0) return false;
  tokenising.know(fresh, yield fresh);
  return true;
}

/** By what a stream is looked at. */
export interface StreamOptions {
  readonly mask: Mask;
  readonly own?: readonly MadeDetector[];
  /** What of that which is masked becomes a token. */
  readonly tokenised?: Mask;
  /** Is given the text as somebody would read it, decoded text too, before it leaves; in pieces that overlap. */
  readonly hear?: (text: string) => void;
}

const heardOf = ({ own = [], hear, mask: matters }: StreamOptions, hears: boolean) =>
  hears && hear !== undefined ? { own, matters, hear } : { own, matters };

const utf8 = new TextEncoder();
const unitBounds = { bytesMax: 4 * unitLengthMax, depthMax: 64, valuesMax: 50_000 };

/** What goes on beyond what may leave (`safe`), or may still grow at the end of the text, waits. */
function clearOf(places: readonly FoundPlace[], safe: number, length: number): number {
  let clear = safe;
  for (const { start, end } of places.toSorted((a, b) => b.start - a.start))
    if (start < clear && (end > clear || end === length)) clear = start;
  return clear;
}

/** The end of what has left, by where it stood. */
class Tails {
  readonly #tails = new Map<string, string>();
  readonly #last = new Map<string, string>();
  /** Characters at the end of a tail that nobody has heard. */
  readonly #unheard = new Map<string, number>();
  readonly #options: StreamOptions;
  readonly #tally: Tally;

  constructor(options: StreamOptions, tally: Tally) {
    this.#options = options;
    this.#tally = tally;
  }

  /** Whether these texts may leave after what has left at their paths before. */
  *follow(texts: ReadonlyMap<string, string>): Generator<void, boolean> {
    const rest: string[] = [];
    for (const [path, text] of texts) {
      if (!this.#last.has(path) && this.#last.size >= pathsMax) rest.push(text);
      else if (!(yield* this.#follows(path, text))) return false;
    }
    return rest.length === 0 || (yield* this.#follows('*', rest.join('\n')));
  }

  /** What has left unheard, because nothing came after it. */
  *end(): Generator<void> {
    for (const [path, unheard] of this.#unheard)
      if (unheard > 0)
        yield* placesInParts(this.#tails.get(path) ?? '', 'read', heardOf(this.#options, true));
  }

  /** Begins anew at this path. */
  leave(path: string): void {
    this.#tails.delete(path);
  }

  *#follows(path: string, text: string): Generator<void, boolean> {
    if (text.length >= sameLengthMin && this.#last.get(path) === text) return true;
    this.#last.set(path, text);
    const before = this.#tails.get(path) ?? '';
    const window = before + text;
    const unheard = (this.#unheard.get(path) ?? 0) + text.length;
    this.#unheard.set(path, unheard < heardMin ? unheard : 0);
    const heard = heardOf(this.#options, unheard >= heardMin);
    const { places, inspection } = yield* placesInParts(window, 'read', heard);
    if (inspection.unchecked) this.#tally.unchecked = true;
    const straddling = places.filter(({ start, end }) => start < before.length && end > before.length);
    for (const { detector } of straddling) this.#tally.count(detector);
    const { mask } = this.#options;
    if (straddling.some(({ detector }) => mask(detector))) return false;
    // What has been masked is not found again; what reaches the end may go on, and is.
    const masks = places.filter(({ detector }) => mask(detector));
    const safe = clearOf(masks, window.length, window.length);
    const done = apart(masks.filter(({ end }) => end <= safe));
    this.#tails.set(path, replaced(window, done).slice(-tailLength));
    return true;
  }
}

/** Strings of a JSON value by the path that leads to them, and the paths that lead to numbers. */
function leaves(value: Json, path: string, strings: Map<string, string>): void {
  if (typeof value === 'string') strings.set(path, value);
  else if (Array.isArray(value))
    for (const [at, item] of value.entries()) leaves(item as Json, `${path}/${at}`, strings);
  else if (isJsonObject(value))
    for (const [key, item] of Object.entries(value)) leaves(item, `${path}/${key}`, strings);
}

/** Fields of events that hold no content by their names. */
const fields: ReadonlySet<string> = new Set(['', 'data', 'event', 'id', 'retry']);

type Shown = Generator<void | readonly KeptValue[], string | undefined, Tokens>;

/** Text in events or lines. */
export class UnitStreamInspection {
  readonly tally = new Tally();
  readonly #form: 'events' | 'lines';
  readonly #options: StreamOptions;
  readonly #units: Units;
  readonly #tails: Tails;
  readonly #tokenising: Tokenising;

  constructor(form: 'events' | 'lines', options: StreamOptions) {
    this.#tokenising = new Tokenising(options.tokenised ?? none);
    this.#form = form;
    this.#options = options;
    this.#units = new Units(form);
    this.#tails = new Tails(options, this.tally);
  }

  *take(text: string): Look<string> {
    const passed = yield* this.#each(this.#units.take(text));
    return 'out' in passed && this.#units.tooLong ? { cut: 'too_long' } : passed;
  }

  *end(): Look<string> {
    const rest = this.#units.rest();
    const passed = yield* this.#each(rest === '' ? [] : [rest]);
    yield* this.#tails.end();
    return passed;
  }

  *#each(units: readonly string[]): Look<string> {
    const given: string[] = [];
    for (const unit of units) {
      const passed = yield* this.#form === 'events' ? this.#event(unit) : this.#line(unit);
      if (passed === undefined) return { cut: 'found' };
      given.push(passed);
    }
    return { out: given.join('') };
  }

  /** Undefined: it may not leave. */
  *#event(unit: string): Shown {
    const lines = [];
    for (const line of eventLines(unit)) {
      const isData = line.field === 'data';
      const value = isData ? line.value : yield* this.#content(line.value, `:${line.field}`);
      const field = fields.has(line.field) ? line.field : yield* this.#content(line.field, ':');
      if (value === undefined || field === undefined) return undefined;
      lines.push({ ...line, field, value });
    }
    const had = lines.flatMap(({ field, value }) => (field === 'data' ? [value] : [])).join('\n');
    const data = yield* this.#content(had, '');
    return data === undefined ? undefined : withData(lines, data === had ? undefined : data);
  }

  *#line(unit: string): Shown {
    const { 1: before = '', 2: body = '', 3: end = '' } = /^(\x1e*)(.*?)(\r?\n?)$/s.exec(unit) ?? [];
    const content = yield* this.#content(body, '');
    return content === undefined ? undefined : before + content + end;
  }

  /** The content of a unit, masked. */
  *#content(text: string, path: string): Shown {
    if (text === '') return text;
    const { mask } = this.#options;
    const { instead } = this.#tokenising;
    const heard = heardOf(this.#options, text.length >= heardMin);
    const first = yield* inspectInParts(text, { channel: 'read', mask, instead, ...heard });
    this.tally.add(first.inspection);
    if (!first.inspection.whole) return undefined;
    const isNew = yield* told(this.#tokenising);
    const again = { channel: 'read', mask, instead, ...heardOf(this.#options, false) } as const;
    const { value } = isNew ? yield* inspectInParts(text, again) : first;
    const parsed = /^\s*[[{"]/.test(text) ? parseStrict(utf8.encode(text), unitBounds) : undefined;
    const strings = new Map<string, string>();
    leaves(parsed?.ok === true ? (parsed.value as Json) : text, path, strings);
    // In rows, figures are values by themselves: those of two rows are no longer figure.
    if (this.#form === 'lines')
      for (const [at, leaf] of strings)
        if (/^\d{5,}$/.test(leaf)) {
          strings.delete(at);
          this.#tails.leave(at);
        }
    return (yield* this.#tails.follow(strings)) ? String(value) : undefined;
  }
}

/** Plain text: it leaves by lines, or, where those are long, all but the end of it. */
export class TextStreamInspection {
  readonly tally = new Tally();
  readonly #options: StreamOptions;
  #held = '';
  #tail = '';
  /** Length of what is held from which on it is worth looking again. */
  #lookFrom = 0;
  readonly #tokenising: Tokenising;

  constructor(options: StreamOptions) {
    this.#tokenising = new Tokenising(options.tokenised ?? none);
    this.#options = options;
  }

  *take(text: string): Look<string> {
    this.#held += text;
    const { length } = this.#held;
    const isLong = length > heldMax;
    const lineEnd = this.#held.lastIndexOf('\n') + 1;
    if (length < this.#lookFrom || (!isLong && lineEnd === 0)) return { out: '' };
    return yield* this.#look(Math.max(lineEnd, isLong ? length - overlap : 0), isLong);
  }

  *end(): Look<string> {
    return this.#held === '' ? { out: '' } : yield* this.#look(undefined, false);
  }

  /** `upTo`: what of it may leave; undefined: all, and nothing comes any more. */
  *#look(upTo: number | undefined, isLong: boolean): Look<string> {
    const before = this.#tail.length;
    const window = this.#tail + this.#held;
    const { mask } = this.#options;
    const heard = heardOf(this.#options, upTo === undefined || window.length >= heardMin);
    const { places, inspection } = yield* placesInParts(window, 'read', heard);
    const masks = places.filter(({ end, detector }) => end > before && mask(detector));
    const { length } = window;
    if (masks.some(({ start }) => start < before)) return this.#cut(masks.map(({ detector }) => detector));
    const safe = upTo === undefined ? length : clearOf(masks, before + upTo, length);
    if (safe <= before) {
      this.#lookFrom = Math.ceil(this.#held.length * 1.25);
      return isLong ? { cut: 'too_long' } : { out: '' };
    }
    this.#lookFrom = 0;
    this.tally.add(inspection);
    for (const { start, end, detector } of places)
      if (end > before && start < safe) this.tally.count(detector);
    const leaving = apart(masks.filter(({ start }) => start < safe));
    this.tally.masked += leaving.length;
    const tokenOf = (place: FoundPlace) =>
      this.#tokenising.instead(place, window.slice(place.start, place.end));
    for (const place of leaving) tokenOf(place);
    yield* told(this.#tokenising);
    const given = replaced(window.slice(0, safe), leaving, (place) => tokenOf(place) ?? placeholderOf(place));
    this.#held = window.slice(safe);
    this.#tail = given.slice(-tailLength);
    return { out: given.slice(before) };
  }

  #cut(found: readonly Detector[]): Passed<string> {
    for (const detector of found) this.tally.count(detector);
    return { cut: 'found' };
  }
}

const latin = new TextDecoder('latin1');
/** What of bytes people could read: runs of plain characters, also with two bytes each (UTF-16). */
export const readableIn = (bytes: Uint8Array): string =>
  latin
    .decode(bytes)
    .replaceAll('\0', '')
    .replace(/[^\t\n\r\x20-\x7e]+/g, '\n');

/** Bytes that are no text: nothing in them can be masked, so what is found in what of them can be read cuts them. */
export class ByteStreamInspection {
  readonly tally = new Tally();
  readonly #options: StreamOptions;
  #pieces: Uint8Array[] = [];
  #gathered = 0;
  #tail = '';

  constructor(options: StreamOptions) {
    this.#options = options;
    this.tally.uninspected = true;
  }

  *take(bytes: Uint8Array): Generator<void, Passed<Uint8Array>> {
    this.#pieces.push(bytes);
    this.#gathered += bytes.byteLength;
    return this.#gathered < bytesAtOnce ? { out: nothing } : yield* this.#look(bytesKept);
  }

  *end(): Generator<void, Passed<Uint8Array>> {
    return this.#gathered === 0 ? { out: nothing } : yield* this.#look(0);
  }

  *#look(kept: number): Generator<void, Passed<Uint8Array>> {
    const all = joined(this.#pieces, this.#gathered);
    const out = all.subarray(0, all.byteLength - kept);
    const before = this.#tail.length;
    const leaving = before + readableIn(out).length;
    const window = this.#tail + readableIn(all);
    const { places, inspection } = yield* placesInParts(window, 'read', heardOf(this.#options, true));
    this.tally.add(inspection);
    const found = places.filter(({ end }) => end > before);
    const cut = found.some(({ detector }) => this.#options.mask(detector));
    // What ends in what stays behind is found again.
    for (const { detector, end } of found) if (cut || end <= leaving) this.tally.count(detector);
    if (cut) return { cut: 'found' };
    this.#tail = window.slice(0, leaving).slice(-tailLength);
    this.#pieces = [all.subarray(out.byteLength)];
    this.#gathered = kept;
    return { out };
  }
}

const nothing = new Uint8Array();

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}
