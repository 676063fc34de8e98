import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BoundaryOffer } from '@atf/core/wire/negotiation';
import { expect, it } from 'vitest';
import { parseSettings, type Settings } from './settings.ts';
import { looserSettings } from './settings-loosening.ts';

const shipped = readFileSync(
  fileURLToPath(new URL('../../../../policies/settings.yaml', import.meta.url)),
  'utf8',
);
const read = parseSettings(shipped);
if (!read.ok) throw new Error(read.problems.join());
const withOffers = (...negotiable: BoundaryOffer[]): Settings => ({ ...read.settings, negotiable });

const refunds = (amountMax: number) => ({ tool: 'erp/refund', amountMax, currency: 'EUR' });
const offer: BoundaryOffer = {
  name: 'more',
  agents: ['a', 'b'],
  limit: refunds(100),
  minutesMax: 30,
  timesPerDay: 2,
};
const { agents: _, ...toAll } = offer;

it.each<[string, BoundaryOffer[], boolean]>([
  ['the same', [offer], false],
  ['none any more', [], false],
  ['to fewer', [{ ...offer, agents: ['a'] }], false],
  ['less, shorter and seldom', [{ ...offer, limit: refunds(50), minutesMax: 1, timesPerDay: 1 }], false],
  ['to another', [{ ...offer, agents: ['a', 'c'] }], true],
  ['to all', [toAll], true],
  ['more', [{ ...offer, limit: refunds(101) }], true],
  ['longer', [{ ...offer, minutesMax: 31 }], true],
  ['oftener', [{ ...offer, timesPerDay: 3 }], true],
  ['of another tool', [{ ...offer, limit: { ...refunds(1), tool: 'erp/pay' } }], true],
  ['in another currency', [{ ...offer, limit: { ...refunds(1), currency: 'USD' } }], true],
  ['a domain in its place', [{ ...toAll, limit: undefined, domain: 'hr' }], true],
  ['one more', [offer, { ...offer, name: 'else' }], true],
])('an offer to widen a boundary: %s', (_name, after, looser) => {
  expect(looserSettings(withOffers(offer), withOffers(...after)).length > 0).toBe(looser);
});

it.each([
  ['nothing', '{ name: a, minutesMax: 1, timesPerDay: 1 }'],
  ['both', '{ name: a, domain: hr, limit: { concurrent: 2 }, minutesMax: 1, timesPerDay: 1 }'],
  [
    'two limits',
    '{ name: a, limit: { concurrent: 2, amountMax: 3, currency: EUR }, minutesMax: 1, timesPerDay: 1 }',
  ],
  ['an amount without a currency', '{ name: a, limit: { amountMax: 3 }, minutesMax: 1, timesPerDay: 1 }'],
  ['days', '{ name: a, domain: hr, minutesMax: 1441, timesPerDay: 1 }'],
  ['no end of it', '{ name: a, domain: hr, minutesMax: 1, timesPerDay: 25 }'],
])('an offer of %s is none', (_name, text) => {
  expect(parseSettings(`${shipped}\nnegotiable:\n  - ${text}\n`).ok).toBe(false);
});

const detector = (more: string) => {
  const text = `${shipped}
detectors:
  - id: own.name
    summary: Names
    category: PII
    ${more}
    examples: { found: ["Blue Heron", "Red Kite"], clean: [nothing] }
`;
  const parsed = parseSettings(text);
  if (!parsed.ok) throw new Error(parsed.problems.join());
  return parsed.settings;
};
const birds = detector('dictionary: [Blue Heron, Red Kite]');

it.each<[string, Settings, boolean]>([
  ['the same', birds, false],
  ['more words', detector('dictionary: [Red Kite, Blue Heron, Grey Owl]'), false],
  ['another word in place of one', detector('dictionary: [Blue, Kite]'), true],
  ['only where it is read', detector('dictionary: [Blue Heron, Red Kite]\n    channels: [read]'), true],
  ['an expression', detector("expression: '(?:Blue Heron|Red Kite)'"), true],
  ['none any more', read.settings, true],
])('a detector of its own: %s', (_name, after, looser) => {
  expect(looserSettings(birds, after).some((says) => says.includes('own.name'))).toBe(looser);
});

it.each<[string, Settings['memory'], Settings['memory'], number]>([
  ['what ships, said', undefined, { orders: 'review', alikeMax: 10, repeated: 'review' }, 0],
  ['stricter', undefined, { orders: 'block', alikeMax: 2 }, 0],
  ['only labels', undefined, { orders: 'label' }, 1],
  ['more of the same', undefined, { alikeMax: 11, repeated: 'label' }, 2],
  ['back to what ships', { orders: 'block', alikeMax: 2 }, undefined, 2],
])('what is written into memories: %s', (_name, before, after, count) => {
  expect(
    looserSettings({ ...read.settings, memory: before }, { ...read.settings, memory: after }),
  ).toHaveLength(count);
});

it.each<[string, Settings['callsFollowed'], Settings['callsFollowed'], number]>([
  ['up to the default', undefined, { floor: 10, ceiling: 1_200 }, 0],
  ['above it', undefined, { floor: 10, ceiling: 2_400 }, 1],
  ['narrower', { floor: 10, ceiling: 600 }, { floor: 5, ceiling: 500 }, 0],
  ['wider', { floor: 10, ceiling: 600 }, { floor: 20, ceiling: 700 }, 2],
  ['no longer', { floor: 10, ceiling: 600 }, undefined, 1],
])('rates of Principals that follow what is usual: %s', (_name, before, after, count) => {
  expect(
    looserSettings({ ...read.settings, callsFollowed: before }, { ...read.settings, callsFollowed: after }),
  ).toHaveLength(count);
});
