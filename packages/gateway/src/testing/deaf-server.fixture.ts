/**
 * A tool server over HTTP that hears no cancellation: a call of it goes on for as long as its exchange is open, or until the test lets it end. It speaks 2025-11-25
 * under `/elder` and 2026-07-28 under `/modern`. `read` and `write` answer with one JSON body at their end, `stream` with events whose head comes at once.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const deafTools = ['read', 'write', 'stream'] as const;

/** One call as the server sees it. */
export interface DeafCall {
  readonly tool: string;
  readonly note: string;
  /** `open`, then `ended` by its answer or `closed` by the other side. */
  state: 'open' | 'ended' | 'closed';
  end(): void;
}

interface Message {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: { name?: string; arguments?: { note?: string } };
}

export const deafDefinitions = deafTools.map((name) => ({
  name,
  description: `Does something for long (${name})`,
  inputSchema: {
    type: 'object',
    properties: { note: { type: 'string', maxLength: 40 } },
    required: ['note'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: name !== 'write' },
}));
const capabilities = { tools: {} };
const whole = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
const events = { 'content-type': 'text/event-stream' };

export class DeafServer {
  readonly calls: DeafCall[] = [];
  /** Cancellations that it was sent, and did nothing about. */
  cancellations = 0;
  #server: Server | undefined;

  /** Gives the address in front of `/elder` and `/modern`. */
  async start(): Promise<string> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.#server = server;
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  /** The call that said this. */
  find(note: string): DeafCall | undefined {
    return this.calls.find((each) => each.note === note);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const message = JSON.parse(Buffer.concat(chunks).toString()) as Message;
    const { id, method } = message;
    if (id === undefined) {
      if (method === 'notifications/cancelled') this.cancellations++;
      return void response.writeHead(202).end();
    }
    const modern = request.url === '/modern';
    const answer = (body: object) => JSON.stringify({ jsonrpc: '2.0', id, ...body });
    const give = (result: object) => answer({ result: modern ? { ...whole, ...result } : result });
    if (method === 'tools/call') return this.#work(message, response, give);
    if (method === 'subscriptions/listen') return void response.writeHead(200, events).flushHeaders();
    const result = this.#about(method, modern);
    const refused = { error: { code: -32_601, message: 'no such method' } };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(result === undefined ? answer(refused) : give(result));
  }

  #about(method: string, modern: boolean): object | undefined {
    if (method === 'tools/list') return { tools: deafDefinitions };
    if (modern)
      return method === 'server/discover' ? { supportedVersions: ['2026-07-28'], capabilities } : undefined;
    const serverInfo = { name: 'deaf', version: '1.0.0' };
    return method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities, serverInfo } : undefined;
  }

  #work({ params }: Message, response: ServerResponse, give: (result: object) => string): void {
    const { name: tool = '', arguments: { note = '' } = {} } = params ?? {};
    const streams = tool === 'stream';
    const call: DeafCall = {
      tool,
      note,
      state: 'open',
      end: () => {
        const body = give({ content: [{ type: 'text', text: note }] });
        call.state = 'ended';
        if (streams) response.end(`data: ${body}\n\n`);
        else response.writeHead(200, { 'content-type': 'application/json' }).end(body);
      },
    };
    this.calls.push(call);
    if (streams) response.writeHead(200, events).write(': at work\n\n');
    response.once('close', () => {
      if (call.state === 'open') call.state = 'closed';
    });
  }
}
