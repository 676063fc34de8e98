/**
 * Room: policy (S-1, S-2). Cedar's Long: a signed 64-bit integer whose arithmetic refuses to overflow.
 *
 * A Long is a JS number while it is a safe integer and a bigint beyond, never both for one value. So `===` decides
 * equality, mixed `<` compares exactly (ECMA-262, IsLessThan), and the common small case stays fast.
 */

export type Long = number | bigint;

export const LONG_MIN = -(2n ** 63n);
export const LONG_MAX = 2n ** 63n - 1n;

/** Significant decimal digits that can still fit 64 bits; more is an overflow without parsing them. */
const LONG_DIGITS_MAX = 19;

/** The one representation of `value`; undefined when it does not fit 64 bits. */
export const longFromBigInt = (value: bigint): Long | undefined => {
  if (value < LONG_MIN || value > LONG_MAX) return undefined;
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
};

/** A safe JS integer as a Long (`-0` becomes `0`); undefined for fractions and for integers that JS may have rounded. */
export const longFromNumber = (value: number): Long | undefined =>
  Number.isSafeInteger(value) ? value + 0 : undefined;

/** ASCII decimal digits with an optional minus; undefined on overflow. The caller has checked the form. */
export const longFromDigits = (text: string): Long | undefined => {
  const negative = text.startsWith('-');
  const digits = (negative ? text.slice(1) : text).replace(/^0+/, '');
  if (digits.length > LONG_DIGITS_MAX) return undefined;
  if (digits === '') return 0;
  return longFromBigInt(BigInt(negative ? `-${digits}` : digits));
};

export const addLongs = (left: Long, right: Long): Long | undefined => {
  if (typeof left === 'number' && typeof right === 'number') {
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return longFromBigInt(BigInt(left) + BigInt(right));
};

export const subtractLongs = (left: Long, right: Long): Long | undefined => {
  if (typeof left === 'number' && typeof right === 'number') {
    const difference = left - right;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return longFromBigInt(BigInt(left) - BigInt(right));
};

export const multiplyLongs = (left: Long, right: Long): Long | undefined => {
  if (typeof left === 'number' && typeof right === 'number') {
    // A product whose exact value is beyond 2^53 also rounds to something beyond it, so the check is sound.
    const product = left * right;
    if (Number.isSafeInteger(product)) return product === 0 ? 0 : product;
  }
  return longFromBigInt(BigInt(left) * BigInt(right));
};

export const negateLong = (value: Long): Long | undefined => subtractLongs(0, value);

/** Division that truncates towards zero, as Rust's `/` on i64; `divisor` is a positive constant. */
export const divideLong = (value: Long, divisor: number): Long => {
  if (typeof value === 'number') {
    const quotient = Math.trunc(value / divisor);
    return quotient === 0 ? 0 : quotient;
  }
  return longFromBigInt(value / BigInt(divisor)) ?? 0;
};

/** The remainder in `0 … divisor-1`, as Rust's `rem_euclid`; `divisor` is a positive constant. */
export const euclideanRemainder = (value: Long, divisor: number): number => {
  if (typeof value === 'number') {
    const remainder = value % divisor;
    return remainder < 0 ? remainder + divisor : remainder + 0;
  }
  const remainder = Number(value % BigInt(divisor));
  return remainder < 0 ? remainder + divisor : remainder;
};
