/**
 * Room: policy (S-1, S-2). The values that a Cedar expression can have at run time, their equality, and faults.
 *
 * Booleans, strings and Longs are JS primitives; the rest are frozen-by-convention objects with a `kind`. Two values
 * are equal when their canonical keys are equal. Reading Cedar's JSON into values is the business of `values.ts`.
 */
import { DateTime, Duration } from './extensions/datetime.ts';
import { Decimal } from './extensions/decimal.ts';
import { IpAddress } from './extensions/ipaddr.ts';
import type { Long } from './long.ts';

export { DateTime, Decimal, Duration, IpAddress };

export type Primitive = boolean | string | Long;
export type Compound = EntityUid | SetValue | RecordValue | Decimal | IpAddress | DateTime | Duration;
export type Value = Primitive | Compound;

/** A reference to an entity. `key` is `Type::"id"`; a type holds no quote, so the key is unambiguous. */
export class EntityUid {
  readonly kind = 'entity' as const;
  readonly type: string;
  readonly id: string;
  readonly key: string;
  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
    this.key = `${type}::"${id}"`;
  }
}

/** An unordered set without duplicates. */
export class SetValue {
  readonly kind = 'set' as const;
  readonly primitives: ReadonlySet<Primitive>;
  readonly compounds: ReadonlyMap<string, Compound>;
  #canonicalKey: string | undefined;

  constructor(elements: readonly Value[]) {
    const primitives = new Set<Primitive>();
    const compounds = new Map<string, Compound>();
    for (const element of elements) {
      if (typeof element === 'object') compounds.set(canonicalKey(element), element);
      else primitives.add(element);
    }
    this.primitives = primitives;
    this.compounds = compounds;
  }

  get size(): number {
    return this.primitives.size + this.compounds.size;
  }

  has(value: Value): boolean {
    if (typeof value !== 'object') return this.primitives.has(value);
    return this.compounds.size > 0 && this.compounds.has(canonicalKey(value));
  }

  *elements(): Generator<Value> {
    yield* this.primitives;
    yield* this.compounds.values();
  }

  canonicalKey(): string {
    this.#canonicalKey ??= `S${[...this.primitives]
      .map(canonicalKey)
      .concat([...this.compounds.keys()])
      .sort()
      .join('')};`;
    return this.#canonicalKey;
  }
}

/** A record: attribute names to values. A Map, so that no name can reach a JS prototype. */
export class RecordValue {
  readonly kind = 'record' as const;
  readonly attributes: ReadonlyMap<string, Value>;
  #canonicalKey: string | undefined;

  constructor(attributes: ReadonlyMap<string, Value>) {
    this.attributes = attributes;
  }

  canonicalKey(): string {
    if (this.#canonicalKey === undefined) {
      const names = [...this.attributes.keys()].sort();
      const pairs = names.map(
        (name) => `${canonicalKey(name)}${canonicalKey(this.attributes.get(name) as Value)}`,
      );
      this.#canonicalKey = `R${pairs.join('')};`;
    }
    return this.#canonicalKey;
  }
}

/** The empty record, for requests without context and entities without attributes. */
export const EMPTY_RECORD = new RecordValue(new Map());

/** Text that equal values share and no two different values do: strings carry their length, the rest ends with `;`. */
export const canonicalKey = (value: Value): string => {
  switch (typeof value) {
    case 'boolean':
      return value ? 'T;' : 'F;';
    case 'string':
      return `s${value.length}:${value};`;
    case 'number':
    case 'bigint':
      return `i${value};`;
    default:
      return compoundKey(value);
  }
};

const compoundKey = (value: Compound): string => {
  switch (value.kind) {
    case 'entity':
      return `e${value.key.length}:${value.key};`;
    case 'set':
    case 'record':
      return value.canonicalKey();
    case 'decimal':
      return `d${value.units};`;
    case 'ipaddr':
      return `p${value.version}:${value.address}/${value.prefixBits};`;
    case 'datetime':
      return `t${value.epochMs};`;
    case 'duration':
      return `u${value.ms};`;
  }
};

/** Cedar's `==`: total, never an error, false between different types. */
export const equalValues = (left: Value, right: Value): boolean => {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left.kind !== right.kind) return false;
  if (left.kind === 'entity') return right.kind === 'entity' && left.key === right.key;
  return compoundKey(left) === compoundKey(right);
};

/** Why an expression has no value. */
export type FaultCode =
  | 'type_mismatch'
  | 'long_overflow'
  | 'attribute_missing'
  | 'tag_missing'
  | 'entity_missing'
  | 'extension_failed'
  | 'wrong_arity';

/**
 * The evaluation of an expression failed: Cedar's run-time error, as a value. The message names attributes, types and
 * functions of the policy, never values of the request (invariant 10).
 */
export class Fault {
  readonly kind = 'fault' as const;
  readonly code: FaultCode;
  readonly message: string;
  constructor(code: FaultCode, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** What evaluating an expression gives. */
export type Outcome = Value | Fault;

export const isFault = (outcome: Outcome): outcome is Fault =>
  typeof outcome === 'object' && outcome.kind === 'fault';

/** The Cedar name of the type of a value. */
export const typeNameOf = (value: Value): string => {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    case 'number':
    case 'bigint':
      return 'long';
    default:
      return value.kind;
  }
};

/** The fault itself, or a fault that says which type was expected. */
export const mismatch = (expected: string, found: Outcome): Fault =>
  isFault(found)
    ? found
    : new Fault('type_mismatch', `type error: expected ${expected}, got ${typeNameOf(found)}`);
