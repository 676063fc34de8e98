/**
 * Plain HTTP at the front door (D-1, S-1): an agent's own request to a service (`/http/<server>/…`) becomes one operation and its arguments, or is refused. What
 * was sent is read once, strictly, and never passed on as it is; the answer is written from the result that was inspected.
 */
import { problemOf, type Refusal, refusal } from '@atf/core/errors';
import { type HttpOperation, isReservedHeader } from '@atf/core/segmentation/http-operation';
import { type Operation, OperationIndex, readArguments, readFields } from '@atf/core/segmentation/http-match';
import { isJsonObject, type Json, type JsonObject, parseStrict } from '@atf/core/wire/json';
import { namePattern } from '@atf/core/wire/words';
import type { CallAnswer } from '../answers.ts';
import type { AnswerHead } from './http-answer.ts';
import { announced } from './http-upload.ts';
import type { EncodedResponse, RefusalFacts } from './protocol.ts';

export const httpPrefix = '/http/';
const bodyBounds = { bytesMax: 1_048_576, depthMax: 32, valuesMax: 50_000 };
const retryAfterSeconds = 5;

export interface Addressed {
  readonly server: string;
  /** Path below the service's address, as it came, without its query. */
  readonly path: string;
  readonly query: string | undefined;
}

/** Which service a request line names; undefined: none. */
export function serviceAddress(url: string): Addressed | undefined {
  const [, server = '', path = '', , query] =
    /^\/http\/([^/?#]{1,64})(\/[^?#]*)(\?([^#]*))?$/.exec(url) ?? [];
  return namePattern.test(server) ? { server, path, query } : undefined;
}

export interface Asked {
  readonly method: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly address: Addressed;
}

export type Understood<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

const malformed = (detail: string): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal: refusal('request.malformed', detail),
});

export interface Understanding {
  readonly operation: Operation;
  readonly path: ReadonlyMap<string, string>;
}

/** The operation that a request means; undefined: none of the service's. */
export function understand(
  index: OperationIndex,
  { method, address }: Asked,
): Understood<Understanding | undefined> {
  const matched = index.match(method, address.path);
  if (matched.kind === 'unreadable') return malformed('The path can be read in more than one way.');
  return { ok: true, value: matched.kind === 'operation' ? matched : undefined };
}

/** Single values by name in lower case; undefined: a header came twice that counts once. */
function singleHeaders(
  rawHeaders: readonly string[],
  operation: HttpOperation,
): Map<string, string> | undefined {
  const counted = new Set(
    operation.parameters.flatMap((each) => (each.in === 'header' ? [each.name.toLowerCase()] : [])),
  );
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (!counted.has(name) && !framing.has(name)) continue;
    if (values.has(name)) return undefined;
    values.set(name, rawHeaders[at + 1] ?? '');
  }
  return values;
}
const framing: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'dpop',
  'content-type',
  'content-length',
  'content-encoding',
  'content-digest',
  'transfer-encoding',
]);

/** Whether the bytes of a request go to the service while they come: it then says what they are. */
export function isUpload({ operation }: Understanding, contentDigest: string | undefined): boolean {
  return operation.http.body?.form === 'bytes' && contentDigest !== undefined;
}

/** The arguments of a request whose body is here whole, or says what it is. */
export function argumentsOf(
  { operation, path }: Understanding,
  asked: Asked,
  body: Uint8Array | 'upload',
): Understood<JsonObject> {
  const { http } = operation;
  const headers = singleHeaders(asked.rawHeaders, http);
  if (headers === undefined) return malformed('A header comes more than once.');
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    return {
      ok: false,
      refusal: refusal('request.media_type_unsupported', 'The body must not be compressed.'),
    };
  const content = contentOf(http, headers, body);
  if (!content.ok) return content;
  const read = readArguments(http, {
    path,
    query: asked.address.query,
    header: (name) => (isReservedHeader(name) ? undefined : headers.get(name)),
    body: content.value,
  });
  return read.ok ? { ok: true, value: read.args } : malformed(read.problem);
}

function contentOf(
  { body }: HttpOperation,
  headers: ReadonlyMap<string, string>,
  bytes: Uint8Array | 'upload',
): Understood<Json | undefined> {
  if (bytes !== 'upload' && bytes.byteLength === 0) return { ok: true, value: undefined };
  if (body === undefined) return malformed('body: the operation takes none');
  const [type = '', ...parameters] = (headers.get('content-type') ?? '')
    .split(';')
    .map((each) => each.trim().toLowerCase());
  const isUtf8 = parameters.every(
    (each) => !each.startsWith('charset=') || /^charset="?utf-?8"?$/.test(each),
  );
  if (type !== body.type || !isUtf8)
    return {
      ok: false,
      refusal: refusal('request.media_type_unsupported', `The body of this operation is ${body.type}.`),
    };
  if (bytes === 'upload') {
    const upload = announced(headers.get('content-digest') ?? '', headers.get('content-length'));
    return upload === undefined
      ? malformed('An upload needs Content-Length and Content-Digest: sha-256=:BASE64:')
      : { ok: true, value: { ...upload } };
  }
  switch (body.form) {
    case 'json': {
      const parsed = parseStrict(bytes, bodyBounds);
      return parsed.ok
        ? { ok: true, value: parsed.value }
        : malformed(`body: JSON: ${parsed.problem} at ${parsed.offset}`);
    }
    case 'fields': {
      const fields = readFields(Buffer.from(bytes).toString('latin1'));
      return fields === undefined
        ? malformed('body: its fields cannot be read in one way')
        : { ok: true, value: fields };
    }
    case 'text':
      try {
        return { ok: true, value: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
      } catch {
        return malformed('body: it is not UTF-8');
      }
    case 'bytes':
      return { ok: true, value: Buffer.from(bytes).toString('base64') };
  }
}

const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;
export const actionHeader = 'atf-action';

/** The answer to a call, as HTTP. Not for a `problem`, whose headers depend on the request. */
export function encodeAnswer(
  server: string,
  answer: Exclude<CallAnswer, { kind: 'problem' }>,
): EncodedResponse {
  return answer.kind === 'result' ? encodeResult(server, answer) : encodeRefusal(answer.facts);
}

function encodeRefusal({
  refusal: why,
  outcome,
  actionId,
  approvalId,
  approvalExpiresAt,
}: RefusalFacts): EncodedResponse {
  const problem = problemOf(why);
  const waits = outcome === 'waiting' || outcome === 'running';
  const document = {
    ...problem,
    outcome,
    ...(actionId === undefined ? {} : { actionId }),
    ...(approvalId === undefined ? {} : { approvalId }),
    ...(approvalExpiresAt === undefined ? {} : { expiresAt: approvalExpiresAt }),
  };
  const retryMs = problem.retryAfterMs;
  const seconds = retryMs === undefined ? (waits ? retryAfterSeconds : undefined) : Math.ceil(retryMs / 1000);
  return withBody(problem.status, 'application/problem+json', JSON.stringify(document), {
    ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
    ...(actionId === undefined ? {} : { [actionHeader]: actionId }),
  });
}

/** Status and headers of an answer that is given on as it comes. */
export function encodeHead(
  server: string,
  actionId: string,
  { status, type, headers }: AnswerHead,
): Pick<EncodedResponse, 'status' | 'headers'> {
  const contentType = /^text\//.test(type) ? `${type}; charset=utf-8` : type;
  return {
    status,
    headers: {
      ...common,
      ...headersOf(server, headers),
      [actionHeader]: actionId,
      'content-type': contentType,
    },
  };
}

function encodeResult(
  server: string,
  { result, facts }: Extract<CallAnswer, { kind: 'result' }>,
): EncodedResponse {
  const structured = isJsonObject(result.structuredContent) ? result.structuredContent : {};
  // The stored outcome of an approved call: its bytes went to the request that it ran for, and are not kept.
  if (structured['streamed'] !== undefined) {
    const settled = refusal(
      'execution.outcome_settled',
      'Its answer was streamed to the request that it ran for.',
    );
    return encodeRefusal({ outcome: 'unknown', refusal: settled, ...facts });
  }
  const status = typeof structured['status'] === 'number' ? structured['status'] : 502;
  const type = typeof structured['type'] === 'string' ? structured['type'] : '';
  const headers = {
    ...headersOf(server, isJsonObject(structured['headers']) ? structured['headers'] : {}),
    [actionHeader]: facts.actionId,
  };
  const content = bodyOf(structured, type);
  if (content === undefined) return withBody(status, undefined, '', headers);
  return withBody(status, type === '' ? 'application/octet-stream' : type, content, headers);
}

function bodyOf({ body, base64 }: JsonObject, type: string): string | Uint8Array | undefined {
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64');
  if (body === undefined) return undefined;
  return typeof body === 'string' && !/json$/.test(type) ? body : JSON.stringify(body);
}

function headersOf(server: string, given: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => {
      if (typeof value !== 'string') return [];
      return [[name, name === 'location' ? `${httpPrefix}${server}${value}` : value]];
    }),
  );
}

function withBody(
  status: number,
  type: string | undefined,
  content: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
): EncodedResponse {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  const bare = status === 204 || status === 304;
  return {
    status,
    headers: {
      ...common,
      ...headers,
      ...(type === undefined
        ? {}
        : { 'content-type': /^text\//.test(type) ? `${type}; charset=utf-8` : type }),
      ...(bare ? {} : { 'content-length': String(body.byteLength) }),
    },
    ...(bare ? {} : { body }),
  };
}
