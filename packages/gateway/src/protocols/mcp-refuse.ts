/** Refusals at the protocol's edge, in the forms that both eras read. */
import { lengthsMax, rpcCodes } from './mcp-wire.ts';
import type { ProtocolRefusal, ProtocolRefusalCode, RequestId } from './protocol.ts';

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: ProtocolRefusal };

export function refuse(
  code: ProtocolRefusalCode,
  httpStatus: number,
  rpcCode: number,
  detail: string,
): ProtocolRefusal {
  return { kind: 'refusal', code, httpStatus, rpcCode, id: null, detail };
}

export const yes = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const no = <T>(refusal: ProtocolRefusal): Outcome<T> => ({ ok: false, refusal });

export const invalid = <T>(detail: string, id: RequestId | null): Outcome<T> =>
  no({ ...refuse('request.malformed', 400, rpcCodes.invalidRequest, detail), id });

/** Wrong params are answered in band; `envelope` is what 2026-07-28 answers with 400. */
export const badParams = (
  id: RequestId | null,
  detail: string,
  place: 'params' | 'envelope' = 'params',
): ProtocolRefusal => ({
  ...refuse(
    'request.malformed',
    place === 'envelope' || id === null ? 400 : 200,
    rpcCodes.invalidParams,
    detail,
  ),
  id,
});

export const mismatch = (id: RequestId | null, detail: string): ProtocolRefusal => ({
  ...refuse('request.header_mismatch', 400, rpcCodes.headerMismatch, detail),
  id,
});

/** `supported`: what could be asked for in the same way. */
export const versionUnsupported = (
  id: RequestId | null,
  requested: string,
  supported: readonly string[],
): ProtocolRefusal => ({
  ...refuse(
    'request.version_unsupported',
    400,
    rpcCodes.versionUnsupported,
    'This protocol version is not served.',
  ),
  id,
  data: { supported: [...supported], requested: requested.slice(0, lengthsMax.method) },
});
