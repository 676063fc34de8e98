import { describe, expect, it } from 'vitest';
import { compilePolicySet, type CompiledPolicySet } from './compile.ts';
import { buildEntityStore, EMPTY_STORE, type EntityStore } from './entities.ts';
import { type AuthorizationAnswer, decideStrict, isAuthorized } from './evaluate.ts';
import { EMPTY_RECORD, EntityUid } from './runtime-value.ts';

type Json = Record<string, unknown>;
const all = { op: 'All' };
const policy = (
  id: string,
  effect: string,
  scope: Json = {},
  ...bodies: readonly unknown[]
): { id: string; json: unknown } => ({
  id,
  json: {
    effect,
    principal: all,
    action: all,
    resource: all,
    conditions: bodies.map((body) => ({ kind: 'when', body })),
    ...scope,
  },
});
const compile = (...policies: readonly { id: string; json: unknown }[]): CompiledPolicySet => {
  const result = compilePolicySet(policies);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.set;
};
const request = (
  principal = new EntityUid('User', 'a'),
  resource = new EntityUid('Doc', 'd'),
  action = new EntityUid('Action', 'read'),
) => ({
  principal,
  action,
  resource,
  context: EMPTY_RECORD,
});
const brief = ({ decision, reasons, errors }: AuthorizationAnswer) => ({
  decision,
  reasons,
  errors: errors.map((error) => error.policyId),
});

const yes = { Value: true };
const no = { Value: false };
const failing = { '.': { left: { Var: 'context' }, attr: 'absent' } };

describe('isAuthorized', () => {
  it.each<[string, CompiledPolicySet, ReturnType<typeof brief>]>([
    ['nothing permits', compile(), { decision: 'deny', reasons: [], errors: [] }],
    ['a permit', compile(policy('p', 'permit')), { decision: 'allow', reasons: ['p'], errors: [] }],
    [
      'a condition that is false',
      compile(policy('p', 'permit', {}, yes, no)),
      { decision: 'deny', reasons: [], errors: [] },
    ],
    [
      'a forbid overrides',
      compile(policy('p', 'permit'), policy('f', 'forbid')),
      { decision: 'deny', reasons: ['f'], errors: [] },
    ],
    [
      'a failing permit',
      compile(policy('p', 'permit', {}, failing), policy('q', 'permit')),
      { decision: 'allow', reasons: ['q'], errors: ['p'] },
    ],
    [
      'a failing forbid is skipped, as in Cedar',
      compile(policy('f', 'forbid', {}, failing), policy('q', 'permit')),
      { decision: 'allow', reasons: ['q'], errors: ['f'] },
    ],
    [
      'a condition that is no boolean',
      compile(policy('p', 'permit', {}, { Value: 1 })),
      { decision: 'deny', reasons: [], errors: ['p'] },
    ],
    [
      'a false condition hides a failing one',
      compile(policy('p', 'permit', {}, no, failing)),
      { decision: 'deny', reasons: [], errors: [] },
    ],
  ])('%s', (_name, set, wanted) => {
    expect(brief(isAuthorized(set, request(), EMPTY_STORE))).toEqual(wanted);
  });

  it('does not evaluate conditions outside the scope', () => {
    const set = compile(
      policy('p', 'permit', { principal: { op: '==', entity: { type: 'User', id: 'other' } } }, failing),
    );
    expect(brief(isAuthorized(set, request(), EMPTY_STORE))).toEqual({
      decision: 'deny',
      reasons: [],
      errors: [],
    });
  });

  it('names policies in the order of the set and once, also when several actions of a scope match', () => {
    const entities = buildEntityStore([
      {
        uid: new EntityUid('Action', 'read'),
        parents: [new EntityUid('Action', 'any'), new EntityUid('Action', 'safe')],
      },
    ]);
    const action = { op: 'in', entities: ['safe', 'any', 'read'].map((id) => ({ type: 'Action', id })) };
    const set = compile(
      ...Array.from({ length: 12 }, (_, index) => policy(`p${index}`, 'permit', { action })),
      ...Array.from({ length: 12 }, (_, index) => policy(`e${index}`, 'permit', { action }, failing)),
    );
    const answer = entities.ok ? isAuthorized(set, request(), entities.store) : undefined;
    expect(answer?.reasons).toEqual(Array.from({ length: 12 }, (_, index) => `p${index}`));
    expect(answer?.errors.map((error) => error.policyId)).toEqual(
      Array.from({ length: 12 }, (_, index) => `e${index}`),
    );
  });

  it('gives the same answer through the index as without it', () => {
    // Every policy alone has no index to speak of; the whole set has a deep one.
    const type = (index: number) => ['User', 'Group', 'Doc'][index % 3] as string;
    const scopes = Array.from({ length: 300 }, (_, index): Json => {
      const entity = { type: type(index), id: `x${index % 11}` };
      const constraint = [
        all,
        { op: '==', entity },
        { op: 'in', entity },
        { op: 'is', entity_type: entity.type },
        { op: 'is', entity_type: entity.type, in: { entity } },
      ][index % 5] as Json;
      const other = index % 7 === 0 ? { op: 'in', entity: { type: 'Group', id: `x${index % 5}` } } : all;
      const action =
        index % 4 === 0
          ? {
              op: 'in',
              entities: [
                { type: 'Action', id: 'read' },
                { type: 'Action', id: `a${index % 3}` },
              ],
            }
          : all;
      return index % 2 === 0
        ? { principal: constraint, resource: other, action }
        : { resource: constraint, principal: other, action };
    });
    const policies = scopes.map((scope, index) => policy(`p${index}`, 'permit', scope));
    const set = compile(...policies);
    const entities = buildEntityStore(
      Array.from({ length: 11 }, (_, index) =>
        ['User', 'Group', 'Doc'].map((name) => ({
          uid: new EntityUid(name, `x${index}`),
          parents: [new EntityUid('Group', `x${index + 1}`)],
        })),
      ).flat(),
    );
    const store: EntityStore = entities.ok ? entities.store : EMPTY_STORE;
    for (let round = 0; round < 66; round++) {
      const asked = request(
        new EntityUid(type(round), `x${round % 11}`),
        new EntityUid(type(round + 1), `x${(round * 3) % 11}`),
        new EntityUid('Action', ['read', 'a1', 'none'][round % 3] ?? ''),
      );
      const alone = policies
        .filter((single) => isAuthorized(compile(single), asked, store).decision === 'allow')
        .map(({ id }) => id);
      expect(isAuthorized(set, asked, store).reasons).toEqual(alone);
      expect(alone.length).toBeGreaterThan(0);
    }
  });

  it('remembers the last search for the very same entities only', () => {
    const team = { op: 'in', entity: { type: 'Group', id: 'team' } };
    const set = compile(policy('p', 'permit', { principal: team }));
    const asked = request();
    const inGroup = (group: string): EntityStore => {
      const built = buildEntityStore([{ uid: asked.principal, parents: [new EntityUid('Group', group)] }]);
      if (!built.ok) throw new Error(built.problem.message);
      return built.store;
    };
    const team1 = inGroup('team');
    const wanted = ['allow', 'allow', 'deny', 'deny', 'allow', 'deny'];
    const stores = [team1, team1, inGroup('others'), EMPTY_STORE, inGroup('team'), inGroup('others')];
    expect(stores.map((store) => isAuthorized(set, asked, store).decision)).toEqual(wanted);
    expect(isAuthorized(set, { ...asked, principal: new EntityUid('User', 'b') }, team1).decision).toBe(
      'deny',
    );
  });
});

describe('decideStrict', () => {
  it('denies on any error and keeps what Cedar would say', () => {
    const set = compile(policy('f', 'forbid', {}, failing), policy('q', 'permit'));
    const answer = decideStrict(set, request(), EMPTY_STORE);
    expect(brief(answer)).toEqual({ decision: 'deny', reasons: ['q'], errors: ['f'] });
    expect(answer.errors[0]).toMatchObject({ code: 'attribute_missing' });
  });

  it('allows without errors', () => {
    expect(decideStrict(compile(policy('q', 'permit')), request(), EMPTY_STORE).decision).toBe('allow');
  });
});
