/**
 * Room: policy (S-1, S-2). Two ways from JSON to Cedar values, kept apart because they trust differently.
 *
 * - `valueFromCedarJson` reads Cedar's own JSON form, in which `__entity` and `__extn` are escapes. It is for entities,
 *   contexts and literals that ATF or its operators wrote.
 * - `fromArguments` reads plain JSON that an agent sent. There an escape would smuggle entities or run-time errors into
 *   policies (Cedar skips an erring `forbid`), so these keys are refused, whatever they hold.
 *
 * It does not parse text: the caller has refused duplicate keys at the edge, where the bytes are.
 */
import { pointerStep } from '../json-pointer.ts';
import { applyExtension, extensionFunctions } from './extensions/functions.ts';
import { parseDecimal } from './extensions/decimal.ts';
import { longFromBigInt, longFromNumber } from './long.ts';
import { isEntityId, isEntityTypeName } from './names.ts';
import { EntityUid, isFault, RecordValue, SetValue, type Value } from './runtime-value.ts';

/** Nested sets and records of one value. */
export const VALUE_DEPTH_MAX = 32;
/** Members of one value, counted over all depths. */
export const VALUE_MEMBERS_MAX = 20_000;
/** UTF-16 units of all strings and names of one value together. */
export const VALUE_TEXT_LENGTH_MAX = 4 * 1_024 * 1_024;

const ESCAPE_KEYS: ReadonlySet<string> = new Set(['__entity', '__extn', '__expr']);
const REFUSED_ARGUMENT_KEYS: ReadonlySet<string> = new Set([...ESCAPE_KEYS, '__proto__']);

export type ValueRefusalReason =
  | 'too_deep'
  | 'too_many_members'
  | 'too_long'
  | 'key_reserved'
  | 'escape_malformed'
  | 'extension_failed'
  | 'integer_unsafe'
  | 'fraction_unrepresentable'
  | 'null_value'
  | 'text_malformed'
  | 'not_a_record'
  | 'not_json';

/** Why JSON has no Cedar value. `path` is a JSON Pointer (RFC 6901) to the offending member; it holds names, no values. */
export interface ValueRefusal {
  readonly reason: ValueRefusalReason;
  readonly path: string;
}

export type ValueResult =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly refusal: ValueRefusal };
export type RecordResult =
  | { readonly ok: true; readonly value: RecordValue }
  | { readonly ok: false; readonly refusal: ValueRefusal };

/** One conversion: counts what it has seen and keeps the first refusal, with the path where it happened. */
class Conversion {
  refusal: ValueRefusal | undefined;
  #membersLeft = VALUE_MEMBERS_MAX;
  #textLeft = VALUE_TEXT_LENGTH_MAX;
  readonly #path: string[] = [];

  refuse(reason: ValueRefusalReason): undefined {
    const pointer = this.#path.map((name) => `/${pointerStep(name)}`).join('');
    this.refusal ??= { reason, path: pointer };
    return undefined;
  }

  text(text: string): string | undefined {
    this.#textLeft -= text.length;
    if (this.#textLeft < 0) return this.refuse('too_long');
    return text.isWellFormed() ? text : this.refuse('text_malformed');
  }

  /** Steps into a member, counting it; `leave` steps out. After a refusal nobody steps out, so the path stays. */
  enter(name: string): boolean {
    this.#membersLeft -= 1;
    if (this.#membersLeft < 0) this.refuse('too_many_members');
    else if (this.#path.length >= VALUE_DEPTH_MAX) this.refuse('too_deep');
    else this.#path.push(name);
    return this.refusal === undefined;
  }

  leave(): void {
    this.#path.pop();
  }
}

const isPlainObject = (json: unknown): json is Record<string, unknown> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

type Convert = (json: unknown, conversion: Conversion) => Value | undefined;

const convertSet = (
  items: readonly unknown[],
  conversion: Conversion,
  convert: Convert,
): SetValue | undefined => {
  const elements: Value[] = [];
  for (let index = 0; index < items.length; index++) {
    if (!conversion.enter(String(index))) return undefined;
    const element = convert(items[index], conversion);
    if (element === undefined) return undefined;
    conversion.leave();
    elements.push(element);
  }
  return new SetValue(elements);
};

const convertRecord = (
  json: Record<string, unknown>,
  conversion: Conversion,
  convert: Convert,
  refusedKeys: ReadonlySet<string>,
  nullsAbsent = false,
): RecordValue | undefined => {
  const attributes = new Map<string, Value>();
  for (const name of Object.keys(json)) {
    if (conversion.text(name) === undefined) return undefined;
    if (refusedKeys.has(name)) return conversion.refuse('key_reserved');
    const item = json[name];
    if (nullsAbsent && item === null) continue;
    if (!conversion.enter(name)) return undefined;
    const value = convert(item, conversion);
    if (value === undefined) return undefined;
    conversion.leave();
    attributes.set(name, value);
  }
  return new RecordValue(attributes);
};

/** Cedar's `{type, id}`, with or without the `__entity` escape around it; undefined when malformed. */
export const entityUidFromJson = (json: unknown): EntityUid | undefined => {
  if (!isPlainObject(json)) return undefined;
  const keys = Object.keys(json);
  if (keys.length === 1 && keys[0] === '__entity') {
    return isPlainObject(json.__entity) && !Object.hasOwn(json.__entity, '__entity')
      ? entityUidFromJson(json.__entity)
      : undefined;
  }
  const { type, id } = json;
  if (keys.length !== 2 || typeof type !== 'string' || typeof id !== 'string') return undefined;
  return isEntityTypeName(type) && isEntityId(id) ? new EntityUid(type, id) : undefined;
};

const convertExtension = (json: unknown, conversion: Conversion): Value | undefined => {
  if (!isPlainObject(json) || typeof json.fn !== 'string') return conversion.refuse('escape_malformed');
  const single = Object.hasOwn(json, 'arg');
  const args: unknown = single ? [json.arg] : json.args;
  const fn = extensionFunctions.get(json.fn);
  if (
    !Array.isArray(args) ||
    Object.keys(json).length !== 2 ||
    fn === undefined ||
    args.length !== fn.arity
  ) {
    return conversion.refuse('escape_malformed');
  }
  const values: Value[] = [];
  for (const [index, arg] of args.entries()) {
    if (!conversion.enter(String(index))) return undefined;
    const value = convertCedarJson(arg, conversion);
    if (value === undefined) return undefined;
    conversion.leave();
    values.push(value);
  }
  const outcome = applyExtension(json.fn, fn, values);
  return isFault(outcome) ? conversion.refuse('extension_failed') : outcome;
};

const convertCedarJson: Convert = (json, conversion) => {
  switch (typeof json) {
    case 'boolean':
      return json;
    case 'string':
      return conversion.text(json);
    case 'number':
      return (
        longFromNumber(json) ??
        conversion.refuse(Number.isInteger(json) ? 'integer_unsafe' : 'fraction_unrepresentable')
      );
    case 'bigint':
      return longFromBigInt(json) ?? conversion.refuse('integer_unsafe');
    default:
  }
  if (json === null) return conversion.refuse('null_value');
  if (Array.isArray(json)) return convertSet(json, conversion, convertCedarJson);
  if (!isPlainObject(json)) return conversion.refuse('not_json');
  const keys = Object.keys(json);
  if (keys.length === 1 && keys[0] === '__entity')
    return entityUidFromJson(json) ?? conversion.refuse('escape_malformed');
  if (keys.length === 1 && keys[0] === '__extn') return convertExtension(json.__extn, conversion);
  return convertRecord(json, conversion, convertCedarJson, ESCAPE_KEYS);
};

const finish = <T extends Value>(
  value: T | undefined,
  conversion: Conversion,
): { ok: true; value: T } | { ok: false; refusal: ValueRefusal } =>
  value !== undefined && conversion.refusal === undefined
    ? { ok: true, value }
    : { ok: false, refusal: conversion.refusal ?? { reason: 'not_json', path: '' } };

/**
 * A value in Cedar's JSON form (Cedar reference, "Entities & context JSON"). Bigints count as Longs of 64 bits; other
 * integers must be safe, because a JSON parser may have rounded them. An escape must be the only key of its object.
 */
export const valueFromCedarJson = (json: unknown): ValueResult => {
  const conversion = new Conversion();
  return finish(convertCedarJson(json, conversion), conversion);
};

/** A record in Cedar's JSON form: a context, or the attributes or tags of an entity. */
export const recordFromCedarJson = (json: unknown): RecordResult => {
  const conversion = new Conversion();
  if (!isPlainObject(json)) return finish<RecordValue>(conversion.refuse('not_a_record'), conversion);
  return finish(convertRecord(json, conversion, convertCedarJson, ESCAPE_KEYS), conversion);
};

export interface ArgumentRules {
  /**
   * What `null` means: `refuse` (the default), or `absent`, where a member that is null counts as not sent. Inside an
   * array null is always refused, because leaving it out would change what the tool sees without policy seeing it.
   */
  readonly nulls?: 'refuse' | 'absent';
}

const convertNumber = (number: number, conversion: Conversion): Value | undefined => {
  if (Number.isInteger(number)) return longFromNumber(number) ?? conversion.refuse('integer_unsafe');
  // The shortest text that reads back as this number is what the sender can have meant (ECMA-262, Number::toString).
  return parseDecimal(String(number)) ?? conversion.refuse('fraction_unrepresentable');
};

const argumentConverter = (nullsAbsent: boolean): Convert => {
  const convert: Convert = (item, conversion) => {
    switch (typeof item) {
      case 'boolean':
        return item;
      case 'string':
        return conversion.text(item);
      case 'number':
        return convertNumber(item, conversion);
      default:
    }
    if (item === null) return conversion.refuse('null_value');
    if (Array.isArray(item)) return convertSet(item, conversion, convert);
    if (!isPlainObject(item)) return conversion.refuse('not_json');
    return convertRecord(item, conversion, convert, REFUSED_ARGUMENT_KEYS, nullsAbsent);
  };
  return convert;
};

const refusingNulls = argumentConverter(false);
const droppingNulls = argumentConverter(true);

/**
 * Untrusted plain JSON (the arguments of a tool call) as a Cedar record.
 *
 * Integers become Long and must be safe; other numbers become `decimal` when at most four digits after the point say
 * them exactly, else they are refused; arrays become sets (order and repetition are not visible to policy); strings stay
 * strings, they never become entities. Refused are the keys `__entity`, `__extn`, `__expr` and `__proto__` at any depth,
 * lone surrogates, more than `VALUE_DEPTH_MAX` levels, `VALUE_MEMBERS_MAX` members or `VALUE_TEXT_LENGTH_MAX` text.
 */
export const fromArguments = (json: unknown, rules: ArgumentRules = {}): RecordResult => {
  const conversion = new Conversion();
  const nullsAbsent = rules.nulls === 'absent';
  if (!isPlainObject(json)) return finish<RecordValue>(conversion.refuse('not_a_record'), conversion);
  const convert = nullsAbsent ? droppingNulls : refusingNulls;
  return finish(convertRecord(json, conversion, convert, REFUSED_ARGUMENT_KEYS, nullsAbsent), conversion);
};
