import { describe, expect, it } from 'vitest';
import { comparePolicies, type PolicyDifference, type StatedPolicy } from './loosening.ts';

const uid = (type: string, id: string) => ({ __entity: { type: `ATF::${type}`, id } });
const level = (id: string) => ({ op: 'in', entity: uid('Level', id) });
const action = (...ids: string[]) =>
  ids.length === 1
    ? { op: '==', entity: uid('Action', ids[0] ?? '') }
    : { op: 'in', entities: ids.map((id) => uid('Action', id)) };
const fact = (name: string) => ({ '.': { left: { Var: 'context' }, attr: name } });
const both = (left: unknown, right: unknown) => ({ '&&': { left, right } });
const any = { op: 'All' };

interface Shape {
  effect?: string;
  principal?: unknown;
  action?: unknown;
  resource?: unknown;
  when?: unknown[];
  unless?: unknown[];
  obligation?: string;
}
const policy = (id: string, shape: Shape = {}): StatedPolicy => ({
  id,
  annotations: { id, ...(shape.obligation === undefined ? {} : { obligation: shape.obligation }) },
  json: {
    effect: shape.effect ?? 'permit',
    principal: shape.principal ?? any,
    action: shape.action ?? any,
    resource: shape.resource ?? any,
    conditions: [
      ...(shape.when ?? []).map((body) => ({ kind: 'when', body })),
      ...(shape.unless ?? []).map((body) => ({ kind: 'unless', body })),
    ],
  },
});
const forbid = (id: string, shape: Shape = {}) => policy(id, { ...shape, effect: 'forbid' });
function compared(before: StatedPolicy[], after: StatedPolicy[]): PolicyDifference {
  const work = comparePolicies(before, after);
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
const loosens = (before: StatedPolicy[], after: StatedPolicy[]) => compared(before, after).loosens;
const [a, b, c] = [fact('a'), fact('b'), fact('c')];

describe('what loosens', () => {
  it.each<[string, StatedPolicy[], StatedPolicy[]]>([
    ['a new permit', [], [policy('p')]],
    [
      'a permit for a tool that nobody has registered',
      [],
      [policy('p', { resource: { op: '==', entity: uid('Tool', 'x/y') } })],
    ],
    ['a permit with a condition less', [policy('p', { when: [both(a, b)] })], [policy('p', { when: [a] })]],
    ['a permit with another condition', [policy('p', { when: [a] })], [policy('p', { when: [b] })]],
    [
      'a permit that begins at a lower level',
      [policy('p', { principal: level('senior') })],
      [policy('p', { principal: level('junior') })],
    ],
    [
      'a permit of more actions',
      [policy('p', { action: action('read') })],
      [policy('p', { action: action('read', 'write') })],
    ],
    [
      'a permit of one tool that becomes one of any',
      [policy('p', { resource: { op: '==', entity: uid('Tool', 'x/y') } })],
      [policy('p', { resource: { op: 'is', entity_type: 'ATF::Tool' } })],
    ],
    [
      'a permit that owes nothing any more',
      [policy('p', { obligation: 'notify review_output' })],
      [policy('p', { obligation: 'notify' })],
    ],
    [
      'a permit replaced by a wider one that owes less',
      [policy('p', { when: [a], obligation: 'notify' }), policy('q')],
      [policy('q')],
    ],
    ['a forbid that is gone', [forbid('f')], []],
    [
      'a forbid with a condition more',
      [forbid('f', { when: [a] })],
      [forbid('f', { when: [a], unless: [b] })],
    ],
    [
      'a forbid of fewer actions',
      [forbid('f', { action: action('read', 'write') })],
      [forbid('f', { action: action('write') })],
    ],
    ['a forbid that becomes a permit', [forbid('f')], [policy('f')]],
    [
      'an alternative more in a condition',
      [policy('p', { when: [a] })],
      [policy('p', { when: [{ '||': { left: a, right: b } }] })],
    ],
  ])('%s', (_what, before, after) => expect(loosens(before, after)).not.toEqual([]));
});

describe('what does not', () => {
  it.each<[string, StatedPolicy[], StatedPolicy[]]>([
    ['nothing', [policy('p'), forbid('f')], [forbid('f'), policy('p')]],
    ['a permit that is gone', [policy('p')], []],
    [
      'a permit with a condition more',
      [policy('p', { when: [a] })],
      [policy('p', { when: [both(b, a)], unless: [c] })],
    ],
    [
      'conditions written apart or together',
      [policy('p', { when: [both(a, b)] })],
      [policy('p', { when: [b, a] })],
    ],
    [
      'a permit that begins at a higher level',
      [policy('p', { principal: level('junior') })],
      [policy('p', { principal: level('senior') })],
    ],
    [
      'a permit of fewer actions',
      [policy('p', { action: action('read', 'write') })],
      [policy('p', { action: action('write') })],
    ],
    ['a permit that owes more', [policy('p')], [policy('p', { obligation: 'notify' })]],
    ['a new forbid', [], [forbid('f')]],
    ['a forbid with a condition less', [forbid('f', { when: [both(a, b)] })], [forbid('f', { when: [b] })]],
    [
      'a forbid with an exception less',
      [forbid('f', { unless: [{ '||': { left: a, right: b } }] })],
      [forbid('f', { unless: [b] })],
    ],
    [
      'an alternative less in a condition',
      [policy('p', { when: [{ '||': { left: a, right: b } }] })],
      [policy('p', { when: [both(a, b)] })],
    ],
    ['another name', [forbid('f', { when: [a] })], [forbid('g', { when: [a] })]],
    [
      'a permit split in two',
      [policy('p', { action: action('read', 'write') })],
      [policy('p', { action: action('read') }), policy('q', { action: action('write') })],
    ],
  ])('%s', (_what, before, after) => expect(loosens(before, after)).toEqual([]));
});

it('names what was added, changed and removed', () => {
  const before = [policy('kept'), policy('bent', { when: [a] }), policy('gone')];
  const after = [policy('new'), policy('kept'), policy('bent', { when: [b] })];
  expect(compared(before, after)).toMatchObject({
    added: ['new'],
    changed: ['bent'],
    removed: ['gone'],
  });
});
