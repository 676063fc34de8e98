import { describe, expect, it } from 'vitest';
import { agentDoc, plainContext as plain, toolDoc } from '../decide.fixture.ts';
import { sha256 } from '../digest.ts';
import type { PolicyContext } from '../world.ts';
import { policyFactsOf } from './question.ts';

/** Contexts are kept and met again, so each of these must be told from every other one, and from the plain one. */
const said = {
  approved: [true, false],
  granted: [true, false],
  inDomain: [true, false],
  humanCheckpoint: [true, false],
  limited: [true, false],
  proof: ['dpop', 'none'],
  task: ['absent', 'host', 'person'],
  intent: ['stated', 'silent', 'unclear'],
  origin: ['none', 'task', 'trusted', 'listed', 'named', 'unknown', 'untrusted'],
  reach: ['none', 'task', 'trusted', 'listed', 'named', 'unknown', 'untrusted'],
  amount: ['none', 'task', 'trusted', 'listed', 'named', 'unknown', 'untrusted'],
  confidentiality: [
    [],
    ['public'],
    ['public', 'internal'],
    ['restricted'],
    ['public', 'internal', 'confidential', 'restricted'],
  ],
  integrity: ['trusted', 'untrusted'],
  tables: [[], ['orders'], ['tickets']],
  columns: [[], ['orders.id'], ['orders.*']],
  operations: [[], ['read'], ['read', 'update']],
  delegationDepth: [0, 1, 15, 16, 17, 32],
  dataLabels: [[], ['email'], ['unchecked']],
  risk: [0, 1, 100, 127, 128, 256],
} satisfies {
  readonly [Name in Exclude<
    keyof PolicyContext,
    'value' | 'valueCurrency' | 'time' | 'sourceTrust' | 'args'
  >]: readonly PolicyContext[Name][];
};

const all = { op: 'All' };
const literal = (value: unknown) =>
  Array.isArray(value) ? { Set: value.map((each) => ({ Value: each as unknown })) } : { Value: value };
const names = Object.keys(said) as (keyof typeof said)[];
const each = names.flatMap((name) => said[name].map((value) => ({ name, value, id: `${name} ${value}` })));
const policies = each.map(({ id, name, value }) => ({
  id,
  annotations: {},
  json: {
    effect: 'permit',
    principal: all,
    action: all,
    resource: all,
    conditions: [
      {
        kind: 'when',
        body: { '==': { left: { '.': { left: { Var: 'context' }, attr: name } }, right: literal(value) } },
      },
    ],
  },
}));

describe('the context of a question', () => {
  it('is never taken for another one', () => {
    const compiled = policyFactsOf({ digest: sha256('set'), policies, epoch: 1 });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    const holds = (context: PolicyContext) =>
      compiled.facts.ask({
        agent: agentDoc,
        effectiveLevel: 'senior',
        action: 'read',
        tool: toolDoc,
        context,
      }).reasons;
    // Again, so that kept ones are met.
    for (const { name, value, id } of [...each, ...each])
      expect(holds({ ...plain, [name]: value }).filter((reason) => reason.startsWith(`${name} `))).toEqual([
        id,
      ]);
    const found = holds(plain);
    expect(found).toEqual(names.map((name) => `${name} ${plain[name]}`));
  });
});
