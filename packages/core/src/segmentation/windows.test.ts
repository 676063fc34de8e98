import { describe, expect, it } from 'vitest';
import { decide } from '../decide.ts';
import { agentDoc, receivedOf, toolDoc, worldOf } from '../decide.fixture.ts';
import { type ToolWindow, toolWindowSchema } from '../wire/manifest.ts';
import { closedWindows, localTime } from './windows.ts';

const at = (text: string) => Date.parse(text);
const window = (more: object): ToolWindow => toolWindowSchema.parse(more);
const tool = 'back-office/refund_order';
const isOpen = (more: object, when: string) => closedWindows([window(more)], tool, at(when)) === undefined;

describe('windows (S-2)', () => {
  it.each([
    ['UTC', '2026-11-21T23:59:30Z', { day: 'sat', minute: 1_439, date: '2026-11-21' }],
    ['Europe/Berlin', '2026-11-21T23:59:30Z', { day: 'sun', minute: 59, date: '2026-11-22' }],
    ['America/New_York', '2026-03-08T06:59:00Z', { day: 'sun', minute: 119, date: '2026-03-08' }],
    ['America/New_York', '2026-03-08T07:00:00Z', { day: 'sun', minute: 180, date: '2026-03-08' }],
    ['Asia/Kolkata', '2027-01-01T18:30:00Z', { day: 'sat', minute: 0, date: '2027-01-02' }],
  ])('local time in %s at %s', (zone, when, expected) => {
    expect(localTime(at(when), zone)).toEqual(expected);
  });

  it('hours end before their last minute is over, days and dates are those of the zone', () => {
    const hours = { hours: '08:00-18:00', timeZone: 'Europe/Berlin', days: ['mon'] };
    expect(isOpen(hours, '2026-11-23T07:00:00Z')).toBe(true);
    expect(isOpen(hours, '2026-11-23T06:59:59Z')).toBe(false);
    expect(isOpen(hours, '2026-11-23T16:59:59Z')).toBe(true);
    expect(isOpen(hours, '2026-11-23T17:00:00Z')).toBe(false);
    expect(isOpen(hours, '2026-11-24T09:00:00Z')).toBe(false);
    const dates = { from: '2026-11-20', until: '2026-11-21', timeZone: 'Pacific/Auckland' };
    expect(isOpen(dates, '2026-11-19T11:00:00Z')).toBe(true);
    expect(isOpen(dates, '2026-11-21T11:00:00Z')).toBe(false);
    expect(isOpen({ hours: '20:00-24:00' }, '2026-11-21T23:59:59Z')).toBe(true);
  });

  it('one that names the tool takes the place of those for all, and one open is enough', () => {
    const never = window({ until: '2020-01-01' });
    const always = window({ from: '2020-01-01' });
    const now = at('2026-11-21T12:00:00Z');
    expect(closedWindows([never], tool, now)).toEqual([never]);
    expect(closedWindows([never, always], tool, now)).toBeUndefined();
    expect(closedWindows([never, { ...always, tool }], tool, now)).toBeUndefined();
    expect(closedWindows([always, { ...never, tool }], tool, now)).toHaveLength(1);
    expect(closedWindows([{ ...never, tool: 'a/b' }], tool, now)).toBeUndefined();
  });

  it.each([
    [{}],
    [{ hours: '18:00-08:00' }],
    [{ hours: '8-18' }],
    [{ hours: '08:00-25:00' }],
    [{ days: ['monday'] }],
    [{ days: [] }],
    [{ hours: '08:00-18:00', timeZone: 'Europe/Atlantis' }],
    [{ from: '2026-02-30' }],
    [{ from: '2026-03-01', until: '2026-02-01' }],
    [{ from: '2026-03-01', forever: true }],
  ])('%j is no window', (given) => {
    expect(toolWindowSchema.safeParse(given).success).toBe(false);
  });
});

describe('the decision', () => {
  const nowMs = at('2026-11-21T12:00:00Z');
  const received = receivedOf({ credential: { ...receivedOf().credential, expiresAtMs: nowMs + 1_000 } });
  const outcome = (agent: object, more: object = {}) =>
    decide(received, worldOf({ nowMs, agent: { ...agentDoc, ...agent }, ...more }));

  it('refuses outside every window, whatever a person says', () => {
    const windows = [window({ days: ['mon'], hours: '08:00-18:00', timeZone: 'Europe/Berlin' })];
    const { refusal } = outcome({ windows });
    expect([refusal?.code, refusal?.detail]).toEqual([
      'segmentation.outside_window',
      'Mon 08:00-18:00 Europe/Berlin',
    ]);
    expect(outcome({ windows: [window({ days: ['sat'] })] }).outcome).toBe('allow');
  });

  it.each([
    ['senior', '2026-11-21', true],
    ['principal', '2026-11-21', true],
    ['senior', '2026-11-20', false],
    ['junior', '2026-12-31', false],
  ])('another domain is one of a %s until %s: %s', (level, until, inDomain) => {
    const asked: boolean[] = [];
    const finance = { ...toolDoc, classification: { ...toolDoc.classification, domain: 'finance' } };
    const { policy } = worldOf();
    if (policy === undefined) throw new Error('no policy');
    const watching = {
      ...policy,
      ask: (question: Parameters<typeof policy.ask>[0]) => {
        asked.push(question.context.inDomain);
        return policy.ask(question);
      },
    };
    const otherDomains = [{ domain: 'finance', because: 'checks invoices', until }];
    outcome({ level, otherDomains }, { tool: finance, policy: watching });
    expect(new Set(asked)).toEqual(new Set([inDomain]));
  });
});
