import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentDoc, plainContext as context, toolDoc } from '../decide.fixture.ts';
import { sha256 } from '../digest.ts';
import { sensitivities } from '../wire/words.ts';
import type { PolicyContext, PolicyQuestion } from '../world.ts';
import { policyFactsOf } from './question.ts';
import { RecentMap, RememberedAnswers } from './remembered-answers.ts';

const all = { op: 'All' };
const attribute = (of: string, attr: string) => ({ '.': { left: { Var: of }, attr } });
const policy = (id: string, effect: string, when: unknown, scope: object = {}) => ({
  id,
  json: {
    effect,
    principal: all,
    action: all,
    resource: all,
    conditions: [{ kind: 'when', body: when }],
    ...scope,
  },
  annotations: {},
});
const read = { op: '==', entity: { type: 'ATF::Action', id: 'read' } };
const junior = { op: 'in', entity: { type: 'ATF::Level', id: 'junior' } };
/** One policy for each part of a question. */
const policies = [
  policy('reads', 'permit', attribute('context', 'granted'), { principal: junior, action: read }),
  policy('public', 'permit', {
    '==': { left: attribute('resource', 'sensitivity'), right: { Value: 'public' } },
  }),
  policy('proof', 'forbid', { '!=': { left: attribute('context', 'proof'), right: { Value: 'dpop' } } }),
  policy('support', 'forbid', {
    '!': { arg: { contains: { left: attribute('principal', 'domains'), right: { Value: 'support' } } } },
  }),
];
const doc = { digest: sha256('set'), policies, epoch: 1 };
const factsOf = (remembered?: RememberedAnswers) => {
  const compiled = policyFactsOf(doc, remembered);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.facts;
};
const forgetful = factsOf();

const { classification } = toolDoc;
const question: PolicyQuestion = {
  agent: agentDoc,
  effectiveLevel: 'senior',
  action: 'read',
  tool: { ...toolDoc, classification: { ...classification, class: 'read' } },
  context,
};
const counted = () => ({ remembered: 0, evaluated: 0 });

describe('remembered answers', () => {
  it('answers the very same question from memory, once it was asked', () => {
    const counts = counted();
    const facts = factsOf(new RememberedAnswers(counts));
    const first = facts.ask(question);
    // A context is made anew in each decision.
    for (let n = 0; n < 3; n++) expect(facts.ask({ ...question, context: { ...context } })).toBe(first);
    expect(counts).toEqual({ remembered: 3, evaluated: 1 });
  });

  const tool = (more: object) => ({
    ...question.tool,
    classification: { ...question.tool.classification, ...more },
  });
  it.each<[string, Partial<PolicyQuestion>]>([
    ['a change', { action: 'write' }],
    ['confidential data', { tool: tool({ sensitivity: 'confidential' }) }],
    ['restricted data', { tool: tool({ sensitivity: 'restricted' }) }],
    ['SQL', { tool: tool({ arguments: { sql: 'statement' } }) }],
    ['a human checkpoint', { context: { ...context, humanCheckpoint: true } }],
  ])('remembers nothing about %s', (_name, more) => {
    const counts = counted();
    const facts = factsOf(new RememberedAnswers(counts));
    for (let n = 0; n < 3; n++) facts.ask({ ...question, ...more });
    expect(counts).toEqual(counted());
  });

  it.each<[string, Partial<PolicyQuestion>]>([
    ['an agent document, also one of the same epoch', { agent: { ...agentDoc, dataDomains: ['orders'] } }],
    ['a level', { effectiveLevel: 'intern' }],
    ['a tool document, also one of the same epoch', { tool: tool({ sensitivity: 'public' }) }],
    ['a right', { context: { ...context, granted: false } }],
    ['a proof', { context: { ...context, proof: 'none' } }],
  ])('asks again about another one: %s', (_name, more) => {
    const counts = counted();
    const facts = factsOf(new RememberedAnswers(counts));
    facts.ask(question);
    const changed = { ...question, ...more };
    expect(facts.ask(changed)).toEqual(forgetful.ask(changed));
    expect(counts).toEqual({ remembered: 0, evaluated: 2 });
  });

  it('never says what the policies would not say, in any order of questions, however little it keeps', () => {
    const agents = [agentDoc, { ...agentDoc }, { ...agentDoc, dataDomains: ['orders'] }];
    const tools = sensitivities.map((sensitivity) => tool({ sensitivity }));
    const asked = fc.record({
      agent: fc.constantFrom(...agents),
      effectiveLevel: fc.constantFrom('intern' as const, 'senior' as const),
      action: fc.constantFrom('read' as const, 'read' as const, 'write' as const),
      tool: fc.constantFrom(...tools),
      context: fc.record({
        ...Object.fromEntries(Object.entries(context).map(([name, value]) => [name, fc.constant(value)])),
        granted: fc.boolean(),
        proof: fc.constantFrom('dpop' as const, 'none' as const),
        tables: fc.constantFrom([], [], [], ['orders']),
      }) as unknown as fc.Arbitrary<PolicyContext>,
    });
    const told = { permitted: 0, remembered: 0 };
    fc.assert(
      fc.property(
        fc.array(asked, { minLength: 100, maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (all, max) => {
          const counts = counted();
          const facts = factsOf(new RememberedAnswers(counts, max));
          for (const each of all) {
            const answer = facts.ask(each);
            expect(answer).toEqual(forgetful.ask(each));
            if (answer.decision === 'allow') told.permitted += 1;
          }
          told.remembered += counts.remembered;
        },
      ),
      { numRuns: 60, seed: 7 },
    );
    expect(told.permitted).toBeGreaterThan(100);
    expect(told.remembered).toBeGreaterThan(100);
  });
});

describe('RecentMap', () => {
  it('keeps what is used, and never more than twice its bound', () => {
    const map = new RecentMap<number, { n: number }>(10);
    const kept = () => Array.from({ length: 1_000 }, (_, n) => n).filter((n) => map.get(n) !== undefined);
    map.set(0, { n: 0 });
    for (let n = 1; n < 1_000; n++) {
      map.set(n, { n });
      expect(map.get(0)).toEqual({ n: 0 });
    }
    expect(kept().length).toBeLessThanOrEqual(20);
    expect(kept()).toEqual(expect.arrayContaining([0, 999]));
  });
});
