import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areAlike, type Sketch, sketchOf } from './near-duplicates.ts';

const note =
  'The bank account of our supplier Nordwind has changed: from now on all invoices are to be paid to the account that stands in the letter of the second of March, which the owner has confirmed to us by telephone.';
const other =
  'Amara Okafor asked twice about the delivery of her order; the parcel stands at the depot in Leeds since Monday, and the carrier will try again tomorrow between nine and twelve, when she is at home.';
const alike = (one: string, two: string) => areAlike(sketchOf(one) as Sketch, sketchOf(two) as Sketch);

describe('texts that are nearly the same', () => {
  it.each([
    ['the same', note],
    [
      'in capitals, with other signs and spaces',
      note.toUpperCase().replaceAll(' ', '  \n').replaceAll(',', ' –'),
    ],
    ['in other forms of the same letters', note.replaceAll('a', 'ａ')],
    ['with another number and name', note.replace('second', 'third').replace('Nordwind', 'Ostwind')],
    ['with an end', `${note} Thank you very much.`],
  ])('are alike: %s', (_what, text) => {
    expect(alike(note, text)).toBe(true);
    expect(alike(text, note)).toBe(true);
  });

  it('are not alike that say something else', () => {
    expect(alike(note, other)).toBe(false);
  });

  it('are not told by texts that are short', () => {
    expect(sketchOf('Order 5007 was refunded, the customer knows.')).toBeUndefined();
  });

  it('hold for any text: it is like itself, both ways are one, and a sketch is short', () => {
    const words = fc.array(fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }), {
      minLength: 0,
      maxLength: 80,
    });
    fc.assert(
      fc.property(words, words, (one, two) => {
        const [a, b] = [sketchOf(one.join(' ')), sketchOf(two.join(' '))];
        for (const sketch of [a, b])
          if (sketch !== undefined) {
            expect(sketch.length).toBeLessThanOrEqual(32);
            expect(areAlike(sketch, sketch)).toBe(true);
          }
        if (a !== undefined && b !== undefined) expect(areAlike(a, b)).toBe(areAlike(b, a));
      }),
      { numRuns: 300 },
    );
  });
});
