/**
 * JSON documents with planted secrets, cards, addresses and account numbers that belong to nobody: in texts, keys and numbers, nested, encoded, escaped, disguised and
 * broken into lines. What was planted is known, so that whatever is done with a document can be held to leaving none of it.
 */
import fc from 'fast-check';
import type { Json } from '@atf/core/wire/json';

export interface Planted {
  readonly kind: 'key' | 'token' | 'card' | 'email' | 'iban' | 'private_key';
  /** What nobody is to find: of a private key one line of it. */
  readonly value: string;
  /** The string as it stands in the document. */
  readonly written: string;
}

export interface PlantedDocument {
  readonly json: Json;
  readonly planted: readonly Planted[];
}

interface Value extends Pick<Planted, 'kind' | 'value'> {
  readonly text: string;
}
interface Placed {
  readonly json: Json;
  readonly planted: Planted | undefined;
}

const of = (letters: string, length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...letters), { minLength: length, maxLength: length })
    .map((all) => all.join(''))
    // Something that a machine made up, and not a placeholder of a person.
    .filter(
      (text) =>
        new Set(text).size >= (/^\d+$/.test(text) ? 6 : Math.min(10, length - 1)) &&
        !/(.)\1\1|0123|1234|2345|3456|4567|5678|6789|abcd/i.test(text),
    );
const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const lower = upper.toLowerCase();
const digits = '0123456789';

function luhnDigit(body: string): string {
  const sum = [...body].reverse().reduce((all, digit, at) => {
    const twice = at % 2 === 0 ? Number(digit) * 2 : Number(digit);
    return all + (twice > 9 ? twice - 9 : twice);
  }, 0);
  return String((10 - (sum % 10)) % 10);
}

const ibanOf = (body: string): string =>
  `DE${String(98n - (BigInt(`${body}131400`) % 97n)).padStart(2, '0')}${body}`;

const simple = (kind: Planted['kind'], value: fc.Arbitrary<string>): fc.Arbitrary<Value> =>
  value.map((text) => ({ kind, value: text, text }));

const value: fc.Arbitrary<Value> = fc.oneof(
  simple(
    'key',
    of(`${upper}234567`, 16).map((tail) => `AKIA${tail}`),
  ),
  simple(
    'token',
    of(upper + lower + digits, 36).map((tail) => `ghp_${tail}`),
  ),
  simple(
    'card',
    of(digits, 14).map((body) => `4${body}${luhnDigit(`4${body}`)}`),
  ),
  simple(
    'email',
    fc.tuple(of(lower, 7), of(lower, 6), of(lower, 8)).map(([a, b, c]) => `${a}.${b}@${c}.org`),
  ),
  simple('iban', of(digits, 18).map(ibanOf)),
  fc.array(of(upper + lower + digits, 64), { minLength: 4, maxLength: 6 }).map((lines): Value => {
    const body = lines.join('\n');
    const text = `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----`;
    return { kind: 'private_key', value: lines[1] ?? '', text };
  }),
);

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const each = (text: string, to: (char: string) => string): string => [...text].map(to).join('');
const codeHex = (char: string): string => (char.codePointAt(0) ?? 0).toString(16);
const sentence = (text: string): string => `the value is ${text} , keep it well`;
const escaped = (text: string): string => each(text, (char) => `\\u${codeHex(char).padStart(4, '0')}`);

/** How a value is written where anybody might read it out again. */
const writings: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  base64: (text) => base64(sentence(text)),
  base64url: (text) => Buffer.from(sentence(text)).toString('base64url'),
  'base64 in lines': (text) => base64(sentence(text)).replace(/.{40}(?=.{8})/g, '$&\n'),
  'base64 of base64': (text) => base64(base64(sentence(text))),
  hex: (text) => Buffer.from(sentence(text)).toString('hex'),
  percent: (text) => each(text, (char) => `%${codeHex(char).padStart(2, '0').toUpperCase()}`),
  entities: (text) => each(text, (char) => `&#${char.codePointAt(0) ?? 0};`),
  invisible: (text) => (text.includes('\n') ? text : [...text].join('\u200b')),
  wide: (text) =>
    text.includes('\n')
      ? text
      : each(text, (char) => String.fromCodePoint((char.codePointAt(0) ?? 0) + 0xfee0)),
};

const fillers = ['late harvest', 'the ferry leaves at noon', 'blue', '', 'two of them', 'a lamp'] as const;
const isFiller = (text: string): boolean => (fillers as readonly string[]).includes(text);
const names = ['note', 'items', 'remark', 'body', 'first', 'about'] as const;

/** Where it stands: a string of its own, in a sentence, a key, in JSON in a string, escaped there. */
const places: Readonly<Record<string, (written: string) => Json>> = {
  alone: (written) => written,
  sentence: (written) => `please take ${written} for it`,
  key: (written) => ({ [written]: 'late harvest' }),
  'JSON in a string': (written) => JSON.stringify({ deep: [{ here: written }, 'blue'] }),
  'JSON in JSON in a string': (written) => JSON.stringify([JSON.stringify({ here: written })]),
};

const placed: fc.Arbitrary<Placed> = fc
  .tuple(
    value,
    fc.constantFrom(...Object.keys(writings)),
    fc.constantFrom(...Object.keys(places), 'escaped', 'number'),
  )
  .map(([{ kind, value: sought, text }, writing, place]): Placed => {
    if (place === 'number' && kind === 'card')
      return { json: { paid: Number(text) }, planted: { kind, value: sought, written: text } };
    if (place === 'escaped')
      return {
        json: `{"deep":["${escaped(text)}"]}`,
        planted: { kind, value: sought, written: escaped(sought) },
      };
    const written = writings[writing]?.(text) ?? text;
    return {
      json: places[place]?.(written) ?? written,
      planted: { kind, value: sought, written: written === text ? sought : written },
    };
  });

const leaf: fc.Arbitrary<Placed> = fc.oneof(
  { arbitrary: placed, weight: 3 },
  {
    arbitrary: fc
      .oneof(fc.constantFrom(...fillers), fc.integer({ min: 0, max: 999 }), fc.boolean(), fc.constant(null))
      .map((json): Placed => ({ json, planted: undefined })),
    weight: 2,
  },
);

/** A document with some planted values. */
export const plantedDocument: fc.Arbitrary<PlantedDocument> = fc
  .tuple(
    fc.array(leaf, { minLength: 1, maxLength: 6 }).filter((all) => all.some(({ planted }) => planted)),
    fc.array(fc.nat({ max: 2 }), { minLength: 6, maxLength: 6 }),
  )
  .map(([leaves, depths]) => {
    const nested = leaves.map(({ json }, at): Json => {
      let out = json;
      for (let depth = depths[at] ?? 0; depth > 0; depth--)
        out =
          depth % 2 === 0 ? [out, 'blue'] : { [names[(at + depth) % names.length] ?? 'note']: out, last: 7 };
      return out;
    });
    return { json: { items: nested }, planted: leaves.flatMap(({ planted }) => planted ?? []) };
  });

/** Three ways in which base64 of something longer may hold it, without the letters that its neighbours share. */
function base64Cores(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].map((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return all.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}

/** Every form in which something planted would be found again. */
export function formsOf({ value: text, written }: Planted): string[] {
  const cores = base64Cores(text);
  const hex = Buffer.from(text).toString('hex');
  return [
    text,
    written,
    JSON.stringify(written).slice(1, -1),
    ...cores,
    ...cores.map((core) => core.replaceAll('+', '-').replaceAll('/', '_')),
    hex,
    hex.toUpperCase(),
    escaped(text),
    encodeURIComponent(text),
    ...['percent', 'entities', 'wide'].map((name) => writings[name]?.(text) ?? text),
    ...(text.length === 16 && /^\d+$/.test(text)
      ? [' ', '-'].map((by) => text.replace(/\d{4}(?=\d)/g, `$&${by}`))
      : []),
  ].filter((form) => form.length >= 8);
}

/** Where the second is not the first with something masked: other members, another type, a filler that is no longer what it was. */
export function shapeProblem(before: Json, after: Json | undefined, at = ''): string | undefined {
  if (Array.isArray(before)) {
    if (!Array.isArray(after) || after.length !== before.length) return `${at}: ${before.length} items`;
    return firstOf(before.map((item, index) => shapeProblem(item, after[index], `${at}/${index}`)));
  }
  if (typeof before === 'object' && before !== null) {
    if (typeof after !== 'object' || after === null || Array.isArray(after)) return `${at}: an object`;
    const [keys, own] = [Object.keys(before), Object.keys(after)];
    if (keys.length !== own.length) return `${at}: ${keys.length} members`;
    return firstOf(
      keys.map((key, index) => shapeProblem(before[key] ?? null, after[own[index] ?? ''], `${at}/${index}`)),
    );
  }
  if (typeof before !== 'string') {
    const isMasked = typeof before === 'number' && before > 1e14;
    return before === after || isMasked ? undefined : `${at}: ${typeof before}`;
  }
  if (typeof after !== 'string') return `${at}: a string`;
  if (isFiller(before)) return before === after ? undefined : `${at}: "${before}" became "${after}"`;
  const inner = parsed(before);
  return inner === undefined ? undefined : shapeProblem(inner, parsed(after), `${at}/JSON`);
}

const firstOf = (problems: readonly (string | undefined)[]): string | undefined =>
  problems.find((problem) => problem !== undefined);

/** An array or object that stands in a string. */
function parsed(text: string): Json | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** The same documents in each run; `ATF_SEED` tries others. */
export const seed = Number(process.env['ATF_SEED'] ?? 20_261_122);
