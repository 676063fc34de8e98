/** Room: policy (S-1, S-2). Reads the expressions of Cedar's JSON policy form into a typed tree. */
import { extensionFunctions } from './extensions/functions.ts';
import { isObject, type EstReader, type JsonObject } from './est-reader.ts';
import { isEntityTypeName } from './names.ts';
import type { Value } from './runtime-value.ts';
import { valueFromCedarJson, type ValueRefusal } from './values.ts';

export type Variable = 'principal' | 'action' | 'resource' | 'context';

const UNARY_OPERATORS = ['!', 'neg', 'isEmpty'] as const;
const BINARY_OPERATORS = [
  '==',
  '!=',
  'in',
  '<',
  '<=',
  '>',
  '>=',
  '&&',
  '||',
  '+',
  '-',
  '*',
  'contains',
  'containsAll',
  'containsAny',
  'getTag',
  'hasTag',
] as const;

export type UnaryOperator = (typeof UNARY_OPERATORS)[number];
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

/** Literal text between the stars of a `like` pattern: `["a", "b"]` is `a*b`; one element has no star. */
export type Pattern = readonly string[];

export type Expression =
  | { readonly op: 'value'; readonly value: Value }
  | { readonly op: 'variable'; readonly name: Variable }
  | { readonly op: 'unary'; readonly operator: UnaryOperator; readonly arg: Expression }
  | {
      readonly op: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly op: 'attribute'; readonly left: Expression; readonly name: string }
  | { readonly op: 'has'; readonly left: Expression; readonly names: readonly string[] }
  | { readonly op: 'like'; readonly left: Expression; readonly pattern: Pattern }
  | {
      readonly op: 'is';
      readonly left: Expression;
      readonly entityType: string;
      readonly in: Expression | undefined;
    }
  | {
      readonly op: 'if';
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
    }
  | { readonly op: 'set'; readonly elements: readonly Expression[] }
  | { readonly op: 'record'; readonly attributes: readonly (readonly [string, Expression])[] }
  | { readonly op: 'call'; readonly fn: string; readonly args: readonly Expression[] };

type Read = (body: unknown, reader: EstReader) => Expression | undefined;

const VARIABLES: readonly string[] = ['principal', 'action', 'resource', 'context'] satisfies Variable[];

const members = (
  body: unknown,
  names: readonly string[],
  reader: EstReader,
  optional: readonly string[] = [],
): JsonObject | undefined =>
  isObject(body) && reader.hasExactly(body, names, optional)
    ? body
    : reader.refuse('malformed', `an expression needs exactly the members ${names.join(', ')}`);

const refuseLiteral = (refusal: ValueRefusal, reader: EstReader): undefined => {
  if (refusal.reason === 'integer_unsafe') {
    return reader.refuse(
      'integer_unsafe',
      'an integer beyond 2^53 may have been rounded on its way through JSON',
    );
  }
  return reader.refuse('malformed', `a literal cannot be read: ${refusal.reason}`);
};

/** An extension literal becomes a call, because Cedar reports its failure when the policy runs, not when it loads. */
const readLiteral: Read = (body, reader) => {
  if (Array.isArray(body)) return readElements(body, reader, readLiteral);
  if (isObject(body)) {
    const keys = Object.keys(body);
    if (keys.length === 1 && keys[0] === '__extn') return readExtensionLiteral(body.__extn, reader);
    if (!Object.hasOwn(body, '__entity')) return readLiteralRecord(body, reader);
  }
  const result = valueFromCedarJson(body);
  return result.ok ? { op: 'value', value: result.value } : refuseLiteral(result.refusal, reader);
};

const readLiteralRecord = (body: JsonObject, reader: EstReader): Expression | undefined => {
  if (Object.hasOwn(body, '__extn') || Object.hasOwn(body, '__expr'))
    return reader.refuse('malformed', 'a reserved key');
  return readAttributes(body, reader, readLiteral);
};

const readExtensionLiteral: Read = (body, reader) => {
  if (!isObject(body) || typeof body.fn !== 'string' || Object.keys(body).length !== 2) {
    return reader.refuse('malformed', 'an extension literal needs fn and arg or args');
  }
  const args: unknown = Object.hasOwn(body, 'arg') ? [body.arg] : body.args;
  return readCall(body.fn, args, reader, readLiteral);
};

const readElements = (body: unknown, reader: EstReader, readElement: Read): Expression | undefined => {
  const elements = readList(body, reader, readElement);
  return elements && { op: 'set', elements };
};

const readList = (body: unknown, reader: EstReader, readItem: Read): readonly Expression[] | undefined => {
  if (!Array.isArray(body)) return reader.refuse('malformed', 'a list of expressions');
  const items: Expression[] = [];
  for (const json of body as readonly unknown[]) {
    const item = reader.nested(() => readItem(json, reader));
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
};

const readAttributes = (body: unknown, reader: EstReader, readAttribute: Read): Expression | undefined => {
  if (!isObject(body)) return reader.refuse('malformed', 'a record of expressions');
  const attributes: (readonly [string, Expression])[] = [];
  for (const [name, json] of Object.entries(body)) {
    const attribute = reader.nested(() => readAttribute(json, reader));
    if (attribute === undefined) return undefined;
    attributes.push([name, attribute]);
  }
  return { op: 'record', attributes };
};

const readCall = (fn: string, body: unknown, reader: EstReader, readArg: Read): Expression | undefined => {
  if (!extensionFunctions.has(fn)) {
    return reader.refuse(
      Array.isArray(body) ? 'extension_unknown' : 'operator_unknown',
      'an operator or function that is not known',
    );
  }
  const args = readList(body, reader, readArg);
  return args && { op: 'call', fn, args };
};

const readHas: Read = (body, reader) => {
  const has = members(body, ['left', 'attr'], reader);
  const left = has && readExpression(has.left, reader);
  if (!has || !left) return undefined;
  const names: readonly unknown[] = Array.isArray(has.attr) ? has.attr : [has.attr];
  if (names.length === 0 || !names.every((name) => typeof name === 'string')) {
    return reader.refuse('malformed', '`has` needs one or more attribute names');
  }
  return { op: 'has', left, names };
};

const readPattern = (json: unknown, reader: EstReader): Pattern | undefined => {
  if (!Array.isArray(json)) return reader.refuse('malformed', 'a pattern is a list');
  const pieces = [''];
  for (const element of json as readonly unknown[]) {
    if (element === 'Wildcard') {
      pieces.push('');
    } else if (
      isObject(element) &&
      Object.keys(element).length === 1 &&
      typeof element.Literal === 'string' &&
      element.Literal.isWellFormed()
    ) {
      pieces.push((pieces.pop() ?? '') + element.Literal);
    } else {
      return reader.refuse('malformed', 'a pattern holds literals and wildcards');
    }
  }
  return pieces;
};

const readLike: Read = (body, reader) => {
  const like = members(body, ['left', 'pattern'], reader);
  const left = like && readExpression(like.left, reader);
  const pattern = like && readPattern(like.pattern, reader);
  return left && pattern && { op: 'like', left, pattern };
};

const readIs: Read = (body, reader) => {
  const is = members(body, ['left', 'entity_type'], reader, ['in']);
  const left = is && readExpression(is.left, reader);
  if (!is || !left) return undefined;
  const { entity_type: entityType } = is;
  if (typeof entityType !== 'string' || !isEntityTypeName(entityType)) {
    return reader.refuse('malformed', '`is` needs the name of an entity type');
  }
  if (!Object.hasOwn(is, 'in')) return { op: 'is', left, entityType, in: undefined };
  const container = readExpression(is.in, reader);
  return container && { op: 'is', left, entityType, in: container };
};

const readIf: Read = (body, reader) => {
  const branches = members(body, ['if', 'then', 'else'], reader);
  const test = branches && readExpression(branches.if, reader);
  const then = branches && readExpression(branches.then, reader);
  const otherwise = branches && readExpression(branches.else, reader);
  return test && then && otherwise && { op: 'if', test, then, otherwise };
};

const readVariable: Read = (body, reader) =>
  typeof body === 'string' && VARIABLES.includes(body)
    ? { op: 'variable', name: body as Variable }
    : reader.refuse('malformed', 'a variable that is not known');

const readAttribute: Read = (body, reader) => {
  const access = members(body, ['left', 'attr'], reader);
  const left = access && readExpression(access.left, reader);
  if (!access || !left) return undefined;
  if (typeof access.attr !== 'string')
    return reader.refuse('malformed', 'the name of an attribute is a string');
  return { op: 'attribute', left, name: access.attr };
};

const readUnary =
  (operator: UnaryOperator): Read =>
  (body, reader) => {
    const unary = members(body, ['arg'], reader);
    const arg = unary && readExpression(unary.arg, reader);
    return arg && { op: 'unary', operator, arg };
  };

const readBinary =
  (operator: BinaryOperator): Read =>
  (body, reader) => {
    const binary = members(body, ['left', 'right'], reader);
    const left = binary && readExpression(binary.left, reader);
    const right = left && readExpression(binary.right, reader);
    return left && right && { op: 'binary', operator, left, right };
  };

const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['Value', readLiteral],
  ['Var', readVariable],
  ['Slot', (_body, reader) => reader.refuse('template_slot', 'an expression holds a template slot')],
  ['.', readAttribute],
  ['has', readHas],
  ['like', readLike],
  ['is', readIs],
  ['if-then-else', readIf],
  ['Set', (body, reader) => readElements(body, reader, readExpression)],
  ['Record', (body, reader) => readAttributes(body, reader, readExpression)],
  ...UNARY_OPERATORS.map((operator) => [operator, readUnary(operator)] as const),
  ...BINARY_OPERATORS.map((operator) => [operator, readBinary(operator)] as const),
]);

/** One expression: an object with a single key that names its operator or extension function. */
export const readExpression: Read = (json, reader) =>
  reader.nested(() => {
    if (!isObject(json)) return reader.refuse('malformed', 'an expression is an object');
    const [entry, second] = Object.entries(json);
    if (entry === undefined || second !== undefined)
      return reader.refuse('malformed', 'an expression has exactly one key');
    const [key, body] = entry;
    const read = READERS.get(key);
    return read === undefined ? readCall(key, body, reader, readExpression) : read(body, reader);
  });
