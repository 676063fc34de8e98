/**
 * From whatever the SDK throws to one typed fault (incident R-1 counts them). The texts are ours: what a tool server
 * said may hold anything and does not travel in an error.
 */
import { type AskKind, askKinds } from '@atf/core/wire/words';
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { addressRefusedCode } from './dialer.ts';
import { ResponseMalformedError, ResponseTooLargeError } from './http-exchange.ts';
import { streamEndOf } from './mcp-fetch.ts';
import { oversizedMark, StdioTransport } from './mcp-stdio.ts';
import { rpcCodes } from './mcp-wire.ts';
import type { UpstreamFault } from './protocol.ts';

export type CallMoment = {
  readonly signal: AbortSignal;
  /** Whether the call was handed to the connection. */
  dispatched: boolean;
  connection: { readonly transport: object; readonly killed: boolean } | undefined;
};

/** Socket errors before a byte of the request left (undici and libuv names). */
const unsentCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  addressRefusedCode,
]);

export function faultOf(error: unknown, { signal, dispatched, connection }: CallMoment): UpstreamFault {
  const end = connection?.transport instanceof StdioTransport ? connection.transport.end : undefined;
  if (signal.aborted || connection?.killed === true) {
    return {
      code: 'upstream.aborted',
      dispatched,
      detail: dispatched ? 'The call was cut under way.' : 'The call was cut before it was sent.',
    };
  }
  const causes = causesOf(error);
  if (end === 'garbage' || causes.some((each) => each instanceof ResponseMalformedError)) {
    return {
      code: 'upstream.protocol_error',
      dispatched,
      detail: 'The tool server answered something that is not a message of the protocol.',
    };
  }
  if (end === 'oversized' || causes.some((each) => each instanceof ResponseTooLargeError)) {
    return {
      code: 'upstream.result_too_large',
      dispatched,
      detail: 'The answer of the tool server is larger than allowed.',
    };
  }
  const unsent = causes.some(
    (each) => 'code' in each && typeof each.code === 'string' && unsentCodes.has(each.code),
  );
  if (unsent)
    return { code: 'upstream.unavailable', dispatched: false, detail: 'The tool server cannot be reached.' };
  if (ProtocolError.isInstance(error)) return refusedBy(error, dispatched);
  if (SdkHttpError.isInstance(error)) return fromStatus(error, dispatched);
  if (SdkError.isInstance(error)) return fromSdk(error, dispatched);
  if (causes.some((each) => each.name === 'TimeoutError')) {
    return { code: 'upstream.timeout', dispatched, detail: 'The tool server did not answer in time.' };
  }
  if (error instanceof SyntaxError) {
    return {
      code: 'upstream.protocol_error',
      dispatched,
      detail: 'The tool server answered something that is not JSON.',
    };
  }
  return { code: 'upstream.unavailable', dispatched, detail: 'The connection to the tool server failed.' };
}

function refusedBy(error: ProtocolError, dispatched: boolean): UpstreamFault {
  const streamEnd = streamEndOf(error.data);
  if (streamEnd === 'ended')
    return {
      code: 'upstream.unavailable',
      dispatched,
      detail: 'The tool server ended the connection without an answer.',
    };
  if (streamEnd === 'oversized' || error.data === oversizedMark) {
    return {
      code: 'upstream.result_too_large',
      dispatched,
      detail: 'The answer of the tool server is larger than allowed.',
    };
  }
  return {
    code: 'upstream.call_refused',
    dispatched,
    detail: 'The tool server refused the call.',
    rpcCode: error.code,
    ...(error.code === rpcCodes.capabilityMissing ? { missing: missingOf(error.data) } : {}),
  };
}

/** Of what a server says that the client must declare, what MCP has a name for. */
function missingOf(data: unknown): readonly AskKind[] {
  const required = (data as { requiredCapabilities?: object } | undefined)?.requiredCapabilities;
  return askKinds.filter((kind) => typeof required === 'object' && required !== null && kind in required);
}

function fromStatus(error: SdkHttpError, dispatched: boolean): UpstreamFault {
  const status = error.data.status ?? 0;
  if (status === 401 || status === 403) {
    return {
      code: 'upstream.unavailable',
      dispatched: false,
      detail: 'The tool server does not accept the credential of the gateway.',
    };
  }
  if (status >= 500 || status === 404 || status === 429) {
    return {
      code: 'upstream.unavailable',
      dispatched,
      detail: 'The tool server answered with an HTTP error.',
    };
  }
  return {
    code: 'upstream.protocol_error',
    dispatched,
    detail: 'The tool server answered with an unexpected HTTP status.',
  };
}

function fromSdk(error: SdkError, dispatched: boolean): UpstreamFault {
  switch (error.code) {
    case SdkErrorCode.RequestTimeout:
      return { code: 'upstream.timeout', dispatched, detail: 'The tool server did not answer in time.' };
    case SdkErrorCode.InvalidResult:
    case SdkErrorCode.ClientHttpUnexpectedContent:
    case SdkErrorCode.ListPaginationExceeded:
      return {
        code: 'upstream.protocol_error',
        dispatched,
        detail: 'The tool server answered something that does not fit the protocol.',
      };
    case SdkErrorCode.UnsupportedResultType:
      return {
        code: 'upstream.protocol_error',
        dispatched,
        detail: 'The tool server answered with a kind of result that is not passed on.',
      };
    default:
      return { code: 'upstream.unavailable', dispatched, detail: 'The tool server has gone.' };
  }
}

/** An error and its causes, at most a few. */
function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  for (let each = error; each instanceof Error && causes.length < 8; each = each.cause) causes.push(each);
  return causes;
}
