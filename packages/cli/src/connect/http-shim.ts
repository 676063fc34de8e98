/**
 * The shim as a local HTTP server, for hosts that speak Streamable HTTP and for programs that speak a service's own HTTP, but cannot sign: bodies and answers pass
 * through as bytes.
 * It listens on 127.0.0.1 only and asks for a token that it prints, because any local program could reach the port: in a header, or in the
 * path for MCP hosts that take an address and nothing else.
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
  /** Of the gateway, without a trailing slash. */
  readonly gatewayUrl: string;
  readonly server: string;
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
const mcpPath = '/mcp';
/** Below it are the addresses of the service. */
const servicePath = '/http';
/** Headers of a request that are about this connection or this shim, or that `fetch` sets. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...[
    'host',
    'connection',
    'keep-alive',
    'content-length',
    'transfer-encoding',
    'te',
    'trailer',
    'upgrade',
    'expect',
  ],
  ...['authorization', 'x-api-key', 'dpop', 'cookie', 'accept-encoding'],
]);
const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
]);
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
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `${origin}${mcpPath}`;
  const serviceUrl = `${origin}${servicePath}`;
  const urlWithToken = `${origin}/${token}${mcpPath}`;
  cli.out.document({ url, serviceUrl, authorization: `Bearer ${token}`, urlWithToken });
  cli.out.say`${shim.says} at ${url} (MCP), at ${serviceUrl} as an HTTP service`;
  cli.out.say`Header for the host: Authorization: Bearer ${token}`;
  cli.out.say`For a host that cannot send it, keep this address as secret as the header: ${urlWithToken}`;
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
  const way = wayOf(shim, request, token);
  if (typeof way === 'number') {
    response.writeHead(way, { 'content-length': 0 }).end();
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
  const body = Buffer.concat(chunks);
  const answer = await shim.fetch(way.address, {
    method: request.method ?? 'POST',
    headers: Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' && way.passes(name) ? [[name, value]] : [],
    ),
    signal: gone.signal,
    ...(body.byteLength > 0 || request.method === 'POST' ? { body } : {}),
  });
  const answered = [...answer.headers].filter(([name]) => way.answers(name));
  response.writeHead(
    answer.status,
    Object.fromEntries(
      answered.map(([name, value]) => [name, name === 'location' ? localLocation(shim, value) : value]),
    ),
  );
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body as ReadableStream), response);
}

/** Where a request goes and what of it, or the HTTP status of one that is not carried: from a page in a browser, under another name, without the token, elsewhere. */
function wayOf(shim: HttpShim, request: IncomingMessage, token: string): Way | number {
  const { host = '', origin } = request.headers;
  if (!/^(?:127\.0\.0\.1|localhost):\d+$/.test(host)) return 403;
  const { url = '' } = request;
  const inPath = url.endsWith(mcpPath) ? url.slice(1, -mcpPath.length) : '';
  const isMcp = url === mcpPath || inPath !== '';
  // The shim serves no pages, so nothing in a browser has its own origin; some MCP hosts send it all the same.
  if (origin !== undefined && !(isMcp && origin === `http://${host}`)) return 403;
  if (
    !isGiven(inPath, token) &&
    !isGiven(request.headers.authorization, `Bearer ${token}`) &&
    !isGiven(request.headers['x-api-key'], token)
  )
    return 401;
  if (url === mcpPath || isGiven(inPath, token))
    return {
      address: `${shim.gatewayUrl}/mcp/${shim.server}`,
      passes: (name) => passedHeaders.includes(name),
      answers: (name) => answeredHeaders.includes(name),
    };
  const root = `${shim.gatewayUrl}/http/${shim.server}`;
  const address = `${root}${url.slice(servicePath.length)}`;
  // As it will be sent: an address that resolves to somewhere else is not of this service.
  if (
    !url.startsWith(`${servicePath}/`) ||
    !URL.canParse(address) ||
    !new URL(address).href.startsWith(`${new URL(root).href}/`)
  )
    return 404;
  return {
    address,
    passes: (name) => !ownHeaders.has(name),
    answers: (name) => !connectionHeaders.has(name),
  };
}

interface Way {
  readonly address: string;
  readonly passes: (header: string) => boolean;
  readonly answers: (header: string) => boolean;
}

function isGiven(value: string | string[] | undefined, wanted: string): boolean {
  const given = Buffer.from(typeof value === 'string' ? value : '');
  const expected = Buffer.from(wanted);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Addresses of the service at the gateway, as they are here. */
function localLocation({ server }: HttpShim, value: string): string {
  const root = `/http/${server}`;
  return value.startsWith(`${root}/`) ? `${servicePath}${value.slice(root.length)}` : value;
}
