import { timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import {
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { Office } from './office.ts';
import { backOfficeServer } from './tools.ts';

const usage = `Usage: node main.ts --data DIR [--http PORT [--token-file FILE]]

  --data DIR         folder for state.json, effects.log, outbox/ and reports/ (created when missing)
  --http PORT        serve Streamable HTTP on 127.0.0.1 (0 picks a port) instead of stdio; the address is printed
  --token-file FILE  refuse HTTP requests that do not carry this file's content as bearer token
`;

/** An example tool server. It governs nobody: whoever reaches it may do everything. */
function main(): void {
  const { values } = parseArgs({
    options: { data: { type: 'string' }, http: { type: 'string' }, 'token-file': { type: 'string' } },
  });
  if (values.data === undefined) {
    process.stderr.write(usage);
    process.exit(2);
  }
  const office = new Office(values.data);
  if (values.http === undefined) {
    serveStdio(() => backOfficeServer(office));
    // The client hung up: whatever still runs has nobody to report to.
    process.stdin.once('close', () => process.exit(0));
    return;
  }
  serveHttp(office, Number(values.http), values['token-file']);
}

function serveHttp(office: Office, port: number, tokenFile: string | undefined): void {
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim();
  const handle = toNodeHandler(createMcpHandler(() => backOfficeServer(office)));
  const hostIsLocal = localhostHostValidation();
  const originIsLocal = localhostOriginValidation();
  const server = createServer((request, response) => {
    if (!hostIsLocal(request, response) || !originIsLocal(request, response)) return;
    if (token !== undefined && !carries(request, token)) {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return;
    }
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== '/mcp') {
      response.writeHead(404).end();
      return;
    }
    void handle(request as Parameters<typeof handle>[0], response);
  });
  server.listen(port, '127.0.0.1', () => {
    process.stdout.write(
      `back-office listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp\n`,
    );
  });
}

function carries(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

main();
