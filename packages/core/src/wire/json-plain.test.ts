/** A text that the platform's serialiser would write is read the short way. Whatever it is, both ways must say the same. */
import { describe, expect, it } from 'vitest';
import { type JsonBounds, jsonBoundsDefault, parseStrictText } from './json.ts';

const seed = Number(process.env['ATF_SEED'] ?? Date.now() % 1_000_000_007);
let state = seed;
const random = (below: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((state / 0x1_0000_0000) * below);
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

/** With a space behind it no text is one of the serialiser's: the reader decides alone. */
function bothWays(text: string, bounds: JsonBounds = jsonBoundsDefault): void {
  const short = parseStrictText(text, bounds);
  const long = parseStrictText(`${text} `, bounds);
  const verdict = ({ ok, ...rest }: typeof short) =>
    'value' in rest ? { ok, value: rest.value } : { ok, problem: 'problem' in rest ? rest.problem : '' };
  expect(verdict(short), `seed ${seed}: ${text.slice(0, 200)}`).toEqual(verdict(long));
}

const scalars = [
  'null', 'true', 'false', '0', '-0', '1', '-1', '1.5', '1.50', '1e3', '1E3', '1e400', '9007199254740991', '9007199254740992',
  '9007199254740993', '1e21', '123456789012345678901234567890', '01', '+1', '.5', '""', '"a"', '"\\u0061"', '"\\ud800"', '"\\udc00"',
  '"\\ud83d\\ude00"', '"😀"', '"\\/"', '"/"', '"\\n"', '"\n"', '"\\u0000"', '"__proto__"', '"\\u005f_proto__"', '"\\\\ud800"', '\ud800',
]; // biome-ignore format: a table
const keys = [
  '"a"',
  '"b"',
  '"a"',
  '"1"',
  '"0"',
  '"__proto__"',
  '"\\u0061"',
  '""',
  '"constructor"',
  '"toJSON"',
  '"\\ud800"',
];

function text(depth: number): string {
  const kind = depth > 5 ? 0 : random(4);
  if (kind < 2) return pick(scalars);
  const gap = pick(['', '', '', '', ' ', '\n']);
  const parts = Array.from({ length: random(4) }, () =>
    kind === 2 ? text(depth + 1) : `${pick(keys)}:${gap}${text(depth + 1)}`,
  );
  const body = parts.join(`,${gap}`);
  return kind === 2 ? `[${body}]` : `{${body}}`;
}

describe(`two ways to read (seed ${seed})`, () => {
  it('agree on every scalar and key', () => {
    for (const scalar of scalars)
      for (const each of [scalar, `[${scalar}]`, `{"x":${scalar}}`]) bothWays(each);
    for (const key of keys) for (const other of keys) bothWays(`{${key}:1,${other}:2}`);
  });

  it('agree on 50,000 random texts, and on the serialised form of those that are good', () => {
    let good = 0;
    for (let n = 0; n < 50_000; n++) {
      const each = text(0);
      bothWays(each);
      const read = parseStrictText(each);
      if (!read.ok) continue;
      good++;
      bothWays(JSON.stringify(read.value));
    }
    expect(good).toBeGreaterThan(1_000);
  });

  it('agree at the bounds of depth, of values and of length', () => {
    const bounds = { bytesMax: 1_000, depthMax: 3, valuesMax: 5 };
    for (let n = 0; n < 8; n++) {
      bothWays(`${'['.repeat(n)}1${']'.repeat(n)}`, bounds);
      bothWays(`${'{"a":'.repeat(n)}1${'}'.repeat(n)}`, bounds);
      bothWays(`[${Array.from({ length: n }, () => '1').join(',')}]`, bounds);
    }
    for (const length of [65_533, 65_534, 65_535, 65_536, 70_000])
      bothWays(JSON.stringify('x'.repeat(length)));
    bothWays('['.repeat(30_000) + ']'.repeat(30_000));
  });
});
