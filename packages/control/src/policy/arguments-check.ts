/**
 * Room: policy (D-1). Arguments of a question against the schema of the accepted definition, so that "what would happen" says the same as the
 * gateway would. The gateway's check is the one that counts; here formats are not looked at.
 */
import type { ToolDoc } from '@atf/core/wire/feed';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import type { SchemaFact } from '@atf/core/world';
import { Ajv, type Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

const schemaBytesMax = 262_144;
const patternLengthMax = 1_024;
const patternSubjectMax = 8_192;
const problemsMax = 10;
const pointerLengthMax = 200;
/** A group that repeats and holds a repetition itself, and back references, may not be linear. */
const riskyPattern = /\((?:[^()\\]|\\.)*[*+}](?:[^()\\]|\\.)*\)\s*(?:[*+]|\{\d+,)|\\(?:[1-9]|k<)/;

class BoundedPattern {
  readonly #compiled: RegExp;
  constructor(pattern: string, flags: string) {
    if (pattern.length > patternLengthMax || riskyPattern.test(pattern)) throw new Error('pattern refused');
    this.#compiled = new RegExp(pattern, flags);
  }
  test(text: string): boolean {
    return text.length <= patternSubjectMax && this.#compiled.test(text);
  }
  toString(): string {
    return String(this.#compiled);
  }
}

const regExp = Object.assign((pattern: string, flags: string) => new BoundedPattern(pattern, flags), {
  code: 'boundedPattern',
});
const options: Options = {
  strictSchema: false,
  validateFormats: false,
  addUsedSchema: false,
  logger: false,
  code: { regExp: regExp as unknown as NonNullable<NonNullable<Options['code']>['regExp']> },
};
const draft7 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/;

/** The verdict; problems name places and keywords, never values. */
export function checkArguments(tool: ToolDoc, args: JsonObject): SchemaFact {
  const schema = (tool.definition as Record<string, Json | undefined>)['inputSchema'];
  const unusable: SchemaFact = { verdict: 'unusable', problems: [] };
  if (!isJsonObject(schema) || Buffer.byteLength(canonicalJson(schema)) > schemaBytesMax) return unusable;
  const { $schema } = schema;
  const ajv = typeof $schema === 'string' && draft7.test($schema) ? new Ajv(options) : new Ajv2020(options);
  try {
    const validate = ajv.compile(schema);
    if (validate(args) === true) return { verdict: 'valid', problems: [] };
    const problems = (validate.errors ?? [])
      .slice(0, problemsMax)
      .map(({ instancePath, keyword, params }) => {
        const missing: unknown = params['missingProperty'];
        const place = `${instancePath}${typeof missing === 'string' ? `/${missing}` : ''}`.slice(
          0,
          pointerLengthMax,
        );
        return `${place === '' ? '/' : place}: ${keyword}`;
      });
    return { verdict: 'invalid', problems };
  } catch {
    return unusable;
  }
}
