/**
 * Room: segmentation (S-2). The moment of a decision in time zones that policies ask about. How far a zone is from UTC is looked up once and stands with the facts of the decision: what
 * the rules of a zone were is not asked again when it is decided again. The rules are those of the platform (IANA, through `Intl`), with summer time.
 */
import { isTimeZone } from '../wire/manifest.ts';
import type { PolicyMoment, PolicyTime } from '../world.ts';
import { localTime, utcTime } from './windows.ts';

/** Minutes ahead of UTC, by zone. */
export type ZoneOffsets = Readonly<Record<string, number>>;

const minuteMs = 60_000;
/** Zones change at full quarters of an hour. */
const quarterMs = 15 * minuteMs;

const known = new Map<string, { readonly quarter: number; readonly minutes: number }>();

/** How far `zone` is ahead of UTC at a moment, in minutes. */
export function offsetAt(nowMs: number, zone: string): number {
  const quarter = Math.floor(nowMs / quarterMs);
  const kept = known.get(zone);
  if (kept?.quarter === quarter) return kept.minutes;
  const startMs = quarter * quarterMs;
  const { date, minute } = localTime(startMs, zone);
  const minutes = Math.round((Date.parse(`${date}T00:00:00Z`) - startMs) / minuteMs) + minute;
  known.set(zone, { quarter, minutes });
  return minutes;
}

/** Of zones that there are; a policy that asks about another one fails, and what it would decide about is refused. */
export const offsetsAt = (nowMs: number, zones: readonly string[]): ZoneOffsets =>
  Object.fromEntries(zones.filter(isTimeZone).map((zone) => [zone, offsetAt(nowMs, zone)]));

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const minutesOfDay = 24 * 60;

/** A moment so many minutes later; weekday and date each go on from what was given. */
export function movedBy({ weekday, hour, minute, date }: PolicyMoment, minutes: number): PolicyMoment {
  const all = hour * 60 + minute + minutes;
  const by = Math.floor(all / minutesOfDay);
  const rest = all - by * minutesOfDay;
  const on = new Date(Date.parse(`${date}T00:00:00Z`) + by * minutesOfDay * minuteMs);
  return {
    weekday: days[(((days.indexOf(weekday) + by) % 7) + 7) % 7] ?? weekday,
    hour: Math.floor(rest / 60),
    minute: rest % 60,
    date: on.toISOString().slice(0, 10),
  };
}

/** A moment in UTC, and as it is in these zones. */
export const timeIn = (utc: PolicyMoment, offsets: ZoneOffsets): PolicyTime => {
  const zones = Object.entries(offsets).map(([zone, minutes]) => [zone, movedBy(utc, minutes)] as const);
  return zones.length === 0 ? utc : { ...utc, zones: Object.fromEntries(zones) };
};

/** The moment of a decision, as policies ask about it. What its facts do not say of a zone is looked up. */
export function policyTime(
  nowMs: number,
  zones: readonly string[],
  offsets: ZoneOffsets | undefined,
): PolicyTime {
  const missing = zones.filter((zone) => offsets?.[zone] === undefined);
  return timeIn(utcTime(nowMs), { ...offsets, ...offsetsAt(nowMs, missing) });
}

const unixMs = ({ hour, minute, date }: PolicyMoment): number =>
  Date.parse(`${date}T00:00:00Z`) + (hour * 60 + minute) * minuteMs;

/** A moment that is described, in `zone` where it names one, with what it is then in UTC and in these zones. */
export function describedTime(moment: PolicyMoment, zones: readonly string[], zone?: string): PolicyTime {
  // Looked up twice: near a change of summer time the first look may be on the other side of it.
  const near = zone === undefined ? 0 : offsetAt(unixMs(moment), zone);
  const ahead = zone === undefined ? 0 : offsetAt(unixMs(moment) - near * minuteMs, zone);
  const utc = movedBy(moment, -ahead);
  return timeIn(utc, offsetsAt(unixMs(utc), zones));
}
