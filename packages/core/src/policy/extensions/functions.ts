/**
 * Room: policy (S-1, S-2). The functions and methods of Cedar's extension types, by the name that its JSON form uses.
 *
 * Every function that is not in this table is refused when a policy is loaded; Cedar's `unknown` and `error`, which only
 * serve partial evaluation, are left out on purpose.
 */
import { divideLong } from '../long.ts';
import {
  DateTime,
  Decimal,
  Duration,
  Fault,
  IpAddress,
  mismatch,
  type Outcome,
  type Value,
} from '../runtime-value.ts';
import {
  durationSince,
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_MINUTE,
  MS_PER_SECOND,
  offsetDateTime,
  parseDateTime,
  parseDuration,
  toDate,
  toTime,
} from './datetime.ts';
import { parseDecimal } from './decimal.ts';
import { isInRange, isLoopback, isMulticast, parseIpAddress } from './ipaddr.ts';

export interface ExtensionFunction {
  readonly arity: 1 | 2;
  /** Pure and total; called with exactly `arity` values. */
  readonly apply: (first: Value, second: Value) => Outcome;
}

const construct =
  (name: string, parse: (text: string) => Value | undefined): ExtensionFunction['apply'] =>
  (text) => {
    if (typeof text !== 'string') return mismatch('string', text);
    return parse(text) ?? new Fault('extension_failed', `the text is not a valid ${name}`);
  };

const onDecimals =
  (compare: (left: Decimal, right: Decimal) => boolean): ExtensionFunction['apply'] =>
  (left, right) => {
    if (!(left instanceof Decimal)) return mismatch('decimal', left);
    return right instanceof Decimal ? compare(left, right) : mismatch('decimal', right);
  };

const onAddress =
  (test: (ip: IpAddress) => boolean): ExtensionFunction['apply'] =>
  (ip) =>
    ip instanceof IpAddress ? test(ip) : mismatch('ipaddr', ip);

const onDateTime =
  (apply: (at: DateTime) => Outcome): ExtensionFunction['apply'] =>
  (at) =>
    at instanceof DateTime ? apply(at) : mismatch('datetime', at);

const inUnits = (unitMs: number): ExtensionFunction => ({
  arity: 1,
  apply: (duration) =>
    duration instanceof Duration ? divideLong(duration.ms, unitMs) : mismatch('duration', duration),
});

const overflow = (name: string): Fault => new Fault('extension_failed', `${name} overflows 64 bits`);

export const extensionFunctions: ReadonlyMap<string, ExtensionFunction> = new Map<string, ExtensionFunction>([
  ['decimal', { arity: 1, apply: construct('decimal', parseDecimal) }],
  ['lessThan', { arity: 2, apply: onDecimals((left, right) => left.units < right.units) }],
  ['lessThanOrEqual', { arity: 2, apply: onDecimals((left, right) => left.units <= right.units) }],
  ['greaterThan', { arity: 2, apply: onDecimals((left, right) => left.units > right.units) }],
  ['greaterThanOrEqual', { arity: 2, apply: onDecimals((left, right) => left.units >= right.units) }],
  ['ip', { arity: 1, apply: construct('ipaddr', parseIpAddress) }],
  ['isIpv4', { arity: 1, apply: onAddress((ip) => ip.version === 4) }],
  ['isIpv6', { arity: 1, apply: onAddress((ip) => ip.version === 6) }],
  ['isLoopback', { arity: 1, apply: onAddress(isLoopback) }],
  ['isMulticast', { arity: 1, apply: onAddress(isMulticast) }],
  [
    'isInRange',
    {
      arity: 2,
      apply: (inner, outer) => {
        if (!(inner instanceof IpAddress)) return mismatch('ipaddr', inner);
        return outer instanceof IpAddress ? isInRange(inner, outer) : mismatch('ipaddr', outer);
      },
    },
  ],
  ['datetime', { arity: 1, apply: construct('datetime', parseDateTime) }],
  ['duration', { arity: 1, apply: construct('duration', parseDuration) }],
  [
    'offset',
    {
      arity: 2,
      apply: (at, by) => {
        if (!(at instanceof DateTime)) return mismatch('datetime', at);
        return by instanceof Duration
          ? (offsetDateTime(at, by) ?? overflow('offset'))
          : mismatch('duration', by);
      },
    },
  ],
  [
    'durationSince',
    {
      arity: 2,
      apply: (later, earlier) => {
        if (!(later instanceof DateTime)) return mismatch('datetime', later);
        return earlier instanceof DateTime
          ? (durationSince(later, earlier) ?? overflow('durationSince'))
          : mismatch('datetime', earlier);
      },
    },
  ],
  ['toDate', { arity: 1, apply: onDateTime((at) => toDate(at) ?? overflow('toDate')) }],
  ['toTime', { arity: 1, apply: onDateTime(toTime) }],
  ['toMilliseconds', inUnits(1)],
  ['toSeconds', inUnits(MS_PER_SECOND)],
  ['toMinutes', inUnits(MS_PER_MINUTE)],
  ['toHours', inUnits(MS_PER_HOUR)],
  ['toDays', inUnits(MS_PER_DAY)],
]);

/** Applies a function of the table; a wrong number of arguments is a fault of the call, as in Cedar. */
export const applyExtension = (name: string, fn: ExtensionFunction, values: readonly Value[]): Outcome => {
  const [first, second] = values;
  if (first === undefined || values.length !== fn.arity) {
    return new Fault('wrong_arity', `${name} takes ${fn.arity} argument(s), got ${values.length}`);
  }
  return fn.apply(first, second ?? first);
};
