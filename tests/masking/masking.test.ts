/** Masking as a property (D-3): whatever stands where, JSON stays JSON of the same shape, and nothing that was masked can be read out of it in any usual form. */
import fc from 'fast-check';
import { inspect, type Inspected } from '@atf/core/data/inspect';
import type { Json } from '@atf/core/wire/json';
import { describe, expect, it } from 'vitest';
import { ByteSearch } from './byte-search.ts';
import { formsOf, plantedDocument, seed, shapeProblem } from './planted.ts';

const everything = { channel: 'read', mask: () => true } as const;
const bytesOf = (json: Json): Buffer => Buffer.from(JSON.stringify(json));

const held = (looked: (json: Json) => Inspected) =>
  fc.property(plantedDocument, ({ json, planted }) => {
    const search = new ByteSearch(planted.flatMap(formsOf));
    // What is looked for is there before: otherwise the rest would say nothing.
    expect(search.in(bytesOf(json)).size).toBeGreaterThan(0);
    const { value, inspection } = looked(json);
    expect(inspection).toMatchObject({ whole: true, unchecked: false });
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    expect(shapeProblem(json, value)).toBeUndefined();
    expect([...search.in(bytesOf(value))]).toEqual([]);
  });

describe(`masking, seed ${seed}`, () => {
  it('leaves JSON of the same shape, and nothing of what was planted', () => {
    fc.assert(
      held((json) => inspect(json, everything)),
      { seed, numRuns: 400 },
    );
  });

  it('does so in the form of what stood there, too', () => {
    fc.assert(
      held((json) => inspect(json, { ...everything, shape: 'kept' })),
      { seed, numRuns: 200 },
    );
  });
});

describe('the search that this rests on', () => {
  it('finds every planted value before it is masked, and none in another document', () => {
    const documents = fc.sample(plantedDocument, { seed, numRuns: 60 });
    for (const [at, { json, planted }] of documents.entries()) {
      for (const each of planted)
        expect(new ByteSearch(formsOf(each)).in(bytesOf(json)).size, JSON.stringify(each)).toBeGreaterThan(0);
      const other = documents[(at + 1) % documents.length];
      expect(new ByteSearch(planted.flatMap(formsOf)).in(bytesOf(other?.json ?? null)).size).toBe(0);
    }
  });
});
