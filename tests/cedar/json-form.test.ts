/**
 * S-1: policies that come as JSON, not through text: what ATF loads, Cedar loads and decides alike; what Cedar refuses, ATF
 * refuses; and where ATF refuses more, that is written here with the reason.
 */
import { isAuthorized as cedarIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { compilePolicySet } from '@atf/core/policy/compile';
import { entitiesFromCedarJson } from '@atf/core/policy/entities';
import { isAuthorized } from '@atf/core/policy/evaluate';
import { EntityUid } from '@atf/core/policy/runtime-value';
import { recordFromCedarJson } from '@atf/core/policy/values';
import { expect, it } from 'vitest';

type Answer = 'refused' | 'allow' | 'deny' | 'error';

const context = { n: 1, at: { __extn: { fn: 'datetime', arg: '2024-01-01' } } };
const entities = [
  {
    uid: { type: 'User', id: 'p' },
    attrs: { x: { y: 1 } },
    parents: [{ type: 'Group', id: 'g' }],
    tags: { t: 'v' },
  },
];
const parts = {
  principal: { type: 'User', id: 'p' },
  action: { type: 'Action', id: 'a' },
  resource: { type: 'Doc', id: 'd' },
};

const policyOf = (body: unknown, scope: object = {}): unknown => ({
  effect: 'permit',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [{ kind: 'when', body }],
  ...scope,
});

const library = (policy: unknown): Answer => {
  const answer = cedarIsAuthorized({
    ...parts,
    context: context as never,
    entities: entities as never,
    policies: { staticPolicies: { p: policy as never } },
  });
  if (answer.type === 'failure') return 'refused';
  return answer.response.diagnostics.errors.length > 0 ? 'error' : answer.response.decision;
};

const ours = (policy: unknown): Answer => {
  const compiled = compilePolicySet([{ id: 'p', json: policy }]);
  if (!compiled.ok) return 'refused';
  const [record, store] = [recordFromCedarJson(context), entitiesFromCedarJson(entities)];
  if (!record.ok || !store.ok) throw new Error('the context and the entities are valid');
  const uid = ({ type, id }: { type: string; id: string }): EntityUid => new EntityUid(type, id);
  const request = {
    principal: uid(parts.principal),
    action: uid(parts.action),
    resource: uid(parts.resource),
    context: record.value,
  };
  const answer = isAuthorized(compiled.set, request, store.store);
  return answer.errors.length > 0 ? 'error' : answer.decision;
};

const value = (json: unknown) => ({ Value: json });
const equal = (left: unknown, right: unknown) => ({ '==': { left, right } });
const variable = (name: string) => ({ Var: name });
const of = (left: unknown, attr: string) => ({ '.': { left, attr } });
const extension = (fn: string, ...args: readonly unknown[]) =>
  value({ __extn: args.length === 1 ? { fn, arg: args[0] } : { fn, args } });

it.each<[unknown, Answer]>([
  [value(true), 'allow'],
  [value(1), 'error'],
  [equal(value([1, 1, 2]), { Set: [value(2), value(1)] }), 'allow'],
  [equal(value({ a: { b: [] } }), { Record: { a: value({ b: [] }) } }), 'allow'],
  [equal(value({ type: 'User', id: 'p' }), variable('principal')), 'deny'],
  [equal(value({ __entity: { type: 'User', id: 'p' } }), variable('principal')), 'allow'],
  [equal(of(variable('context'), 'at'), extension('datetime', '2024-01-01T00:00:00Z')), 'allow'],
  [{ isIpv4: [extension('ip', '1.2.3.4')] }, 'allow'],
  [value({ __extn: { fn: 'isIpv4', args: [{ __extn: { fn: 'ip', arg: '1.2.3.4' } }] } }), 'allow'],
  [value([{ __extn: { fn: 'ip', arg: 'no address' } }]), 'error'],
  [{ isEmpty: { arg: value([{ __extn: { fn: 'ip', arg: 'no address' } }]) } }, 'error'],
  [{ '||': { left: value(true), right: { ip: [] } } }, 'allow'],
  [{ ip: [] }, 'error'],
  [{ ip: [value('1.2.3.4'), value('1.2.3.4')] }, 'error'],
  [{ isInRange: [extension('ip', '1.2.3.4')] }, 'error'],
  [{ has: { left: variable('principal'), attr: 'x' } }, 'allow'],
  [{ has: { left: variable('principal'), attr: ['x', 'y'] } }, 'allow'],
  [{ has: { left: variable('principal'), attr: ['x', 'z', 'w'] } }, 'deny'],
  [{ has: { left: variable('principal'), attr: ['x', 'y', 'z'] } }, 'error'],
  [{ has: { left: variable('principal'), attr: ['not an identifier'] } }, 'deny'],
  [
    { like: { left: value('abc'), pattern: [{ Literal: 'a' }, { Literal: 'b' }, 'Wildcard', 'Wildcard'] } },
    'allow',
  ],
  [{ like: { left: value(''), pattern: [] } }, 'allow'],
  [
    {
      is: {
        left: variable('principal'),
        entity_type: 'User',
        in: value({ __entity: { type: 'Group', id: 'g' } }),
      },
    },
    'allow',
  ],
  [{ hasTag: { left: variable('principal'), right: value('t') } }, 'allow'],
  [{ getTag: { left: variable('principal'), right: value('u') } }, 'error'],
  [{ '*': { left: value(2), right: of(variable('context'), 'n') } }, 'error'],
  [
    equal({ '*': { left: of(variable('context'), 'n'), right: of(variable('context'), 'n') } }, value(1)),
    'allow',
  ],
  [{ Record: { __entity: value(1) } }, 'error'],
  [value(null), 'refused'],
  [value(1.5), 'refused'],
  [value({ __expr: '1' }), 'refused'],
  [{ ...value(true), ...variable('context') }, 'refused'],
  [{}, 'refused'],
  [{ '==': { left: value(1), right: value(1), more: 1 } }, 'refused'],
  [{ like: { left: value('abc'), pattern: 'a*' } }, 'refused'],
  [{ has: { left: variable('context'), attr: [] } }, 'refused'],
  [{ is: { left: variable('principal'), entity_type: 'if' } }, 'refused'],
  [{ is: { left: variable('principal'), entity_type: 'A::__cedar' } }, 'refused'],
  [variable('who'), 'refused'],
  [{ Slot: '?principal' }, 'refused'],
  [{ nope: [value(1)] }, 'refused'],
])('case %#: both answer alike to %j', (body, wanted) => {
  expect({ library: library(policyOf(body)), ours: ours(policyOf(body)) }).toEqual({
    library: wanted,
    ours: wanted,
  });
});

it.each<[object, Answer]>([
  [{ principal: { op: '==', entity: { __entity: { type: 'User', id: 'p' } } } }, 'allow'],
  [{ principal: { op: 'in', entity: { type: 'Group', id: 'g' } } }, 'allow'],
  [{ principal: { op: 'is', entity_type: 'User', in: { entity: { type: 'Group', id: 'h' } } } }, 'deny'],
  [{ action: { op: 'in', entities: [] } }, 'deny'],
  [{ action: { op: '==', entity: { type: 'User', id: 'a' } } }, 'refused'],
  [{ action: { op: 'is', entity_type: 'Action' } }, 'refused'],
  [{ principal: { op: '==', slot: '?principal' } }, 'refused'],
  [{ more: 1 }, 'refused'],
  [{ conditions: [] }, 'allow'],
  [
    {
      conditions: [
        { kind: 'unless', body: value(false) },
        { kind: 'when', body: value(true) },
      ],
    },
    'allow',
  ],
  [{ conditions: [{ kind: 'unless', body: value(1) }] }, 'error'],
])('case %#: both answer alike to the scope %j', (scope, wanted) => {
  const policy = policyOf(value(true), scope);
  expect({ library: library(policy), ours: ours(policy) }).toEqual({ library: wanted, ours: wanted });
});

it.each<[string, unknown, Answer]>([
  ['an unknown value only serves partial evaluation', { unknown: [value('x')] }, 'error'],
  [
    'a function that does not exist would fail at run time, perhaps in a forbid',
    extension('nope', 'x'),
    'error',
  ],
  [
    'an escape with further keys is a confusion or an attack',
    value({ __entity: { type: 'User', id: 'p' }, more: 1 }),
    'error',
  ],
  ['an integer beyond 2^53 was rounded by somebody', equal(value(2 ** 60), value(2 ** 60)), 'allow'],
])('ATF is stricter: %s', (_reason, body, theirs) => {
  expect({ library: library(policyOf(body)), ours: ours(policyOf(body)) }).toEqual({
    library: theirs,
    ours: 'refused',
  });
});
