import { expect, it } from 'vitest';
import { matchesPattern } from './like.ts';

it.each([
  ['', [''], true],
  ['a', [''], false],
  ['', ['', ''], true],
  ['anything', ['', ''], true],
  ['ab', ['a', 'b'], true],
  ['a', ['a', 'a'], false],
  ['aa', ['a', 'a'], true],
  ['aXbXc', ['a', 'b', 'c'], true],
  ['acb', ['a', 'b', 'c'], false],
  ['ababab', ['ab', 'ab', 'ab'], true],
  ['abab', ['ab', 'ab', 'ab'], false],
  ['a*b', ['a*b'], true],
  ['aab', ['a*b'], false],
  ['😀', ['', '😀', ''], true],
  ['mississippi', ['m', 'iss', 'ip', 'i'], true],
  ['abc', ['', 'c', ''], true],
  ['abc', ['', 'cc', ''], false],
])('%j like %j is %s', (text, pattern, wanted) => {
  expect(matchesPattern(text, pattern)).toBe(wanted);
});

it('stays fast on a pattern that makes backtracking matchers explode', () => {
  const started = performance.now();
  expect(matchesPattern('a'.repeat(100_000), [...Array.from({ length: 50 }, () => 'a'), 'b'])).toBe(false);
  expect(performance.now() - started).toBeLessThan(20_000);
});
