/**
 * Room: data (D-1, D-4). JSON Schemas of tools (2020-12 and draft 7), compiled strictly: what is not understood is not waved through. Both planes
 * ask here, so that `atf decide` and the gateway agree. Problems name a place and a keyword, never a value.
 */
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { pointerName } from '../json-pointer.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import { SafePattern } from './safe-pattern.ts';

export type { ValidateFunction } from 'ajv';

export const schemaBytesMax = 262_144;
const pointerLengthMax = 200;
/** Decimal places to which a number is held against `multipleOf`: 1.11 is a multiple of 0.01, whatever binary fractions make of it. */
const multipleOfPrecision = 6;

const safePattern = (pattern: string, flags: string): SafePattern => new SafePattern(pattern, flags);
const regExp = Object.assign(safePattern, { code: 'safePattern' });

const options: Options = {
  strictSchema: true,
  strictNumbers: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: false,
  validateFormats: true,
  multipleOfPrecision,
  addUsedSchema: false,
  inlineRefs: false,
  logger: false,
  code: { regExp: regExp as unknown as NonNullable<NonNullable<Options['code']>['regExp']> },
};

const draft7 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/;
const draft2020 = /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;

/** Annotations that servers commonly write and that check nothing. */
const annotationKeywords = ['x-mcp-header', 'example', 'x-order', 'enumNames'];

/** One compiler for each dialect: compiling its own meta-schema costs far more than any tool's. Schemas are not kept in it. */
function compiler(Dialect: typeof Ajv | typeof Ajv2020): Ajv | Ajv2020 {
  const ajv = new Dialect(options);
  formats.default(ajv);
  ajv.addVocabulary(annotationKeywords);
  return ajv;
}
const compilers = { draft7: compiler(Ajv), draft2020: compiler(Ajv2020) };

/** undefined: the schema is too large, of an unknown dialect, or cannot be compiled strictly. */
export function compileSchema(schema: JsonObject): ValidateFunction | undefined {
  if (Buffer.byteLength(canonicalJson(schema)) > schemaBytesMax) return undefined;
  const { $schema } = schema;
  const dialect = typeof $schema === 'string' ? $schema : 'https://json-schema.org/draft/2020-12/schema';
  if (!draft7.test(dialect) && !draft2020.test(dialect)) return undefined;
  const ajv = draft7.test(dialect) ? compilers.draft7 : compilers.draft2020;
  try {
    return ajv.compile(schema);
  } catch {
    return undefined;
  } finally {
    ajv.removeSchema(schema);
  }
}

const names = new WeakMap<object, ReadonlySet<string>>();

/** What a schema itself calls members of objects. */
function namesIn(schema: object): ReadonlySet<string> {
  const known = names.get(schema);
  if (known !== undefined) return known;
  const found = new Set<string>();
  const rest: unknown[] = [schema];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    const { properties } = next as { readonly properties?: unknown };
    if (isJsonObject(properties as Json))
      for (const name of Object.keys(properties as JsonObject)) found.add(name);
    rest.push(...(Object.values(next) as unknown[]));
  }
  names.set(schema, found);
  return found;
}

/** One step of a JSON pointer: a name of the schema's, an index, or a star for a key that only the value has, which may say anything of anybody. */
function stepOf(step: string, known: ReadonlySet<string>): string {
  const name = pointerName(step);
  return known.has(name) || /^\d{1,5}$/.test(step) ? step : '*';
}

/** Places and keywords of what does not fit. Names are those of the schema, never of what was held to it. */
export function schemaProblems({ errors, schema }: Pick<ValidateFunction, 'errors' | 'schema'>): string[] {
  const known = typeof schema === 'object' ? namesIn(schema) : new Set<string>();
  return (errors ?? []).map(({ instancePath, keyword, params }: ErrorObject) => {
    const steps = instancePath.split('/').map((step, at) => (at === 0 ? '' : stepOf(step, known)));
    const missing: unknown = (params as Record<string, unknown>)['missingProperty'];
    const place = `${steps.join('/')}${typeof missing === 'string' ? `/${missing}` : ''}`.slice(
      0,
      pointerLengthMax,
    );
    return `${place === '' ? '/' : place}: ${keyword}`;
  });
}
