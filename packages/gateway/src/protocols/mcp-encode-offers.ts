/**
 * Lists of what a server offers, and the answers to reading a resource, getting a prompt and completing an argument. Such answers have no error
 * mark as a tool's result has, so a refusal is a JSON-RPC error that carries the same words and facts.
 */
import { kindOf, type Kind, listedOf, offeredName } from '@atf/core/segmentation/offer';
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import { isBuiltIn } from '../built-in-tools.ts';
import { answer, atfOf, failure, notCacheable, present, refusalWords } from './mcp-encode.ts';
import { handshakeVersion, modernVersion, rpcCodes } from './mcp-wire.ts';
import type {
  ActionRequest,
  EncodedResponse,
  Era,
  ListRequest,
  RefusalFacts,
  ResultFacts,
  SubscribeRequest,
  ToolDefinition,
  ToolResult,
  ToolsCallRequest,
} from './protocol.ts';

/** Of one kind. */
export const offersPerPageMax = 200;

const listMember: Readonly<Record<Kind, string>> = {
  tool: 'tools',
  resource: 'resources',
  template: 'resourceTemplates',
  prompt: 'prompts',
};

/**
 * One page of what this credential may see, by name. The cursor names the last thing of the page before, so that a list that changes
 * meanwhile neither repeats nor loses any. What is hidden here is refused elsewhere.
 */
export function encodeList(request: ListRequest, offers: readonly ToolDefinition[]): EncodedResponse {
  const { offered, era } = request;
  const after = request.cursor === undefined ? '' : Buffer.from(request.cursor, 'base64url').toString('utf8');
  const rest = offers.filter(({ name }) => name > after).sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = rest.slice(0, offersPerPageMax);
  const last = page.at(-1);
  return answer(request, {
    [listMember[offered]]: page.map((one) =>
      offered === 'tool' ? projectTool(one, era) : projectOffer(one),
    ),
    ...(last !== undefined && rest.length > page.length
      ? { nextCursor: Buffer.from(last.name).toString('base64url') }
      : {}),
    ...(era === modernVersion ? notCacheable : {}),
  });
}

/** A result of a resource, a prompt or a completion that was inspected and may leave. */
export function encodeOfferResult(
  request: Exclude<ActionRequest, ToolsCallRequest>,
  result: ToolResult,
  facts: ResultFacts,
): EncodedResponse {
  const _meta = { atf: atfOf(facts) };
  if (request.kind === 'resources_read') {
    const contents = result.content.flatMap(({ resource }) => (isJsonObject(resource) ? [resource] : []));
    return answer(request, {
      contents: contents.map(projectContents),
      ...(request.era === modernVersion ? notCacheable : {}),
      _meta,
    });
  }
  return answer(request, {
    ...(isJsonObject(result.structuredContent) ? result.structuredContent : {}),
    _meta,
  });
}

/** The same words as for a tool, in the message of an error; the facts are its data. */
export function encodeOfferRefusal(
  request: ActionRequest | SubscribeRequest,
  facts: RefusalFacts,
): EncodedResponse {
  const { lines, atf } = refusalWords(facts);
  const missing = facts.refusal.code === 'segmentation.tool_unknown';
  const code = !missing
    ? rpcCodes.refused
    : 'uri' in request && request.era === handshakeVersion
      ? rpcCodes.resourceNotFound
      : rpcCodes.invalidParams;
  return failure(request.id, 200, code, lines.join(' '), {
    atf,
    ...(missing && 'uri' in request ? { uri: request.uri } : {}),
  });
}

/** Members of a definition that agents see. Icons would let a tool server learn who looks; `_meta` is not inspected. */
function projectTool(tool: ToolDefinition, era: Era): JsonObject {
  const { name, title, description, inputSchema, outputSchema, annotations } = tool;
  // Before 2026-07-28 an output schema describes an object.
  const outputServed =
    outputSchema !== undefined && (era === modernVersion || outputSchema.type === 'object');
  return present({
    name,
    title,
    description,
    inputSchema: withoutHeaderMarks(inputSchema) as JsonObject,
    outputSchema: outputServed ? outputSchema : undefined,
    annotations,
    // What the server itself says of tasks does not travel: the gateway asks it for none, and gives its own.
    execution: era === handshakeVersion && !isBuiltIn(name) ? { taskSupport: 'optional' } : undefined,
  });
}

/**
 * Removes `x-mcp-header`: arguments count where they are digested, in the body, so clients need not repeat them in headers.
 */
function withoutHeaderMarks(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(withoutHeaderMarks);
  if (!isJsonObject(schema)) return schema;
  const kept = Object.entries(schema).filter(
    ([key, value]) => key !== 'x-mcp-header' || typeof value !== 'string',
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutHeaderMarks(value)]));
}

/** Only what the specification names, under the server's own name. */
function projectOffer(definition: ToolDefinition): JsonObject {
  const listed = listedOf(definition as unknown as JsonObject);
  const own = offeredName(definition.name);
  const { name, title, description, mimeType, annotations, arguments: args } = listed;
  switch (kindOf(definition.name)) {
    case 'prompt':
      return present({ name: own, title, description, arguments: args });
    case 'template':
      return present({ uriTemplate: own, name: name ?? own, title, description, mimeType, annotations });
    default:
      return present({ uri: own, name: name ?? own, title, description, mimeType, annotations });
  }
}

function projectContents({ uri, mimeType, text, blob }: JsonObject): JsonObject {
  return present({ uri, mimeType, text, blob });
}
