/**
 * Room: segmentation (S-3). The rate of a Principal that follows what is usual for it, between bounds that people set: what it usually calls in an hour may come in
 * one minute. Down at once; up by a quarter at most, once in a week in which nothing spoke against it, because what is usual is made by the agent itself. Pure.
 */
import { dayMs } from '../hours.ts';
import type { Followed, FollowedBounds } from '../wire/adaptive.ts';
import type { Rate } from './rate.ts';

export const raisePercentMax = 25;
/** So long nothing may have spoken against it, and so long the next raise waits for the one before. */
export const raiseWaitMs = 7 * dayMs;
const perSeconds = 60;

/** `rate:followed`, as the record names it. */
export const followedId = 'rate:followed';

export interface Following {
  /** Calls an hour that are usual. */
  readonly baseline: number;
  readonly bounds: FollowedBounds;
  /** The rate of its level, which it had before. */
  readonly byDefault: Rate;
  readonly nowMs: number;
}

/** In a minute, in the long run. */
const steadily = ({ max, perSeconds: period }: Rate): number => Math.floor((max * perSeconds) / period);

/** The most that a rate lets through in one minute. */
export const mostInAMinute = ({ max, perSeconds: period }: Rate): number =>
  period >= perSeconds ? max : Math.ceil((max * perSeconds) / period);

const between = ({ floor, ceiling }: FollowedBounds, max: number): number =>
  Math.min(ceiling, Math.max(floor, max));

/** Whether it would be raised now, if nothing speaks against it. A floor that people have raised acts at once, and is no raise. */
export const isRaiseDue = (
  { max, notBefore }: Followed,
  { baseline, bounds, nowMs }: Pick<Following, 'baseline' | 'bounds' | 'nowMs'>,
): boolean => between(bounds, baseline) > between(bounds, max) && nowMs >= Date.parse(notBefore);

/** What it is from now on; the same object where nothing changes. `held`: what speaks against a raise that is due. */
export function followedRate(
  was: Followed | undefined,
  { baseline, bounds, byDefault, nowMs }: Following,
  held?: Followed['held'],
): Followed {
  const notBefore = new Date(nowMs + raiseWaitMs).toISOString();
  const figure = (max: number): Followed => ({ baseline, max, perSeconds, notBefore });
  // It begins with no more than it had.
  if (was === undefined) return figure(between(bounds, Math.min(baseline, steadily(byDefault))));
  const usual = between(bounds, baseline);
  const now = between(bounds, was.max);
  const due = isRaiseDue(was, { baseline, bounds, nowMs });
  if (due && held !== undefined) return { ...figure(now), held };
  const raised = Math.max(now + 1, Math.floor((now * (100 + raisePercentMax)) / 100));
  const max = Math.min(usual, due ? raised : now);
  // A clock that was set back would hold it for as long as it had been ahead.
  const farAhead = Date.parse(was.notBefore) > nowMs + raiseWaitMs;
  return max === was.max && !farAhead ? was : figure(max);
}
