/**
 * Room: policy (S-2). Cedar's `datetime` (milliseconds since 1970-01-01T00:00:00Z) and `duration` (milliseconds).
 *
 * Source: Cedar RFC 80. The calendar is the proleptic Gregorian one without leap seconds; nothing here reads a clock.
 */
import {
  addLongs,
  euclideanRemainder,
  longFromBigInt,
  longFromDigits,
  subtractLongs,
  type Long,
} from '../long.ts';

export const MS_PER_SECOND = 1_000;
export const MS_PER_MINUTE = 60 * MS_PER_SECOND;
export const MS_PER_HOUR = 60 * MS_PER_MINUTE;
export const MS_PER_DAY = 24 * MS_PER_HOUR;

export class DateTime {
  readonly kind = 'datetime' as const;
  readonly epochMs: Long;
  constructor(epochMs: Long) {
    this.epochMs = epochMs;
  }
}

export class Duration {
  readonly kind = 'duration' as const;
  readonly ms: Long;
  constructor(ms: Long) {
    this.ms = ms;
  }
}

const DATE_TIME_FORM =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(?:Z|([+-])([0-9]{2})([0-9]{2})))?$/;
const DURATION_FORM = /^(-?)(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/;

const isLeapYear = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const daysInMonth = (year: number, month: number): number =>
  (MONTH_LENGTHS[month - 1] ?? 0) + (month === 2 && isLeapYear(year) ? 1 : 0);

/** Days from 1970-01-01 to the given day; `Date.UTC` is not used because it reads the years 0–99 as 1900–1999. */
const daysSinceEpoch = (year: number, month: number, day: number): number => {
  let monthDays = day - 1;
  for (let before = 1; before < month; before++) monthDays += daysInMonth(year, before);
  const past = year - 1;
  const yearDays = 365 * year + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
  const EPOCH_YEAR_DAYS = 365 * 1970 + 492 - 19 + 4;
  return yearDays - EPOCH_YEAR_DAYS + monthDays;
};

/** `YYYY-MM-DD`, optionally `Thh:mm:ss[.SSS](Z|±hhmm)`; undefined for other forms and for days or times that do not exist. */
export const parseDateTime = (text: string): DateTime | undefined => {
  const match = DATE_TIME_FORM.exec(text);
  if (match === null) return undefined;
  const field = (index: number): number => Number(match[index] ?? '0');
  const [year, month, day] = [field(1), field(2), field(3)];
  const [hour, minute, second, ms] = [field(4), field(5), field(6), field(7)];
  const [offsetHour, offsetMinute] = [field(9), field(10)];
  if (day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const offsetMs = (offsetHour * MS_PER_HOUR + offsetMinute * MS_PER_MINUTE) * (match[8] === '-' ? -1 : 1);
  const timeMs = hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * MS_PER_SECOND + ms;
  return new DateTime(daysSinceEpoch(year, month, day) * MS_PER_DAY + timeMs - offsetMs);
};

/** `-?` and quantities in the order d, h, m, s, ms, at least one, within 64 bits of milliseconds. */
export const parseDuration = (text: string): Duration | undefined => {
  const match = DURATION_FORM.exec(text);
  if (match === null || text === '' || text === '-') return undefined;
  const unitsMs = [MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, 1];
  let totalMs = 0n;
  for (const [index, unitMs] of unitsMs.entries()) {
    // Parsed with its sign, so that -9223372036854775808ms, whose magnitude does not fit, is representable.
    const quantity = longFromDigits(`${match[1] ?? ''}${match[index + 2] ?? '0'}`);
    if (quantity === undefined) return undefined;
    totalMs += BigInt(quantity) * BigInt(unitMs);
  }
  // All quantities carry one sign, so the total overflows when, and only when, a partial sum would.
  const ms = longFromBigInt(totalMs);
  return ms === undefined ? undefined : new Duration(ms);
};

/** undefined on overflow. */
export const offsetDateTime = (at: DateTime, by: Duration): DateTime | undefined => {
  const epochMs = addLongs(at.epochMs, by.ms);
  return epochMs === undefined ? undefined : new DateTime(epochMs);
};

/** undefined on overflow. */
export const durationSince = (later: DateTime, earlier: DateTime): Duration | undefined => {
  const ms = subtractLongs(later.epochMs, earlier.epochMs);
  return ms === undefined ? undefined : new Duration(ms);
};

/** Midnight of the day; undefined on overflow. */
export const toDate = (at: DateTime): DateTime | undefined => {
  const epochMs = subtractLongs(at.epochMs, euclideanRemainder(at.epochMs, MS_PER_DAY));
  return epochMs === undefined ? undefined : new DateTime(epochMs);
};

/** Time since midnight. */
export const toTime = (at: DateTime): Duration => new Duration(euclideanRemainder(at.epochMs, MS_PER_DAY));
