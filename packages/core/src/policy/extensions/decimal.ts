/**
 * Room: policy (S-2). Cedar's `decimal`: four digits after the point, held as a 64-bit count of ten-thousandths.
 * Source: Cedar language reference, "decimal"; no arithmetic exists on it, only equality and the four comparisons.
 */
import { longFromBigInt, longFromDigits, type Long } from '../long.ts';

const FRACTION_DIGITS = 4;
const UNITS_PER_ONE = 10n ** BigInt(FRACTION_DIGITS);
const DECIMAL_FORM = /^(-?[0-9]+)\.([0-9]+)$/;

export class Decimal {
  readonly kind = 'decimal' as const;
  /** Ten-thousandths. */
  readonly units: Long;
  constructor(units: Long) {
    this.units = units;
  }
}

/** `-?digits.digits{1,4}` within 64 bits; undefined for everything else. */
export const parseDecimal = (text: string): Decimal | undefined => {
  const match = DECIMAL_FORM.exec(text);
  const whole = match?.[1];
  const fraction = match?.[2];
  if (whole === undefined || fraction === undefined || fraction.length > FRACTION_DIGITS) return undefined;
  const ones = longFromDigits(whole);
  if (ones === undefined) return undefined;
  const fractionUnits = BigInt(fraction.padEnd(FRACTION_DIGITS, '0'));
  const wholeUnits = BigInt(ones) * UNITS_PER_ONE;
  // The sign stands on the text: "-0.5" has the whole part 0 and is still negative.
  const units = longFromBigInt(
    whole.startsWith('-') ? wholeUnits - fractionUnits : wholeUnits + fractionUnits,
  );
  return units === undefined ? undefined : new Decimal(units);
};
