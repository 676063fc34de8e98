/** Room: policy (D-1). The schema fact of a hypothetical call: the same compiler as the gateway's, compiled for each question. */
import { compileSchema, schemaProblems } from '@atf/core/data/schema';
import type { ToolDoc } from '@atf/core/wire/feed';
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import type { SchemaFact } from '@atf/core/world';

const problemsMax = 10;

/** The verdict; problems name places and keywords, never values. */
export function checkArguments(tool: ToolDoc, args: JsonObject): SchemaFact {
  const schema = (tool.definition as Record<string, Json | undefined>)['inputSchema'];
  const validate = isJsonObject(schema) ? compileSchema(schema) : undefined;
  if (validate === undefined) return { verdict: 'unusable', problems: [] };
  if (validate(args) === true) return { verdict: 'valid', problems: [] };
  return { verdict: 'invalid', problems: schemaProblems(validate).slice(0, problemsMax) };
}
