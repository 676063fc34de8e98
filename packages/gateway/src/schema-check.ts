/**
 * Room: data (D-1, D-4). Arguments and results against the JSON Schemas of a tool's accepted definition. A schema that cannot be
 * compiled strictly makes the tool unusable: what is not understood is not waved through. Problems name a place and a keyword, never
 * a value. Not here: what the values mean (detectors, provenance).
 */
import { compileSchema, schemaProblems, type ValidateFunction } from '@atf/core/data/schema';
import { sha256 } from '@atf/core/digest';
import type { ToolDoc } from '@atf/core/wire/feed';
import { isJsonObject, type Json, type JsonObject, parseStrictText } from '@atf/core/wire/json';
import type { SchemaFact } from '@atf/core/world';
import type { ToolResult } from './protocols/protocol.ts';

const compiledMax = 4_096;

interface Compiled {
  readonly input: ValidateFunction | undefined;
  /** `none`: the tool declares no output schema. */
  readonly output: ValidateFunction | 'none' | undefined;
  /** The one that a person registered. */
  readonly registered: ValidateFunction | 'none' | undefined;
}

const textBounds = { bytesMax: 4_194_304, depthMax: 64, valuesMax: 100_000 };

/** What a result says, for whoever demands a form of it. */
function valueOf({ structuredContent, content }: ToolResult): Json | undefined {
  if (structuredContent !== undefined) return structuredContent;
  const [only, ...others] = content;
  const text = only?.['type'] === 'text' ? only['text'] : undefined;
  if (typeof text !== 'string' || others.length > 0) return undefined;
  const parsed = parseStrictText(text, textBounds);
  return parsed.ok ? parsed.value : text;
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
    return { verdict: 'invalid', problems: schemaProblems(input) };
  }

  /** The verdict on a result: with an output schema, structured content must be there and fit (MCP, tools, output schema). */
  output(tool: ToolDoc, result: ToolResult): SchemaFact {
    const { output } = this.#of(tool);
    if (output === 'none' || result.isError === true) return { verdict: 'valid', problems: [] };
    if (output === undefined) return { verdict: 'unusable', problems: [] };
    if (result.structuredContent === undefined)
      return { verdict: 'invalid', problems: ['/structuredContent: required'] };
    if (output(result.structuredContent) === true) return { verdict: 'valid', problems: [] };
    return { verdict: 'invalid', problems: schemaProblems(output) };
  }

  /** The verdict on a result by the schema that a person registered, which holds it also where it is text. Problems name keywords only: keys of a text are content. */
  registered(tool: ToolDoc, result: ToolResult): SchemaFact {
    const { registered } = this.#of(tool);
    if (registered === 'none' || result.isError === true) return { verdict: 'valid', problems: [] };
    if (registered === undefined) return { verdict: 'unusable', problems: [] };
    const value = valueOf(result);
    if (value !== undefined && registered(value) === true) return { verdict: 'valid', problems: [] };
    const why = value === undefined ? 'neither structured content nor text' : registered.errors?.[0]?.keyword;
    return { verdict: 'invalid', problems: [`registered schema: ${why ?? 'not met'}`] };
  }

  #of(tool: ToolDoc): Compiled {
    const { outputSchema: demanded } = tool.classification;
    const key = `${tool.server}/${tool.name} ${tool.definitionDigest} ${demanded === undefined ? '' : sha256(JSON.stringify(demanded))}`;
    const held = this.#compiled.get(key);
    if (held !== undefined) return held;
    const { inputSchema, outputSchema } = tool.definition as Record<string, Json | undefined>;
    const compiled: Compiled = {
      input: isJsonObject(inputSchema) ? compileSchema(inputSchema) : undefined,
      output:
        outputSchema === undefined
          ? 'none'
          : isJsonObject(outputSchema)
            ? compileSchema(outputSchema)
            : undefined,
      registered: demanded === undefined ? 'none' : compileSchema(demanded as JsonObject),
    };
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size >= compiledMax && oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(key, compiled);
    return compiled;
  }
}
