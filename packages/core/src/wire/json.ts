/**
 * Strict JSON for everything that arrives from outside (D-1). JSON.parse forgives what attackers use: duplicate keys
 * (two parsers, two meanings), `__proto__`, integers that round, unbounded depth. This parser refuses them.
 * It does not repair anything and never returns a partial value.
 */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export interface JsonBounds {
  readonly bytesMax: number;
  readonly depthMax: number;
  /** Values (scalars, arrays and objects together) in one document. */
  readonly valuesMax: number;
}

export const jsonBoundsDefault: JsonBounds = { bytesMax: 1_048_576, depthMax: 32, valuesMax: 50_000 };

export type JsonProblem =
  | 'too_large'
  | 'too_deep'
  | 'too_many_values'
  | 'invalid_utf8'
  | 'syntax'
  | 'duplicate_key'
  | 'forbidden_key'
  | 'unsafe_number';

export type JsonParsed =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly problem: JsonProblem; readonly offset: number };

class Fault {
  readonly problem: JsonProblem;
  readonly offset: number;
  constructor(problem: JsonProblem, offset: number) {
    this.problem = problem;
    this.offset = offset;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint: control characters are exactly what must not stand raw in a JSON string (RFC 8259 §7)
const plainPattern = /[^"\\\u0000-\u001f]*/y;
const escapes: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Reader {
  private at = 0;
  private values = 0;
  private readonly text: string;
  private readonly bounds: JsonBounds;

  constructor(text: string, bounds: JsonBounds) {
    this.text = text;
    this.bounds = bounds;
  }

  document(): Json {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) throw new Fault('syntax', this.at);
    return value;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private value(depth: number): Json {
    if (depth > this.bounds.depthMax) throw new Fault('too_deep', this.at);
    if (++this.values > this.bounds.valuesMax) throw new Fault('too_many_values', this.at);
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private word(word: string, value: boolean | null): Json {
    if (!this.text.startsWith(word, this.at)) throw new Fault('syntax', this.at);
    this.at += word.length;
    return value;
  }

  private number(): number {
    numberPattern.lastIndex = this.at;
    const match = numberPattern.exec(this.text);
    if (match === null || match[0] === '') throw new Fault('syntax', this.at);
    const value = Number(match[0]);
    // An integer that a double cannot hold would be decided as one number and executed as another.
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      throw new Fault('unsafe_number', this.at);
    }
    this.at += match[0].length;
    return Object.is(value, -0) ? 0 : value;
  }

  private string(): string {
    const start = this.at++;
    let out = '';
    for (;;) {
      plainPattern.lastIndex = this.at;
      const plain = plainPattern.exec(this.text)?.[0] ?? '';
      out += plain;
      this.at += plain.length;
      const next = this.text[this.at];
      if (next === '"') {
        this.at++;
        return out;
      }
      if (next !== '\\') throw new Fault('syntax', this.at < this.text.length ? this.at : start);
      out += this.escape();
    }
  }

  private escape(): string {
    const letter = this.text[this.at + 1] ?? '';
    const simple = escapes[letter];
    if (simple !== undefined) {
      this.at += 2;
      return simple;
    }
    const hex = this.text.slice(this.at + 2, this.at + 6);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) throw new Fault('syntax', this.at);
    this.at += 6;
    const unit = Number.parseInt(hex, 16);
    if (unit >= 0xd800 && unit <= 0xdbff) return this.surrogate(unit);
    if (unit >= 0xdc00 && unit <= 0xdfff) throw new Fault('invalid_utf8', this.at);
    return String.fromCharCode(unit);
  }

  private surrogate(high: number): string {
    const low = this.text.slice(this.at, this.at + 6);
    if (!/^\\u[dD][c-fC-F][0-9a-fA-F]{2}$/.test(low)) throw new Fault('invalid_utf8', this.at);
    this.at += 6;
    return String.fromCharCode(high, Number.parseInt(low.slice(2), 16));
  }

  private array(depth: number): Json[] {
    this.at++;
    const out: Json[] = [];
    this.space();
    if (this.text[this.at] === ']') {
      this.at++;
      return out;
    }
    for (;;) {
      out.push(this.value(depth + 1));
      this.space();
      const mark = this.text[this.at++];
      if (mark === ']') return out;
      if (mark !== ',') throw new Fault('syntax', this.at - 1);
    }
  }

  private object(depth: number): JsonObject {
    this.at++;
    const out: JsonObject = {};
    this.space();
    if (this.text[this.at] === '}') {
      this.at++;
      return out;
    }
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') throw new Fault('syntax', this.at);
      const keyAt = this.at;
      const key = this.string();
      if (key === '__proto__') throw new Fault('forbidden_key', keyAt);
      if (Object.hasOwn(out, key)) throw new Fault('duplicate_key', keyAt);
      this.space();
      if (this.text[this.at++] !== ':') throw new Fault('syntax', this.at - 1);
      out[key] = this.value(depth + 1);
      this.space();
      const mark = this.text[this.at++];
      if (mark === '}') return out;
      if (mark !== ',') throw new Fault('syntax', this.at - 1);
    }
  }
}

/** Parses one JSON document (RFC 8259) from bytes. Never throws; `offset` is in UTF-16 units of the decoded text. */
export function parseStrict(bytes: Uint8Array, bounds: JsonBounds = jsonBoundsDefault): JsonParsed {
  if (bytes.byteLength > bounds.bytesMax) return { ok: false, problem: 'too_large', offset: bounds.bytesMax };
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return { ok: false, problem: 'invalid_utf8', offset: 0 };
  }
  return parseStrictText(text, bounds);
}

/** Longer texts go to the reader at once: the platform's own parser has no bounds. */
const plainLengthMax = 65_536;

/**
 * The value of a text that says exactly what the platform's own serialiser would say of it, within the bounds; undefined for every other text,
 * good or bad: the reader then decides. Nothing can hide in such a text: a duplicate key, a rounded number or other spellings would not come back.
 */
function plainValue(text: string, bounds: JsonBounds): Json | undefined {
  // What comes back and is refused all the same: escaped surrogates, and the key that means a prototype elsewhere.
  if (text.length > plainLengthMax || text.includes('\\ud') || text.includes('"__proto__"')) return undefined;
  try {
    const value = JSON.parse(text) as Json;
    return JSON.stringify(value) === text && valuesWithin(value, 0, bounds) <= bounds.valuesMax
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

/** How many values there are; Infinity when one lies too deep or is an integer that a double cannot hold. */
function valuesWithin(value: Json, depth: number, bounds: JsonBounds): number {
  if (depth > bounds.depthMax) return Number.POSITIVE_INFINITY;
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? Number.POSITIVE_INFINITY : 1;
  if (value === null || typeof value !== 'object') return 1;
  let count = 1;
  for (const each of Array.isArray(value) ? value : Object.values(value))
    count += valuesWithin(each, depth + 1, bounds);
  return count;
}

/** As {@link parseStrict}, for text that is already decoded. */
export function parseStrictText(text: string, bounds: JsonBounds = jsonBoundsDefault): JsonParsed {
  const plain = plainValue(text, bounds);
  if (plain !== undefined) return { ok: true, value: plain };
  try {
    return { ok: true, value: new Reader(text, bounds).document() };
  } catch (fault) {
    if (fault instanceof Fault) return { ok: false, problem: fault.problem, offset: fault.offset };
    throw fault;
  }
}

/**
 * The one serialisation that is digested, stored, approved and sent upstream: keys sorted by UTF-16 code unit
 * (as RFC 8785 §3.2.3), no white space. Numbers print as ECMAScript prints them.
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`).join(',')}}`;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every string that is a value, in its order; names of members are none. */
export function stringsIn(value: Json, found: string[] = []): string[] {
  if (typeof value === 'string') found.push(value);
  else if (Array.isArray(value)) for (const item of value as Json[]) stringsIn(item, found);
  else if (isJsonObject(value)) for (const item of Object.values(value)) stringsIn(item, found);
  return found;
}
