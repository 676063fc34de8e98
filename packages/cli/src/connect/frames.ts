/**
 * What the shim must read of a JSON-RPC message to carry it: its method, id, and the names that the Streamable HTTP headers of
 * 2026-07-28 repeat. The bytes themselves are passed on as they came; nothing here changes them.
 */
import { isJsonObject, type JsonObject, parseStrictText } from '@atf/core/wire/json';

export const frameBytesMax = 4 * 1_048_576;
const frameBounds = { bytesMax: frameBytesMax, depthMax: 64, valuesMax: 200_000 };

export interface Frame {
  readonly id: string | number | undefined;
  readonly method: string | undefined;
  readonly params: JsonObject;
  /** Protocol version that the message itself names (2026-07-28 and later). */
  readonly version: string | undefined;
}

const versionKey = 'io.modelcontextprotocol/protocolVersion';

/** Undefined when it is not one JSON object of JSON-RPC. */
export function readFrame(text: string): Frame | undefined {
  const parsed = parseStrictText(text, frameBounds);
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined;
  const { id, method, params } = parsed.value;
  const meta = isJsonObject(params) && isJsonObject(params._meta) ? params._meta : {};
  const version = meta[versionKey];
  return {
    id: typeof id === 'string' || typeof id === 'number' ? id : undefined,
    method: typeof method === 'string' ? method : undefined,
    params: isJsonObject(params) ? params : {},
    version: typeof version === 'string' ? version : undefined,
  };
}

/** Headers that a client must send beside this message, and that the gateway compares with it. */
export function headersFor(frame: Frame, negotiated: string | undefined): Record<string, string> {
  const version = frame.version ?? negotiated;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
  };
  if (frame.version === undefined || frame.method === undefined) return headers;
  headers['mcp-method'] = frame.method;
  const name = nameOf(frame);
  if (name !== undefined) headers['mcp-name'] = encodeHeader(name);
  return headers;
}

function nameOf({ method, params }: Frame): string | undefined {
  const value =
    method === 'resources/read'
      ? params.uri
      : method === 'tools/call' || method === 'prompts/get'
        ? params.name
        : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** Header values are printable ASCII without outer blanks; anything else goes as Base64 (MCP 2026-07-28, Streamable HTTP). */
function encodeHeader(value: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !/^=\?base64\?.*\?=$/.test(value))
    return value;
  return `=?base64?${Buffer.from(value).toString('base64')}?=`;
}

/** An error answer of the shim itself, for a message that could not be carried. */
export function errorFrame(id: string | number | undefined, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id: id ?? null, error: { code: -32_000, message } });
}
