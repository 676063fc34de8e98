/**
 * Room: segmentation (S-1, S-4). The arguments of a tool as policies may ask about them: types from the JSON Schema that a person accepted, and of one call the
 * values that are asked for. What a policy language without fractions and unions cannot say is left out, and said so. Pure and bounded.
 */
import { pointerName } from '../json-pointer.ts';
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import { plainName } from './transaction.ts';

export type Plain = 'Long' | 'String' | 'Bool';
export type ArgumentType =
  | { readonly kind: Plain }
  | { readonly kind: 'Set'; readonly of: Plain }
  | { readonly kind: 'Record'; readonly members: ReadonlyMap<string, ArgumentMember> };

export interface ArgumentMember {
  readonly type: ArgumentType;
  /** Always there in a call that fits the schema. */
  readonly required: boolean;
}

export interface ArgumentTypes {
  readonly members: ReadonlyMap<string, ArgumentMember>;
  /** Arguments without a type, by path (`customer.score`), each with the reason in plain words. */
  readonly leftOut: ReadonlyMap<string, string>;
}

/** Records inside each other, arguments of one tool over all of them, references in a row. */
export const depthMax = 4;
export const argumentsMax = 200;
const referencesMax = 8;
const nameLengthMax = 200;
/** Of one call: characters of all strings that policies ask about, members of one list. */
export const textLengthMax = 65_536;
export const listLengthMax = 1_000;

/** Names that stand for something else in Cedar's JSON form. */
const reserved = new Set(['__cedar', '__entity', '__extn', '__expr', '__proto__']);

const plainTypes: Readonly<Record<string, Plain>> = { integer: 'Long', string: 'String', boolean: 'Bool' };

interface Read {
  readonly type?: ArgumentType;
  readonly why?: string;
  readonly nullable: boolean;
}
const without = (why: string): Read => ({ why, nullable: false });

const isNull = (schema: Json): boolean => isJsonObject(schema) && schema['type'] === 'null';

class Reader {
  readonly leftOut = new Map<string, string>();
  readonly #root: JsonObject;
  #left = argumentsMax;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  /** What a reference within this schema stands for. */
  #behind(reference: string): JsonObject | undefined {
    if (!reference.startsWith('#/')) return undefined;
    let node: Json | undefined = this.#root;
    for (const step of reference.slice(2).split('/')) {
      const name = pointerName(step);
      node = node !== undefined && isJsonObject(node) && Object.hasOwn(node, name) ? node[name] : undefined;
    }
    return node !== undefined && isJsonObject(node) ? node : undefined;
  }

  read(schema: Json | undefined, path: string, depth: number, references = 0): Read {
    if (schema === undefined || !isJsonObject(schema)) return without('its schema says nothing of it');
    if (references > referencesMax) return without('its schema refers to itself, or too often');
    const { $ref, type, anyOf, oneOf, allOf } = schema;
    if (typeof $ref === 'string') {
      const behind = this.#behind($ref);
      return behind === undefined
        ? without('it refers to something that is not in its schema')
        : this.read(behind, path, depth, references + 1);
    }
    const either = anyOf ?? oneOf;
    if (type === undefined && Array.isArray(either)) {
      const others = either.filter((each) => !isNull(each));
      if (others.length !== 1) return without('it may be of several types');
      return {
        ...this.read(others[0], path, depth, references + 1),
        nullable: others.length < either.length,
      };
    }
    if (type === undefined && Array.isArray(allOf) && allOf.length === 1)
      return this.read(allOf[0], path, depth, references + 1);
    if (Array.isArray(type)) {
      const others = type.filter((each) => each !== 'null');
      if (others.length !== 1) return without('it may be of several types');
      const read = this.#typed(others[0], schema, path, depth, references);
      return { ...read, nullable: others.length < type.length };
    }
    return this.#typed(type, schema, path, depth, references);
  }

  #typed(type: Json | undefined, schema: JsonObject, path: string, depth: number, references: number): Read {
    const named = type ?? typeOfValues(schema);
    if (typeof named !== 'string') return without('its schema names no type');
    const plain = Object.hasOwn(plainTypes, named) ? plainTypes[named] : undefined;
    if (plain !== undefined) return { type: { kind: plain }, nullable: false };
    if (named === 'number') return without('it is a number that may have a fraction');
    if (named === 'array') {
      const item = this.read(schema['items'], path, depth, references + 1);
      if (item.type === undefined || item.nullable || item.type.kind === 'Set' || item.type.kind === 'Record')
        return without('it is a list of something else than texts, integers or truths');
      return { type: { kind: 'Set', of: item.type.kind }, nullable: false };
    }
    if (named !== 'object') return without(`it is ${named}`);
    if (depth >= depthMax) return without(`it is nested deeper than ${depthMax} objects`);
    return {
      type: { kind: 'Record', members: this.members(schema, `${path}.`, depth + 1) },
      nullable: false,
    };
  }

  members(schema: JsonObject, prefix: string, depth: number): Map<string, ArgumentMember> {
    const { properties, required } = schema;
    const members = new Map<string, ArgumentMember>();
    if (properties === undefined || !isJsonObject(properties)) return members;
    const always = new Set(Array.isArray(required) ? required : []);
    for (const [name, each] of Object.entries(properties)) {
      const path = `${prefix}${name}`.slice(0, nameLengthMax * 2);
      this.#left -= 1;
      // One line for all that is too much: the list of what is left out is bounded as well.
      if (this.#left < 0) {
        this.leftOut.set('…', `it has more than ${argumentsMax} arguments`);
        break;
      }
      const bad = reserved.has(name) || name.length > nameLengthMax || !name.isWellFormed();
      const {
        type,
        why = '',
        nullable,
      } = bad ? without('policies cannot take its name') : this.read(each, path, depth);
      if (type === undefined) this.leftOut.set(path, why);
      else members.set(name, { type, required: always.has(name) && !nullable });
    }
    return members;
  }
}

/** Where only values are named: the type that all of them have. */
function typeOfValues(schema: JsonObject): string | undefined {
  const values = Array.isArray(schema['enum'])
    ? schema['enum']
    : Object.hasOwn(schema, 'const')
      ? [schema['const']]
      : [];
  const types = new Set(values.map((value) => (Number.isInteger(value) ? 'integer' : typeof value)));
  const [only] = types;
  return types.size === 1 ? only : undefined;
}

const known = new WeakMap<object, ArgumentTypes>();

/** `definition`: as it was accepted. Definitions are never changed in place, so what follows from one is kept as long as it lives. */
export function argumentTypes(definition: Readonly<Record<string, unknown>>): ArgumentTypes {
  const before = known.get(definition);
  if (before !== undefined) return before;
  const schema = definition['inputSchema'] as Json | undefined;
  const root = schema !== undefined && isJsonObject(schema) ? schema : {};
  const reader = new Reader(root);
  // Older drafts pass over what stands beside a reference: then nothing of it was looked at.
  const members = Object.hasOwn(root, '$ref') ? new Map() : reader.members(root, '', 0);
  const types: ArgumentTypes = { members, leftOut: reader.leftOut };
  known.set(definition, types);
  return types;
}

/** Whether the schema has such an argument, with a type. */
export function hasArgument({ members }: ArgumentTypes, path: readonly string[]): boolean {
  let within: ReadonlyMap<string, ArgumentMember> | undefined = members;
  for (const name of path) {
    const type: ArgumentType | undefined = within?.get(name)?.type;
    if (type === undefined) return false;
    within = type.kind === 'Record' ? type.members : undefined;
  }
  return true;
}

/** Takes over what has a type; undefined: something is not what its type says, or is too much. */
class Taker {
  /** Two members have one name, in other letters: nobody knows which of them the tool takes. */
  twice = false;
  #textLeft = textLengthMax;
  readonly #leftOut: ReadonlyMap<string, string>;

  constructor({ leftOut }: ArgumentTypes) {
    this.#leftOut = leftOut;
  }

  #plain(kind: Plain, value: Json): boolean {
    if (kind === 'Bool') return typeof value === 'boolean';
    if (kind === 'Long') return Number.isSafeInteger(value);
    if (typeof value !== 'string') return false;
    this.#textLeft -= value.length;
    return this.#textLeft >= 0 && value.isWellFormed();
  }

  take(type: ArgumentType, value: Json, path: string): Json | undefined {
    if (type.kind === 'Record')
      return isJsonObject(value) ? this.members(type.members, value, `${path}.`) : undefined;
    if (type.kind !== 'Set') return this.#plain(type.kind, value) ? value : undefined;
    if (!Array.isArray(value) || value.length > listLengthMax) return undefined;
    return value.every((item) => this.#plain(type.of, item)) ? value : undefined;
  }

  members(
    members: ReadonlyMap<string, ArgumentMember>,
    args: JsonObject,
    prefix: string,
    only?: ReadonlySet<string>,
  ): JsonObject | undefined {
    const taken: Record<string, Json> = {};
    const asked = new Set([...members.keys()].filter((name) => only?.has(name) !== false).map(plainName));
    // What the schema itself names beside it is another argument.
    const isOther = (name: string) => members.has(name) || this.#leftOut.has(`${prefix}${name}`);
    if (Object.keys(args).some((name) => !isOther(name) && asked.has(plainName(name)))) {
      this.twice = true;
      return undefined;
    }
    for (const [name, { type }] of members) {
      if (only?.has(name) === false || !Object.hasOwn(args, name)) continue;
      const given = args[name];
      // Null is what a tool takes for an argument that was not sent.
      if (given === undefined || given === null) continue;
      const value = this.take(type, given, `${prefix}${name}`);
      if (value === undefined) return undefined;
      taken[name] = value;
    }
    return taken;
  }
}

export type Taken = { readonly args: JsonObject } | { readonly problem: string };

/** Of a call that fits the schema: the arguments on these paths, as policies see them. Names in the problem, never values. */
export function takeArguments(
  definition: Readonly<Record<string, unknown>>,
  args: JsonObject,
  paths: readonly (readonly string[])[],
): Taken {
  const types = argumentTypes(definition);
  const absent = paths.find((path) => !hasArgument(types, path));
  if (absent !== undefined)
    return { problem: `a policy asks about the argument ${absent.join('.')}, which the tool has not` };
  const asked = new Set(paths.flatMap(([first]) => (first === undefined ? [] : [first])));
  const whole = paths.some(({ length }) => length === 0);
  const taker = new Taker(types);
  const taken = taker.members(types.members, args, '', whole ? undefined : asked);
  if (taker.twice) return { problem: 'a second argument has the name of one that a policy asks about' };
  return taken === undefined
    ? { problem: 'an argument that a policy asks about is too large to be looked at' }
    : { args: taken };
}
