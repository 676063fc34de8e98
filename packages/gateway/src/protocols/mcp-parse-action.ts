/**
 * The requests that become one governed action: a tool is called, a resource read, a prompt got, an argument completed (data D-1). Form only; which
 * registered thing it is, and whether there is one, the pipeline finds out.
 */
import type { Kind } from '@atf/core/segmentation/offer';
import { canonicalJson, isJsonObject, type JsonObject } from '@atf/core/wire/json';
import { badParams } from './mcp-refuse.ts';
import { lengthsMax, modernVersion } from './mcp-wire.ts';
import type { ClientInfo, Era, ParsedRequest, ProtocolRefusal, RequestId } from './protocol.ts';

export type Asked = {
  readonly era: Era;
  readonly serverName: string;
  readonly id: RequestId;
  readonly progressToken?: RequestId;
  readonly clientInfo?: ClientInfo;
};

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

function toolsCall(params: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  const { name, requestState } = params;
  // Elder SDKs refuse a call without arguments: an omitted member becomes the empty object for good.
  const args = Object.hasOwn(params, 'arguments') ? params.arguments : {};
  if (typeof name !== 'string' || name === '' || name.length > lengthsMax.toolName) {
    return badParams(asked.id, 'The name of the tool must be a string of 1 to 128 characters.');
  }
  if (!isJsonObject(args)) return badParams(asked.id, 'The arguments must be an object.');
  if (
    requestState !== undefined &&
    (typeof requestState !== 'string' || requestState.length > lengthsMax.requestState)
  ) {
    return badParams(asked.id, 'The requestState must be a string.');
  }
  const argsBytes = new TextEncoder().encode(canonicalJson(args));
  return {
    ...asked,
    kind: 'tools_call',
    toolName: name,
    args,
    argsBytes,
    ...(requestState === undefined || asked.era !== modernVersion ? {} : { requestState }),
  };
}

function resourcesRead({ uri }: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  return typeof uri === 'string' && uri !== '' && uri.length <= lengthsMax.uri
    ? { ...asked, kind: 'resources_read', uri }
    : badParams(asked.id, `The uri must be a string of 1 to ${lengthsMax.uri} characters.`);
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
