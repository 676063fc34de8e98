/** Labels only rise, whatever is read in whatever order; what is named of them is bounded, and what nobody has classified is the worst. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Labels, type LabelSource, labelsDocSchema, labelSourcesMax } from '../wire/labels.ts';
import { toolDoc } from '../decide.fixture.ts';
import { outputTrusts, sensitivities } from '../wire/words.ts';
import {
  afterReading,
  clean,
  flowContext,
  flowFact,
  flowSentences,
  isSaid,
  isWithin,
  joined,
  labelsOfTool,
  unread,
  worst,
} from './flow.ts';

const holder = '00000000-0000-4000-8000-000000000001';
const labels = fc.record({
  confidentiality: fc.constantFrom(...sensitivities),
  integrity: fc.constantFrom(...outputTrusts),
});
const source: fc.Arbitrary<LabelSource> = fc
  .tuple(labels, fc.integer({ min: 0, max: 80 }))
  .map(([read, n]) => ({ ...read, tool: `server/tool_${n}`, since: '2026-11-22T03:00:00.000Z' }));

describe('labels', () => {
  it('join as a lattice: in any order, any number of times, and never down', () => {
    fc.assert(
      fc.property(labels, labels, labels, (a, b, c) => {
        expect(joined(a, b)).toEqual(joined(b, a));
        expect(joined(a, joined(b, c))).toEqual(joined(joined(a, b), c));
        expect(joined(a, a)).toEqual(a);
        expect(isWithin(a, joined(a, b))).toBe(true);
        expect(isWithin(clean, a) && isWithin(a, worst)).toBe(true);
        expect(isWithin(a, b)).toBe(JSON.stringify(joined(a, b)) === JSON.stringify(b));
      }),
    );
  });

  it('of a holder only rise, name their sources within the bound, and change nothing that is said already', () => {
    fc.assert(
      fc.property(fc.array(source, { maxLength: 200 }), (read) => {
        let doc = unread(holder);
        for (const each of read) {
          const after = afterReading(doc, each);
          expect(isWithin(doc, after)).toBe(true);
          expect(isWithin(each, after)).toBe(true);
          expect(after.revision - doc.revision).toBe(after === doc ? 0 : 1);
          expect(isSaid(after, each)).toBe(true);
          expect(afterReading(after, each)).toBe(after);
          doc = after;
        }
        expect(doc.sources.length).toBeLessThanOrEqual(labelSourcesMax);
        expect(labelsDocSchema.safeParse(doc).success).toBe(true);
        const all = read.reduce<Labels>(joined, clean);
        expect({ confidentiality: doc.confidentiality, integrity: doc.integrity }).toEqual(all);
        const fact = flowFact(doc, doc.sources);
        expect(fact.private.length).toBeLessThanOrEqual(3);
        expect(fact.untrusted.length).toBeLessThanOrEqual(3);
      }),
    );
  });

  it('of a tool are those of its classification; of one that nobody has classified the worst', () => {
    expect(labelsOfTool(toolDoc)).toEqual({
      confidentiality: toolDoc.classification.sensitivity,
      integrity: toolDoc.classification.outputTrust,
    });
    const { class: _, ...unclassified } = toolDoc.classification;
    expect(
      labelsOfTool({ classification: { ...unclassified, sensitivity: 'public', outputTrust: 'trusted' } }),
    ).toEqual(worst);
  });

  it('are words of every level up to them in policies, and sentences with sources for people', () => {
    const since = '2026-11-22T03:00:00.000Z';
    const read = [
      { tool: 'crm/customer', confidentiality: 'confidential', integrity: 'trusted', since },
      { tool: 'hr/salary', confidentiality: 'restricted', integrity: 'trusted', since },
      { tool: 'web/fetch', confidentiality: 'public', integrity: 'untrusted', since },
    ] as const;
    const doc = read.reduce(afterReading, unread(holder));
    const fact = flowFact(doc, doc.sources);
    expect(flowContext(fact)).toEqual({ confidentiality: sensitivities, integrity: 'untrusted' });
    expect(flowSentences(fact)).toEqual([
      'it has read restricted content (hr/salary, crm/customer)',
      'it has read what others may have written (web/fetch)',
    ]);
    expect(flowContext(flowFact(clean, []))).toEqual({ confidentiality: ['public'], integrity: 'trusted' });
    expect(flowSentences(flowFact(worst, []))[0]).toContain('an unknown source');
  });
});
