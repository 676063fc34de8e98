import { describe, expect, it } from 'vitest';
import type { Json } from '../wire/json.ts';
import { actionClasses } from '../wire/words.ts';
import { compilePolicySet } from './compile.ts';
import { touchedBetween, type TouchedSide } from './touched.ts';

const all = { op: 'All' };
const tool = (id: string) => ({ op: '==', entity: { type: 'ATF::Tool', id } });
const actions = (...ids: string[]) => ({
  op: 'in',
  entities: ids.map((id) => ({ type: 'ATF::Action', id })),
});

interface Given {
  readonly effect?: 'permit' | 'forbid';
  readonly action?: Json;
  readonly resource?: Json;
  readonly when?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
}

function side(given: Readonly<Record<string, Given>>): TouchedSide {
  const policies = Object.entries(given).map(([id, one]) => ({
    id,
    annotations: { id, ...one.annotations },
    json: {
      effect: one.effect ?? 'permit',
      principal: all,
      action: one.action ?? all,
      resource: one.resource ?? all,
      conditions: one.when === undefined ? [] : [{ kind: 'when', body: { Value: one.when } }],
      annotations: { id, ...one.annotations },
    },
  }));
  const compiled = compilePolicySet(policies);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return { policies, compiled: compiled.set };
}

const base = { everybody: {}, guard: { effect: 'forbid', resource: tool('shop/refund') } } as const;

describe('what two sets may answer otherwise', () => {
  it.each<[string, Record<string, Given>, string, string, boolean]>([
    ['nothing changed', base, 'shop/refund', 'write', false],
    ['one more about a tool', { ...base, more: { resource: tool('shop/list') } }, 'shop/list', 'read', true],
    ['and another tool', { ...base, more: { resource: tool('shop/list') } }, 'shop/refund', 'write', false],
    ['one less, about a tool', { everybody: {} }, 'shop/refund', 'write', true],
    ['and another', { everybody: {} }, 'shop/list', 'read', false],
    ['another condition', { ...base, guard: { ...base.guard, when: false } }, 'shop/refund', 'write', true],
    [
      'another duty',
      { ...base, guard: { ...base.guard, annotations: { because: 'x' } } },
      'shop/refund',
      'write',
      true,
    ],
    ['actions', { ...base, more: { action: actions('write', 'send') } }, 'shop/list', 'send', true],
    [
      'and other actions',
      { ...base, more: { action: actions('write', 'send') } },
      'shop/list',
      'read',
      false,
    ],
    ['a group of actions', { ...base, more: { action: actions('change') } }, 'shop/list', 'read', true],
    ['an open scope', { ...base, more: { effect: 'forbid' } }, 'any/thing', 'read', true],
    [
      'all tools of a server',
      { ...base, more: { resource: { op: 'in', entity: { type: 'ATF::Server', id: 'shop' } } } },
      'mail/send',
      'send',
      true,
    ],
  ])('%s', (_, after, ref, action, expected) => {
    expect(touchedBetween(side(base), side(after))(ref, action)).toBe(expected);
    // Either way round.
    expect(touchedBetween(side(after), side(base))(ref, action)).toBe(expected);
  });

  it('takes a policy that only moved for the same', () => {
    const moved = Object.fromEntries(Object.entries(base).reverse());
    for (const action of actionClasses)
      expect(touchedBetween(side(base), side(moved))('shop/refund', action)).toBe(false);
  });
});
