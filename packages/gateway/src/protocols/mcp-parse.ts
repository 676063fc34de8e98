/**
 * From bytes of an agent to one governed request (data D-1, segmentation S-2). Two protocol eras arrive on one address:
 * 2025-11-25 and its elders (handshake, no required headers) and 2026-07-28 (an envelope in every body, headers that
 * repeat it). The body alone decides the era; headers are cross-checked, never believed.
 *
 * A check is one small function that returns a refusal or nothing; `parseAgentRequest` is their order. It does not
 * authenticate, does not look anything up, and never repairs a message.
 */
import type { Kind } from '@atf/core/segmentation/offer';
import {
  isJsonObject,
  type Json,
  type JsonBounds,
  type JsonObject,
  type JsonProblem,
  parseStrict,
} from '@atf/core/wire/json';
import {
  handshakeVersion,
  handshakeVersions,
  lengthsMax,
  metaKeys,
  modernVersion,
  rpcCodes,
  servedVersions,
  serverNameOf,
} from './mcp-wire.ts';
import {
  badParams,
  invalid,
  mismatch,
  no,
  type Outcome,
  refuse,
  versionUnsupported,
  yes,
} from './mcp-refuse.ts';
import { offersOf } from './mcp-input.ts';
import { logLevelOf } from './mcp-log.ts';
import { listMethods, parseAction, parseSubscription } from './mcp-parse-action.ts';
import { answersOf, parseTask } from './mcp-parse-task.ts';
import type {
  Asked,
  ClientInfo,
  Era,
  ParsedRequest,
  ProtocolRefusal,
  RawRequest,
  RequestId,
} from './protocol.ts';

export type ParseOptions = {
  readonly bounds: JsonBounds;
  /** Values of `Origin` that may call. A request with another one comes from a web page and is refused (DNS rebinding). */
  readonly originsAllowed: readonly string[];
};

export const parseOptionsDefault: ParseOptions = {
  bounds: { bytesMax: 1_048_576, depthMax: 32, valuesMax: 50_000 },
  originsAllowed: [],
};

/** A JSON-RPC message whose outer form is right. */
type Message = {
  readonly method: string;
  readonly id: RequestId | undefined;
  readonly params: JsonObject;
  readonly meta: JsonObject;
  /** Of an answer: it is an error. */
  readonly failed?: boolean;
};

/** Stands for the method of a message that has none; no method is named so. */
const answered = '';

/**
 * Reads one POST of Streamable HTTP. Returns the request, or the refusal that is to be answered.
 * Sources: MCP 2025-11-25 basic/transports; MCP 2026-07-28 basic/transports and its standard request headers; JSON-RPC 2.0.
 */
export function parseAgentRequest(
  raw: RawRequest,
  options: ParseOptions = parseOptionsDefault,
): ParsedRequest | ProtocolRefusal {
  const serverName = serverNameOf(raw.url);
  if (serverName === undefined)
    return refuse('request.not_found', 404, rpcCodes.invalidRequest, 'Tool servers are at /mcp/<server>.');
  const edge = checkEdge(raw, options);
  if (edge !== undefined) return edge;
  const read = readMessage(raw.body, options.bounds);
  if (!read.ok) return read.refusal;
  const message = read.value;
  if (message.method === answered) return answerOf(raw, message, serverName);
  const era = eraOf(raw, message);
  if (!era.ok) return era.refusal;
  const headers = checkHeaders(raw, message, era.value);
  if (headers !== undefined) return headers;
  if (message.id === undefined) return notification(message, era.value, serverName);
  return request(message, message.id, era.value, serverName);
}

function checkEdge(raw: RawRequest, options: ParseOptions): ProtocolRefusal | undefined {
  if (raw.method !== 'POST') {
    return {
      ...refuse(
        'request.method_not_allowed',
        405,
        rpcCodes.refused,
        'Only POST, and GET for a stream, are served here.',
      ),
      headers: { allow: 'POST, GET' },
    };
  }
  const origin = refusedOrigin(raw, options);
  if (origin !== undefined) return origin;
  if (
    !/^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*$/i.test(header(raw, 'content-type') ?? '')
  ) {
    return refuse(
      'request.media_type_unsupported',
      415,
      rpcCodes.invalidRequest,
      'The content type must be application/json in UTF-8.',
    );
  }
  if (header(raw, 'content-encoding') !== undefined) {
    return refuse(
      'request.media_type_unsupported',
      415,
      rpcCodes.invalidRequest,
      'Encoded content is not accepted.',
    );
  }
  const accept = header(raw, 'accept');
  if (accept !== undefined && !/(?:application\/json|application\/\*|\*\/\*)/i.test(accept)) {
    return refuse(
      'request.media_type_unsupported',
      406,
      rpcCodes.invalidRequest,
      'Answers are application/json.',
    );
  }
  return undefined;
}

/** A page of elsewhere calls. */
export function refusedOrigin(
  raw: RawRequest,
  { originsAllowed }: ParseOptions = parseOptionsDefault,
): ProtocolRefusal | undefined {
  const origin = header(raw, 'origin');
  return origin === undefined || originsAllowed.includes(origin)
    ? undefined
    : refuse('request.origin_refused', 403, rpcCodes.invalidRequest, 'This Origin is not allowed.');
}

const problems: Record<JsonProblem, string> = {
  too_large: 'The body is larger than allowed.',
  too_deep: 'The JSON is nested deeper than allowed.',
  too_many_values: 'The JSON holds more values than allowed.',
  invalid_utf8: 'The body is not valid UTF-8.',
  syntax: 'The body is not valid JSON.',
  duplicate_key: 'The JSON holds the same key twice.',
  forbidden_key: 'The JSON holds a key that is not allowed.',
  unsafe_number: 'The JSON holds a number that cannot be represented exactly.',
};
const membersAllowed: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params']);

function readMessage(body: Uint8Array, bounds: JsonBounds): Outcome<Message> {
  const parsed = parseStrict(body, bounds);
  if (!parsed.ok) {
    const code = parsed.problem === 'too_large' ? 'request.too_large' : 'request.malformed';
    const bound = code === 'request.too_large' ? ` It may have ${bounds.bytesMax} bytes.` : '';
    return no(
      refuse(
        code,
        code === 'request.too_large' ? 413 : 400,
        rpcCodes.parseError,
        `${problems[parsed.problem]}${bound}`,
      ),
    );
  }
  const value = parsed.value;
  if (Array.isArray(value))
    return no(refuse('request.batch_refused', 400, rpcCodes.invalidRequest, 'Send one message per request.'));
  if (!isJsonObject(value)) return invalid('The body is not a JSON-RPC message.', null);
  const id = requestIdOf(value.id) ?? null;
  if (value.jsonrpc !== '2.0') return invalid('The member jsonrpc must be "2.0".', id);
  if (Object.hasOwn(value, 'id') && id === null)
    return invalid('The id must be a string or an integer.', null);
  if (!Object.hasOwn(value, 'method')) return answerMessage(value, id);
  const { method, params = {} } = value;
  if (typeof method !== 'string' || method === '' || method.length > lengthsMax.method)
    return invalid('The method must be a short string.', id);
  if (Object.keys(value).some((key) => !membersAllowed.has(key)))
    return invalid('The message holds members that JSON-RPC does not know.', id);
  if (!isJsonObject(params)) return invalid('The params must be an object.', id);
  const meta = Object.hasOwn(params, '_meta') ? params._meta : {};
  if (!isJsonObject(meta)) return no(badParams(id, 'The member _meta must be an object.', 'envelope'));
  return yes({ method, id: id ?? undefined, params, meta });
}

/** A JSON-RPC response: to what the gateway asked on a stream. */
function answerMessage(value: JsonObject, id: RequestId | null): Outcome<Message> {
  const { result, error } = value;
  const formed = (result === undefined) !== (error === undefined) && isJsonObject(result ?? error);
  if (id === null || !formed) return invalid('The body is neither a request nor an answer.', id);
  return yes({
    method: answered,
    id,
    params: isJsonObject(result) ? result : {},
    meta: {},
    failed: error !== undefined,
  });
}

/**
 * The envelope in the body decides (2026-07-28: "body-primary"); a header that says otherwise is a mismatch, and a modern
 * header without an envelope is incomplete, never served as something older.
 */
function eraOf(raw: RawRequest, message: Message): Outcome<Era> {
  const named = header(raw, 'mcp-protocol-version');
  const id = message.id ?? null;
  if (Object.hasOwn(message.meta, metaKeys.protocolVersion)) {
    const claimed = message.meta[metaKeys.protocolVersion];
    if (typeof claimed !== 'string')
      return no(badParams(id, `${metaKeys.protocolVersion} must be a string.`, 'envelope'));
    if (named !== undefined && named !== claimed)
      return no(mismatch(id, 'MCP-Protocol-Version differs from the version in the body.'));
    if (claimed !== modernVersion) return no(versionUnsupported(id, claimed, [modernVersion]));
    if (message.id !== undefined && !isJsonObject(message.meta[metaKeys.clientCapabilities])) {
      return no(badParams(id, `${metaKeys.clientCapabilities} must be an object.`, 'envelope'));
    }
    return yes(modernVersion);
  }
  if (named === modernVersion) {
    if (message.id === undefined) return yes(modernVersion);
    if (message.method === 'initialize')
      return no(mismatch(id, 'initialize does not exist in the version that MCP-Protocol-Version names.'));
    return no(badParams(id, `The member _meta must hold ${metaKeys.protocolVersion}.`, 'envelope'));
  }
  if (named !== undefined && !handshakeVersions.includes(named))
    return no(versionUnsupported(id, named, servedVersions));
  return yes(handshakeVersion);
}

/** Methods whose header Mcp-Name repeats a member of the params (2026-07-28). */
const namedBy: ReadonlyMap<string, 'name' | 'uri' | 'taskId'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
] as const);

/** Standard request headers of 2026-07-28. Elder clients send none; if they do, they must be right as well. */
function checkHeaders(raw: RawRequest, message: Message, era: Era): ProtocolRefusal | undefined {
  const id = message.id ?? null;
  const required = era === modernVersion && message.id !== undefined;
  if (required && header(raw, 'mcp-protocol-version') === undefined)
    return mismatch(id, 'The header MCP-Protocol-Version is missing.');
  const method = header(raw, 'mcp-method');
  if (required && method === undefined) return mismatch(id, 'The header Mcp-Method is missing.');
  if (method !== undefined && method !== message.method)
    return mismatch(id, 'Mcp-Method differs from the method in the body.');
  const name = header(raw, 'mcp-name');
  const member = namedBy.get(message.method);
  const named = member === undefined ? undefined : message.params[member];
  const nameInBody = typeof named === 'string' ? named : undefined;
  if (required && nameInBody !== undefined && name === undefined)
    return mismatch(id, 'The header Mcp-Name is missing.');
  if (name !== undefined && member !== undefined && decodeHeaderValue(name) !== nameInBody) {
    return mismatch(id, 'Mcp-Name differs from the name in the body.');
  }
  return undefined;
}

/** Only the elder revisions have answers of clients; 2026-07-28 sends them within the request that is tried again. */
function answerOf(
  raw: RawRequest,
  { id = 0, params, failed }: Message,
  serverName: string,
): ParsedRequest | ProtocolRefusal {
  const named = header(raw, 'mcp-protocol-version');
  if (named !== undefined && !handshakeVersions.includes(named))
    return { ...badParams(null, 'This version has no answers to servers.', 'envelope'), id };
  return {
    kind: 'answer',
    era: handshakeVersion,
    serverName,
    answers: id,
    result: failed === true ? undefined : params,
  };
}

function notification(message: Message, era: Era, serverName: string): ParsedRequest | ProtocolRefusal {
  if (message.method !== 'notifications/cancelled')
    return { kind: 'notification', era, serverName, method: message.method };
  const requestId = requestIdOf(message.params.requestId);
  if (requestId === undefined) return badParams(null, 'A cancellation must name a requestId.');
  return { kind: 'cancelled', era, serverName, requestId };
}

function request(
  message: Message,
  id: RequestId,
  era: Era,
  serverName: string,
): ParsedRequest | ProtocolRefusal {
  const progressToken = requestIdOf(message.meta.progressToken);
  const clientInfo = clientInfoOf(
    era === modernVersion ? message.meta[metaKeys.clientInfo] : message.params.clientInfo,
  );
  const { params } = message;
  const retry = era === modernVersion ? retryOf(params, id) : yes(undefined);
  if (!retry.ok) return retry.refusal;
  const asked = {
    era,
    serverName,
    id,
    ...(progressToken === undefined ? {} : { progressToken }),
    ...(clientInfo === undefined ? {} : { clientInfo }),
    ...(era === modernVersion ? modernFacts(message.meta) : {}),
    ...(retry.value === undefined ? {} : { retry: retry.value }),
  };
  const offered = listMethods.get(message.method);
  if (offered !== undefined) return listed(params, offered, asked);
  const action = parseAction(message.method, params, asked);
  if (action !== undefined) return action;
  switch (message.method) {
    case 'server/discover':
      if (era === modernVersion) return { ...asked, kind: 'discover' };
      break;
    case 'ping':
      if (era === handshakeVersion) return { ...asked, kind: 'ping' };
      break;
    case 'initialize':
      if (era === handshakeVersion) return initialize(params, asked);
      break;
    default: {
      const about =
        parseSubscription(message.method, params, asked) ?? parseTask(message.method, params, asked);
      if (about !== undefined) return about;
    }
  }
  // Revision 2026-07-28 asks for 404; elder clients read a JSON-RPC error only from a 200.
  const status = era === modernVersion ? 404 : 200;
  const problem = {
    ...refuse(
      'request.method_refused',
      status,
      rpcCodes.methodNotFound,
      'This method is not governed here, and nothing ungoverned is passed on.',
    ),
    id,
  };
  return { ...asked, kind: 'unsupported', method: message.method, problem };
}

function listed(params: JsonObject, offered: Kind, asked: Asked): ParsedRequest | ProtocolRefusal {
  const { cursor } = params;
  if (cursor === undefined) return { ...asked, kind: 'list', offered };
  return typeof cursor === 'string' && cursor.length <= lengthsMax.cursor
    ? { ...asked, kind: 'list', offered, cursor }
    : badParams(asked.id, 'The cursor must be a short string.');
}

function initialize(params: JsonObject, asked: Asked): ParsedRequest | ProtocolRefusal {
  const { protocolVersion } = params;
  if (typeof protocolVersion !== 'string' || protocolVersion.length > lengthsMax.method) {
    return badParams(asked.id, 'The protocolVersion must be a string.');
  }
  const served = handshakeVersions.includes(protocolVersion) ? protocolVersion : handshakeVersion;
  const offers = offersOf(isJsonObject(params.capabilities) ? params.capabilities : {});
  return { ...asked, kind: 'initialize', requestedVersion: protocolVersion, protocolVersion: served, offers };
}

/** What a message of 2026-07-28 says in its envelope instead of in a handshake. */
function modernFacts(meta: JsonObject): Pick<Asked, 'offers' | 'logLevel'> {
  const capabilities = meta[metaKeys.clientCapabilities];
  const logLevel = logLevelOf(meta[metaKeys.logLevel]);
  return {
    offers: offersOf(isJsonObject(capabilities) ? capabilities : {}),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

/** Answers may come without a state, ahead of the question. */
function retryOf(
  { requestState: state, inputResponses }: JsonObject,
  id: RequestId,
): Outcome<Asked['retry']> {
  const answers = answersOf(inputResponses);
  if (answers === undefined) return no(badParams(id, 'The inputResponses must be an object of objects.'));
  if (state === undefined) return yes(Object.keys(answers).length === 0 ? undefined : { answers });
  if (typeof state !== 'string' || state.length > lengthsMax.requestState)
    return no(badParams(id, 'The requestState must be a string.'));
  return yes({ state, answers });
}

function requestIdOf(value: Json | undefined): RequestId | undefined {
  if (typeof value === 'string') return value.length <= lengthsMax.id ? value : undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function clientInfoOf(value: Json | undefined): ClientInfo | undefined {
  if (!isJsonObject(value)) return undefined;
  const { name, version } = value;
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  return name.length <= lengthsMax.clientInfo && version.length <= lengthsMax.clientInfo
    ? { name, version }
    : undefined;
}

/** One value, without the optional white space around it (RFC 9110 §5.5). A header sent twice arrives joined and matches nothing. */
function header(raw: RawRequest, name: string): string | undefined {
  const value = raw.headers[name];
  const joined = typeof value === 'string' || value === undefined ? value : value.join(', ');
  return joined?.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** Header values that ASCII cannot carry are sent as `=?base64?…?=` over UTF-8 (2026-07-28, value encoding). */
function decodeHeaderValue(value: string): string | undefined {
  const encoded = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value)?.[1];
  if (encoded === undefined) return value;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
