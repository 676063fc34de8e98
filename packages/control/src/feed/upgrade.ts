/** Room: feed. The WebSocket endpoint of the feed: authenticates a gateway at the upgrade, before a socket of the feed exists. */
import { problemOf, type Refusal, refusal } from '@atf/core/errors';
import { rawPaths } from '@atf/core/wire/api';
import { wireHeader, wireVersion, wireVersionIn, wireVersionOldest } from '@atf/core/wire/feed';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { hostAllowed } from '../addresses.ts';
import type { Control } from '../context.ts';
import type { FailedAuthentications } from '../failed-authentications.ts';
import { publicRefusal } from '../problem.ts';
import { gatewayOf } from '../proofs.ts';
import { gatewayFrameBytesMax } from './connection.ts';
import type { Feed } from './hub.ts';

/** Gateways connected to one replica. */
const connectionsMax = 1_000;

function answer(socket: Duplex, refused: Refusal): void {
  const problem = problemOf(refused);
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** What is wrong with the wire that a gateway speaks. */
function wireRefusal(header: string | string[] | undefined): Refusal | undefined {
  const spoken = wireVersionIn(header);
  if (spoken === undefined) return refusal('request.malformed', `${wireHeader}: a number`);
  const detail = `It speaks version ${spoken} of the wire, control ${wireVersionOldest} to ${wireVersion}.`;
  if (spoken < wireVersionOldest) return refusal('feed.gateway_too_old', detail);
  return spoken > wireVersion ? refusal('feed.gateway_too_new', detail) : undefined;
}

/** Serves `GET /v1/feed` on `server`; other upgrades are refused. */
export function serveFeed(
  server: Server,
  control: Control,
  feed: Feed,
  failures: FailedAuthentications,
): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: gatewayFrameBytesMax,
    perMessageDeflate: false,
    clientTracking: true,
  });

  const admit = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (!hostAllowed(control.config, request.headers.host))
      return answer(socket, refusal('people.origin_refused'));
    if (path !== rawPaths.feed) return answer(socket, refusal('request.not_found'));
    // No browser speaks to the feed.
    if (request.headers.origin !== undefined) return answer(socket, refusal('request.origin_refused'));
    if (sockets.clients.size >= connectionsMax) return answer(socket, refusal('request.overloaded'));
    const address = request.socket.remoteAddress ?? 'unknown';
    const nowMs = control.clock.nowMs();
    const waitMs = failures.waitMs(address, 'gateway', nowMs);
    if (waitMs > 0)
      return answer(socket, refusal('identity.proof_flood', undefined, { retryAfterMs: waitMs }));
    try {
      const { gatewayId } = await gatewayOf(control, request, 'GET', path);
      const wrong = wireRefusal(request.headers[wireHeader]);
      if (wrong !== undefined) return answer(socket, wrong);
      sockets.handleUpgrade(request, socket, head, (open) => feed.connect(gatewayId, open));
    } catch (fault) {
      const refused = publicRefusal(fault, control.log, { route: rawPaths.feed });
      if (problemOf(refused).status === 401) failures.failed(address, 'gateway', nowMs);
      answer(socket, refused);
    }
  };

  const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    void admit(request, socket, head);
  };
  server.on('upgrade', listener);
  return () => {
    server.off('upgrade', listener);
    sockets.close();
  };
}
