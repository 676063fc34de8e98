import { describe, expect, it } from 'vitest';
import type { Followed } from '../wire/adaptive.ts';
import { dayMs } from '../hours.ts';
import { type Following, followedRate, mostInAMinute, raiseWaitMs } from './followed.ts';

const nowMs = Date.parse('2026-11-20T12:00:00.000Z');
const following: Following = {
  baseline: 400,
  bounds: { floor: 10, ceiling: 300 },
  byDefault: { max: 120, perSeconds: 60 },
  nowMs,
};
const iso = (ms: number): string => new Date(ms).toISOString();
const had = (max: number, notBefore = nowMs): Followed => ({
  baseline: 50,
  max,
  perSeconds: 60,
  notBefore: iso(notBefore),
});

describe('a rate that follows what is usual', () => {
  it.each<[string, Partial<Following>, number]>([
    ['with what is usual', { baseline: 50 }, 50],
    ['with no more than its level had', {}, 120],
    ['with no more in the long run either', { byDefault: { max: 5_000, perSeconds: 86_400 } }, 10],
    ['not below the floor', { baseline: 3 }, 10],
    ['not above the ceiling', { byDefault: { max: 1_200, perSeconds: 60 } }, 300],
  ])('begins %s', (_, given, max) => {
    const is = followedRate(undefined, { ...following, ...given });
    expect(is).toMatchObject({ max, perSeconds: 60, notBefore: iso(nowMs + raiseWaitMs) });
  });

  it.each<[string, Followed, Partial<Following>, number]>([
    ['falls at once with what is usual', had(100, nowMs + dayMs), { baseline: 40 }, 40],
    ['falls at once with the ceiling', had(100), { bounds: { floor: 10, ceiling: 60 } }, 60],
    ['rises at once with the floor', had(100, nowMs + dayMs), { bounds: { floor: 150, ceiling: 300 } }, 150],
    ['rises by a quarter when its week is over', had(100), {}, 125],
    ['and no further than what is usual', had(100), { baseline: 110 }, 110],
    ['and no further than the ceiling', had(290), {}, 300],
    ['by one where a quarter is none', had(2), { bounds: { floor: 1, ceiling: 300 } }, 3],
  ])('%s', (_, was, given, max) => {
    const is = followedRate(was, { ...following, ...given });
    expect(is).toMatchObject({ max, notBefore: iso(nowMs + raiseWaitMs) });
  });

  it('stays the same object where nothing changes', () => {
    for (const was of [had(100, nowMs + 1), had(300, nowMs - dayMs)])
      expect(followedRate(was, following)).toBe(was);
  });

  it('waits another week where something speaks against a raise, and falls all the same', () => {
    const is = followedRate(had(100), following, 'throttled');
    expect(is).toMatchObject({ max: 100, held: 'throttled', notBefore: iso(nowMs + raiseWaitMs) });
    const later = { ...following, nowMs: nowMs + raiseWaitMs };
    expect(followedRate(is, later)).toMatchObject({ max: 125 });
    expect(followedRate(is, later)).not.toHaveProperty('held');
    expect(followedRate(had(100), { ...following, baseline: 40 }, 'throttled')).toMatchObject({ max: 40 });
  });

  it('an agent that is ever busier gets a quarter more a week, and never more than the ceiling', () => {
    let is = followedRate(undefined, { ...following, bounds: { floor: 10, ceiling: 10_000 } });
    const weekly: number[] = [];
    for (let day = 1; day <= 70; day++) {
      const at = nowMs + day * dayMs;
      is = followedRate(is, {
        ...following,
        baseline: 1_000_000,
        bounds: { floor: 10, ceiling: 900 },
        nowMs: at,
      });
      if (day % 7 === 0) weekly.push(is.max);
    }
    expect(weekly).toEqual([150, 187, 233, 291, 363, 453, 566, 707, 883, 900]);
  });

  it('is not held for years by a clock that was ahead', () => {
    const is = followedRate(had(100, nowMs + 4_000 * dayMs), following);
    expect(is).toMatchObject({ max: 100, notBefore: iso(nowMs + raiseWaitMs) });
  });
});

it.each([
  [{ max: 100, perSeconds: 60 }, 100],
  [{ max: 5_000, perSeconds: 86_400 }, 5_000],
  [{ max: 3, perSeconds: 2 }, 90],
])('the most of a rate in one minute: %o', (rate, most) => {
  expect(mostInAMinute(rate)).toBe(most);
});
