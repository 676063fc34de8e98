import { expect, it } from 'vitest';
import { agentDoc } from '../decide.fixture.ts';
import type { Limit } from '../wire/manifest.ts';
import type { BoundaryGrant, BoundaryOffer } from '../wire/negotiation.ts';
import { endedBecause, settleAsk, withGrants } from './grants.ts';

const tool = 'back-office/refund_order';
const untilMs = Date.parse('2026-11-20T12:00:00.000Z');
const grant = (more: Partial<BoundaryGrant>): BoundaryGrant => ({
  id: '7d5b6c1e-8a8e-4b43-9d10-7c1f6a1f0001',
  offer: 'more',
  since: new Date(untilMs - 60_000).toISOString(),
  until: new Date(untilMs).toISOString(),
  epochs: { agent: agentDoc.epoch, credential: agentDoc.credentialEpoch, policy: 4 },
  ...more,
});
const held = { nowMs: untilMs - 1, level: 'principal', policyEpoch: 4 } as const;
const limitsWith = (own: Limit, wide: Limit) =>
  withGrants({ ...agentDoc, limits: [own], grants: [grant({ limit: wide })] }, held).limits;

const eur = { tool, currency: 'EUR' };
const cases: readonly (readonly [string, Limit, Limit, Limit | 'as it was'])[] = [
  ['an amount', { ...eur, amountMax: 10 }, { ...eur, amountMax: 50 }, { ...eur, amountMax: 50 }],
  ['a narrower amount', { ...eur, amountMax: 60 }, { ...eur, amountMax: 50 }, 'as it was'],
  [
    'an amount in another currency',
    { ...eur, currency: 'USD', amountMax: 10 },
    { ...eur, amountMax: 50 },
    'as it was',
  ],
  ['an amount of all tools', { currency: 'EUR', amountMax: 10 }, { ...eur, amountMax: 50 }, 'as it was'],
  ['no amount', { tool, calls: { max: 1, perSeconds: 60 } }, { ...eur, amountMax: 50 }, 'as it was'],
  [
    'a rate, and nothing beside it',
    { ...eur, amountMax: 10, calls: { max: 5, perSeconds: 60 } },
    { tool, calls: { max: 9, perSeconds: 60 } },
    { ...eur, amountMax: 10, calls: { max: 9, perSeconds: 60 } },
  ],
  [
    'a rate of another period',
    { tool, calls: { max: 5, perSeconds: 60 } },
    { tool, calls: { max: 9, perSeconds: 3_600 } },
    'as it was',
  ],
  [
    'a total',
    { ...eur, total: { amount: 100, per: 'day' } },
    { ...eur, total: { amount: 200, per: 'day' } },
    { ...eur, total: { amount: 200, per: 'day' } },
  ],
  [
    'a total of something else',
    { tool, total: { calls: 100, per: 'day' } },
    { tool, total: { records: 200, per: 'day' } },
    'as it was',
  ],
  ['calls at one time', { tool, concurrent: 1 }, { tool, concurrent: 3 }, { tool, concurrent: 3 }],
];

it.each(cases)('widens what it is about and no more: %s', (_, own, wide, is) => {
  expect(limitsWith(own, wide)).toEqual([is === 'as it was' ? own : is]);
});

it.each([
  ['in its time', {}, {}, undefined],
  ['at its end', { nowMs: untilMs }, {}, 'expired'],
  ['below Principal', { level: 'senior' }, {}, 'agent_changed'],
  ['under another version or level', {}, { epoch: agentDoc.epoch + 1 }, 'agent_changed'],
  ['after a kill', {}, { credentialEpoch: agentDoc.credentialEpoch + 1 }, 'credentials_void'],
  ['under another policy', { policyEpoch: 5 }, {}, 'policy_changed'],
  ['without a policy', { policyEpoch: undefined }, {}, 'policy_changed'],
] as const)('counts %s, or not', (_, moment, agent, because) => {
  const now = { ...held, ...moment };
  const holder = { ...agentDoc, ...agent, grants: [grant({ domain: 'logistics' })] };
  expect(endedBecause(holder.grants[0] as BoundaryGrant, holder, now)).toBe(because);
  expect(withGrants(holder, now).dataDomains.includes('logistics')).toBe(because === undefined);
});

it('gives the same object while the same grants count, and the agent itself when none does', () => {
  const agent = { ...agentDoc, grants: [grant({ domain: 'logistics' })] };
  expect(withGrants(agent, held)).toBe(withGrants(agent, { ...held, nowMs: held.nowMs - 5 }));
  expect(withGrants(agent, { ...held, nowMs: untilMs })).toBe(agent);
});

const offer: BoundaryOffer = {
  name: 'more',
  agents: [agentDoc.name],
  limit: { ...eur, amountMax: 50 },
  minutesMax: 30,
  timesPerDay: 1,
};
it.each([
  ['the widest', {}, { amountMax: 50 }],
  ['less', { figure: 20.5 }, { amountMax: 20.5 }],
  ['more', { figure: 50.01 }, 'at most 50'],
  ['a fraction of a cent', { figure: 20.005 }, 'places'],
  ['no more than it has', { figure: 10 }, 'no limit of the agent is narrower'],
  ['longer', { minutes: 31 }, 'at most 30 minutes'],
  ['something else', { offer: 'else' }, 'no such offer'],
] as const)('asked for %s', (_, ask, wanted) => {
  const agent = { ...agentDoc, limits: [{ ...eur, amountMax: 10 }] };
  const settled = settleAsk(agent, [offer], { offer: 'more', minutes: 30, ...ask });
  if (typeof wanted === 'string')
    expect(settled).toMatchObject({ ok: false, why: expect.stringContaining(wanted) });
  else expect(settled).toMatchObject({ ok: true, widened: { limit: wanted } });
  expect(settleAsk({ ...agent, name: 'another' }, [offer], { offer: 'more', minutes: 1 }).ok).toBe(false);
});
