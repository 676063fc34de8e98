/**
 * The requests that become one governed action: a tool is called, a resource read, a prompt got, an argument completed (data D-1). Form only; which
 * registered thing it is, and whether there is one, the pipeline finds out.
 */
import type { Kind } from '@atf/core/segmentation/offer';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import { badParams } from './mcp-refuse.ts';
import { logLevelOf } from './mcp-log.ts';
import { lengthsMax, modernVersion } from './mcp-wire.ts';
import type { Asked, ParsedRequest, ProtocolRefusal, RequestId } from './protocol.ts';

/** Methods that list, and what they list. */
export const listMethods: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['tools/list', 'tool'],
  ['resources/list', 'resource'],
  ['resources/templates/list', 'template'],
  ['prompts/list', 'prompt'],
]);

/** Undefined: the method is no action. */
export function parseAction(
  method: string,
  params: JsonObject,
  asked: Asked,
): ParsedRequest | ProtocolRefusal | undefined {
  switch (method) {
    case 'tools/call':
      return toolsCall(params, asked);
    case 'resources/read':
      return resourcesRead(params, asked);
    case 'prompts/get':
      return promptsGet(params, asked);
    case 'completion/complete':
      return complete(params, asked);
    default:
      return undefined;
  }
}

/** Logging and subscriptions, each in the revision that has it. Undefined: none of them. */
export function parseSubscription(
  method: string,
  params: JsonObject,
  asked: Asked,
): ParsedRequest | ProtocolRefusal | undefined {
  const modern = asked.era === modernVersion;
  if (method === 'logging/setLevel' && !modern) {
    const level = logLevelOf(params.level);
    return level === undefined
      ? badParams(asked.id, 'The level must be one of MCP.')
      : { ...asked, kind: 'set_level', level };
  }
  if ((method === 'resources/subscribe' || method === 'resources/unsubscribe') && !modern) {
    const kind = method === 'resources/subscribe' ? 'subscribe' : 'unsubscribe';
    const { uri } = params;
    return isUri(uri) ? { ...asked, kind, uri } : badUri(asked.id);
  }
  return method === 'subscriptions/listen' && modern ? listen(params, asked) : undefined;
}

function listen({ notifications }: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  if (!isJsonObject(notifications)) return badParams(asked.id, 'The notifications must be an object.');
  const { resourceSubscriptions: uris = [] } = notifications;
  if (!Array.isArray(uris) || uris.length > urisMax || !uris.every(isUri))
    return badParams(asked.id, `The resourceSubscriptions must be a list of at most ${urisMax} uris.`);
  const lists = offeredLists.filter((list) => notifications[`${list}ListChanged`] === true);
  return { ...asked, kind: 'listen', lists, uris };
}

const offeredLists = ['tools', 'resources', 'prompts'] as const;
/** Of one stream. */
const urisMax = 50;
const isUri = (uri: Json | undefined): uri is string =>
  typeof uri === 'string' && uri !== '' && uri.length <= lengthsMax.uri;
const badUri = (id: RequestId): ProtocolRefusal =>
  badParams(id, `The uri must be a string of 1 to ${lengthsMax.uri} characters.`);

function toolsCall(params: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  const { name } = params;
  // Elder SDKs refuse a call without arguments: an omitted member becomes the empty object for good.
  const args = Object.hasOwn(params, 'arguments') ? params.arguments : {};
  if (typeof name !== 'string' || name === '' || name.length > lengthsMax.toolName) {
    return badParams(asked.id, 'The name of the tool must be a string of 1 to 128 characters.');
  }
  if (!isJsonObject(args)) return badParams(asked.id, 'The arguments must be an object.');
  // 2026-07-28 has no such member, and its servers pass over it.
  const asTask = asked.era !== modernVersion && params.task !== undefined;
  if (asTask && !isJsonObject(params.task)) return badParams(asked.id, 'The task must be an object.');
  const argsBytes = new TextEncoder().encode(canonicalJson(args));
  return {
    ...asked,
    kind: 'tools_call',
    toolName: name,
    args,
    argsBytes,
    ...(asTask ? { asTask } : {}),
  };
}

function resourcesRead({ uri }: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  return isUri(uri) ? { ...asked, kind: 'resources_read', uri } : badUri(asked.id);
}

function promptsGet(params: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  const { name } = params;
  const args = Object.hasOwn(params, 'arguments') ? params.arguments : {};
  if (typeof name !== 'string' || name === '' || name.length > lengthsMax.toolName)
    return badParams(asked.id, 'The name of the prompt must be a string of 1 to 128 characters.');
  if (!isJsonObject(args)) return badParams(asked.id, 'The arguments must be an object.');
  return { ...asked, kind: 'prompts_get', prompt: name, args };
}

function complete(params: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  const { ref, argument, context } = params;
  if (!isJsonObject(ref) || !isJsonObject(argument))
    return badParams(asked.id, 'The ref and the argument must be objects.');
  const known = isJsonObject(context) && isJsonObject(context.arguments) ? context.arguments : undefined;
  if (context !== undefined && known === undefined && !isJsonObject(context))
    return badParams(asked.id, 'The context must be an object.');
  const name = ref.type === 'ref/prompt' ? ref.name : ref.type === 'ref/resource' ? ref.uri : undefined;
  if (typeof name !== 'string' || name === '' || name.length > lengthsMax.uri)
    return badParams(asked.id, 'The ref must name a prompt or a resource template.');
  return {
    ...asked,
    kind: 'complete',
    of: { kind: ref.type === 'ref/prompt' ? 'prompt' : 'template', name },
    complete: { argument, ...(known === undefined ? {} : { context: known }) },
  };
}
