/**
 * Room: data (D-2, D-3). What a tool server asks, as the agent's side may read it: looked at like a result, and masked by the agent's level before it is recorded or
 * asked. Only its words are masked: where names, choices or defaults of the form hold what this level does not read, an answer would not be one to what was asked, so
 * it is not asked.
 */
import type { InjectionVerdict } from '@atf/core/data/injection';
import type { DataRecord } from '@atf/core/record';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import { inspectResult } from './data-inspection.ts';
import type { Ports } from './ports.ts';
import { askMethods, inputRequestOf } from './protocols/mcp-input.ts';
import type { InputRequests, ToolResult } from './protocols/protocol.ts';
import type { Decided } from './record.ts';
import { keepValuesOf } from './tokens.ts';

/** Characters of the questions of one round. */
const questionsLengthMax = 1_048_576;
/** Members of a form that people read, and nobody compares. */
const words: ReadonlySet<string> = new Set(['title', 'description']);

export interface ShownQuestions {
  /** Undefined: it cannot be asked without what is masked. */
  readonly shown: InputRequests | undefined;
  /** As it may be kept. */
  readonly text: string;
  readonly data: DataRecord | undefined;
  readonly injection: InjectionVerdict;
}

export async function shownQuestions(
  ports: Ports,
  decided: Decided,
  asked: InputRequests,
): Promise<ShownQuestions> {
  const level = decided.decision.effectiveLevel ?? 'intern';
  const { result, data, injection } = await inspectResult(
    { content: [], asked: textOf(asked) } as unknown as ToolResult,
    {
      level,
      settings: ports.snapshot.settings(),
      max: questionsLengthMax,
      heard: 'prompt',
      asking: { ask: ports.askService, agentId: decided.received.credential.agentId },
      tokens: keepValuesOf(ports, decided, level),
    },
    () => true,
  );
  const after = (result as unknown as JsonObject | undefined)?.['asked'];
  return {
    shown: isJsonObject(after) ? requestsOf(asked, after) : undefined,
    text: canonicalJson(after ?? { withheld: true }),
    data,
    injection,
  };
}

const textOf = (asked: InputRequests): Json =>
  Object.fromEntries(
    Object.entries(asked).map(([key, { kind, params }]) => [key, { method: askMethods[kind], params }]),
  );

/** The requests with masked words; undefined: it is not the same form any more. */
export function requestsOf(asked: InputRequests, masked: JsonObject): InputRequests | undefined {
  const shown: Record<string, InputRequests[string]> = {};
  for (const [key, before] of Object.entries(asked)) {
    const own = Object.hasOwn(masked, key) ? masked[key] : undefined;
    const after = isJsonObject(own) ? inputRequestOf(own['method'], own['params']) : undefined;
    if (after?.kind !== before.kind || formOf(before.params) !== formOf(after.params)) return undefined;
    shown[key] = after;
  }
  return shown;
}

/** What an answer is held to, without the words beside it. */
function formOf({ requestedSchema }: JsonObject): string {
  if (!isJsonObject(requestedSchema)) return '';
  const { properties, ...rest } = requestedSchema;
  const members = isJsonObject(properties) ? properties : {};
  return canonicalJson({
    ...withoutWords(rest),
    properties: Object.fromEntries(
      Object.entries(members).map(([name, schema]) => [
        name,
        isJsonObject(schema) ? withoutWords(schema) : schema,
      ]),
    ),
  });
}

const withoutWords = (schema: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(schema).filter(([key]) => !words.has(key)));
