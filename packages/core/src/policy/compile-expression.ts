/**
 * Room: policy (S-1, S-2). Turns an expression tree into a closure over the environment of a request.
 *
 * The order of evaluation is Cedar's: left to right, `&&`, `||` and `if` only as far as needed, everything else whole.
 * What depends on no request (literals, sets of literals, `ip("…")`) is computed here, once. A fault is a value that
 * travels up; nothing throws.
 */
import { EMPTY_STORE, type Entity, type EntityStore } from './entities.ts';
import type { Expression } from './est.ts';
import type { BinaryOperator, UnaryOperator } from './est-expression.ts';
import { applyExtension, extensionFunctions } from './extensions/functions.ts';
import { negateLong } from './long.ts';
import { matchesPattern } from './like.ts';
import { binaryOperations, isIn } from './operations.ts';
import {
  type EntityUid,
  equalValues,
  Fault,
  isFault,
  mismatch,
  type Outcome,
  RecordValue,
  SetValue,
  type Value,
} from './runtime-value.ts';

/** What a policy can see while one request is decided. */
export interface Environment {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: RecordValue;
  readonly entities: EntityStore;
  /** What the store holds of the principal and the resource, looked up once: most conditions ask about these. */
  readonly principalEntity: Entity | undefined;
  readonly resourceEntity: Entity | undefined;
}

export type Evaluate = (environment: Environment) => Outcome;

/** A compiled expression; `constant` is set when it does not depend on the request. */
export interface Compiled {
  readonly evaluate: Evaluate;
  readonly constant: Outcome | undefined;
}

const constantly = (outcome: Outcome): Compiled => ({ evaluate: () => outcome, constant: outcome });
const dynamic = (evaluate: Evaluate): Compiled => ({ evaluate, constant: undefined });

/** An operation over values: done at once when they are all constant, else per request; the first fault wins. */
const combine = (parts: readonly Compiled[], apply: (values: readonly Value[]) => Outcome): Compiled => {
  const constants = parts.map((part) => part.constant);
  if (constants.every((outcome) => outcome !== undefined)) {
    return constantly(constants.find(isFault) ?? apply(constants as readonly Value[]));
  }
  const evaluates = parts.map((part) => part.evaluate);
  return dynamic((environment) => {
    const values: Value[] = [];
    for (const evaluate of evaluates) {
      const outcome = evaluate(environment);
      if (isFault(outcome)) return outcome;
      values.push(outcome);
    }
    return apply(values);
  });
};

const compileAnd = (left: Evaluate, right: Evaluate): Evaluate => {
  return (environment) => {
    const first = left(environment);
    if (first !== true) return first === false ? false : mismatch('bool', first);
    const second = right(environment);
    return typeof second === 'boolean' ? second : mismatch('bool', second);
  };
};

const compileOr = (left: Evaluate, right: Evaluate): Evaluate => {
  return (environment) => {
    const first = left(environment);
    if (first !== false) return first === true ? true : mismatch('bool', first);
    const second = right(environment);
    return typeof second === 'boolean' ? second : mismatch('bool', second);
  };
};

const compileIf = (test: Evaluate, then: Evaluate, otherwise: Evaluate): Evaluate => {
  return (environment) => {
    const outcome = test(environment);
    if (outcome === true) return then(environment);
    return outcome === false ? otherwise(environment) : mismatch('bool', outcome);
  };
};

const unaryOperations: Readonly<Record<UnaryOperator, (arg: Value) => Outcome>> = {
  '!': (arg) => (typeof arg === 'boolean' ? !arg : mismatch('bool', arg)),
  neg: (arg) =>
    typeof arg === 'number' || typeof arg === 'bigint'
      ? (negateLong(arg) ?? new Fault('long_overflow', 'integer overflow in negation'))
      : mismatch('long', arg),
  isEmpty: (arg) => (arg instanceof SetValue ? arg.size === 0 : mismatch('set', arg)),
};

const compileUnary = (operator: UnaryOperator, arg: Compiled): Compiled => {
  const apply = unaryOperations[operator];
  const over = (outcome: Outcome): Outcome => (isFault(outcome) ? outcome : apply(outcome));
  if (arg.constant !== undefined) return constantly(over(arg.constant));
  const { evaluate } = arg;
  return dynamic((environment) => over(evaluate(environment)));
};

/** Operators whose result also depends on the entities, so that they are never done at load. */
const READS_ENTITIES: ReadonlySet<BinaryOperator> = new Set(['in', 'getTag', 'hasTag']);

/** Equality with a literal is the commonest condition, so the literal is not evaluated each time. */
const compileEquality = (left: Compiled, right: Compiled, wanted: boolean): Compiled => {
  if (left.constant !== undefined && right.constant !== undefined) {
    return combine([left, right], ([a, b]) => equalValues(a as Value, b as Value) === wanted);
  }
  const { evaluate } = left;
  const literal = right.constant;
  if (literal !== undefined && typeof literal !== 'object') {
    return dynamic((environment) => {
      const outcome = evaluate(environment);
      return isFault(outcome) ? outcome : (outcome === literal) === wanted;
    });
  }
  const evaluateRight = right.evaluate;
  return dynamic((environment) => {
    const first = evaluate(environment);
    if (isFault(first)) return first;
    const second = evaluateRight(environment);
    return isFault(second) ? second : equalValues(first, second) === wanted;
  });
};

const compileBinary = (tree: Extract<Expression, { op: 'binary' }>): Compiled => {
  const left = compileExpression(tree.left);
  const right = compileExpression(tree.right);
  switch (tree.operator) {
    case '&&':
      return dynamic(compileAnd(left.evaluate, right.evaluate));
    case '||':
      return dynamic(compileOr(left.evaluate, right.evaluate));
    case '==':
    case '!=':
      return compileEquality(left, right, tree.operator === '==');
    default: {
      const { evaluate: evaluateLeft } = left;
      const { evaluate: evaluateRight } = right;
      const apply = binaryOperations[tree.operator];
      if (!READS_ENTITIES.has(tree.operator) && left.constant !== undefined && right.constant !== undefined) {
        return combine([left, right], ([first, second]) =>
          apply(first as Value, second as Value, EMPTY_STORE),
        );
      }
      return dynamic((environment) => {
        const first = evaluateLeft(environment);
        if (isFault(first)) return first;
        const second = evaluateRight(environment);
        return isFault(second) ? second : apply(first, second, environment.entities);
      });
    }
  }
};

const entityMissing = (uid: EntityUid): Fault =>
  new Fault('entity_missing', `an entity of type ${uid.type} does not exist`);

const entityOf = (uid: EntityUid, environment: Environment): Entity | undefined => {
  if (uid === environment.principal) return environment.principalEntity;
  return uid === environment.resource ? environment.resourceEntity : environment.entities.get(uid.key);
};

/** The value under `name`, undefined when there is none; a fault when `of` cannot have attributes. */
const lookUp = (of: Value, name: string, environment: Environment): Outcome | undefined => {
  if (typeof of === 'object') {
    if (of.kind === 'record') return of.attributes.get(name);
    if (of.kind === 'entity') return entityOf(of, environment)?.attrs.attributes.get(name);
  }
  return mismatch('record or entity', of);
};

const isContext = (tree: Expression): boolean => tree.op === 'variable' && tree.name === 'context';

const compileAttribute = (tree: Expression, name: string): Evaluate => {
  const missing = new Fault('attribute_missing', `the attribute ${JSON.stringify(name)} does not exist`);
  // What most conditions ask about: one look.
  if (isContext(tree)) return ({ context }) => context.attributes.get(name) ?? missing;
  const left = compileExpression(tree).evaluate;
  return (environment) => {
    const of = left(environment);
    if (isFault(of)) return of;
    const found = lookUp(of, name, environment);
    if (found !== undefined) return found;
    const known =
      !(typeof of === 'object' && of.kind === 'entity') || environment.entities.get(of.key) !== undefined;
    return known ? missing : entityMissing(of as EntityUid);
  };
};

/** `e has a.b.c` holds when each step is there; it stops at the first that is not (Cedar RFC 62). */
const compileHas = (tree: Expression, names: readonly string[]): Evaluate => {
  const [only] = names;
  if (isContext(tree) && only !== undefined && names.length === 1)
    return ({ context }) => context.attributes.has(only);
  const left = compileExpression(tree).evaluate;
  return (environment) => {
    let of: Outcome = left(environment);
    for (const name of names) {
      if (isFault(of)) return of;
      const found = lookUp(of, name, environment);
      if (found === undefined) return false;
      of = found;
    }
    return isFault(of) ? of : true;
  };
};

const compileIs = (left: Evaluate, entityType: string, container: Evaluate | undefined): Evaluate => {
  return (environment) => {
    const of = left(environment);
    if (typeof of !== 'object' || of.kind !== 'entity') return mismatch('entity', of);
    if (of.type !== entityType) return false;
    if (container === undefined) return true;
    const within = container(environment);
    return isFault(within) ? within : isIn(of, within, environment.entities);
  };
};

const compileCall = (tree: Extract<Expression, { op: 'call' }>): Compiled => {
  const fn = extensionFunctions.get(tree.fn);
  // The reader has refused unknown functions; a policy set that slipped past it must not become one that permits.
  if (fn === undefined)
    return constantly(new Fault('extension_failed', 'an extension function that is not known'));
  return combine(tree.args.map(compileExpression), (values) => applyExtension(tree.fn, fn, values));
};

const compileRecord = (attributes: Extract<Expression, { op: 'record' }>['attributes']): Compiled => {
  const names = attributes.map(([name]) => name);
  const parts = attributes.map(([, expression]) => compileExpression(expression));
  return combine(
    parts,
    (values) => new RecordValue(new Map(names.map((name, index) => [name, values[index] as Value]))),
  );
};

const compileSet = (elements: readonly Expression[]): Compiled =>
  combine(elements.map(compileExpression), (values) => new SetValue(values));

const variables: Readonly<Record<'principal' | 'action' | 'resource' | 'context', Evaluate>> = {
  principal: (environment) => environment.principal,
  action: (environment) => environment.action,
  resource: (environment) => environment.resource,
  context: (environment) => environment.context,
};

/** Compiles one expression. Total: what the reader accepted can be compiled. */
export const compileExpression = (tree: Expression): Compiled => {
  switch (tree.op) {
    case 'value':
      return constantly(tree.value);
    case 'variable':
      return dynamic(variables[tree.name]);
    case 'unary':
      return compileUnary(tree.operator, compileExpression(tree.arg));
    case 'binary':
      return compileBinary(tree);
    case 'attribute':
      return dynamic(compileAttribute(tree.left, tree.name));
    case 'has':
      return dynamic(compileHas(tree.left, tree.names));
    case 'like': {
      const { evaluate } = compileExpression(tree.left);
      const { pattern } = tree;
      return dynamic((environment) => {
        const text = evaluate(environment);
        return typeof text === 'string' ? matchesPattern(text, pattern) : mismatch('string', text);
      });
    }
    case 'is':
      return dynamic(
        compileIs(
          compileExpression(tree.left).evaluate,
          tree.entityType,
          tree.in && compileExpression(tree.in).evaluate,
        ),
      );
    case 'if':
      return dynamic(
        compileIf(
          compileExpression(tree.test).evaluate,
          compileExpression(tree.then).evaluate,
          compileExpression(tree.otherwise).evaluate,
        ),
      );
    case 'set':
      return compileSet(tree.elements);
    case 'record':
      return compileRecord(tree.attributes);
    case 'call':
      return compileCall(tree);
  }
};
