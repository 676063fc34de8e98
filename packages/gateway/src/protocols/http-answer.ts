/** Answers of HTTP services as results (D-4): status, body and a few headers; what the body is, its media type says. */
import type { DataRecord } from '@atf/core/record';
import { fitsHeader } from '@atf/core/segmentation/http-operation';
import { type Json, type JsonObject, parseStrict } from '@atf/core/wire/json';
import { type ExchangeHead, type ExchangeResponse, headerOf } from './http-exchange.ts';
import { upstreamBoundsDefault } from './mcp-bounds.ts';
import type { ToolResult, UpstreamCallOutcome } from './protocol.ts';

/** Headers of an answer that are given on; cookies, credentials and what is about one connection are not. */
const givenOn = [
  'etag',
  'last-modified',
  'retry-after',
  'content-language',
  'content-disposition',
  'link',
  'x-request-id',
  'x-total-count',
];

const isJsonType = (type: string): boolean => /^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type);

const mediaType = /^[a-z0-9!#$&^_.+-]{1,100}\/[a-z0-9!#$&^_.+-]{1,100}$/;

export interface AnswerHead {
  readonly status: number;
  /** Media type without parameters, in lower case; empty: none. */
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What of the head of an answer is given on. */
export function headOf(response: ExchangeHead, base: string): AnswerHead {
  const [type = ''] = (headerOf(response, 'content-type') ?? '').toLowerCase().split(';');
  const location = locationOf(headerOf(response, 'location'), base);
  const headers = Object.fromEntries([
    ...givenOn.flatMap((name) => {
      const value = headerOf(response, name);
      return value === undefined || !fitsHeader(value) ? [] : [[name, value]];
    }),
    ...(location === undefined ? [] : [['location', location]]),
  ]) as Record<string, string>;
  return { status: response.status, type: mediaType.test(type.trim()) ? type.trim() : '', headers };
}

/** Status, body and a few headers of an answer, as a result. An answer of 400 and more is the service's own refusal or failure. */
export function resultOf(response: ExchangeResponse, base: string): UpstreamCallOutcome {
  const bytes = response.body as Uint8Array;
  const head = headOf(response, base);
  const read = contentOf(bytes, head.type);
  return read === undefined
    ? {
        kind: 'fault',
        fault: {
          code: 'upstream.protocol_error',
          dispatched: true,
          detail: 'The service answered with JSON that cannot be read in one way.',
        },
      }
    : structuredResult(head, read, bytes.byteLength);
}

/** `content`: what stands for the body; `data`: what was found in it where it has left. */
export function structuredResult(
  { status, type, headers }: AnswerHead,
  content: JsonObject,
  resultBytes: number,
  data?: DataRecord,
): UpstreamCallOutcome {
  const structured: JsonObject = {
    status,
    ...(resultBytes === 0 || type === '' ? {} : { type }),
    ...content,
    ...(Object.keys(headers).length === 0 ? {} : { headers: { ...headers } }),
  };
  const result: ToolResult = {
    content: [{ type: 'text', text: JSON.stringify(structured) }],
    structuredContent: structured,
    ...(status >= 400 ? { isError: true } : {}),
  };
  return { kind: 'result', result, resultBytes, ...(data === undefined ? {} : { data }) };
}

/** Where a new thing is, below the service's address; addresses elsewhere are of no use to an agent. */
function locationOf(value: string | undefined, base: string): string | undefined {
  const { origin, pathname } = new URL(base);
  const root = pathname.replace(/\/$/, '');
  if (value === undefined || !URL.canParse(value, base)) return undefined;
  const found = new URL(value, base);
  const isBelow = found.origin === origin && found.pathname.startsWith(`${root}/`);
  return isBelow && fitsHeader(found.pathname) ? found.pathname.slice(root.length) : undefined;
}

/** JSON as its value, text as text, anything else as base64. */
function contentOf(bytes: Uint8Array, type: string): JsonObject | undefined {
  if (bytes.byteLength === 0) return {};
  if (isJsonType(type)) {
    const {
      resultBytesMax: bytesMax,
      resultDepthMax: depthMax,
      resultValuesMax: valuesMax,
    } = upstreamBoundsDefault;
    const parsed = parseStrict(bytes, { bytesMax, depthMax, valuesMax });
    return parsed.ok ? { body: parsed.value as Json } : undefined;
  }
  const text =
    type === '' || /^(?:text\/|application\/(?:xml|x-www-form-urlencoded|x-ndjson|jsonl|yaml))/.test(type);
  if (text) {
    try {
      return { body: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    } catch {
      // Not UTF-8: as bytes.
    }
  }
  return { base64: Buffer.from(bytes).toString('base64') };
}
