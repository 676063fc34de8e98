import { describe, expect, it } from 'vitest';
import {
  DateTime,
  Decimal,
  EntityUid,
  equalValues,
  IpAddress,
  RecordValue,
  SetValue,
  type Value,
} from './runtime-value.ts';
import {
  fromArguments,
  recordFromCedarJson,
  VALUE_DEPTH_MAX,
  VALUE_MEMBERS_MAX,
  valueFromCedarJson,
} from './values.ts';

const nest = (levels: number, leaf: unknown): unknown => {
  let json = leaf;
  for (let level = 0; level < levels; level++) json = { a: json };
  return json;
};

describe("Cedar's JSON form", () => {
  it.each<[unknown, Value]>([
    [true, true],
    ['text', 'text'],
    [7, 7],
    [-0, 0],
    [9007199254740993n, 9007199254740993n],
    [7n, 7],
    [{ __entity: { type: 'N::User', id: 'a' } }, new EntityUid('N::User', 'a')],
    [{ __extn: { fn: 'decimal', arg: '1.5' } }, new Decimal(15_000)],
    [{ __extn: { fn: 'ip', args: ['::1'] } }, new IpAddress(6, 1n, 128)],
    [
      { type: 'User', id: 'a' },
      new RecordValue(
        new Map([
          ['type', 'User'],
          ['id', 'a'],
        ]),
      ),
    ],
    [[1, 1, 'a'], new SetValue([1, 'a'])],
    [
      {
        __extn: {
          fn: 'offset',
          args: [
            { __extn: { fn: 'datetime', arg: '1970-01-01' } },
            { __extn: { fn: 'duration', arg: '1s' } },
          ],
        },
      },
      new DateTime(1_000),
    ],
  ])('case %#', (json, wanted) => {
    const result = valueFromCedarJson(json);
    expect(result.ok && equalValues(result.value, wanted)).toBe(true);
  });

  it.each([
    [null, 'null_value', ''],
    [{ a: [null] }, 'null_value', '/a/0'],
    [1.5, 'fraction_unrepresentable', ''],
    [2 ** 53, 'integer_unsafe', ''],
    [2n ** 63n, 'integer_unsafe', ''],
    [undefined, 'not_json', ''],
    ['\ud800', 'text_malformed', ''],
    [{ __entity: { type: 'User' } }, 'escape_malformed', ''],
    [{ __entity: { type: 'if', id: 'a' } }, 'escape_malformed', ''],
    [{ __entity: { type: 'User', id: 'a' }, more: 1 }, 'key_reserved', ''],
    [{ __extn: { fn: 'unknown', arg: 'x' } }, 'escape_malformed', ''],
    [{ __extn: { fn: 'ip', arg: '300.1.1.1' } }, 'extension_failed', ''],
    [{ a: { __extn: { fn: 'ip', arg: 1 } } }, 'extension_failed', '/a'],
    [{ __expr: 'principal' }, 'key_reserved', ''],
    [nest(VALUE_DEPTH_MAX + 1, 1), 'too_deep', '/a'.repeat(VALUE_DEPTH_MAX)],
  ])('refuses case %#', (json, reason, path) => {
    expect(valueFromCedarJson(json)).toEqual({ ok: false, refusal: { reason, path } });
  });

  it('takes only a record as a context', () => {
    expect(recordFromCedarJson([])).toMatchObject({ ok: false, refusal: { reason: 'not_a_record' } });
    expect(recordFromCedarJson({ a: 1 })).toMatchObject({ ok: true });
  });
});

describe('untrusted arguments', () => {
  it.each<[unknown, ReadonlyMap<string, Value>]>([
    [{}, new Map()],
    [
      { n: 3, s: 'x', f: false },
      new Map<string, Value>([
        ['n', 3],
        ['s', 'x'],
        ['f', false],
      ]),
    ],
    [{ price: 12.5 }, new Map([['price', new Decimal(125_000)]])],
    [{ price: -0.0001 }, new Map([['price', new Decimal(-1)]])],
    [{ list: [1, 1, 2] }, new Map([['list', new SetValue([1, 2])]])],
    [
      { uid: { type: 'User', id: 'a' } },
      new Map([
        [
          'uid',
          new RecordValue(
            new Map([
              ['type', 'User'],
              ['id', 'a'],
            ]),
          ),
        ],
      ]),
    ],
    [
      JSON.parse('{"constructor": 1, "toString": "x"}'),
      new Map<string, Value>([
        ['constructor', 1],
        ['toString', 'x'],
      ]),
    ],
  ])('case %#', (json, wanted) => {
    const result = fromArguments(json);
    expect(result.ok && equalValues(result.value, new RecordValue(wanted))).toBe(true);
  });

  it.each([
    ['{"__entity": {"type": "User", "id": "admin"}}', 'key_reserved', ''],
    ['{"a": {"__entity": {"type": "User", "id": "admin"}}}', 'key_reserved', '/a'],
    ['{"a": [{"__extn": {"fn": "ip", "arg": "x"}}]}', 'key_reserved', '/a/0'],
    ['{"__expr": 1}', 'key_reserved', ''],
    ['{"__proto__": {"admin": true}}', 'key_reserved', ''],
    ['{"n": 9007199254740992}', 'integer_unsafe', '/n'],
    ['{"n": 1e300}', 'integer_unsafe', '/n'],
    ['{"n": 0.00001}', 'fraction_unrepresentable', '/n'],
    ['{"n": 1e-7}', 'fraction_unrepresentable', '/n'],
    ['{"n": 0.30000000000000004}', 'fraction_unrepresentable', '/n'],
    ['{"n": null}', 'null_value', '/n'],
    ['{"s": "\\ud83d"}', 'text_malformed', '/s'],
    ['[1]', 'not_a_record', ''],
    ['"text"', 'not_a_record', ''],
    ['null', 'not_a_record', ''],
  ])('refuses %s as %s', (text, reason, path) => {
    expect(fromArguments(JSON.parse(text))).toEqual({ ok: false, refusal: { reason, path } });
  });

  it('refuses what no JSON text can hold', () => {
    expect(fromArguments({ n: Number.NaN })).toMatchObject({
      refusal: { reason: 'fraction_unrepresentable' },
    });
    expect(fromArguments({ f: () => 1 })).toMatchObject({ refusal: { reason: 'not_json' } });
    expect(fromArguments({ n: 1n })).toMatchObject({ refusal: { reason: 'not_json' } });
  });

  it('reads null as absent where the caller says so, but not inside an array', () => {
    const result = fromArguments({ a: null, b: { c: null, d: 1 } }, { nulls: 'absent' });
    expect(result.ok && [...result.value.attributes.keys()]).toEqual(['b']);
    expect(fromArguments({ a: [null] }, { nulls: 'absent' })).toMatchObject({
      refusal: { reason: 'null_value', path: '/a/0' },
    });
    expect(fromArguments(JSON.parse('{"__proto__": null}'), { nulls: 'absent' })).toMatchObject({
      ok: false,
    });
  });

  it('is bounded in depth and members', () => {
    expect(fromArguments(nest(VALUE_DEPTH_MAX, 1))).toMatchObject({ ok: true });
    expect(fromArguments(nest(VALUE_DEPTH_MAX + 1, 1))).toMatchObject({ refusal: { reason: 'too_deep' } });
    expect(fromArguments(nest(100_000, 1))).toMatchObject({ refusal: { reason: 'too_deep' } });
    const many = { list: Array.from({ length: VALUE_MEMBERS_MAX }, (_, index) => index) };
    expect(fromArguments(many)).toMatchObject({ refusal: { reason: 'too_many_members' } });
  });
});

describe('equality', () => {
  it.each<[Value, Value, boolean]>([
    [new SetValue([1, 'a']), new SetValue(['a', 1, 1]), true],
    [new SetValue(['1']), new SetValue([1]), false],
    [new SetValue(['a;s1:b']), new SetValue(['a', 'b']), false],
    [
      new SetValue([new SetValue([]), new SetValue([1])]),
      new SetValue([new SetValue([1]), new SetValue([])]),
      true,
    ],
    [new EntityUid('A', 'b'), new EntityUid('A', 'b'), true],
    [new EntityUid('A', 'x'), 'A::"x"', false],
    [new Decimal(1), 1, false],
    [new RecordValue(new Map([['a', 1]])), new RecordValue(new Map([['b', 1]])), false],
    [
      new RecordValue(
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      ),
      new RecordValue(
        new Map([
          ['b', 2],
          ['a', 1],
        ]),
      ),
      true,
    ],
    [true, 1, false],
  ])('case %#', (left, right, wanted) => {
    expect(equalValues(left, right)).toBe(wanted);
    expect(new SetValue([left]).has(right)).toBe(wanted);
  });
});
