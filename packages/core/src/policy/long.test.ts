import { describe, expect, it } from 'vitest';
import {
  addLongs,
  divideLong,
  euclideanRemainder,
  LONG_MAX,
  LONG_MIN,
  type Long,
  longFromDigits,
  longFromNumber,
  multiplyLongs,
  negateLong,
  subtractLongs,
} from './long.ts';

const SAFE = Number.MAX_SAFE_INTEGER;
const EDGES: readonly bigint[] = [
  0n,
  1n,
  -1n,
  7n,
  BigInt(SAFE),
  -BigInt(SAFE),
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n),
  2n ** 62n,
  3037000500n,
  LONG_MAX,
  LONG_MAX - 1n,
  LONG_MIN,
  LONG_MIN + 1n,
];

/** The representation that the module promises: a number exactly while it is safe. */
const asLong = (value: bigint): Long | undefined => {
  if (value < LONG_MIN || value > LONG_MAX) return undefined;
  return value >= -BigInt(SAFE) && value <= BigInt(SAFE) ? Number(value) : value;
};

describe('Long', () => {
  it('agrees with exact integers on every pair of edges', () => {
    for (const left of EDGES) {
      for (const right of EDGES) {
        const [a, b] = [asLong(left) as Long, asLong(right) as Long];
        expect(addLongs(a, b), `${left} + ${right}`).toBe(asLong(left + right));
        expect(subtractLongs(a, b), `${left} - ${right}`).toBe(asLong(left - right));
        expect(multiplyLongs(a, b), `${left} * ${right}`).toBe(asLong(left * right));
        expect(a < b, `${left} < ${right}`).toBe(left < right);
      }
      expect(negateLong(asLong(left) as Long), `-(${left})`).toBe(asLong(-left));
      expect(divideLong(asLong(left) as Long, 1_000), `${left} / 1000`).toBe(asLong(left / 1_000n));
      const remainder = ((left % 1_000n) + 1_000n) % 1_000n;
      expect(euclideanRemainder(asLong(left) as Long, 1_000), `${left} mod 1000`).toBe(Number(remainder));
    }
  });

  it.each([
    ['0', 0],
    ['-0', 0],
    ['007', 7],
    ['9007199254740993', 9007199254740993n],
    ['9223372036854775807', LONG_MAX],
    ['-9223372036854775808', LONG_MIN],
    ['9223372036854775808', undefined],
    [`${'0'.repeat(5_000)}1`, 1],
    ['9'.repeat(5_000), undefined],
  ])('reads the digits %s', (digits, wanted) => {
    expect(longFromDigits(digits)).toBe(wanted);
  });

  it.each([
    [1, 1],
    [-0, 0],
    [1.5, undefined],
    [SAFE, SAFE],
    [SAFE + 1, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ])('takes the number %s only when it is exact', (number, wanted) => {
    expect(longFromNumber(number)).toBe(wanted);
  });
});
