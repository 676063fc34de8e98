import { describe, expect, it } from 'vitest';
import { decide } from '../decide.ts';
import { agentDoc, receivedOf, toolDoc, uuid, worldOf } from '../decide.fixture.ts';
import { sha256 } from '../digest.ts';
import type { AgentDoc, ToolDoc } from '../wire/feed.ts';
import type { World } from '../world.ts';
import { compilePolicySet } from './compile.ts';
import { EMPTY_STORE } from './entities.ts';
import { KeptScopes, type Part } from './kept-scopes.ts';
import { policyFactsOf } from './question.ts';
import { EMPTY_RECORD, EntityUid } from './runtime-value.ts';

const all = { op: 'All' };
const level = (id: string) => ({ op: 'in', entity: { type: 'ATF::Level', id } });
const action = (id: string) => ({ op: '==', entity: { type: 'ATF::Action', id } });
const theTool = { op: '==', entity: { type: 'ATF::Tool', id: 'back-office/refund_order' } };
const attribute = (of: string, attr: string) => ({ '.': { left: { Var: of }, attr } });
const policy = (id: string, effect: 'permit' | 'forbid', scope: object, ...conditions: object[]) => ({
  id,
  annotations: {},
  json: {
    effect,
    ...{ principal: all, action: all, resource: all },
    ...scope,
    conditions: conditions.map((body) => ({ kind: 'when', body })),
  },
});

const usual = [
  policy('senior.writes', 'permit', { principal: level('senior'), action: action('write') }),
  policy('junior.approved', 'permit', { principal: level('junior') }, attribute('context', 'approved')),
  policy(
    'restricted',
    'forbid',
    { resource: theTool },
    {
      '==': { left: attribute('resource', 'sensitivity'), right: { Value: 'restricted' } },
    },
  ),
  // So many that they are filed by agent, tool and action.
  ...Array.from({ length: 40 }, (_, n) =>
    policy(`other.${n}`, 'forbid', {
      resource: { op: '==', entity: { type: 'ATF::Tool', id: `other/${n}` } },
    }),
  ),
];
const factsOf = (policies: typeof usual, epoch = 1) => {
  const compiled = policyFactsOf({ digest: sha256(String(epoch)), policies, epoch });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.facts;
};

describe('what is kept of a scope', () => {
  // One set for all of it, warm with the lawful call before each.
  const inForce = factsOf(usual);
  const call = receivedOf();
  const decided = (more: Partial<World>) => {
    const { outcome, refusal, policies } = decide(call, worldOf({ policy: inForce, ...more }));
    return { outcome, ...(refusal === undefined ? {} : { code: refusal.code }), policies };
  };
  const lawful = { outcome: 'allow', policies: ['senior.writes'] };
  const bent = (doc: Partial<AgentDoc>): Partial<World> => ({ agent: { ...agentDoc, ...doc } });
  const classified = (more: Partial<ToolDoc['classification']>): Partial<World> => ({
    tool: { ...toolDoc, classification: { ...toolDoc.classification, ...more } },
  });

  it.each<[string, Partial<World>, string, string?]>([
    ['a demotion', bent({ level: 'junior' }), 'ask', 'maturity.approval_required'],
    ['a ceiling', bent({ ceiling: 'junior' }), 'ask', 'maturity.approval_required'],
    ['a demotion to the first level', bent({ level: 'intern' }), 'refuse', 'policy.not_permitted'],
    [
      'a tool that is classified anew',
      classified({ sensitivity: 'restricted' }),
      'refuse',
      'policy.forbidden',
    ],
    ['a tool of another class', classified({ class: 'send' }), 'ask', 'maturity.approval_required'],
    ['a revoked credential', bent({ credentialEpoch: 2 }), 'refuse', 'identity.credential_revoked'],
    [
      'a kill',
      {
        containments: [
          {
            scope: { kind: 'agent', id: agentDoc.id },
            state: 'killed',
            since: '2026-11-20T00:00:00.000Z',
            reason: 'drill',
            by: 'somebody',
          },
        ],
      },
      'refuse',
      'containment.agent_stopped',
    ],
    [
      'a policy that forbids',
      { policy: factsOf([...usual, policy('new', 'forbid', {})], 2) },
      'refuse',
      'policy.forbidden',
    ],
    ['no policy that permits', { policy: factsOf(usual.slice(2), 3) }, 'refuse', 'policy.not_permitted'],
  ])('does not outlive %s', (_what, more, outcome, code) => {
    expect(decided({})).toEqual(lawful);
    expect(decided(more)).toMatchObject({ outcome, code });
    // And back again, of the documents that were kept first.
    expect(decided({})).toEqual(lawful);
  });

  it('is of the agent and the tool, whichever others were asked about between', () => {
    const agents = (['intern', 'junior', 'senior', 'principal'] as const).map(
      (level, n): AgentDoc => ({ ...agentDoc, id: uuid(200 + n), level }),
    );
    const tools = (['read', 'write', 'send', 'execute', 'admin'] as const).map(
      (each): ToolDoc => ({ ...toolDoc, classification: { ...toolDoc.classification, class: each } }),
    );
    const pairs = agents.flatMap((agent) => tools.map((tool) => ({ agent, tool })));
    const answersOf = (one: () => World['policy']) =>
      pairs.map(({ agent, tool }) => {
        const received = receivedOf();
        const credential = { ...received.credential, agentId: agent.id };
        const instance = { id: uuid(2), agentId: agent.id, state: 'active' as const };
        return decide({ ...received, credential }, worldOf({ policy: one(), agent, instance, tool }));
      });
    const fresh = answersOf(() => factsOf(usual));
    expect(new Set(fresh.map(({ outcome }) => outcome)).size).toBe(3);
    for (let round = 0; round < 3; round++) expect(answersOf(() => inForce)).toEqual(fresh);
  });
});

describe('kept scopes', () => {
  const compiled = compilePolicySet(usual.map(({ id, json }) => ({ id, json })));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const { set } = compiled;
  const write = new EntityUid('ATF::Action', 'write');
  const part = (type: string, id: string, number: number): Part<never> =>
    ({
      seen: {
        uid: new EntityUid(type, id),
        attrs: EMPTY_RECORD,
        tags: EMPTY_RECORD,
        parents: [],
        ancestors: new Set(),
      },
      number,
    }) as unknown as Part<never>;
  const idsOf = (scopes: KeptScopes, [agent, tool]: readonly [Part<never>, Part<never>]) => {
    const { principal, resource, fitting } = scopes.of(agent, write, tool);
    return [principal.id, resource.id, fitting.map(({ id }) => id)];
  };
  const pair = (n: number, [one, other]: readonly [number, number]) =>
    [part('ATF::Agent', `a${n}`, one), part('ATF::Tool', `other/${n}`, other)] as const;
  const wanted = (n: number) => [`a${n}`, `other/${n}`, [`other.${n}`]];

  it('are told apart where two pairs have one place', () => {
    const scopes = new KeptScopes(set, EMPTY_STORE);
    // The place of the second pair, worked out so that it is that of the first.
    const place = Math.imul(1, 0x9e3779b1) ^ 7;
    const [first, second] = [pair(1, [1, 7]), pair(2, [2, place ^ Math.imul(2, 0x9e3779b1)])];
    for (let round = 0; round < 3; round++) {
      expect(idsOf(scopes, first)).toEqual(wanted(1));
      expect(idsOf(scopes, second)).toEqual(wanted(2));
    }
  });

  it('are kept while they are met again, and no more of them than was said', () => {
    const scopes = new KeptScopes(set, EMPTY_STORE, 4);
    const pairs = Array.from({ length: 30 }, (_, n) => pair(n, [100 + n, 200 + n]));
    const [first] = pairs;
    if (first === undefined) throw new Error('no pair');
    const kept = scopes.of(first[0], write, first[1]);
    expect(scopes.of(first[0], write, first[1])).toBe(kept);
    expect(pairs.map((each) => idsOf(scopes, each))).toEqual(pairs.map((_, n) => wanted(n)));
    expect(scopes.of(first[0], write, first[1])).not.toBe(kept);
  });
});
