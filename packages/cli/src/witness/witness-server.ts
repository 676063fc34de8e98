/** Room: audit (B-1), witness side: tlog-witness over HTTP. Bounds on everything that a caller decides: bytes, time, connections. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addCheckpointBytesMax, addCheckpointPath } from '@atf/core/audit/witness';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import type { Witness } from './witness.ts';

const connectionsMax = 128;
const headersTimeoutMs = 5_000;
const requestTimeoutMs = 10_000;
const keepAliveTimeoutMs = 60_000;
const closeWithinMs = 2_000;

/** The body as text; a number is the status that refuses it. */
async function bodyOf(request: IncomingMessage): Promise<string | 400 | 413> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > addCheckpointBytesMax) return 413;
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    return 400;
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response
    .writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    .end(body);
}

async function serve(witness: Witness, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?')[0];
  if (path === '/healthz' && request.method === 'GET') return send(response, 200, 'ok\n');
  if (path !== addCheckpointPath) return send(response, 404, 'not found\n');
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST');
    return send(response, 405, 'POST only\n');
  }
  const body = await bodyOf(request);
  if (typeof body === 'number') {
    // What is not read must not be taken for a next request.
    response.setHeader('connection', 'close');
    return send(response, body, body === 413 ? 'too long\n' : 'not UTF-8\n');
  }
  const answer = await witness.addCheckpoint(body);
  return send(response, answer.status, answer.body, answer.type);
}

export interface WitnessServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves until it is closed. `onFault` hears of broken storage; callers get 500 and no cosignature. @throws CliFailure when the port is taken */
export async function serveWitness(
  witness: Witness,
  at: { readonly host: string; readonly port: number },
  onFault: (fault: unknown) => void,
): Promise<WitnessServer> {
  const server: Server = createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
  });
  server.maxConnections = connectionsMax;
  server.on('request', (request, response) => {
    serve(witness, request, response).catch((fault: unknown) => {
      // A caller that went away is no fault of ours.
      if (request.destroyed && !request.complete) return response.destroy();
      onFault(fault);
      if (response.headersSent) response.destroy();
      else send(response, 500, 'cannot be decided now\n');
      return undefined;
    });
  });
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(at.port, at.host, done);
  }).catch((fault: NodeJS.ErrnoException) => {
    throw new CliFailure(exitCodes.cannotStart, `Cannot listen on ${at.host}:${at.port} (${fault.code})`, {
      code: 'storage.port_taken',
    });
  });
  const { port } = server.address() as AddressInfo;
  const host = at.host.includes(':') ? `[${at.host}]` : at.host;
  return {
    url: `http://${host}:${port}`,
    close: () =>
      new Promise((done) => {
        const late = setTimeout(() => server.closeAllConnections(), closeWithinMs);
        server.close(() => {
          clearTimeout(late);
          done();
        });
        server.closeIdleConnections();
      }),
  };
}
