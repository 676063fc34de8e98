import { describe, expect, it } from 'vitest';
import { durationWords, exactUtc, relativeWords } from './time.tsx';

describe('times', () => {
  it.each([
    [0, '0 ms'],
    [41.7, '42 ms'],
    [999.4, '999 ms'],
    [1_340, '1.3 s'],
    [42_900, '42 s'],
    [61_000, '1 min'],
    [7_200_000, '2 h'],
    [7_500_000, '2 h 5 min'],
    [5 * 86_400_000, '5 d'],
  ])('%d ms are %s', (ms, words) => {
    expect(durationWords(ms)).toBe(words);
  });

  it.each([
    [0, 'now'],
    [-1_500, 'now'],
    [5_600, '5 s ago'],
    [75_000, '1 min ago'],
    [-525_000, 'in 8 min'],
  ])('%d ms after it reads %s', (ms, words) => {
    expect(relativeWords(1_000_000, 1_000_000 + ms)).toBe(words);
  });

  it('is exact in UTC', () => {
    expect(exactUtc('2026-11-20T23:06:01.250Z')).toBe('2026-11-20 23:06:01 UTC');
  });
});
