/**
 * Room: data (D-1, D-4). Arguments and results against the JSON Schemas of a tool's accepted definition. A schema that cannot be
 * compiled strictly makes the tool unusable: what is not understood is not waved through. Problems name a place and a keyword, never
 * a value. Not here: what the values mean (detectors, provenance).
 */
import type { ToolDoc } from '@atf/core/wire/feed';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import type { SchemaFact } from '@atf/core/world';
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { ToolResult } from './protocols/protocol.ts';

export const schemaBytesMax = 262_144;
const compiledMax = 4_096;
const patternLengthMax = 1_024;
/** A longer string fits no pattern: backtracking is at worst quadratic in this. */
const patternSubjectMax = 8_192;
const pointerLengthMax = 200;

/** A group that repeats and holds a repetition itself may backtrack exponentially; back references are not linear either. */
const nestedRepetition = /\((?:[^()\\]|\\.)*[*+}](?:[^()\\]|\\.)*\)\s*(?:[*+]|\{\d+,)/;
const backReference = /\\(?:[1-9]|k<)/;

/** What ajv calls a pattern: it tells patterns apart by their text, so each must say which it is. */
class BoundedPattern {
  readonly #compiled: RegExp;

  constructor(pattern: string, flags: string) {
    if (pattern.length > patternLengthMax || nestedRepetition.test(pattern) || backReference.test(pattern)) {
      throw new Error('pattern refused');
    }
    this.#compiled = new RegExp(pattern, flags);
  }

  test(text: string): boolean {
    return text.length <= patternSubjectMax && this.#compiled.test(text);
  }

  toString(): string {
    return String(this.#compiled);
  }
}

const boundedPattern = (pattern: string, flags: string): BoundedPattern => new BoundedPattern(pattern, flags);
const regExp = Object.assign(boundedPattern, { code: 'boundedPattern' });

const options: Options = {
  strictSchema: true,
  strictNumbers: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: false,
  validateFormats: true,
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

function compile(schema: JsonObject): ValidateFunction | undefined {
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

function problemsOf(errors: readonly ErrorObject[] | null | undefined): string[] {
  return (errors ?? []).map(({ instancePath, keyword, params }) => {
    const missing: unknown = params['missingProperty'];
    const place = `${instancePath}${typeof missing === 'string' ? `/${missing}` : ''}`.slice(
      0,
      pointerLengthMax,
    );
    return `${place === '' ? '/' : place}: ${keyword}`;
  });
}

interface Compiled {
  readonly input: ValidateFunction | undefined;
  /** `none`: the tool declares no output schema. */
  readonly output: ValidateFunction | 'none' | undefined;
}

export class SchemaCheck {
  readonly #compiled = new Map<string, Compiled>();
  readonly #toWarm: ToolDoc[] = [];

  /** Compiles ahead of the first call, one schema in each turn of the event loop, so that beats and calls go on meanwhile. */
  warm(tool: ToolDoc): void {
    if (this.#toWarm.length >= compiledMax) return;
    this.#toWarm.push(tool);
    if (this.#toWarm.length === 1) setImmediate(() => this.#warmNext());
  }

  #warmNext(): void {
    const [tool] = this.#toWarm;
    if (tool === undefined) return;
    this.#of(tool);
    this.#toWarm.shift();
    if (this.#toWarm.length > 0) setImmediate(() => this.#warmNext());
  }

  /** The verdict on the arguments of a call. */
  input(tool: ToolDoc, args: JsonObject): SchemaFact {
    const { input } = this.#of(tool);
    if (input === undefined) return { verdict: 'unusable', problems: [] };
    if (input(args) === true) return { verdict: 'valid', problems: [] };
    return { verdict: 'invalid', problems: problemsOf(input.errors) };
  }

  /** The verdict on a result: with an output schema, structured content must be there and fit (MCP, tools, output schema). */
  output(tool: ToolDoc, result: ToolResult): SchemaFact {
    const { output } = this.#of(tool);
    if (output === 'none' || result.isError === true) return { verdict: 'valid', problems: [] };
    if (output === undefined) return { verdict: 'unusable', problems: [] };
    if (result.structuredContent === undefined)
      return { verdict: 'invalid', problems: ['/structuredContent: required'] };
    if (output(result.structuredContent) === true) return { verdict: 'valid', problems: [] };
    return { verdict: 'invalid', problems: problemsOf(output.errors) };
  }

  #of(tool: ToolDoc): Compiled {
    const key = `${tool.server}/${tool.name} ${tool.definitionDigest}`;
    const held = this.#compiled.get(key);
    if (held !== undefined) return held;
    const { inputSchema, outputSchema } = tool.definition as Record<string, Json | undefined>;
    const compiled: Compiled = {
      input: isJsonObject(inputSchema) ? compile(inputSchema) : undefined,
      output:
        outputSchema === undefined ? 'none' : isJsonObject(outputSchema) ? compile(outputSchema) : undefined,
    };
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size >= compiledMax && oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(key, compiled);
    return compiled;
  }
}
