import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionClasses, sensitivities } from '../wire/words.ts';
import { type RiskContext, riskMax, riskOf } from './risk.ts';
import { origins } from './provenance/session-memory.ts';

const tool = { sensitivity: 'internal', reversible: true, idempotent: true } as const;
const calm: RiskContext = {
  origin: 'none',
  amount: 'none',
  intent: 'stated',
  confidentiality: ['public'],
  integrity: 'trusted',
  dataLabels: [],
  delegationDepth: 0,
  proof: 'dpop',
};

describe('the risk of a call', () => {
  it.each<[string, number, Parameters<typeof riskOf>]>([
    ['a read', 0, ['read', tool, calm]],
    ['a read of something restricted', 10, ['read', { ...tool, sensitivity: 'restricted' }, calm]],
    ['a write that its task asks for and that can be undone', 15, ['write', tool, calm]],
    [
      'a send that cannot be undone, to an address out of an untrusted text',
      20 + 10 + 25 + 10,
      [
        'send',
        { ...tool, reversible: false, idempotent: false },
        { ...calm, origin: 'untrusted', integrity: 'untrusted' },
      ],
    ],
    [
      'an admin call, three agents down, by bearer',
      45 + 15 + 10,
      ['admin', tool, { ...calm, delegationDepth: 7, proof: 'none' }],
    ],
    [
      'an amount out of nowhere, though the account is of the task',
      15 + 10,
      ['write', tool, { ...calm, origin: 'task', amount: 'unknown' }],
    ],
    ['a card in what is sent', 20 + 10, ['send', tool, { ...calm, dataLabels: ['PCI', 'PII'] }]],
  ])('%s: %d', (_, wanted, asked) => {
    expect(riskOf(...asked)).toBe(wanted);
  });

  it('stays within its bounds and never falls when one thing gets worse', () => {
    const context = fc.record({
      origin: fc.constantFrom(...origins, 'none' as const),
      amount: fc.constantFrom(...origins, 'none' as const),
      intent: fc.constantFrom('stated' as const, 'silent' as const, 'unclear' as const),
      confidentiality: fc.nat(3).map((n) => sensitivities.slice(0, n + 1)),
      integrity: fc.constantFrom('trusted' as const, 'untrusted' as const),
      dataLabels: fc.subarray(['PII', 'secret']),
      delegationDepth: fc.nat(9),
      proof: fc.constantFrom('dpop' as const, 'none' as const),
    });
    const traits = fc.record({
      sensitivity: fc.constantFrom(...sensitivities),
      reversible: fc.boolean(),
      idempotent: fc.boolean(),
    });
    const worse: readonly Partial<RiskContext>[] = [
      { origin: 'untrusted' },
      { integrity: 'untrusted' },
      { confidentiality: sensitivities },
      { dataLabels: ['secret'] },
      { proof: 'none' },
      { intent: 'silent' },
    ];
    fc.assert(
      fc.property(fc.constantFrom(...actionClasses), traits, context, (action, of, given) => {
        const risk = riskOf(action, of, given);
        expect(Number.isInteger(risk) && risk >= 0 && risk <= riskMax).toBe(true);
        for (const more of worse)
          expect(riskOf(action, of, { ...given, ...more })).toBeGreaterThanOrEqual(
            more.intent === undefined || given.intent === 'stated' ? risk : 0,
          );
      }),
      { seed: 20_261_122, numRuns: 500 },
    );
  });
});
