import { expect, it } from 'vitest';
import { markUnsafeLiterals, restoreLiterals } from './cedar-literals.ts';
import { policyTextToJson } from './cedar-text.ts';

it.each([
  ['x == 9007199254740991', 'x == 9007199254740991', false],
  ['x == 9007199254740993', 'x == AtfLong::"9007199254740993"', true],
  ['x == -9007199254740993', 'x == -AtfLong::"9007199254740993"', true],
  ['x == -9223372036854775808', 'x == AtfLong::"-9223372036854775808"', true],
  ['x == - 9223372036854775808', 'x == AtfLong::"-9223372036854775808"', true],
  ['x - -9223372036854775808', 'x - AtfLong::"-9223372036854775808"', true],
  ['x == "9007199254740993"', 'x == "9007199254740993"', false],
  ['x == "a\\"9007199254740993"', 'x == "a\\"9007199254740993"', false],
  ['x // 9007199254740993\n== 1', 'x // 9007199254740993\n== 1', false],
  ['a9007199254740993 == 1', 'a9007199254740993 == 1', false],
  ['AtfLong == 9007199254740993', 'AtfLong == AtfLong_::"9007199254740993"', true],
])('%s', (text, wanted, marked) => {
  const result = markUnsafeLiterals(text);
  expect(result.text).toBe(wanted);
  expect(result.marker !== undefined).toBe(marked);
});

it('leaves JSON without markers as it is', () => {
  const json = { Value: { __entity: { type: 'User', id: '1' } } };
  expect(restoreLiterals(json, undefined)).toBe(json);
  expect(restoreLiterals(json, 'AtfLong')).toEqual(json);
});

/** What the arithmetic in the JSON form comes to, exactly. */
const valueOf = (json: unknown): bigint => {
  const [[operator, body]] = Object.entries(json as Record<string, unknown>) as [
    [string, { left?: unknown; right?: unknown; arg?: unknown }],
  ];
  if (operator === 'Value') return BigInt(body as unknown as number);
  if (operator === 'neg') return -valueOf(body.arg);
  return operator === '+'
    ? valueOf(body.left) + valueOf(body.right)
    : valueOf(body.left) * valueOf(body.right);
};

it.each([
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '-9007199254740993',
  '4294967296',
  '9223372036854775807',
  '-9223372036854775807',
  '-9223372036854775808',
])('the JSON form of %s is exact and survives JSON text', (integer) => {
  const converted = policyTextToJson(`permit(principal, action, resource) when { context.x == ${integer} };`);
  if (!converted.ok) throw new Error(converted.errors[0]?.message);
  const json = JSON.parse(JSON.stringify(converted.json)) as {
    conditions: { body: { '==': { right: unknown } } }[];
  };
  expect(valueOf(json.conditions[0]?.body['=='].right)).toBe(BigInt(integer));
});
