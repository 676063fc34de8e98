import { describe, expect, it } from 'vitest';
import { dayMs, hourMs } from '../hours.ts';
import {
  activeHoursMin,
  baselineMin,
  baselineOf,
  isOver,
  throttledRate,
  type VolumeHistory,
} from './volume.ts';

const nowMs = Date.parse('2026-11-20T12:00:00.000Z');
const week: VolumeHistory = {
  activeHours: 60,
  calls: 6_000,
  firstHour: (nowMs - 7 * dayMs) / hourMs,
  percentile: 100,
};
const yesterday = (nowMs - dayMs) / hourMs;

describe('a baseline needs enough history', () => {
  it.each([
    ['of a week', week, 100],
    ['of a day with a thousand calls', { ...week, firstHour: yesterday, calls: 1_000 }, 100],
    ['of a day with fewer', { ...week, firstHour: yesterday, calls: 999 }, undefined],
    ['of few hours', { ...week, activeHours: activeHoursMin - 1 }, undefined],
    ['that is none', undefined, undefined],
    ['of hardly any calls', { ...week, percentile: 2 }, baselineMin],
  ])('%s', (_, history, baseline) => {
    expect(baselineOf(history, undefined, nowMs)).toBe(baseline);
  });
});

it('grows by a quarter in a day at most, falls at once, and stays when the history runs dry', () => {
  expect(baselineOf(week, 40, nowMs)).toBe(50);
  expect(baselineOf(week, 90, nowMs)).toBe(100);
  expect(baselineOf(week, 400, nowMs)).toBe(100);
  expect(baselineOf({ ...week, activeHours: 3 }, 77, nowMs)).toBe(77);
  expect(baselineOf(undefined, 77, nowMs)).toBe(77);
});

it.each([
  [100, 200, false],
  [100, 201, true],
  [10, 20, false],
  [10, 21, true],
])('usual are %i: %i calls are over: %s', (baseline, calls, over) => {
  expect(isOver(calls, baseline)).toBe(over);
});

it.each([
  [10, { max: 1, perSeconds: 360 }],
  [59, { max: 1, perSeconds: 62 }],
  [60, { max: 1, perSeconds: 60 }],
  [3_700, { max: 61, perSeconds: 60 }],
])('throttled to about the usual volume: %i an hour', (baseline, rate) => {
  expect(throttledRate(baseline)).toEqual(rate);
  expect((rate.max * 3_600) / rate.perSeconds).toBeLessThanOrEqual(baseline);
});

/** Plays days of an agent that makes as many calls an hour as it is just not throttled for. */
function slowRamp(days: number): { baseline: number; calls: number } {
  const hours: number[] = Array.from({ length: 28 * 24 }, () => 100);
  let baseline = 100;
  let calls = 100;
  for (let day = 1; day <= days; day++) {
    calls = baseline * 2;
    hours.splice(0, 24);
    for (let hour = 0; hour < 24; hour++) hours.push(calls);
    const sorted = [...hours].sort((a, b) => a - b);
    const percentile = sorted[Math.ceil(sorted.length * 0.9) - 1] as number;
    const history = { activeHours: sorted.length, calls: 1_000_000, firstHour: 0, percentile };
    baseline = baselineOf(history, baseline, nowMs) as number;
  }
  return { baseline, calls };
}

it('an agent that always calls as much as it just may does not take its baseline along quickly', () => {
  expect(slowRamp(2).baseline).toBe(100);
  expect(slowRamp(3).baseline).toBe(125);
  // Whatever it does, a quarter a day is the most.
  for (let days = 1; days <= 28; days++)
    expect(slowRamp(days).baseline).toBeLessThanOrEqual(100 * 1.25 ** Math.max(0, days - 2));
  expect(slowRamp(7).baseline).toBeLessThan(310);
});
