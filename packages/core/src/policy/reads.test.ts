import { describe, expect, it } from 'vitest';
import { readsOf, readsOfSet, toolOf } from './reads.ts';

const context = { Var: 'context' };
const get = (left: unknown, attr: string) => ({ '.': { left, attr } });
const args = get(context, 'args');
const policy = (body: unknown, resource: unknown = { op: 'All' }) => ({
  effect: 'forbid',
  resource,
  conditions: [{ kind: 'when', body }],
});
const refund = { op: '==', entity: { type: 'ATF::Tool', id: 'shop/refund' } };

describe('what a policy asks about', () => {
  it('is nothing for one that asks about what every call tells', () => {
    const plain = policy({
      '&&': { left: get(context, 'approved'), right: { has: { left: context, attr: 'task' } } },
    });
    expect(readsOf(plain)).toEqual({
      value: false,
      time: false,
      argsGuarded: false,
      wholeContext: false,
    });
  });

  it('is the amount and the time, also where it only asks whether they are there', () => {
    expect(readsOf(policy({ has: { left: context, attr: 'value' } }))).toMatchObject({ value: true });
    expect(readsOf(policy(get(context, 'valueCurrency')))).toMatchObject({ value: true });
    expect(readsOf(policy(get(get(context, 'time'), 'hour')))).toMatchObject({ time: true });
  });

  it('is each argument as deep as it goes, wherever it stands', () => {
    const deep = { '==': { left: get(get(args, 'customer'), 'email'), right: { Value: 'x' } } };
    const has = { has: { left: args, attr: 'note' } };
    const many = {
      Set: [get(args, 'a'), { if: { if: has, then: deep, else: { has: { left: args, attr: ['b', 'c'] } } } }],
    };
    const { args: found, argsGuarded } = readsOf(policy(many));
    expect(found).toHaveLength(4);
    expect(found).toEqual(expect.arrayContaining([['a'], ['note'], ['customer', 'email'], ['b', 'c']]));
    expect(argsGuarded).toBe(false);
  });

  it('is all of them where it compares them whole', () => {
    expect(readsOf(policy({ '==': { left: args, right: { Record: {} } } })).args).toEqual([[]]);
  });

  it('knows who asks whether there are any', () => {
    expect(readsOf(policy({ has: { left: context, attr: 'args' } })).argsGuarded).toBe(true);
    expect(readsOf(policy({ has: { left: context, attr: ['args', 'a'] } })).argsGuarded).toBe(true);
  });

  it('cannot be seen where the context is taken as a whole', () => {
    const either = { 'if-then-else': { if: get(context, 'approved'), then: context, else: context } };
    const hidden = [
      { has: { left: either, attr: 'args' } },
      get(either, 'args'),
      { has: { left: get({ Record: { a: context } }, 'a'), attr: 'args' } },
      { '==': { left: context, right: { Record: {} } } },
      { contains: { left: { Set: [context] }, right: context } },
    ];
    for (const body of hidden) expect(readsOf(policy(body)).wholeContext).toBe(true);
    expect(readsOf(policy(get(args, 'context'))).wholeContext).toBe(false);
    expect(readsOf(policy({ has: { left: context, attr: 'args' } })).wholeContext).toBe(false);
  });

  it('is not what bears the same name elsewhere', () => {
    expect(readsOf(policy(get({ Var: 'resource' }, 'args'))).args).toBeUndefined();
    expect(readsOf(policy(get(get(context, 'other'), 'args'))).args).toBeUndefined();
    expect(readsOf(policy({ Value: { Var: 'x' } })).args).toBeUndefined();
  });
});

it('the one tool of a policy stands in its scope', () => {
  expect(toolOf(policy(true, refund))).toBe('shop/refund');
  expect(toolOf(policy(true, { op: '==', entity: { __entity: refund.entity } }))).toBe('shop/refund');
  expect(toolOf(policy(true))).toBeUndefined();
  expect(toolOf(policy(true, { op: 'in', entity: { type: 'ATF::Server', id: 'shop' } }))).toBeUndefined();
});

it('a set asks about what its policies do; one about no one tool is never told arguments', () => {
  const set = readsOfSet([
    { id: 'a', json: policy(get(args, 'x'), refund) },
    { id: 'b', json: policy(get(args, 'y'), refund) },
    { id: 'c', json: policy(get(args, 'z')) },
    { id: 'd', json: policy(get(context, 'approved')) },
  ]);
  expect([...set.args]).toEqual([['shop/refund', [['x'], ['y']]]]);
  expect([...set.byArguments]).toEqual(['a', 'b', 'c']);
});
