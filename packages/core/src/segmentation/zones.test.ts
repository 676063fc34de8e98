import { describe, expect, it } from 'vitest';
import type { PolicyMoment } from '../world.ts';
import { describedTime, movedBy, offsetAt, offsetsAt, policyTime } from './zones.ts';

const at = (text: string) => Date.parse(text);
const moment = (weekday: PolicyMoment['weekday'], date: string, hour: number, minute = 0): PolicyMoment => ({
  weekday,
  hour,
  minute,
  date,
});

describe('time zones of policies (S-2)', () => {
  it.each([
    ['UTC', '2026-07-01T12:00:00Z', 0],
    ['Europe/Berlin', '2026-03-29T00:59:59Z', 60],
    ['Europe/Berlin', '2026-03-29T01:00:00Z', 120],
    ['Europe/Berlin', '2026-10-25T00:59:59Z', 120],
    ['Europe/Berlin', '2026-10-25T01:00:00Z', 60],
    ['America/New_York', '2026-01-01T00:00:00Z', -300],
    ['Asia/Kolkata', '2026-01-01T20:00:00Z', 330],
    ['Pacific/Chatham', '2026-07-01T12:00:00Z', 765],
    ['America/St_Johns', '1969-12-31T23:59:59Z', -210],
  ])('%s at %s', (zone, when, minutes) => {
    expect(offsetAt(at(when), zone)).toBe(minutes);
    // What was looked up before is of another quarter of an hour.
    expect(offsetAt(at('2026-07-01T12:00:00Z'), zone)).not.toBeNaN();
    expect(offsetAt(at(when), zone)).toBe(minutes);
  });

  it('a moment goes on over midnight, the week and the year, both ways', () => {
    expect(movedBy(moment('thu', '2026-12-31', 23, 30), 90)).toEqual(moment('fri', '2027-01-01', 1));
    expect(movedBy(moment('mon', '2027-03-01', 0, 15), -30)).toEqual(moment('sun', '2027-02-28', 23, 45));
    expect(movedBy(moment('sun', '2028-02-28', 12), 1_440)).toEqual(moment('mon', '2028-02-29', 12));
  });

  it('facts of the decision count, whatever the rules of the zone say now', () => {
    const zones = ['Asia/Kolkata', 'Europe/Berlin'];
    const when = at('2026-07-01T22:30:00Z');
    expect(policyTime(when, zones, offsetsAt(when, zones))).toEqual({
      ...moment('wed', '2026-07-01', 22, 30),
      zones: {
        'Asia/Kolkata': moment('thu', '2026-07-02', 4),
        'Europe/Berlin': moment('thu', '2026-07-02', 0, 30),
      },
    });
    const then = policyTime(when, zones, { 'Europe/Berlin': 0 });
    expect(then.zones?.['Europe/Berlin']).toEqual(moment('wed', '2026-07-01', 22, 30));
    expect(then.zones?.['Asia/Kolkata']?.hour).toBe(4);
    expect(policyTime(when, [], undefined)).toEqual(moment('wed', '2026-07-01', 22, 30));
  });

  it('a zone that there is not has no time', () => {
    expect(offsetsAt(0, ['Europe/Nowhere', '__proto__', '+05:30', 'UTC'])).toEqual({ UTC: 0 });
  });

  it('what is described in a zone is the same moment in UTC', () => {
    const berlin = (date: string, hour: number, minute = 0) =>
      describedTime(moment('mon', date, hour, minute), ['Europe/Berlin'], 'Europe/Berlin');
    for (const [date, hour] of [
      ['2026-01-05', 8],
      ['2026-07-06', 7],
    ] as const)
      expect(berlin(date, 9)).toMatchObject({ hour, zones: { 'Europe/Berlin': { hour: 9, date } } });
    // The hour after the clocks were put forward, and before they are put back.
    expect(berlin('2026-03-29', 3)).toMatchObject({ hour: 1, zones: { 'Europe/Berlin': { hour: 3 } } });
    expect(berlin('2026-10-25', 1, 59)).toMatchObject({
      date: '2026-10-24',
      hour: 23,
      zones: { 'Europe/Berlin': { hour: 1 } },
    });
    // The weekday that was said stays, whatever day the date is.
    const sunday = describedTime(moment('sun', '2026-01-06', 23), ['Asia/Tokyo']);
    expect(sunday.zones?.['Asia/Tokyo']).toEqual(moment('mon', '2026-01-07', 8));
  });
});
