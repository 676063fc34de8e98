/**
 * S-2: every extension function, every order and every arithmetic operator on every pair of edge values, against Cedar's own
 * library. What the random test reaches by luck, this reaches always. Hundreds of policies go into one call of the library.
 */
import { isAuthorized as cedarIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { policyTextToJson } from '@atf/control/policy/cedar-text';
import { compilePolicySet } from '@atf/core/policy/compile';
import { EMPTY_STORE } from '@atf/core/policy/entities';
import { isAuthorized } from '@atf/core/policy/evaluate';
import { EMPTY_RECORD, EntityUid } from '@atf/core/policy/runtime-value';
import { expect, it } from 'vitest';
import { LONG_TEXTS, STRINGS, TEXTS } from './edge-values.ts';
import { escapeText } from './generate.ts';
import { Random } from './random.ts';

const POLICIES_PER_CALL = 400;
const random = new Random(1);
const quoted = (text: string): string => `"${escapeText(random, text, false)}"`;
const uid = { type: 'User', id: 'a' };
const action = { type: 'Action', id: 'a' };

interface Outcomes {
  readonly satisfied: readonly string[];
  readonly failed: readonly string[];
}

const library = (staticPolicies: Record<string, string>): Outcomes => {
  const answer = cedarIsAuthorized({
    principal: uid,
    action,
    resource: uid,
    context: {},
    entities: [],
    policies: { staticPolicies },
  });
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
  const { reason, errors } = answer.response.diagnostics;
  return { satisfied: reason.sort(), failed: errors.map((error) => error.policyId).sort() };
};

const ours = (staticPolicies: Record<string, string>): Outcomes => {
  const sources = Object.entries(staticPolicies).map(([id, text]) => {
    const converted = policyTextToJson(text);
    if (!converted.ok) throw new Error(`${converted.errors[0]?.message}: ${text}`);
    return { id, json: converted.json };
  });
  const compiled = compilePolicySet(sources);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const entity = new EntityUid(uid.type, uid.id);
  const request = {
    principal: entity,
    action: new EntityUid(action.type, action.id),
    resource: entity,
    context: EMPTY_RECORD,
  };
  const answer = isAuthorized(compiled.set, request, EMPTY_STORE);
  return {
    satisfied: [...answer.reasons].sort(),
    failed: answer.errors.map((error) => error.policyId).sort(),
  };
};

/** Both evaluate all conditions; the ids are the conditions themselves, so that a difference names itself. */
const compare = (conditions: readonly string[]): { readonly satisfied: number; readonly failed: number } => {
  const seen = { satisfied: 0, failed: 0 };
  const unique = [...new Set(conditions)];
  for (let start = 0; start < unique.length; start += POLICIES_PER_CALL) {
    const chunk = unique.slice(start, start + POLICIES_PER_CALL);
    const texts = Object.fromEntries(
      chunk.map((condition, index) => [
        `${index} ${condition}`.slice(0, 250),
        `permit(principal, action, resource) when { ${condition} };`,
      ]),
    );
    const theirs = library(texts);
    expect(ours(texts)).toEqual(theirs);
    seen.satisfied += theirs.satisfied.length;
    seen.failed += theirs.failed.length;
  }
  return seen;
};

const pairs = (
  items: readonly string[],
  make: (left: string, right: string) => readonly string[],
): string[] => items.flatMap((left) => items.flatMap((right) => make(left, right)));

const literals = (
  type: keyof typeof TEXTS,
): { readonly valid: readonly string[]; readonly all: readonly string[] } => {
  const call = (text: string): string => `${type}(${quoted(text)})`;
  const [valid, wrong] = TEXTS[type];
  return { valid: valid.map(call), all: [...valid, ...wrong].map(call) };
};

const LIMIT = { timeout: 300_000 };

it('ipaddr', LIMIT, () => {
  const { valid, all } = literals('ip');
  const tests = all.flatMap((ip) =>
    ['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'].map((name) => `${ip}.${name}()`),
  );
  const seen = compare([
    ...tests,
    ...pairs(valid, (left, right) => [`${left}.isInRange(${right})`, `${left} == ${right}`]),
  ]);
  expect(seen.satisfied).toBeGreaterThan(100);
  expect(seen.failed).toBeGreaterThan(50);
});

it('decimal', LIMIT, () => {
  const { valid, all } = literals('decimal');
  const ordered = ['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'];
  const seen = compare([
    ...all.map((decimal) => `${decimal} == ${decimal}`),
    ...pairs(valid, (left, right) => [
      `${left} == ${right}`,
      ...ordered.map((name) => `${left}.${name}(${right})`),
    ]),
  ]);
  expect(seen.satisfied).toBeGreaterThan(300);
  expect(seen.failed).toBeGreaterThan(10);
});

it('datetime and duration', LIMIT, () => {
  const at = literals('datetime');
  const span = literals('duration');
  const order = ['<', '<=', '>', '>=', '=='];
  const units = ['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'];
  const zero = 'datetime("1970-01-01")';
  const seen = compare([
    ...at.all.map((datetime) => `${datetime} == ${datetime}`),
    ...span.all.map((duration) => `${duration} == ${duration}`),
    ...pairs(at.valid, (left, right) => order.map((operator) => `${left} ${operator} ${right}`)),
    ...pairs(span.valid, (left, right) => order.map((operator) => `${left} ${operator} ${right}`)),
    ...pairs(at.valid, (left, right) => [
      `${left}.toDate() == ${right}.toDate()`,
      `${left}.toTime() <= ${right}.toTime()`,
      `${left}.offset(${right}.durationSince(${left})) == ${right}`,
    ]),
    ...pairs(span.valid, (left, right) => units.map((unit) => `${left}.${unit}() == ${right}.${unit}()`)),
    ...pairs(span.valid, (left, right) => [
      `${zero}.offset(${left}).offset(${right}) < ${zero}`,
      `${zero}.offset(${left}).durationSince(${zero}.offset(${right})).toDays() == 0`,
    ]),
    ...span.valid.flatMap((duration) => [
      `${zero}.offset(${duration}).toDate() <= ${zero}.offset(${duration})`,
      `${zero}.offset(${duration}).toTime().toMilliseconds() >= 0`,
      `${zero}.offset(${duration}).toDate().offset(${zero}.offset(${duration}).toTime()) == ${zero}.offset(${duration})`,
    ]),
  ]);
  expect(seen.satisfied).toBeGreaterThan(1_000);
  expect(seen.failed).toBeGreaterThan(50);
});

it('long', LIMIT, () => {
  const integers = [...new Set(LONG_TEXTS)].map((text) => BigInt(text));
  const written = (integer: bigint): string => (integer < 0n ? `(${integer})` : String(integer));
  const exact: Record<string, (left: bigint, right: bigint) => bigint> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
  };
  const arithmetic = integers.flatMap((left) =>
    integers.flatMap((right) =>
      Object.entries(exact).map(([operator, compute]) => {
        const result = compute(left, right);
        // A result that fits is compared with what it must be; one that does not fit must fail in both.
        return `(${written(left)} ${operator} ${written(right)}) == ${written(BigInt.asIntN(64, result))}`;
      }),
    ),
  );
  const order = integers.flatMap((left) =>
    integers.flatMap((right) =>
      ['<', '<=', '>', '>=', '=='].map((operator) => `${written(left)} ${operator} ${written(right)}`),
    ),
  );
  const negations = integers.map(
    (integer) => `-(${written(integer)}) == ${written(BigInt.asIntN(64, -integer))}`,
  );
  const seen = compare([...arithmetic, ...order, ...negations]);
  expect(seen.satisfied).toBeGreaterThan(1_500);
  expect(seen.failed).toBeGreaterThan(300);
});

it('like', LIMIT, () => {
  const escaped = (text: string): string => escapeText(random, text, true);
  const patterns = STRINGS.flatMap((text) => [
    escaped(text),
    `${escaped(text)}*`,
    `*${escaped(text)}`,
    `*${escaped(text)}*`,
    `a*${escaped(text)}`,
    `${escaped(text)}*${escaped(text)}`,
    `${escaped(text)}*${escaped(text)}*${escaped(text)}`,
    `*${escaped(text)}*${escaped(text)}*`,
  ]);
  const subjects = [...STRINGS, ...STRINGS.map((text) => text + text), 'a*b*', 'aXb', 'abab'];
  const seen = compare(
    subjects.flatMap((subject) => patterns.map((pattern) => `${quoted(subject)} like "${pattern}"`)),
  );
  expect(seen.satisfied).toBeGreaterThan(500);
  expect(seen.failed).toBe(0);
});

it('every operator on every pair of types', LIMIT, () => {
  const values = [
    'true',
    'false',
    '0',
    '1',
    '""',
    '"0"',
    '"true"',
    'principal',
    'User::"b"',
    '[]',
    '[0]',
    '[principal]',
    '["0", 0]',
    '{}',
    '{"a": 0}',
    'context',
    'decimal("0.0")',
    'ip("::1")',
    'datetime("1970-01-01")',
    'duration("0ms")',
  ];
  const infix = ['==', '!=', '<', '<=', '>', '>=', '&&', '||', '+', '-', '*', 'in'];
  const methods = [
    'contains',
    'containsAll',
    'containsAny',
    'hasTag',
    'getTag',
    'lessThan',
    'isInRange',
    'offset',
    'durationSince',
  ];
  const unary = ['isEmpty', 'isIpv4', 'toDate', 'toTime', 'toDays'];
  // The outer comparison shows the operand's own outcome: `true && 1` fails inside, it is not 1.
  const shown = (expression: string): readonly string[] => [
    `(${expression}) == 1`,
    `(${expression}) != false`,
  ];
  const seen = compare([
    ...pairs(values, (left, right) => infix.flatMap((operator) => shown(`${left} ${operator} ${right}`))),
    ...pairs(values, (left, right) => methods.flatMap((name) => shown(`${left}.${name}(${right})`))),
    ...pairs(values, (left, right) => shown(`if ${left} then ${right} else 2`)),
    ...values.flatMap((value) => unary.flatMap((name) => shown(`${value}.${name}()`))),
    ...values.flatMap((value) =>
      [
        `!${value}`,
        `-${value}`,
        `${value} like "*"`,
        `${value} has a`,
        `${value} has a.b`,
        `${value} is User`,
        `${value} is User in ${value}`,
        `${value}["a"]`,
      ].flatMap(shown),
    ),
  ]);
  expect(seen.satisfied).toBeGreaterThan(500);
  expect(seen.failed).toBeGreaterThan(5_000);
});
