import { describe, expect, it } from 'vitest';
import { parseAcceptanceFile } from '../../wire/acceptance-file.ts';
import type { Acceptance } from '../../wire/policy-analysis.ts';
import { standingOf } from './accepted.ts';

const finding = { id: 'abc', agents: { names: ['a', 'b'], count: 2 } };
const accept = (more: Partial<Acceptance> = {}): Acceptance => ({
  finding: 'abc',
  agents: ['a', 'b'],
  reason: 'known',
  until: '2026-06-30',
  ...more,
});
const at = (time: string) => Date.parse(time);

describe('what was accepted', () => {
  it.each<[string, Acceptance[], string, string]>([
    ['is accepted', [accept()], '2026-06-01T00:00:00Z', 'accepted'],
    ['until the end of the day', [accept()], '2026-06-30T23:59:59Z', 'accepted'],
    ['and not after', [accept()], '2026-07-01T00:00:00Z', 'expired'],
    ['for whoever it is', [accept({ agents: 'all' })], '2026-06-01T00:00:00Z', 'accepted'],
    ['not for the next agent', [accept({ agents: ['a'] })], '2026-06-01T00:00:00Z', 'grown'],
    ['not for another combination', [accept({ finding: 'x' })], '2026-06-01T00:00:00Z', 'open'],
    [
      'also when an older acceptance is over',
      [accept({ until: '2026-01-01' }), accept()],
      '2026-06-01T00:00:00Z',
      'accepted',
    ],
  ])('%s', (_, acceptances, time, state) => {
    expect(standingOf(finding, acceptances, at(time)).state).toBe(state);
  });

  it('is not for agents that no list names', () => {
    const many = { id: 'abc', agents: { names: ['a', 'b'], count: 700 } };
    expect(standingOf(many, [accept()], at('2026-06-01T00:00:00Z')).state).toBe('grown');
    expect(standingOf(many, [accept({ agents: 'all' })], at('2026-06-01T00:00:00Z')).state).toBe('accepted');
  });
});

describe('the file', () => {
  it.each([
    ['accepted: []', true],
    ['accepted: [{ finding: abc, agents: all, reason: known, until: 2026-06-30 }]', true],
    ['accepted: [{ finding: abc, agents: [a], reason: known, until: "2026-06-30" }]', true],
    ['accepted: [{ finding: abc, agents: all, reason: known }]', false],
    ['accepted: [{ finding: abc, agents: all, reason: " ", until: 2026-06-30 }]', false],
    ['accepted: [{ finding: abc, agents: all, reason: known, until: 2026-02-30 }]', false],
    ['accepted: [{ finding: abc, agents: some, reason: known, until: 2026-06-30 }]', false],
    ['accepted: [{ finding: abc, agents: all, reason: known, until: 2026-06-30, also: x }]', false],
    ['accepted: [', false],
    ['', false],
  ])('%s', (text, ok) => {
    expect(parseAcceptanceFile(text).ok).toBe(ok);
  });
});
