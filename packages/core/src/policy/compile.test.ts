import { describe, expect, it } from 'vitest';
import { compilePolicySet, type PolicyProblemCode } from './compile.ts';
import { EXPRESSION_DEPTH_MAX } from './est.ts';

const policy = (overrides: Record<string, unknown> = {}): Record<string, unknown> => ({
  effect: 'permit',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [],
  ...overrides,
});
const when = (body: unknown): Record<string, unknown> => policy({ conditions: [{ kind: 'when', body }] });
const yes = { Value: true };

const codeOf = (json: unknown): PolicyProblemCode | 'accepted' => {
  const result = compilePolicySet([{ id: 'p', json }]);
  if (result.ok) return 'accepted';
  expect(result.problems.map((problem) => problem.policyId)).toEqual(['p']);
  return result.problems[0]?.code ?? 'accepted';
};

const deep = (levels: number): unknown => {
  let body: unknown = yes;
  for (let level = 0; level < levels; level++) body = { '&&': { left: body, right: yes } };
  return body;
};

describe('loading a policy set is strict', () => {
  it.each<[unknown, PolicyProblemCode | 'accepted']>([
    [policy(), 'accepted'],
    [policy({ annotations: { id: 'x', note: null } }), 'accepted'],
    [null, 'malformed'],
    [[], 'malformed'],
    [policy({ effect: 'allow' }), 'malformed'],
    [policy({ extra: 1 }), 'malformed'],
    [policy({ conditions: undefined }), 'malformed'],
    [policy({ conditions: [{ kind: 'if', body: yes }] }), 'malformed'],
    [policy({ conditions: [{ kind: 'when', body: yes, more: 1 }] }), 'malformed'],
    [policy({ annotations: { id: 1 } }), 'malformed'],
    [policy({ principal: { op: 'All', entity: { type: 'A', id: 'b' } } }), 'malformed'],
    [policy({ principal: { op: '==', entity: { type: 'A', id: 'b' } } }), 'accepted'],
    [policy({ principal: { op: '==', entity: { __entity: { type: 'A', id: 'b' } } } }), 'accepted'],
    [policy({ principal: { op: '==', slot: '?principal' } }), 'template_slot'],
    [policy({ principal: { op: 'in', slot: '?principal' } }), 'template_slot'],
    [policy({ principal: { op: 'is', entity_type: 'A', in: { slot: '?principal' } } }), 'template_slot'],
    [
      policy({ principal: { op: 'is', entity_type: 'A', in: { entity: { type: 'A', id: 'b' } } } }),
      'accepted',
    ],
    [policy({ principal: { op: 'is', entity_type: 'A B' } }), 'malformed'],
    [policy({ principal: { op: '!=', entity: { type: 'A', id: 'b' } } }), 'operator_unknown'],
    [policy({ action: { op: 'is', entity_type: 'Action' } }), 'operator_unknown'],
    [policy({ action: { op: '==', entity: { type: 'User', id: 'b' } } }), 'malformed'],
    [policy({ action: { op: 'in', entities: [] } }), 'accepted'],
    [policy({ action: { op: 'in', entities: [{ type: 'N::Action', id: 'b' }] } }), 'accepted'],
    [policy({ action: { op: '==', entities: [{ type: 'Action', id: 'b' }] } }), 'malformed'],
    [when({}), 'malformed'],
    [when({ Value: true, Var: 'context' }), 'malformed'],
    [when({ Value: null }), 'malformed'],
    [when({ Value: 1.5 }), 'malformed'],
    [when({ Value: 2 ** 53 }), 'integer_unsafe'],
    [when({ Value: [2 ** 60] }), 'integer_unsafe'],
    [when({ Value: { __expr: 'true' } }), 'malformed'],
    [when({ Value: { __entity: { type: 'A', id: 'b' }, x: 1 } }), 'malformed'],
    [when({ Value: { __extn: { fn: 'unheard', arg: 'x' } } }), 'extension_unknown'],
    [when({ Value: { __extn: { fn: 'ip', arg: 'not an address' } } }), 'accepted'],
    [when({ Var: 'who' }), 'malformed'],
    [when({ Slot: '?principal' }), 'template_slot'],
    [when({ unknown: [{ Value: 'x' }] }), 'extension_unknown'],
    [when({ error: [{ Value: 'x' }] }), 'extension_unknown'],
    [when({ hasOwnProperty: [] }), 'extension_unknown'],
    [when({ '=~': { left: yes, right: yes } }), 'operator_unknown'],
    [when({ '==': { left: yes } }), 'malformed'],
    [when({ '==': { left: yes, right: yes, x: 1 } }), 'malformed'],
    [when({ has: { left: yes, attr: [] } }), 'malformed'],
    [when({ has: { left: yes, attr: 1 } }), 'malformed'],
    [when({ like: { left: yes, pattern: 'a*' } }), 'malformed'],
    [when({ like: { left: yes, pattern: [{ Literal: 'a' }, 'Wild'] } }), 'malformed'],
    [when({ is: { left: yes, entity_type: '__cedar::X' } }), 'malformed'],
    [when({ 'if-then-else': { if: yes, then: yes } }), 'malformed'],
    [when({ Set: yes }), 'malformed'],
    [when({ Record: [yes] }), 'malformed'],
    [when({ ip: [] }), 'accepted'],
    [when(deep(EXPRESSION_DEPTH_MAX - 1)), 'accepted'],
    [when(deep(EXPRESSION_DEPTH_MAX)), 'too_deep'],
    [when({ Set: Array.from({ length: 60_000 }, () => yes) }), 'too_large'],
  ])('%#: %j is %s', (json, code) => {
    expect(codeOf(json)).toBe(code);
  });

  it('refuses the whole set for one policy and names every policy that is wrong', () => {
    const result = compilePolicySet([
      { id: 'good', json: policy() },
      { id: 'bad', json: when({ nope: [] }) },
      { id: 'good', json: policy() },
      { id: '', json: policy() },
    ]);
    expect(result.ok ? [] : result.problems.map(({ policyId, code }) => [policyId, code])).toEqual([
      ['bad', 'extension_unknown'],
      ['good', 'id_duplicate'],
      ['', 'id_invalid'],
    ]);
  });

  it('does not repeat literals of a policy in a problem', () => {
    const result = compilePolicySet([
      { id: 'p', json: when({ Value: { __extn: { fn: 'ip', arg: 'secret', more: 1 } } }) },
    ]);
    expect(JSON.stringify(result)).not.toContain('secret');
  });
});
