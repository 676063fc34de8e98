/**
 * What tool servers may ask the agent's side for, and what it may answer, in the forms of MCP (data D-1, D-4): elicitation in form mode, sampling
 * without tools, roots. Form only; whether it may be asked at all is agent-input.ts. An address to open (URL mode) is never passed on: whoever offers
 * one to a person is this gateway, for its own approvals.
 */
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import type { AskKind } from '@atf/core/wire/words';
import { z } from 'zod';
import { fits } from './mcp-bounds.ts';
import { tasksExtension } from './mcp-wire.ts';
import type { ClientOffers, InputAnswers, InputRequest, InputRequests } from './protocol.ts';

/** Of one round. */
export const inputRequestsMax = 8;
const keyLengthMax = 128;
const bytesMax = 65_536;
const depthMax = 24;
const valuesMax = 5_000;

export const askMethods: Readonly<Record<AskKind, string>> = {
  elicitation: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
};
const kindOfMethod = new Map(Object.entries(askMethods).map(([kind, method]) => [method, kind as AskKind]));

/** Members of an elicitation's schema: flat, of primitive values (MCP, elicitation). */
const propertySchema = z.looseObject({ type: z.enum(['string', 'number', 'integer', 'boolean', 'array']) });
const paramsSchemas: Readonly<Record<AskKind, z.ZodType>> = {
  elicitation: z.object({
    mode: z.literal('form').optional(),
    message: z.string(),
    requestedSchema: z.looseObject({
      type: z.literal('object'),
      properties: z.record(z.string(), propertySchema),
      required: z.array(z.string()).optional(),
    }),
  }),
  sampling: z.object({
    messages: z.array(z.looseObject({ role: z.enum(['user', 'assistant']), content: z.unknown() })).max(100),
    systemPrompt: z.string().optional(),
    maxTokens: z.int().positive(),
    temperature: z.number().optional(),
    stopSequences: z.array(z.string()).max(16).optional(),
    modelPreferences: z.looseObject({}).optional(),
  }),
  roots: z.object({}),
};
const answerSchemas: Readonly<Record<AskKind, z.ZodType>> = {
  elicitation: z.object({
    action: z.enum(['accept', 'decline', 'cancel']),
    content: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
      .optional(),
  }),
  sampling: z.object({
    role: z.enum(['user', 'assistant']),
    content: z.union([z.looseObject({ type: z.string() }), z.array(z.looseObject({ type: z.string() }))]),
    model: z.string(),
    stopReason: z.string().optional(),
  }),
  roots: z.object({
    roots: z.array(z.object({ uri: z.string().startsWith('file://'), name: z.string().optional() })).max(100),
  }),
};

const bounded = (value: Json): boolean =>
  fits(value, depthMax, valuesMax) && Buffer.byteLength(JSON.stringify(value)) <= bytesMax;

/** What a server asks, without members that MCP does not name; undefined: not of a form that is passed on. */
export function inputRequestOf(method: unknown, params: unknown): InputRequest | undefined {
  const kind = typeof method === 'string' ? kindOfMethod.get(method) : undefined;
  const given = (params ?? {}) as Json;
  if (kind === undefined || !isJsonObject(given) || !bounded(given)) return undefined;
  const parsed = paramsSchemas[kind].safeParse(given);
  return parsed.success ? { kind, params: parsed.data as JsonObject } : undefined;
}

/** The `inputRequests` of one result (2026-07-28); undefined: one of them is of no form that is passed on, or there are too many. */
export function inputRequestsOf(value: unknown): InputRequests | undefined {
  const found: [string, InputRequest][] = [];
  for (const [key, each] of Object.entries((value ?? {}) as Record<string, unknown>)) {
    const { method, params } = (each ?? {}) as { method?: unknown; params?: unknown };
    const request =
      key.length <= keyLengthMax && key !== '__proto__' ? inputRequestOf(method, params) : undefined;
    if (request === undefined || found.length >= inputRequestsMax) return undefined;
    found.push([key, request]);
  }
  return Object.fromEntries(found);
}

/** An answer of the agent's side to this request, without members that MCP does not name; undefined: it is none. */
export function inputAnswerOf({ kind }: InputRequest, value: Json | undefined): JsonObject | undefined {
  if (!isJsonObject(value) || !bounded(value)) return undefined;
  const parsed = answerSchemas[kind].safeParse(value);
  return parsed.success ? (parsed.data as JsonObject) : undefined;
}

/** Those of the answers that answer something, each in its form. */
export function answersTo(asked: InputRequests, given: Readonly<Record<string, Json>>): InputAnswers {
  return Object.fromEntries(
    Object.entries(asked).flatMap(([key, request]) => {
      const answer = Object.hasOwn(given, key) ? inputAnswerOf(request, given[key]) : undefined;
      return answer === undefined ? [] : [[key, answer] as const];
    }),
  );
}

/** What a client declares (`ClientCapabilities`). */
export function offersOf(capabilities: JsonObject): ClientOffers {
  const { elicitation, sampling, roots, extensions } = capabilities;
  const form = isJsonObject(elicitation) && (Object.keys(elicitation).length === 0 || 'form' in elicitation);
  const asks: readonly (AskKind | false)[] = [
    form && 'elicitation',
    isJsonObject(sampling) && 'sampling',
    isJsonObject(roots) && 'roots',
  ];
  return {
    asks: asks.filter((kind) => kind !== false),
    url: isJsonObject(elicitation) && 'url' in elicitation,
    tasks: isJsonObject(extensions) && isJsonObject(extensions[tasksExtension]),
  };
}

/** The same, for the other side: what the gateway declares to a tool server. */
export function declared(kinds: readonly AskKind[]): JsonObject {
  const forms: Readonly<Record<AskKind, JsonObject>> = { elicitation: { form: {} }, sampling: {}, roots: {} };
  return Object.fromEntries(kinds.map((kind) => [kind, forms[kind]]));
}
