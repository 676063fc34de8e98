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
    if (amount === undefined) throw new Error('does not compile');
    expect(schemaProblems(amount)).toEqual(['/: multipleOf']);
  });
});

describe('where something does not fit', () => {
  const schema = {
    type: 'object',
    properties: {
      'a/b~c': { type: 'string' },
      list: { type: 'array', items: { $ref: '#/$defs/item' } },
      by: { type: 'object', additionalProperties: { type: 'integer' } },
      of: {
        type: 'object',
        patternProperties: { '^.*@': { type: 'object', properties: { n: { type: 'null' } } } },
      },
      names: { type: 'object', propertyNames: { maxLength: 3 } },
    },
    $defs: { item: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] } },
  };
  const fits = compileSchema(schema);
  if (fits === undefined) throw new Error('does not compile');

  it.each([
    [{ 'a/b~c': 1 }, '/a~1b~0c: type'],
    [{ list: [{ id: 1 }, { id: 'x' }] }, '/list/1/id: type'],
    [{ list: [{}] }, '/list/0/id: required'],
    [{ by: { 'ada@example.com': 'x' } }, '/by/*: type'],
    [{ by: { '4111111111111111': 'x' } }, '/by/*: type'],
    [{ of: { 'ada@example.com': { n: 1 } } }, '/of/*/n: type'],
  ])('%j is told by names of the schema alone', (value, problem) => {
    expect(fits(value)).toBe(false);
    expect(schemaProblems(fits)).toEqual([problem]);
  });

  it('a key that is too long is not told either', () => {
    expect(fits({ names: { 'ada@example.com': 1 } })).toBe(false);
    expect(schemaProblems(fits).join()).not.toContain('ada');
  });
});
