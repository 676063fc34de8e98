/**
 * The shim as a local Streamable HTTP server, for hosts that speak HTTP but cannot sign: bodies and answers pass through as bytes.
 * It listens on 127.0.0.1 only and asks for a token that it prints, because any local program could reach the port.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Cli } from '../cli.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { frameBytesMax } from './frames.ts';

export interface HttpShim {
  readonly address: string;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  /** 0: any free port. */
  readonly port: number;
  readonly says: string;
}

const passedHeaders = [
  'content-type',
  'accept',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'last-event-id',
];
const answeredHeaders = ['content-type', 'mcp-protocol-version', 'cache-control', 'retry-after', 'allow'];
const requestTimeoutMs = 30_000;

/** Serves until Ctrl-C. */
export async function serveShimHttp(cli: Cli, shim: HttpShim): Promise<ExitCode> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer((request, response) => {
    void carry(shim, token, request, response).catch(() => response.destroy());
  });
  server.requestTimeout = requestTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(shim.port, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  cli.out.document({ url, authorization: `Bearer ${token}` });
  cli.out.say`${shim.says} at ${url}`;
  cli.out.say`Header for the host: Authorization: Bearer ${token}`;
  await new Promise<void>((resolve) =>
    cli.interrupted.addEventListener('abort', () => resolve(), { once: true }),
  );
  server.closeAllConnections();
  server.close();
  return exitCodes.ok;
}

async function carry(
  shim: HttpShim,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refused = refusalOf(request, token);
  if (refused !== undefined) {
    response.writeHead(refused, { 'content-length': 0 }).end();
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > frameBytesMax) {
      response.writeHead(413, { connection: 'close' }).end();
      return;
    }
    chunks.push(chunk);
  }
  // The host gives up: so do we, which cancels the call at the gateway.
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const headers = Object.fromEntries(
    passedHeaders.flatMap((name) =>
      typeof request.headers[name] === 'string' ? [[name, request.headers[name]]] : [],
    ),
  );
  const body = Buffer.concat(chunks);
  const answer = await shim.fetch(shim.address, {
    method: request.method ?? 'POST',
    headers,
    signal: gone.signal,
    ...(request.method === 'POST' ? { body } : {}),
  });
  response.writeHead(
    answer.status,
    Object.fromEntries(
      answeredHeaders.flatMap((name) =>
        answer.headers.has(name) ? [[name, answer.headers.get(name) ?? '']] : [],
      ),
    ),
  );
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body as ReadableStream), response);
}

/** HTTP status of a request that is not carried: from a page in a browser, under another name, without the token, elsewhere. */
function refusalOf(request: IncomingMessage, token: string): number | undefined {
  const { host, origin, authorization } = request.headers;
  if (origin !== undefined || !/^(?:127\.0\.0\.1|localhost):\d+$/.test(host ?? '')) return 403;
  const given = Buffer.from(authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return 401;
  return request.url === '/mcp' ? undefined : 404;
}
