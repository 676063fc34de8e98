/**
 * Room: policy (S-1, S-2). Cedar's binary operators on values that are already there: comparison, arithmetic, sets, the
 * hierarchy and tags. `&&`, `||`, `==` and `!=` are not here; they need the unevaluated sides, or none of the checks.
 */
import type { EntityStore } from './entities.ts';
import type { BinaryOperator } from './est-expression.ts';
import { addLongs, type Long, multiplyLongs, subtractLongs } from './long.ts';
import { type EntityUid, Fault, mismatch, type Outcome, SetValue, type Value } from './runtime-value.ts';

type Operation = (left: Value, right: Value, entities: EntityStore) => Outcome;

const isLong = (value: Value): value is Long => typeof value === 'number' || typeof value === 'bigint';
const isEntity = (value: Value): value is EntityUid => typeof value === 'object' && value.kind === 'entity';

/** Orders two Longs, two datetimes or two durations; nothing else has an order (decimals have methods). */
const comparison = (holds: (left: Long, right: Long) => boolean): Operation => {
  return (left, right) => {
    if (isLong(left)) return isLong(right) ? holds(left, right) : mismatch('long', right);
    if (typeof left === 'object' && left.kind === 'datetime') {
      return typeof right === 'object' && right.kind === 'datetime'
        ? holds(left.epochMs, right.epochMs)
        : mismatch('datetime', right);
    }
    if (typeof left === 'object' && left.kind === 'duration') {
      return typeof right === 'object' && right.kind === 'duration'
        ? holds(left.ms, right.ms)
        : mismatch('duration', right);
    }
    return mismatch('long, datetime or duration', left);
  };
};

const arithmetic = (name: string, compute: (left: Long, right: Long) => Long | undefined): Operation => {
  const overflow = new Fault('long_overflow', `integer overflow in ${name}`);
  return (left, right) => {
    if (!isLong(left)) return mismatch('long', left);
    return isLong(right) ? (compute(left, right) ?? overflow) : mismatch('long', right);
  };
};

/** `of in within`: the same entity or a descendant of it, or of any entity of a set. All members are checked first. */
export const isIn = (of: EntityUid, within: Value, entities: EntityStore): Outcome => {
  if (isEntity(within)) return of.key === within.key || entities.ancestorsOf(of).has(within.key);
  if (!(within instanceof SetValue)) return mismatch('entity or set of entities', within);
  const containers: EntityUid[] = [];
  for (const element of within.elements()) {
    if (!isEntity(element)) return mismatch('entity', element);
    containers.push(element);
  }
  const ancestors = entities.ancestorsOf(of);
  return containers.some((container) => of.key === container.key || ancestors.has(container.key));
};

const contains: Operation = (left, right) =>
  left instanceof SetValue ? left.has(right) : mismatch('set', left);

const bothSets = (holds: (left: SetValue, right: SetValue) => boolean): Operation => {
  return (left, right) => {
    if (!(left instanceof SetValue)) return mismatch('set', left);
    return right instanceof SetValue ? holds(left, right) : mismatch('set', right);
  };
};

const hasEvery = (left: SetValue, right: SetValue): boolean => {
  for (const element of right.elements()) if (!left.has(element)) return false;
  return true;
};

const hasSome = (left: SetValue, right: SetValue): boolean => {
  const [fewer, more] = left.size < right.size ? [left, right] : [right, left];
  for (const element of fewer.elements()) if (more.has(element)) return true;
  return false;
};

const hasTag: Operation = (left, right, entities) => {
  if (!isEntity(left)) return mismatch('entity', left);
  if (typeof right !== 'string') return mismatch('string', right);
  return entities.get(left.key)?.tags.attributes.has(right) ?? false;
};

const getTag: Operation = (left, right, entities) => {
  if (!isEntity(left)) return mismatch('entity', left);
  if (typeof right !== 'string') return mismatch('string', right);
  const entity = entities.get(left.key);
  if (entity === undefined)
    return new Fault('entity_missing', `an entity of type ${left.type} does not exist`);
  // The name of the tag may come from the request, so the message does not repeat it.
  return (
    entity.tags.attributes.get(right) ??
    new Fault('tag_missing', `an entity of type ${left.type} has no such tag`)
  );
};

export const binaryOperations: Readonly<
  Record<Exclude<BinaryOperator, '&&' | '||' | '==' | '!='>, Operation>
> = {
  '<': comparison((left, right) => left < right),
  '<=': comparison((left, right) => left <= right),
  '>': comparison((left, right) => left > right),
  '>=': comparison((left, right) => left >= right),
  '+': arithmetic('addition', addLongs),
  '-': arithmetic('subtraction', subtractLongs),
  '*': arithmetic('multiplication', multiplyLongs),
  in: (left, right, entities) => (isEntity(left) ? isIn(left, right, entities) : mismatch('entity', left)),
  contains,
  containsAll: bothSets(hasEvery),
  containsAny: bothSets(hasSome),
  getTag,
  hasTag,
};
