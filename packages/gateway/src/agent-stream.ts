/**
 * The answer to a POST as an event stream (MCP, Streamable HTTP): it becomes one with the first message that is sent ahead of the answer, if the client reads
 * streams, and stays plain JSON without one.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { JsonObject } from '@atf/core/wire/json';
import type { EncodedResponse } from './protocols/protocol.ts';

export interface AgentStream {
  /** False: nobody reads any more. */
  send(message: JsonObject): boolean;
}

/** What a slow reader may leave unread, in bytes; beyond it messages are dropped. */
const unreadBytesMax = 1_048_576;
const streams = new WeakSet<ServerResponse>();
const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

export const event = (json: string | Uint8Array): string =>
  `event: message\ndata: ${Buffer.from(json).toString()}\n\n`;

export const readsStreams = ({ accept }: IncomingHttpHeaders): boolean =>
  /text\/event-stream/i.test(accept ?? '');

/** Begins a stream now. */
export function openStream(response: ServerResponse): AgentStream {
  if (!streams.has(response)) {
    streams.add(response);
    response.writeHead(200, headers);
    response.flushHeaders();
  }
  return {
    send: (message) => {
      if (response.destroyed || response.writableEnded || response.writableLength > unreadBytesMax)
        return false;
      response.write(event(JSON.stringify(message)));
      return true;
    },
  };
}

/** Undefined: this client does not read streams. */
export function streamFor(
  requestHeaders: IncomingHttpHeaders,
  response: ServerResponse,
): AgentStream | undefined {
  if (!readsStreams(requestHeaders)) return undefined;
  return {
    send: (message) => !response.destroyed && !response.writableEnded && openStream(response).send(message),
  };
}

/** Ends an answer that has become a stream. False: it has not. */
export function finishStream(response: ServerResponse, { body }: EncodedResponse): boolean {
  if (!streams.has(response)) return false;
  if (!response.writableEnded && !response.destroyed) response.end(body === undefined ? '' : event(body));
  return true;
}
