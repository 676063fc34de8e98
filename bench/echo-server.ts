/**
 * The tool server of the benchmark: the least that speaks Streamable HTTP (2025-11-25), so that what is measured beside it is the gateway. Prints its
 * port. One tool, `echo`, answers at once; the other, `work`, has an effect every millisecond for as long as its caller stays, and `GET /effects` tells when each
 * call had its last one. `GET /order` is an operation of a plain HTTP service, `GET /events` a stream of events that bear their time.
 */
import { createServer, type ServerResponse } from 'node:http';

const echo = {
  name: 'echo',
  description: 'Answers what it is given',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string', maxLength: 10_000 } },
    required: ['text'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true },
};
const work = { ...echo, name: 'work', description: 'Works until its caller goes' };

/** Unix milliseconds, with their fractions. */
const nowMs = () => performance.timeOrigin + performance.now();
const workMsMax = 30_000;
const eventEveryMs = 10;

interface Work {
  readonly text: string;
  readonly begunMs: number;
  lastMs: number;
  effects: number;
}
const works: Work[] = [];

function workFor(text: string, response: ServerResponse, done: () => void): void {
  const own: Work = { text, begunMs: nowMs(), lastMs: nowMs(), effects: 0 };
  works.push(own);
  const timer = setInterval(() => {
    own.lastMs = nowMs();
    own.effects++;
    if (own.lastMs - own.begunMs < workMsMax) return;
    clearInterval(timer);
    done();
  }, 1);
  response.once('close', () => clearInterval(timer));
}

function get(path: string, response: ServerResponse): void {
  if (path === '/effects') response.end(JSON.stringify(works));
  else if (path === '/order')
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"id":"O-1","state":"open","lines":[{"sku":"A-1","count":2}]}');
  else if (path === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const timer = setInterval(() => response.write(`data: {"at":${nowMs()}}\n\n`), eventEveryMs);
    response.once('close', () => clearInterval(timer));
  } else response.writeHead(405).end();
}

interface Message {
  id?: number | string;
  method?: string;
  params?: { name?: string; arguments?: { text?: string }; protocolVersion?: string };
}

function answer({ method, params }: Message): unknown {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: params?.protocolVersion ?? '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'echo', version: '1.0.0' },
      };
    case 'tools/list':
      return { tools: [echo, work] };
    case 'tools/call':
      return { content: [{ type: 'text', text: params?.arguments?.text ?? '' }] };
    default:
      return undefined;
  }
}

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    get(request.url ?? '', response);
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const message = JSON.parse(Buffer.concat(chunks).toString()) as Message;
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const { id, method, params } = message;
    if (method === 'tools/call' && params?.name === 'work') {
      const text = params.arguments?.text ?? '';
      const result = { content: [{ type: 'text', text }] };
      workFor(text, response, () => response.end(JSON.stringify({ jsonrpc: '2.0', id, result })));
      return;
    }
    const result = answer(message);
    const body = result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result };
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
