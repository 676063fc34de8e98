import { describe, expect, it } from 'vitest';
import { lookAroundSubjectMax, patternSubjectMax, SafePattern } from './safe-pattern.ts';

/** What zod writes for an e-mail address into JSON Schema. */
const zodEmail =
  "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$";

describe('patterns of tool schemas', () => {
  it.each([
    ['^O-\\d{4}$', ['O-5001'], ['O-501', 'xO-5001', 'O-50011']],
    [
      zodEmail,
      ['a.b@example.com', "o'hara+x@mail.example.co"],
      ['a..b@example.com', '@example.com', 'a@b', 'a b@example.com'],
    ],
    ['^(?:[a-z0-9-]+\\.)*[a-z]+$', ['a.b.c', 'c'], ['a..b', 'A.b']],
    ['^https?:\\/\\/[\\w.\\-]+(\\/\\S*)?$', ['https://a.example/x?y=1'], ['ftp://a.example', 'https://a b']],
    ['^\\p{Lu}\\p{L}*$', ['Ärger', 'Žižek'], ['ärger', 'A1']],
    ['^(a|aa)+$', ['aaa'], ['ab']],
  ])('%s decides as it does everywhere', (pattern, fitting, others) => {
    const safe = new SafePattern(pattern, 'u');
    const reference = new RegExp(pattern, 'u');
    for (const text of fitting)
      expect([text, safe.test(text), reference.test(text)]).toEqual([text, true, true]);
    for (const text of others)
      expect([text, safe.test(text), reference.test(text)]).toEqual([text, false, false]);
  });

  it.each([
    '^(a+)+$',
    '^(a|aa)+$',
    '^(\\w+\\s?)*$',
    '(x+x+)+y',
    '^\\d*\\d*\\d*\\d*\\d*x$',
    '^([a-zA-Z0-9]+)*@x$',
    zodEmail,
  ])('%s cannot hang the gateway', (pattern) => {
    const safe = new SafePattern(pattern, 'u');
    for (const unit of ['a', 'x', '1', 'a.', 'a@a.', 'a-']) {
      const text = `${unit.repeat(Math.floor((patternSubjectMax - 1) / unit.length))}!`;
      const begun = performance.now();
      safe.test(text);
      safe.test(text.slice(0, lookAroundSubjectMax - 1));
      // Not a measurement: an exponential matcher would take longer than the universe has existed.
      expect(performance.now() - begun).toBeLessThan(20_000);
    }
  });

  it.each(['(', '(a)\\1', '(?=x)(a|aa)+$', '(?=x)(a+)+$', 'a'.repeat(1_025), '(?<n>a)\\k<n>'])(
    '%s is refused',
    (pattern) => {
      expect(() => new SafePattern(pattern, 'u')).toThrow();
    },
  );

  it('fits no pattern to a string longer than allowed', () => {
    expect(new SafePattern('^a*$', 'u').test('a'.repeat(patternSubjectMax))).toBe(true);
    expect(new SafePattern('^a*$', 'u').test('a'.repeat(patternSubjectMax + 1))).toBe(false);
  });
});
