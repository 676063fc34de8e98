import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json, parseStrict, parseStrictText } from './json.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const problemOf = (text: string) => {
  const parsed = parseStrict(bytes(text));
  return parsed.ok ? 'accepted' : parsed.problem;
};

describe('strict JSON', () => {
  it.each([
    ['{"a":1,"a":2}', 'duplicate_key'],
    ['{"a":1,"\\u0061":2}', 'duplicate_key'],
    ['{"__proto__":{"admin":true}}', 'forbidden_key'],
    ['{"\\u005f_proto__":1}', 'forbidden_key'],
    ['9007199254740993', 'unsafe_number'],
    ['-9007199254740993', 'unsafe_number'],
    ['1e400', 'unsafe_number'],
    ['[1,]', 'syntax'],
    ['{"a":1,}', 'syntax'],
    ['01', 'syntax'],
    ['1.', 'syntax'],
    ['+1', 'syntax'],
    ['NaN', 'syntax'],
    ["{'a':1}", 'syntax'],
    ['"a\nb"', 'syntax'],
    ['"\\x41"', 'syntax'],
    ['"\\ud800"', 'invalid_utf8'],
    ['"\\udc00"', 'invalid_utf8'],
    ['{} {}', 'syntax'],
    ['', 'syntax'],
    ['\ufeff{}', 'syntax'],
    ['"open', 'syntax'],
    [`${'['.repeat(34)}${']'.repeat(34)}`, 'too_deep'],
  ])('refuses %j as %s', (text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(parseStrict(Uint8Array.of(0x22, 0xff, 0x22))).toMatchObject({
      ok: false,
      problem: 'invalid_utf8',
    });
    expect(parseStrict(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toMatchObject({
      ok: false,
      problem: 'invalid_utf8',
    });
  });

  it('bounds size, depth and the number of values', () => {
    const bounds = { bytesMax: 40, depthMax: 2, valuesMax: 4 };
    expect(parseStrict(bytes(' '.repeat(41)), bounds)).toMatchObject({ problem: 'too_large' });
    expect(parseStrict(bytes('[[[1]]]'), bounds)).toMatchObject({ problem: 'too_deep' });
    expect(parseStrict(bytes('[1,2,3,4]'), bounds)).toMatchObject({ problem: 'too_many_values' });
    expect(parseStrict(bytes('[1,[2]]'), bounds)).toMatchObject({ ok: true });
  });

  it('survives a document that is deeper than any stack', () => {
    expect(problemOf('['.repeat(500_000))).toBe('too_deep');
  });

  it('reads every JSON value as JSON.parse does, and canonicalises to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        const expected = JSON.parse(text) as Json;
        const parsed = parseStrictText(text);
        if (!parsed.ok) {
          expect(['unsafe_number', 'forbidden_key', 'invalid_utf8']).toContain(parsed.problem);
          return;
        }
        expect(canonicalJson(parsed.value)).toBe(canonicalJson(expected));
        expect(parseStrictText(canonicalJson(parsed.value))).toEqual({ ok: true, value: parsed.value });
      }),
      { seed: 20_260_428, numRuns: 2_000 },
    );
  });

  it('canonicalises by sorted keys at every depth', () => {
    expect(canonicalJson({ b: [{ z: 1, a: 'x' }], a: null })).toBe('{"a":null,"b":[{"a":"x","z":1}]}');
  });
});
