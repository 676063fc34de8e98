import { readFileSync } from 'node:fs';
import type { Classification } from '@atf/core/wire/feed';
import { describe, expect, it } from 'vitest';
import { shippedPolicyDir } from '../config.ts';
import { agentThen, stopsThen, toolThen } from './past-facts.ts';
import { policyWords } from './policy-words.ts';

const second = (n: number): string => new Date(n * 1_000).toISOString();
const event = (n: number, type: string, body: Record<string, unknown> = {}) =>
  ({ type, at: second(n), body }) as never;
const [first, next] = ['A'.repeat(43), 'B'.repeat(43)];

describe('an agent as it was', () => {
  const events = [
    event(10, 'identity.agent_registered', { manifestDigest: first, level: 'intern' }),
    event(20, 'maturity.level_bootstrapped', { level: 'senior' }),
    event(30, 'maturity.ceiling_set', { ceiling: 'junior' }),
    event(40, 'identity.agent_registered', { manifestDigest: next, level: 'senior', ceiling: 'intern' }),
    event(50, 'maturity.ceiling_set', { ceiling: null }),
  ];
  it.each([
    [9, undefined],
    [10, { manifestDigest: first, level: 'intern', ceiling: undefined }],
    [29, { manifestDigest: first, level: 'senior', ceiling: undefined }],
    [35, { manifestDigest: first, level: 'senior', ceiling: 'junior' }],
    [40, { manifestDigest: next, level: 'senior', ceiling: 'intern' }],
    [99, { manifestDigest: next, level: 'senior', ceiling: undefined }],
  ])('at second %i', (moment, wanted) => {
    expect(agentThen(events, moment * 1_000)).toEqual(wanted);
  });
});

describe('a tool as it was', () => {
  const said = (by: Classification['by'], word: Classification['class']): Classification => ({
    class: word,
    sensitivity: 'internal',
    outputTrust: 'trusted',
    domain: 'orders',
    reversible: false,
    idempotent: false,
    writeSafe: false,
    arguments: {},
    by,
  });
  const [guessed, corrected] = [said('automatic', 'admin'), said('person', 'write')];
  const found = event(10, 'segmentation.tool_discovered', { state: 'active' });
  const classified = event(20, 'segmentation.tool_classified', { before: guessed, after: corrected });
  const changed = event(30, 'segmentation.tool_quarantined', { because: 'changed' });
  const accepted = event(40, 'segmentation.tool_accepted', {});
  const removed = event(50, 'segmentation.tool_removed', {});
  const all = [found, classified, changed, accepted, removed];

  it.each([
    [5, undefined, guessed],
    [15, 'active', guessed],
    [25, 'active', corrected],
    [35, 'quarantined', corrected],
    [45, 'active', corrected],
    [55, 'removed', corrected],
  ] as const)('at second %i: %s', (moment, state, classification) => {
    expect(toolThen(all, corrected, moment * 1_000)).toEqual({ state, classification });
  });

  it('is not certain where a guess was made anew, or the log says something unreadable', () => {
    expect(toolThen([found, changed, accepted], guessed, 15_000).uncertain).toContain('guessed anew');
    expect(toolThen([found, changed, accepted], guessed, 45_000).uncertain).toBeUndefined();
    const odd = event(20, 'segmentation.tool_classified', { before: { class: 'fly' } });
    expect(toolThen([found, odd], corrected, 15_000).uncertain).toContain('cannot be read');
  });
});

describe('stops as they were', () => {
  const scope = { kind: 'agent', id: 'a' };
  const events = [
    event(10, 'incident.containment_set', { scope, state: 'paused', since: second(10) }),
    event(20, 'incident.containment_set', { scope, state: 'killed', since: second(20) }),
    event(30, 'incident.containment_lifted', { scope, was: 'killed' }),
    event(40, 'incident.containment_set', {
      scope: { kind: 'fleet', id: '*' },
      state: 'paused',
      since: second(39),
    }),
    event(41, 'incident.containment_set', { scope: 'odd', state: 'paused' }),
  ];
  it.each([
    [5, []],
    [15, ['paused']],
    [25, ['killed']],
    [35, []],
    // It acted before it was on record.
    [39, ['paused']],
  ])('at second %i: %j', (moment, states) => {
    expect(stopsThen(events, moment * 1_000).map(({ state }) => state)).toEqual(states);
  });
});

describe('what a policy says about itself', () => {
  it('is the comment over it, with its requirement', () => {
    const text = readFileSync(`${shippedPolicyDir}/levels.cedar`, 'utf8');
    const words = policyWords([{ name: 'levels.cedar', text }]);
    expect(words.get('levels.read')).toEqual({
      id: 'levels.read',
      file: 'levels.cedar',
      requirement: 'S-2',
      says: 'Observing is what every agent may do, from its first day. (Intern: observe and report.)',
    });
    expect([...words.values()].every(({ says }) => says !== '')).toBe(true);
  });

  it('is nothing where nothing is written, and of another file nothing at all', () => {
    const bare = '// Far away.\n\n@id("a.b")\npermit (principal, action, resource);\n';
    expect(policyWords([{ name: 'x.cedar', text: bare }]).get('a.b')).toMatchObject({ says: '' });
    expect(policyWords([{ name: 'x.yaml', text: bare }]).size).toBe(0);
  });
});
