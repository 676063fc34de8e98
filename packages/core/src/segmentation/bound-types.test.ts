import { describe, expect, it } from 'vitest';
import { attributesOf, changedPaths, isBoundTo, typesDigest, typeWords } from './bound-types.ts';

const of = (properties: Record<string, unknown>, required: readonly string[] = []) =>
  attributesOf({ inputSchema: { type: 'object', properties, required } });
const before = of(
  {
    id: { type: 'string' },
    note: { type: 'string' },
    tags: { type: 'array', items: { type: 'string' } },
    customer: { type: 'object', properties: { age: { type: 'integer' } } },
  },
  ['id'],
);

describe('the types that a policy counts on', () => {
  it.each([
    ['another type', { id: { type: 'integer' } }, ['id'], true],
    ['a type that policies do not know', { id: { type: 'number' } }, ['id'], true],
    ['gone', {}, ['id'], true],
    ['no longer always there', { id: { type: 'string' } }, [], true],
    ['more arguments, and other words', { id: { type: 'string', title: 'x' }, more: {} }, ['id'], false],
  ])('%s', (_, properties, required, changed) => {
    const after = of(properties, required);
    expect(changedPaths(before, after, [['id']])).toEqual(changed ? [['id']] : []);
    expect(typesDigest(before, [['id']]) === typesDigest(after, [['id']])).toBe(!changed);
  });

  it('go as deep as the policy asks, and as wide', () => {
    const after = of(
      {
        id: { type: 'string' },
        note: { type: 'string' },
        tags: { type: 'array', items: { type: 'integer' } },
        customer: { type: 'object', properties: { age: { type: 'string' } } },
      },
      ['id'],
    );
    const changed = (...path: string[]) => changedPaths(before, after, [path]).length === 1;
    expect([changed('tags'), changed('customer', 'age'), changed('customer'), changed()]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([changed('note'), changed('nothing'), changed('note', 'x')]).toEqual([false, false, false]);
  });

  it('are the same whichever way they are asked for, and not those of a name that means something else', () => {
    expect(typesDigest(before, [['id'], ['note'], ['id']])).toBe(typesDigest(before, [['note'], ['id']]));
    expect(typesDigest(before, [['toString']])).toBe(typesDigest(of({}), [['toString']]));
    expect(typesDigest(before, [['a', 'b']])).not.toBe(typesDigest(before, [['a.b']]));
  });

  it('are told in words', () => {
    expect(
      [['id'], ['note'], ['tags'], ['customer', 'age'], ['none'], []].map((path) => typeWords(before, path)),
    ).toEqual(['String', 'String?', 'Set<String>?', 'Long?', 'nothing that policies know', 'all arguments']);
  });

  it('bind: none checked is none bound, and a set of before they were kept is as it was', () => {
    const paths = [['id']];
    const bound = (typed?: readonly string[]) => isBoundTo({ id: 'p', paths, typed }, before);
    expect([bound(), bound([]), bound(['x']), bound(['x', typesDigest(before, paths)])]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });
});
