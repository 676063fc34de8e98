import { describe, expect, it } from 'vitest';
import { clausesOf, isContradiction } from './clauses.ts';
import { agentsNamed, doubtsAbout, strayAnnotations } from './doubts.ts';

const fact = (...names: string[]) =>
  names.reduce<unknown>((left, attr) => ({ '.': { left, attr } }), { Var: 'context' });
const text = (word: string | number | boolean) => ({ Value: word });
const op = (operator: string, left: unknown, right: unknown) => ({ [operator]: { left, right } });
const not = (arg: unknown) => ({ '!': { arg } });
const hour = fact('time', 'hour');
const zoned = fact('time', 'Europe/Berlin', 'weekday');
const [a, b] = [fact('a'), fact('b')];
const noClass = (): undefined => undefined;
type Condition = { kind: 'when' | 'unless'; body: unknown };
const when = (body: unknown): Condition => ({ kind: 'when', body });
const unless = (body: unknown): Condition => ({ kind: 'unless', body });
const policy = (...conditions: Condition[]) => ({ json: { effect: 'forbid', conditions } });

describe('conditions', () => {
  it.each<[string, Condition[], Condition[]]>([
    ['not, and unless', [when(not(a))], [unless(a)]],
    ['neither', [unless(op('||', a, b))], [when(op('&&', not(a), not(b)))]],
    ['not either', [unless(op('||', a, b))], [when(not(op('||', a, b)))]],
    ['not both', [unless(op('&&', a, b))], [when(op('||', not(a), not(b)))]],
    ['unlike', [unless(op('==', a, b))], [when(op('!=', a, b))]],
    ['twice not', [when(a)], [when(not(not(a)))]],
  ])('%s', (_, one, other) => {
    const sorted = (conditions: Condition[]) =>
      clausesOf(conditions)
        .map((clause) => [...clause].sort().join())
        .sort();
    expect(sorted(one)).toEqual(sorted(other));
  });

  it('of any length', () => {
    let chain: unknown = a;
    for (let each = 0; each < 50_000; each++) chain = op('&&', chain, b);
    expect(clausesOf([when(chain)])).toHaveLength(50_001);
  });
});

describe('what can never hold', () => {
  it.each<[string, boolean, Condition[]]>([
    ['a and not a', true, [when(op('&&', a, not(a)))]],
    ['a, unless a or b', true, [when(a), unless(op('||', a, b))]],
    ['a, unless a and b', false, [when(a), unless(op('&&', a, b))]],
    ['false', true, [when(text(false))]],
    ['unless true', true, [unless(text(true))]],
    ['after 22 and before 6', true, [when(op('&&', op('>=', hour, text(22)), op('<', hour, text(6))))]],
    ['after 22 or before 6', false, [when(op('||', op('>=', hour, text(22)), op('<', hour, text(6))))]],
    ['turned around', true, [when(op('&&', op('<=', text(22), hour), op('>', text(6), hour)))]],
    ['unless before 22, and before 6', true, [unless(op('<', hour, text(22))), when(op('<', hour, text(6)))]],
    ['between 8 and 18', false, [when(op('&&', op('>=', hour, text(8)), op('<', hour, text(18))))]],
    ['above 5 and below 6', true, [when(op('&&', op('>', hour, text(5)), op('<', hour, text(6))))]],
    ['two words at once', true, [when(op('&&', op('==', a, text('x')), op('==', a, text('y'))))]],
    ['two things', false, [when(op('&&', op('==', a, text('x')), op('==', b, text('y'))))]],
  ])('%s', (_, never, conditions) => {
    expect(isContradiction(clausesOf(conditions))).toBe(never);
    expect(doubtsAbout(policy(...conditions)).length > 0).toBe(never);
  });
});

describe('words that are never there', () => {
  it.each<[string, unknown, string | undefined]>([
    ['a word', op('==', fact('task'), text('persn')), 'persn'],
    ['the right word', op('==', fact('task'), text('person')), undefined],
    ['on the left', op('!=', text('trustd'), fact('integrity')), 'trustd'],
    ['in a list', op('contains', { Set: [text('task'), text('truested')] }, fact('origin')), 'truested'],
    ['of a set', op('containsAny', fact('confidentiality'), { Set: [text('Restricted')] }), 'Restricted'],
    ['in a zone', op('==', zoned, text('monday')), 'monday'],
    ['a currency', op('==', fact('valueCurrency'), text('EURO')), 'EURO'],
    ['a currency that there is', op('==', fact('valueCurrency'), text('EUR')), undefined],
    ['what may be any text', op('==', fact('args', 'task'), text('persn')), undefined],
    [
      'of a tool',
      op('==', { '.': { left: { Var: 'resource' }, attr: 'sensitivity' } }, text('secret')),
      'secret',
    ],
  ])('%s', (_, body, word) => {
    expect(doubtsAbout(policy(when(body))).map((doubt) => doubt.word)).toEqual(
      word === undefined ? [] : [word],
    );
  });

  it.each([
    [
      'tools',
      'ATF::Tool',
      '==',
      'shop/refnd',
      { tool: (ref: string) => ref === 'shop/refnd', server: () => false, classOf: noClass },
    ],
    [
      'servers',
      'ATF::Server',
      'in',
      'shoop',
      { tool: () => false, server: (name: string) => name === 'shoop', classOf: noClass },
    ],
  ])(
    'names %s of which nobody has accepted anything, where it is known what there is',
    (_, type, op, id, all) => {
      const entity = { __entity: { type, id } };
      const about = { json: { effect: 'forbid', resource: { op, entity }, conditions: [] } };
      expect(doubtsAbout(about)).toEqual([]);
      expect(doubtsAbout(about, { accepted: all })).toEqual([]);
      const accepted = { tool: () => false, server: () => false, classOf: noClass };
      expect(doubtsAbout(about, { accepted })).toMatchObject([{ word: id }]);
    },
  );

  it.each<[string, object, boolean]>([
    ['another class', { op: '==', entity: { type: 'ATF::Action', id: 'send' } }, true],
    ['its class', { op: '==', entity: { type: 'ATF::Action', id: 'write' } }, false],
    ['its class and others', { op: 'in', entities: [{ id: 'send' }, { id: 'write' }] }, false],
    ['others', { op: 'in', entities: [{ id: 'send' }, { id: 'admin' }] }, true],
    ['none', { op: 'in', entities: [] }, false],
    ['what is no class', { op: 'in', entity: { type: 'ATF::Action', id: 'outward' } }, false],
    ['every class', { op: 'All' }, false],
  ])('about one tool and %s', (_, action, stray) => {
    const about = {
      json: {
        effect: 'forbid',
        action,
        resource: { op: '==', entity: { type: 'ATF::Tool', id: 'shop/mail' } },
        conditions: [],
      },
    };
    const there = { tool: () => true, server: () => true };
    const said = doubtsAbout(about, { accepted: { ...there, classOf: () => 'write' } });
    expect(said.map(({ word }) => word)).toEqual(stray ? ['shop/mail'] : []);
    expect(doubtsAbout(about, { accepted: { ...there, classOf: noClass } })).toEqual([]);
  });

  it('names of agents that nobody has, where it is known what there is', () => {
    const name = { '.': { left: { Var: 'principal' }, attr: 'name' } };
    const listed = op('contains', { Set: [text('support'), text('suport')] }, name);
    const about = policy(when(op('==', name, text('support'))), unless(listed));
    expect([...agentsNamed(about)].sort()).toEqual(['suport', 'support']);
    expect(doubtsAbout(about)).toEqual([]);
    expect(doubtsAbout(about, { agents: new Set(['support', 'suport']) })).toEqual([]);
    expect(doubtsAbout(about, { agents: new Set(['support']) })).toMatchObject([{ word: 'suport' }]);
  });

  it('a name of an agent where only an id is ever found', () => {
    const asked = (id: string) => ({
      json: {
        effect: 'forbid',
        principal: { op: '==', entity: { type: 'ATF::Agent', id } },
        conditions: [
          when(op('in', { Var: 'principal' }, { Value: { __entity: { type: 'ATF::Agent', id } } })),
        ],
      },
    });
    const id = '4a1f3c52-7d7e-4f0a-9a3e-0d8a5e1d2b11';
    expect(doubtsAbout(asked('support'))).toMatchObject([
      { word: 'support', message: expect.stringContaining('write principal.name == "support"') },
    ]);
    expect([...agentsNamed(asked('support'))]).toEqual([]);
    expect(doubtsAbout(asked(id), { agents: new Set([id]) })).toEqual([]);
    expect(doubtsAbout(asked(id), { agents: new Set() })).toMatchObject([{ word: id }]);
  });

  it('of annotations', () => {
    expect(strayAnnotations({ obligation: 'notify review_output', because: 'flow' })).toEqual([]);
    expect(strayAnnotations({ refusal: 'segmentation.out_of_domain', title: 'x' })).toEqual([]);
    const stray = { obligation: 'notify reveiw_output', because: 'orgin', refusal: 'policy.nope' };
    expect(strayAnnotations(stray).map(({ word }) => word)).toEqual([
      'reveiw_output',
      'orgin',
      'policy.nope',
    ]);
  });
});
