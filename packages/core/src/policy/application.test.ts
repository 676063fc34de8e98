/** Application sets: a question in AuthZEN's words, what the set says of entities over what is sent, and questions that cannot be asked. */
import { describe, expect, it } from 'vitest';
import type { ApplicationDoc } from '../wire/enforcement.ts';
import { compileApplication } from './application.ts';

const when = (body: unknown) => [{ kind: 'when', body }];
const all = { op: 'All' };
const attribute = (of: string, attr: string) => ({ '.': { left: { Var: of }, attr } });

function setOf(policies: readonly [string, object][], entities: unknown[] = []): ApplicationDoc {
  return {
    name: 'app',
    version: 1,
    digest: 'A'.repeat(43),
    entities,
    policies: policies.map(([id, json]) => ({ id, annotations: {}, json })),
  };
}
const policy = (effect: 'permit' | 'forbid', conditions: unknown[], action: object = all) => ({
  effect,
  principal: all,
  action,
  resource: all,
  conditions,
});
function compiled(doc: ApplicationDoc) {
  const result = compileApplication(doc);
  if (!result.ok) throw new Error(result.problems.join('; '));
  return result.application;
}
const question = {
  subject: { type: 'user', id: 'a' },
  action: { name: 'look' },
  resource: { type: 'folder', id: 'f' },
};
const isAdmin = when({ '==': { left: attribute('principal', 'role'), right: { Value: 'admin' } } });
const known = [
  { uid: { type: 'user', id: 'a' }, attrs: { role: 'guest' }, parents: [{ type: 'group', id: 'g' }] },
];

describe('an application set', () => {
  it('denies what no policy permits', () => {
    expect(compiled(setOf([])).ask(question)).toMatchObject({ ok: true, decision: 'deny', reasons: [] });
  });

  it('what it says of an entity is not replaced by what is sent', () => {
    const doc = setOf([['admin', policy('permit', isAdmin)]], known);
    const properties = { role: 'admin' };
    const sent = { ...question, subject: { ...question.subject, properties } };
    expect(compiled(doc).ask(sent)).toMatchObject({ decision: 'deny' });
    const unknown = { ...sent, subject: { type: 'user', id: 'b', properties } };
    expect(compiled(doc).ask(unknown)).toMatchObject({ decision: 'allow', reasons: ['admin'] });
  });

  it('groups count also when properties are sent, and a subject may be its own resource', () => {
    const inGroup = when({
      in: { left: { Var: 'principal' }, right: { Value: { __entity: { type: 'group', id: 'g' } } } },
    });
    const application = compiled(setOf([['group', policy('permit', inGroup)]], known));
    const subject = { ...question.subject, properties: { mood: 'good' } };
    expect(application.ask({ ...question, subject })).toMatchObject({ decision: 'allow' });
    expect(application.ask({ ...question, subject, resource: question.subject })).toMatchObject({
      decision: 'allow',
    });
  });

  it('a policy that fails denies, whatever others permit', () => {
    const doc = setOf([
      ['all', policy('permit', [])],
      [
        'odd',
        policy('forbid', when({ '==': { left: attribute('resource', 'missing'), right: { Value: 1 } } })),
      ],
    ]);
    expect(compiled(doc).ask(question)).toMatchObject({ decision: 'deny', errors: [{ policyId: 'odd' }] });
  });

  it("the action's properties are in the context, and a context cannot pass for them", () => {
    const amount = when({
      '<': { left: { '.': { left: attribute('context', 'action'), attr: 'n' } }, right: { Value: 5 } },
    });
    const application = compiled(setOf([['small', policy('permit', amount)]]));
    const action = (n: number) => ({ name: 'look', properties: { n } });
    expect(application.ask({ ...question, action: action(4) })).toMatchObject({ decision: 'allow' });
    const context = { action: { n: 1 } };
    expect(application.ask({ ...question, action: action(9), context })).toMatchObject({ decision: 'deny' });
  });

  it('says what cannot be asked', () => {
    const application = compiled(setOf([['all', policy('permit', [])]]));
    const odd = [
      { ...question, subject: { type: 'my user', id: 'a' } },
      { ...question, resource: { type: '__cedar::x', id: 'a' } },
      { ...question, context: { who: { __entity: { type: 'user', id: 'a' } } } },
      { ...question, subject: { ...question.subject, properties: { amount: 2 ** 60 } } },
    ];
    for (const each of odd) expect(application.ask(each)).toMatchObject({ ok: false });
  });

  it('is refused whole when one policy or entity of it cannot be read', () => {
    expect(compileApplication(setOf([['bad', { effect: 'maybe' }]])).ok).toBe(false);
    expect(compileApplication(setOf([], [{ uid: { type: 'user' } }])).ok).toBe(false);
  });
});
