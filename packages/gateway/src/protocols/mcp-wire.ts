/**
 * Names and numbers of the Model Context Protocol that the gateway speaks, in one place (revisions 2025-11-25 and
 * 2026-07-28). No behaviour here.
 */
import { namePattern } from '@atf/core/wire/words';

export const modernVersion = '2026-07-28';
/** Newest version that opens with `initialize`; what a client with an unknown version is offered. */
export const handshakeVersion = '2025-11-25';
/** Handshake versions that are served, newest first. 2024-11-05 is not: it has no Streamable HTTP. */
export const handshakeVersions: readonly string[] = [handshakeVersion, '2025-06-18', '2025-03-26'];
export const servedVersions: readonly string[] = [modernVersion, ...handshakeVersions];

export const metaKeys = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  relatedTask: 'io.modelcontextprotocol/related-task',
  modelImmediateResponse: 'io.modelcontextprotocol/model-immediate-response',
} as const;

/** The extension of 2026-07-28 by which calls are answered with tasks. */
export const tasksExtension = 'io.modelcontextprotocol/tasks';

/** JSON-RPC 2.0 §5.1 and the codes that revision 2026-07-28 assigns. */
export const rpcCodes = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internalError: -32_603,
  /** Of the revisions before 2026-07-28, which answers invalidParams instead. */
  resourceNotFound: -32_002,
  /** Implementation-defined: a refusal of the gateway that is not about the message's form. */
  refused: -32_000,
  headerMismatch: -32_020,
  capabilityMissing: -32_021,
  versionUnsupported: -32_022,
} as const;

/** Lengths in UTF-16 units, beyond which a member is refused (or, for client information, ignored). */
export const lengthsMax = {
  method: 128,
  id: 256,
  toolName: 128,
  cursor: 1_024,
  uri: 2_048,
  requestState: 8_192,
  taskId: 64,
  clientInfo: 128,
} as const;

const pathPattern = /^\/mcp\/([^/?#]{1,64})$/;

/** The server that a request path names (`/mcp/<server>`, one endpoint per tool server), or undefined. A query is ignored. */
export function serverNameOf(url: string): string | undefined {
  const name = pathPattern.exec(url.split('?', 1)[0] ?? '')?.[1];
  return name !== undefined && namePattern.test(name) ? name : undefined;
}
