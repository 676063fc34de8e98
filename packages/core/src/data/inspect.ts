/**
 * Room: data (D-3). Looks for sensitive data in a JSON value: every string, number and key, also where it is encoded or disguised, and in JSON that stands in a
 * string. What is to be masked is replaced by a placeholder that names its kind; the value stays the JSON that it was. Bounded; never throws.
 */
import { isJsonObject, type Json, parseStrict } from '../wire/json.ts';
import type { Category, Channel, Detector, Place } from './detectors/detector.ts';
import { detectors, glanceAt } from './detectors/index.ts';
import type { Glance } from './glance.ts';
import type { MadeDetector } from './own/own-detectors.ts';
import { apart, Finds, type FoundPlace, placeholderOf, replaced } from './places.ts';
import { type Hiding, viewsOf } from './text-views.ts';

/** Characters of one value that are looked at, unless it is said otherwise; what is longer is `unchecked`. */
export const inspectedMax = 1_048_576;
/** Strings, numbers and keys of one value, for each of so many characters. */
const textsMax = 50_000;
/** Nothing that is shorter is looked at. */
const textMin = 5;
const nestedMax = 3;
const utf8 = new TextEncoder();
const nestedBounds = { bytesMax: 4 * inspectedMax, depthMax: 64, valuesMax: textsMax };

/** What was found, without a word of it: how many places of each detector, and whether everything was looked at. */
export interface Inspection {
  readonly found: ReadonlyMap<string, number>;
  readonly categories: ReadonlySet<Category>;
  readonly hidden: ReadonlySet<Hiding>;
  /** Places that were masked. */
  readonly masked: number;
  /** A bound was reached, or a detector failed: nobody knows what else is in it. */
  readonly unchecked: boolean;
  /** Everything in it was looked at once; false: some of it nobody has looked at, and it is not masked. */
  readonly whole: boolean;
  /** Bytes that are no text (images, audio, archives): not looked into. */
  readonly uninspected: boolean;
}

export interface InspectOptions {
  readonly channel: Channel;
  /** Characters that are looked at. */
  readonly max?: number;
  /** Detectors of the company's own, asked beside those that ship. */
  readonly own?: readonly MadeDetector[];
  /** None of those that ship is asked. */
  readonly ownOnly?: boolean;
  /** Which detectors' finds are masked; absent: none. */
  readonly mask?: (detector: Detector) => boolean;
  /** Which detectors' finds count whatever else is found where they are; absent: those that are masked. */
  readonly matters?: (detector: Detector) => boolean;
  /** What stands in a place that is masked, which holds `value`; absent or undefined: a placeholder. Not with `shape`. */
  readonly instead?: (place: FoundPlace, value: string) => string | undefined;
  /** `kept`: what is masked keeps its length, its separators and its type, for a schema that wants them; absent: a placeholder names its kind. */
  readonly shape?: 'kept';
  /** Keys whose strings are bytes or words of a protocol and not content: `data`, `type`. */
  readonly skip?: (key: string, within: Record<string, Json>) => 'words' | 'bytes' | undefined;
  /** Is given all text of the value as somebody would read it, decoded text too, in pieces that overlap. */
  readonly hear?: (text: string) => void;
}

/** Characters of one piece that is heard, and of the next that stood in it, too. */
const heardLength = 65_536;
const heardOverlap = 4_096;

/** A long string is looked at in parts, so that whoever waits is not kept from all else; what is longer than the overlap may be cut in two. */
const partLength = 65_536;
const partOverlap = 17_000;
/** And one that is no longer is looked at by all detectors in one step. */
const stepLength = 4_096;

const sameShape = (text: string): string =>
  text
    .replace(/\p{Lu}/gu, 'X')
    .replace(/(?!X)\p{L}/gu, 'x')
    .replace(/\p{N}/gu, '0');

/** The same members with nothing in them. */
function emptied(value: Json): Json {
  if (typeof value === 'string') return sameShape(value);
  if (typeof value === 'number') return 0;
  if (Array.isArray(value)) return value.map(emptied);
  return isJsonObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, emptied(item)]))
    : value;
}

/** It marks a text, and takes no place that something else is masked in. */
const isSign = ({ category }: Detector): boolean => category === 'injection';

const none = (): boolean => false;

/** What is found in a text: places that may be masked, and signs. */
interface Found {
  readonly places: Finds;
  readonly signs: Finds;
}

const keep = ({ places, signs }: Found, found: readonly Place[], detector: Detector): void =>
  (isSign(detector) ? signs : places).add(found, detector);

class Walk {
  readonly found = new Map<string, number>();
  readonly categories = new Set<Category>();
  readonly hidden = new Set<Hiding>();
  masked = 0;
  unchecked = false;
  whole = true;
  uninspected = false;
  #characters = 0;
  #texts = 0;
  readonly #heard: Record<'clear' | 'decoded', string> = { clear: '', decoded: '' };
  readonly #max: number;
  readonly #textsMax: number;
  readonly #options: InspectOptions;
  readonly #detectors: readonly Detector[];
  readonly #own: ReadonlySet<Detector>;
  readonly #ofValues: readonly MadeDetector[];

  constructor(options: InspectOptions) {
    this.#options = options;
    this.#max = options.max ?? inspectedMax;
    this.#textsMax = textsMax * Math.ceil(this.#max / inspectedMax);
    const asked = ({ channels }: Detector) => channels.includes(options.channel);
    const own = (options.own ?? []).filter(asked);
    const shipped = options.ownOnly === true ? [] : detectors.filter(asked);
    const ofTexts = own.filter(({ holds }) => holds === undefined);
    this.#detectors = [...shipped, ...ofTexts];
    this.#own = new Set(ofTexts);
    this.#ofValues = own.filter(({ holds }) => holds !== undefined);
  }

  *value(value: Json, context: string, nested: number): Generator<void, Json> {
    if (typeof value === 'string') return yield* this.#string(value, context, nested);
    if (typeof value === 'number') return yield* this.#number(value, context);
    const whole = this.#asWhole(value);
    if (whole !== undefined) return whole;
    if (Array.isArray(value)) {
      const after: Json[] = [];
      for (const item of value) after.push(yield* this.value(item, context, nested));
      return after;
    }
    return isJsonObject(value) ? yield* this.#object(value, nested) : value;
  }

  /** What stands in the place of an object or array that is masked as a whole. */
  #asWhole(value: Json): Json | undefined {
    if (this.#ofValues.length === 0 || typeof value !== 'object' || value === null) return undefined;
    const { mask, shape } = this.#options;
    let masked: MadeDetector | undefined;
    for (const detector of this.#ofValues) {
      if (!this.#holds(detector, value)) continue;
      this.#count(detector);
      if (mask?.(detector) === true) masked ??= detector;
    }
    if (masked === undefined) return undefined;
    this.masked++;
    return shape === 'kept' ? emptied(value) : `[${masked.placeholder}]`;
  }

  #holds(detector: MadeDetector, value: Json): boolean {
    if (++this.#texts > this.#textsMax) {
      this.unchecked = true;
      this.whole = false;
      return false;
    }
    try {
      return detector.holds?.(value) === true;
    } catch {
      this.unchecked = true;
      return false;
    }
  }

  #count({ id, category }: Detector): void {
    this.found.set(id, (this.found.get(id) ?? 0) + 1);
    this.categories.add(category);
  }

  /** Words that stand in many strings are heard as one text; what was decoded apart, so that neither waters down the other. */
  #hear(kind: 'clear' | 'decoded', text: string): void {
    if (this.#options.hear === undefined) return;
    let all = `${this.#heard[kind]}${text}\n`;
    for (; all.length > heardLength; all = all.slice(heardLength - heardOverlap))
      this.#tell(all.slice(0, heardLength));
    this.#heard[kind] = all;
  }

  #tell(text: string): void {
    try {
      this.#options.hear?.(text);
    } catch {
      this.unchecked = true;
    }
  }

  /** After the last string. */
  end(): void {
    for (const text of Object.values(this.#heard)) if (text !== '') this.#tell(text);
  }

  *#number(value: number, context: string): Generator<void, Json> {
    const text = String(value);
    const after = text.length < textMin ? text : yield* this.#text(text, context);
    if (after === text) return value;
    return this.#options.shape === 'kept' ? 0 : after;
  }

  *#object(value: Record<string, Json>, nested: number): Generator<void, Json> {
    const after: [string, Json][] = [];
    const names = new Map<string, number>();
    for (const [key, item] of Object.entries(value)) {
      const skipped = nested === 0 ? this.#options.skip?.(key, value) : undefined;
      if (skipped === 'bytes') this.uninspected = true;
      const masked = skipped === undefined ? yield* this.#text(key, '') : key;
      // Keys that are masked alike stay apart.
      let name = masked;
      let count = names.get(masked) ?? 1;
      while (names.has(name)) name = `${masked} ${++count}`;
      names.set(masked, count).set(name, names.get(name) ?? 1);
      after.push([name, skipped === undefined ? yield* this.value(item, key, nested) : item]);
    }
    return Object.fromEntries(after);
  }

  *#string(text: string, context: string, nested: number): Generator<void, string> {
    if (nested < nestedMax && /^\s*[[{"]/.test(text)) {
      const parsed = parseStrict(utf8.encode(text), nestedBounds);
      if (
        parsed.ok &&
        (typeof parsed.value === 'string' || isJsonObject(parsed.value) || Array.isArray(parsed.value))
      ) {
        const before = this.masked;
        const after = yield* this.value(parsed.value as Json, context, nested + 1);
        return this.masked === before ? text : JSON.stringify(after);
      }
    }
    return yield* this.#text(text, context);
  }

  /** `context`: the key under which it stands, which may be what says what it is. */
  *#text(text: string, context: string): Generator<void, string> {
    this.#texts++;
    this.#characters += text.length;
    if (this.#texts > this.#textsMax || this.#characters > this.#max) {
      this.unchecked = true;
      this.whole = false;
      return text;
    }
    if (text.length < textMin) {
      this.#hear('clear', text);
      return text;
    }
    const found = yield* this.places(text, context);
    for (const { detector } of found) this.#count(detector);
    return this.#masked(text, found);
  }

  /** Where something is found, without counting it; places may overlap. */
  *places(text: string, context: string): Generator<void, FoundPlace[]> {
    const found = this.#nothing();
    for (let from = 0; ; from += partLength - partOverlap) {
      const part = text.slice(from, from + partLength);
      for (const { detector, ...at } of yield* this.#find(part, context))
        keep(found, [{ ...at, start: at.start + from, end: at.end + from }], detector);
      if (from + partLength >= text.length) return [...found.places.all, ...found.signs.all];
    }
  }

  #nothing(): Found {
    const { mask, matters = mask ?? none } = this.#options;
    const isOwn = (detector: Detector) => this.#own.has(detector);
    return { places: new Finds(matters, isOwn), signs: new Finds(none, none) };
  }

  #masked(text: string, found: readonly FoundPlace[]): string {
    const { mask, shape, instead } = this.#options;
    const masks = mask === undefined ? [] : apart(found.filter(({ detector }) => mask(detector)));
    this.masked += masks.length;
    return shape === 'kept'
      ? replaced(text, masks, ({ start, end }) => sameShape(text.slice(start, end)))
      : replaced(
          text,
          masks,
          (place) => instead?.(place, text.slice(place.start, place.end)) ?? placeholderOf(place),
        );
  }

  *#find(text: string, context: string): Generator<void, FoundPlace[]> {
    const said = context === '' || context.length > 100 ? '' : `${context}: `;
    const found = this.#nothing();
    const first = glanceAt(said + text);
    yield* this.#look(said + text, first, said.length, found, (place) => ({ ...place, clear: true }));
    yield;
    // What says what it is is not decoded.
    const base64 = first.base64.flatMap((at) => (at < said.length ? [] : [at - said.length]));
    const seen = viewsOf(text, { ...first, base64 }, glanceAt);
    yield;
    for (const how of seen.hidden) this.hidden.add(how);
    if (seen.cut) this.unchecked = true;
    this.#hear('clear', seen.clear);
    for (const decoded of seen.decoded) this.#hear('decoded', decoded);
    for (const view of seen.views) {
      const where = said + view.text;
      yield* this.#look(where, glanceAt(where), said.length, found, ({ start, end }) =>
        view.span(start, end),
      );
      yield;
    }
    return [...found.places.all, ...found.signs.all];
  }

  /** Asks all detectors about a text, of which the first characters (`before`) only say what it is. */
  *#look(
    text: string,
    first: Glance,
    before: number,
    kept: Found,
    place: (at: Place) => Place,
  ): Generator<void> {
    for (const detector of this.#detectors) {
      if (text.length > stepLength) yield;
      const found = this.#ask(detector, text, first);
      if (found.length === 0) continue;
      const places = found.flatMap(({ start, end }) =>
        end <= before ? [] : [place({ start: Math.max(0, start - before), end: end - before })],
      );
      keep(kept, places, detector);
    }
  }

  #ask(detector: Detector, text: string, first: Glance): readonly Place[] {
    try {
      return detector.find(text, first);
    } catch {
      this.unchecked = true;
      // What it would have masked stands there in clear.
      if (this.#options.mask?.(detector) === true) this.whole = false;
      return [];
    }
  }
}

export interface Inspected {
  /** The value with what was to be masked replaced. */
  readonly value: Json;
  readonly inspection: Inspection;
}

/** Looks at a value part by part: whoever drives it may do something else in between. */
export function* inspectInParts(value: Json, options: InspectOptions): Generator<void, Inspected> {
  const walk = new Walk(options);
  let after = value;
  try {
    after = yield* walk.value(value, '', 0);
    walk.end();
  } catch {
    walk.unchecked = true;
    walk.whole = false;
  }
  return { value: after, inspection: walk };
}

/** Where in a text something is found, and what else was seen of it; places are not counted and may overlap. For text that comes in pieces. */
export function* placesInParts(
  text: string,
  channel: Channel,
  { own, hear, matters }: Pick<InspectOptions, 'own' | 'hear' | 'matters'>,
): Generator<void, { readonly places: readonly FoundPlace[]; readonly inspection: Inspection }> {
  const walk = new Walk({
    channel,
    ...(own === undefined ? {} : { own }),
    ...(hear === undefined ? {} : { hear }),
    ...(matters === undefined ? {} : { matters }),
  });
  try {
    const places = yield* walk.places(text, '');
    walk.end();
    return { places, inspection: walk };
  } catch {
    walk.unchecked = true;
    walk.whole = false;
    return { places: [], inspection: walk };
  }
}

/** Looks at a value in one go. */
export function inspect(value: Json, options: InspectOptions): Inspected {
  const parts = inspectInParts(value, options);
  for (;;) {
    const next = parts.next();
    if (next.done === true) return next.value;
  }
}
