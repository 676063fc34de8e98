/**
 * Room: segmentation (S-1). What an MCP server offers besides tools, brought into the form in which tools are governed: a name, a
 * definition that is pinned by its digest, a schema of arguments. So everything that holds for a tool (discovery, quarantine, classification,
 * grants, limits, approvals, records) holds for a resource, a resource template and a prompt, without being written again.
 *
 * The kind stands in the name, before a colon that no tool's name can have: nothing can be offered under a tool's name but a tool. An action on a
 * template or a prompt is one of two operations, named by the argument that it has: `uri` or `arguments`, and `complete`.
 */
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import { governedNamePattern } from '../wire/words.ts';
import { isPlainUri, templateParts, templateVariables, uriLengthMax } from './resource-uri.ts';

export const offerKinds = ['resource', 'template', 'prompt'] as const;
export type OfferKind = (typeof offerKinds)[number];
export type Kind = 'tool' | OfferKind;

/** Characters of one argument of a prompt, and of a value to be completed. */
const argumentLengthMax = 65_536;
const argumentsMax = 100;

/** The kind that a governed name says. */
export function kindOf(name: string): Kind {
  return offerKinds.find((kind) => name.startsWith(`${kind}:`)) ?? 'tool';
}

export const governedName = (kind: OfferKind, name: string): string => `${kind}:${name}`;

/** The server's own name of what a governed name stands for: a tool's or prompt's name, a URI, a template. */
export function offeredName(name: string): string {
  const kind = kindOf(name);
  return kind === 'tool' ? name : name.slice(kind.length + 1);
}

/**
 * The governed definition of what a server listed, or undefined when it cannot be governed: no usable name or address. What says something
 * about the content of the moment (size, time of change) is left out, because content may change without anybody's acceptance.
 */
export function offerDefinition(kind: OfferKind, listed: JsonObject): JsonObject | undefined {
  const own = listed[{ resource: 'uri', template: 'uriTemplate', prompt: 'name' }[kind]];
  if (typeof own !== 'string' || !governedNamePattern.test(governedName(kind, own))) return undefined;
  if (kind === 'resource' && !isPlainUri(own)) return undefined;
  if (kind === 'template' && templateParts(own) === undefined) return undefined;
  const { title, description, size: _, ...rest } = listed;
  const inputSchema = schemaOf(kind, own, listed);
  if (inputSchema === undefined) return undefined;
  return {
    name: governedName(kind, own),
    kind,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    inputSchema,
    offered: withoutMoment(rest),
  };
}

/** The listing of a governed definition as a server would give it. */
export function listedOf(definition: JsonObject): JsonObject {
  const { title, description, offered } = definition;
  return {
    ...(isJsonObject(offered) ? offered : {}),
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
  };
}

function withoutMoment(listed: JsonObject): JsonObject {
  const { annotations } = listed;
  if (!isJsonObject(annotations)) return listed;
  const { lastModified: _, ...kept } = annotations;
  const { annotations: __, ...rest } = listed;
  return Object.keys(kept).length === 0 ? rest : { ...rest, annotations: kept };
}

const text = { type: 'string', maxLength: argumentLengthMax } as const;

function schemaOf(kind: OfferKind, own: string, listed: JsonObject): JsonObject | undefined {
  if (kind === 'resource') return operations({ uri: { const: own } });
  if (kind === 'template') {
    const uri = { type: 'string', maxLength: uriLengthMax };
    return operations({ uri, ...completion([...new Set(templateVariables(own))]) });
  }
  const given = argumentsOf(listed['arguments']);
  if (given === undefined) return undefined;
  const properties = Object.fromEntries(given.map(({ name }) => [name, text]));
  const required = given.filter((each) => each.required).map(({ name }) => name);
  const args = { type: 'object', properties, required, additionalProperties: false };
  return operations({ arguments: args, ...completion(given.map(({ name }) => name)) });
}

/** Exactly one operation at a time. */
const operations = (properties: JsonObject): JsonObject => ({
  type: 'object',
  properties,
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
});

function completion(names: readonly string[]): JsonObject {
  if (names.length === 0) return {};
  const argument = {
    type: 'object',
    properties: { name: { enum: [...names] }, value: text },
    required: ['name', 'value'],
    additionalProperties: false,
  };
  const context = { type: 'object', additionalProperties: text, maxProperties: argumentsMax };
  return {
    complete: {
      type: 'object',
      properties: { argument, context },
      required: ['argument'],
      additionalProperties: false,
    },
  };
}

/** The arguments that a prompt declares; undefined when the declaration cannot be read. */
function argumentsOf(
  declared: Json | undefined,
): readonly { readonly name: string; readonly required: boolean }[] | undefined {
  if (declared === undefined) return [];
  if (!Array.isArray(declared) || declared.length > argumentsMax) return undefined;
  const found = new Map<string, boolean>();
  for (const each of declared) {
    const name = isJsonObject(each) ? each['name'] : undefined;
    if (typeof name !== 'string' || name === '' || name.length > 128 || found.has(name)) return undefined;
    if (name === '__proto__') return undefined;
    found.set(name, isJsonObject(each) && each['required'] === true);
  }
  return [...found].map(([name, required]) => ({ name, required }));
}
