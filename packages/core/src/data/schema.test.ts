import { describe, expect, it } from 'vitest';
import { compileSchema, schemaProblems } from './schema.ts';

const dialects = ['https://json-schema.org/draft/2020-12/schema', 'http://json-schema.org/draft-07/schema#'];

describe.each(dialects)('amounts with decimals under %s', ($schema) => {
  const amount = compileSchema({ $schema, type: 'number', multipleOf: 0.01 });

  it('takes every number of whole cents', () => {
    const refused: number[] = [];
    for (let cents = 1; cents <= 100_000_000; cents += 997)
      if (amount?.(cents / 100) !== true) refused.push(cents);
    expect(refused).toEqual([]);
  });

  it.each([0.001, 1.005, 12.3456, 999_999.999])('refuses %d', (value) => {
    expect(amount?.(value)).toBe(false);
    expect(schemaProblems(amount?.errors)).toEqual(['/: multipleOf']);
  });
});
