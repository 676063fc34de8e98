/**
 * Room: segmentation (S-3). How many calls an hour are usual for an agent, and what is too many of them. The rule: the 90th percentile of its active hours of four
 * weeks, so that single outliers neither raise nor lower it; enough history first; and it grows by a quarter in a day at most, so that an agent that calls a little more every
 * day does not take its threshold along at its own pace. More than twice of it in one hour throttles (the framework's red flag). Pure.
 */
import { dayMs, hourMs } from '../hours.ts';
import type { Throttle } from '../wire/adaptive.ts';
import type { Rate } from './rate.ts';

/** Hours that are counted and kept. */
export const volumeHoursKept = 28 * 24;
/** Share of the active hours that stay at or below the baseline. */
export const baselinePercentile = 0.9;
/** Enough history: so many hours with a call in them, and a week (or, as the specification has it, a thousand calls). */
export const activeHoursMin = 24;
export const historyDaysMin = 7;
export const historyCallsMin = 1_000;
/** Nobody is throttled for a handful of calls. */
export const baselineMin = 10;
export const growthPercentMax = 25;
export const overPercent = 200;

/** What is known of the hours of one agent. */
export interface VolumeHistory {
  readonly activeHours: number;
  readonly calls: number;
  /** Number of the first counted hour since the epoch. */
  readonly firstHour: number;
  /** Of the calls of its active hours. */
  readonly percentile: number;
}

export const hourEnds = (hour: number): string => new Date((hour + 1) * hourMs).toISOString();

const isEnough = ({ activeHours, calls, firstHour }: VolumeHistory, nowMs: number): boolean =>
  activeHours >= activeHoursMin &&
  (calls >= historyCallsMin || nowMs - firstHour * hourMs >= historyDaysMin * dayMs);

/**
 * The baseline of today, in calls an hour; undefined: there is none yet, and the fixed limits hold alone. `before`: that of the day before. One that there was stays
 * when the history runs dry, or whoever rests for a month would begin without one.
 */
export function baselineOf(
  history: VolumeHistory | undefined,
  before: number | undefined,
  nowMs: number,
): number | undefined {
  if (history === undefined || !isEnough(history, nowMs)) return before;
  const usual = Math.max(baselineMin, history.percentile);
  return before === undefined
    ? usual
    : Math.min(usual, Math.floor((before * (100 + growthPercentMax)) / 100));
}

/** Whether an hour holds more calls than 200 % of the baseline. */
export const isOver = (calls: number, baseline: number): boolean => calls * 100 > baseline * overPercent;

/** The rate of an agent that is throttled: its usual volume, spread evenly over the hour. */
export function throttledRate(baseline: number): Rate {
  return baseline >= 60
    ? { max: Math.floor(baseline / 60), perSeconds: 60 }
    : { max: 1, perSeconds: Math.ceil(3_600 / baseline) };
}

/** `rate:throttle`, as the record names it. */
export const throttleId = 'rate:throttle';

export const throttleWords = ({ calls, baseline, max, perSeconds, until }: Throttle): string =>
  `${calls} calls in this hour, more than ${overPercent} % of the ${baseline} that are usual: ${max} per ${perSeconds} s until ${until}`;
