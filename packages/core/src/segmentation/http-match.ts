/**
 * Room: segmentation (S-1, D-1). From an agent's own HTTP request to the operation that it means and to its arguments. What matches nothing, or could be read in
 * two ways (encoded slashes, dots, `;`, empty segments, names that come twice), means nothing. Pure; whether the arguments fit is for the tool's schema.
 */
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import {
  bodyArgument,
  fitsSegment,
  type HttpOperation,
  type HttpParameter,
  parameterOf,
  templateSegments,
} from './http-operation.ts';

export interface Operation {
  readonly tool: string;
  readonly http: HttpOperation;
}

export type Matched =
  | { readonly kind: 'operation'; readonly operation: Operation; readonly path: ReadonlyMap<string, string> }
  | { readonly kind: 'nothing' }
  /** The path has more than one reading. */
  | { readonly kind: 'unreadable' };

const queryLengthMax = 8_192;
const fieldsLengthMax = 1_048_576;
const pairsMax = 200;

/** Decodes strictly: `%` and two digits each, UTF-8 as a whole. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Segments of a request path, each decoded once; undefined when one of them could mean something else further on. */
export function requestSegments(path: string): string[] | undefined {
  if (!path.startsWith('/') || !/^[\x21-\x7e]*$/.test(path)) return undefined;
  const parts = path.slice(1).split('/');
  const values: string[] = [];
  for (const [at, part] of parts.entries()) {
    const value = decoded(part);
    const isEnd = at === parts.length - 1 && part === '';
    if (value === undefined || (!isEnd && !fitsSegment(value))) return undefined;
    values.push(value);
  }
  return values;
}

/** The operations of one service, by the number of segments, the more concrete first (OpenAPI, path templating matching). */
export class OperationIndex {
  readonly #byLength = new Map<number, { readonly parts: string[]; readonly operation: Operation }[]>();

  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      const parts = templateSegments(operation.http.path);
      if (parts === undefined) continue;
      this.#byLength.set(parts.length, [...(this.#byLength.get(parts.length) ?? []), { parts, operation }]);
    }
    for (const each of this.#byLength.values()) each.sort((a, b) => moreConcrete(a.parts, b.parts));
  }

  match(method: string, path: string): Matched {
    const values = requestSegments(path);
    if (values === undefined) return { kind: 'unreadable' };
    let first: string[] | undefined;
    for (const { parts, operation } of this.#byLength.get(values.length) ?? []) {
      if (!parts.every((part, at) => fits(part, values[at] ?? ''))) continue;
      // Only operations of the most concrete path count: /orders/export with another method is not /orders/{id}.
      first ??= parts;
      if (!sameShape(first, parts)) break;
      if (operation.http.method === method)
        return { kind: 'operation', operation, path: named(parts, values) };
    }
    return { kind: 'nothing' };
  }
}

const fits = (part: string, value: string): boolean =>
  parameterOf(part) === undefined ? part === value : value !== '';

/** Of two templates that match the same path, the one with a fixed segment further left. */
function moreConcrete(a: readonly string[], b: readonly string[]): number {
  for (const [at, part] of a.entries()) {
    const difference =
      Number(parameterOf(part) !== undefined) - Number(parameterOf(b[at] ?? '') !== undefined);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function sameShape(a: readonly string[], b: readonly string[]): boolean {
  const shape = (parts: readonly string[]) =>
    parts.map((part) => (parameterOf(part) === undefined ? part : '{}'));
  return shape(a).join('/') === shape(b).join('/');
}

const named = (parts: readonly string[], values: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    parts.flatMap((part, at) => {
      const name = parameterOf(part);
      return name === undefined ? [] : [[name, values[at] ?? ''] as const];
    }),
  );

/** What an agent sent, as far as it can be an argument. */
export interface Sent {
  readonly path: ReadonlyMap<string, string>;
  /** Without `?`; undefined: none. */
  readonly query: string | undefined;
  readonly header: (name: string) => string | undefined;
  /** The body, already read as what its media type says; undefined: none. */
  readonly body: Json | undefined;
}

export type Read =
  | { readonly ok: true; readonly args: JsonObject }
  | { readonly ok: false; readonly problem: string };

class Unreadable extends Error {}
const unreadable = (problem: string): never => {
  throw new Unreadable(problem);
};

/** The arguments of a request. Everything in it is an argument or a reason to refuse it. */
export function readArguments(operation: HttpOperation, sent: Sent): Read {
  try {
    const query = queryPairs(sent.query);
    const args = Object.fromEntries([
      ...operation.parameters.flatMap((parameter) => {
        const value = valueOf(parameter, sent, query);
        return value === undefined ? [] : [[parameter.argument, value] as const];
      }),
      ...bodyArguments(operation, sent.body),
    ]);
    const [unknown] = [...query.keys()].filter(
      (name) => !operation.parameters.some((each) => each.in === 'query' && each.name === name),
    );
    return unknown === undefined
      ? { ok: true, args }
      : { ok: false, problem: 'query: a parameter that the operation does not have' };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, problem: error.message };
    throw error;
  }
}

/** Raw values by decoded name. */
function queryPairs(query: string | undefined, lengthMax = queryLengthMax): Map<string, string[]> {
  const pairs = new Map<string, string[]>();
  if (query === undefined || query === '') return pairs;
  if (query.length > lengthMax || !/^[\x21-\x7e]*$/.test(query) || query.includes(';'))
    return unreadable('query: it cannot be read in one way');
  const given = query.split('&');
  if (given.length > pairsMax) return unreadable('query: too many parameters');
  for (const pair of given) {
    const equals = pair.indexOf('=');
    const name = equals < 1 ? undefined : decoded(pair.slice(0, equals).replaceAll('+', ' '));
    if (name === undefined) return unreadable('query: a parameter is not name=value');
    pairs.set(name, [...(pairs.get(name) ?? []), pair.slice(equals + 1)]);
  }
  return pairs;
}

const plain = (raw: string, where: string): string =>
  decoded(raw.replaceAll('+', ' ')) ?? unreadable(`${where}: it is not percent-encoded UTF-8`);

function valueOf(parameter: HttpParameter, sent: Sent, query: Map<string, string[]>): Json | undefined {
  const texts = textsOf(parameter, sent, query);
  if (texts === undefined) return undefined;
  const values = texts.map((text) => typed(text, parameter.type));
  return parameter.list === undefined ? values[0] : values;
}

function textsOf(
  { in: place, name, list }: HttpParameter,
  sent: Sent,
  query: Map<string, string[]>,
): string[] | undefined {
  if (place === 'path') {
    const value = sent.path.get(name);
    return value === undefined ? undefined : list === undefined ? [value] : value.split(',');
  }
  if (place === 'header') {
    const value = sent.header(name.toLowerCase());
    return value === undefined
      ? undefined
      : list === undefined
        ? [value]
        : value.split(',').map((each) => each.trim());
  }
  const raw = query.get(name);
  if (raw === undefined) return undefined;
  if (list === 'repeated') return raw.map((each) => plain(each, name));
  // Two servers would take two different ones of them.
  if (raw.length > 1) return unreadable(`query: ${name} comes more than once`);
  const [only = ''] = raw;
  return (list === 'commas' ? only.split(',') : [only]).map((each) => plain(each, name));
}

/** Text of a number or a truth value becomes one; any other text stays, and does not fit its schema. */
function typed(text: string, type: HttpParameter['type']): Json {
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (type === 'number' && /^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?$/.test(text)) {
    const value = Number(text);
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value;
  }
  return text;
}

function bodyArguments({ body, parameters }: HttpOperation, given: Json | undefined): [string, Json][] {
  if (given === undefined) return [];
  if (body === undefined) return unreadable('body: the operation takes none');
  if (body.members === undefined) return [[bodyArgument, given]];
  if (!isJsonObject(given)) return unreadable('body: it is not an object');
  const { types } = body;
  const entries = Object.entries(given).map(([name, value]): [string, Json] => {
    const type = types !== undefined && Object.hasOwn(types, name) ? types[name] : undefined;
    return [name, type === undefined || typeof value !== 'string' ? value : typed(value, type)];
  });
  // A member must not pass for a parameter of the same name.
  return entries.every(
    ([name]) => body.members?.includes(name) === true && !parameters.some((each) => each.argument === name),
  )
    ? entries
    : unreadable('body: a member that the operation does not have');
}

/** The fields of a form, as text; each once. */
export function readFields(text: string): JsonObject | undefined {
  try {
    const pairs = queryPairs(text, fieldsLengthMax);
    return Object.fromEntries(
      [...pairs].map(([name, values]) => {
        const [only = ''] = values;
        return values.length === 1 ? [name, plain(only, name)] : unreadable(`${name} comes more than once`);
      }),
    );
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}
