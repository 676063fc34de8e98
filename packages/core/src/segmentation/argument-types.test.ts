import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../wire/json.ts';
import {
  argumentsMax,
  argumentTypes,
  hasArgument,
  listLengthMax,
  takeArguments,
  textLengthMax,
} from './argument-types.ts';

const tool = (properties: JsonObject, more: JsonObject = {}) => ({
  inputSchema: { type: 'object', properties, ...more },
});
const typeOf = (schema: JsonObject, more: JsonObject = {}) => {
  const { members, leftOut } = argumentTypes(tool({ x: schema }, { required: ['x'], ...more }));
  return members.get('x') ?? leftOut.get('x');
};
const take = (properties: JsonObject, args: JsonObject, ...paths: string[][]) =>
  takeArguments(tool(properties), args, paths);

describe('types', () => {
  it.each<[JsonObject, string]>([
    [{ type: 'string' }, 'String'],
    [{ type: 'string', format: 'email', maxLength: 5 }, 'String'],
    [{ enum: ['a', 'b'] }, 'String'],
    [{ const: 3 }, 'Long'],
    [{ type: 'integer', minimum: 0 }, 'Long'],
    [{ type: 'boolean' }, 'Bool'],
    [{ allOf: [{ type: 'string' }] }, 'String'],
  ])('%j is a %s', (schema, kind) => {
    expect(typeOf(schema)).toEqual({ type: { kind }, required: true });
  });

  it.each<JsonObject>([
    { type: ['string', 'null'] },
    { anyOf: [{ type: 'string' }, { type: 'null' }] },
    { oneOf: [{ type: 'null' }, { $ref: '#/$defs/text' }] },
  ])('%j may be absent, whatever is required', (schema) => {
    const $defs = { text: { type: 'string' } };
    expect(typeOf(schema, { $defs })).toEqual({ type: { kind: 'String' }, required: false });
  });

  it('lists of plain values are sets, objects are records', () => {
    expect(typeOf({ type: 'array', items: { type: 'string' } })).toMatchObject({
      type: { kind: 'Set', of: 'String' },
    });
    const { members } = argumentTypes(
      tool({ who: { type: 'object', properties: { mail: { type: 'string' } } } }),
    );
    expect(members.get('who')).toMatchObject({ required: false, type: { kind: 'Record' } });
    expect(hasArgument({ members, leftOut: new Map() }, ['who', 'mail'])).toBe(true);
    expect(hasArgument({ members, leftOut: new Map() }, ['who', 'mail', 'x'])).toBe(false);
  });

  it.each<[JsonObject, RegExp]>([
    [{ type: 'number' }, /fraction/],
    [{ type: ['string', 'integer'] }, /several types/],
    [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, /several types/],
    [{ enum: ['a', 1] }, /no type/],
    [{}, /no type/],
    [{ type: 'array', items: { type: 'object' } }, /list of something else/],
    [{ type: 'array' }, /list of something else/],
    [{ $ref: '#/$defs/none' }, /not in its schema/],
    [{ $ref: 'https://example.com/schema' }, /not in its schema/],
    [{ $ref: '#/$defs/self' }, /refers to itself/],
    [{ $ref: '#/$defs/list' }, /list of something else/],
  ])('%j is left out, and it says why', (schema, why) => {
    const $defs = {
      self: { $ref: '#/$defs/self' },
      list: { type: 'array', items: { $ref: '#/$defs/list' } },
    };
    expect(typeOf(schema, { $defs })).toMatch(why);
  });

  it('names that stand for something else, deep nesting and a flood of arguments are left out', () => {
    let deep: JsonObject = { type: 'string' };
    for (let depth = 0; depth < 8; depth++) deep = { type: 'object', properties: { d: deep } };
    const { leftOut } = argumentTypes(tool({ __entity: { type: 'string' }, deep }));
    expect([...leftOut.keys()]).toEqual(['__entity', 'deep.d.d.d.d']);
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`a${n}`, { type: 'string' }]));
    const flood = argumentTypes(tool(many));
    expect([flood.members.size, [...flood.leftOut.values()]]).toEqual([
      argumentsMax,
      [`it has more than ${argumentsMax} arguments`],
    ]);
  });

  it('beside a reference at the root nothing counts', () => {
    expect(argumentTypes(tool({ x: { type: 'string' } }, { $ref: '#/$defs/y' })).members.size).toBe(0);
    expect(argumentTypes({}).members.size).toBe(0);
  });
});

describe('the arguments of one call', () => {
  const text = { type: 'string' };

  it('are those that are asked about, and no others', () => {
    expect(take({ a: text, b: text }, { a: 'x', b: 'y', c: 1 }, ['a'])).toEqual({ args: { a: 'x' } });
    expect(take({ a: text, b: text }, { a: 'x', b: 'y' }, [])).toEqual({ args: { a: 'x', b: 'y' } });
  });

  it('null is absent, in records too', () => {
    const properties = { a: { type: ['string', 'null'] }, r: { type: 'object', properties: { b: text } } };
    expect(take(properties, { a: null, r: { b: null, more: 1 } }, ['a'], ['r', 'b'])).toEqual({
      args: { r: {} },
    });
  });

  it('none are told where a policy asks for one that the tool has not (any more)', () => {
    expect(take({ a: text }, { a: 'x', gone: 'y' }, ['a'], ['gone'])).toEqual({
      problem: expect.stringContaining('the argument gone'),
    });
  });

  it.each<[string, JsonObject]>([
    ['a long text', { t: 'x'.repeat(textLengthMax + 1) }],
    ['many texts', { l: Array.from({ length: listLengthMax }, () => 'x'.repeat(100)) }],
    ['a long list', { l: Array.from({ length: listLengthMax + 1 }, () => '') }],
    ['half a character', { t: '\ud800' }],
    ['an integer beyond what is exact', { n: 2 ** 53 }],
    ['a fraction', { n: 1.5 }],
    ['another type', { t: 5 }],
    ['a mixed list', { l: ['a', 5] }],
  ])('none are told with %s', (_, args) => {
    const properties = { t: text, n: { type: 'integer' }, l: { type: 'array', items: text } };
    expect(take(properties, args, ['t'], ['n'], ['l'])).toEqual({
      problem: expect.stringContaining('too large'),
    });
  });

  it('a large one that nobody asks about is nobody’s concern', () => {
    expect(take({ a: text, t: text }, { a: 'x', t: 'x'.repeat(1_000_000) }, ['a'])).toEqual({
      args: { a: 'x' },
    });
  });
});
