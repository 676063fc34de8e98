/**
 * Room: segmentation (S-2: time-based restrictions). When an agent may use which tool: weekdays, hours of a time zone, dates of validity. Pure; the rules of time zones are
 * those of the platform (IANA, through `Intl`).
 */
import { type ToolWindow, type Weekday, windowsFor } from '../wire/manifest.ts';

export interface LocalTime {
  readonly day: Weekday;
  /** Minutes since midnight. */
  readonly minute: number;
  /** `2026-11-21`. */
  readonly date: string;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** As many as there are zones at most: manifests name no others. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    calendar: 'iso8601',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(timeZone, made);
  return made;
}

export function localTime(nowMs: number, timeZone: string): LocalTime {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(nowMs)
      .map(({ type, value }) => [type, value]),
  );
  return {
    day: (parts['weekday'] ?? '').slice(0, 3).toLowerCase() as Weekday,
    minute: Number(parts['hour']) * 60 + Number(parts['minute']),
    date: `${parts['year']}-${parts['month']}-${parts['day']}`,
  };
}

const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** The same moment for everybody: UTC, by the moment alone. */
export function utcTime(nowMs: number): {
  weekday: (typeof weekdays)[number];
  hour: number;
  minute: number;
  date: string;
} {
  const now = new Date(nowMs);
  return {
    weekday: weekdays[now.getUTCDay()] ?? 'sun',
    hour: now.getUTCHours(),
    minute: now.getUTCMinutes(),
    date: now.toISOString().slice(0, 10),
  };
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

function isOpen({ days, hours, timeZone, from, until }: ToolWindow, nowMs: number): boolean {
  const { day, minute, date } = localTime(nowMs, timeZone);
  if (days !== undefined && !days.includes(day)) return false;
  if ((from !== undefined && date < from) || (until !== undefined && date > until)) return false;
  if (hours === undefined) return true;
  const [begin = '', end = ''] = hours.split('-');
  return minute >= minutesOf(begin) && minute < minutesOf(end);
}

/** The windows that are closed now, when none is open; undefined: the call is in time. */
export function closedWindows(
  windows: readonly ToolWindow[],
  tool: string,
  nowMs: number,
): readonly ToolWindow[] | undefined {
  const binding = windowsFor(windows, tool);
  return binding.length === 0 || binding.some((window) => isOpen(window, nowMs)) ? undefined : binding;
}
