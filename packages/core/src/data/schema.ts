/**
 * Room: data (D-1, D-4). JSON Schemas of tools (2020-12 and draft 7), compiled strictly: what is not understood is not waved through. Both planes
 * ask here, so that `atf decide` and the gateway agree. Problems name a place and a keyword, never a value.
 */
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { canonicalJson, type JsonObject } from '../wire/json.ts';
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

/** Places and keywords of what does not fit. */
export function schemaProblems(errors: readonly ErrorObject[] | null | undefined): string[] {
  return (errors ?? []).map(({ instancePath, keyword, params }) => {
    const missing: unknown = params['missingProperty'];
    const place = `${instancePath}${typeof missing === 'string' ? `/${missing}` : ''}`.slice(
      0,
      pointerLengthMax,
    );
    return `${place === '' ? '/' : place}: ${keyword}`;
  });
}
