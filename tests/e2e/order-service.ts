/** A small HTTP service of orders, as companies have them: REST, an API key, a stream of events. It notes every request as it came. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Noted {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export const orderDocument = `openapi: 3.0.3
info: { title: Orders, version: 1.0.0 }
servers: [{ url: 'https://elsewhere.example.com/v9' }]
security: [{ key: [] }]
paths:
  /orders:
    get:
      operationId: listOrders
      summary: Lists orders
      parameters:
        - { name: state, in: query, schema: { type: string, enum: [open, closed] } }
        - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }
        - { name: tag, in: query, schema: { type: array, items: { type: string } } }
        - { name: X-Region, in: header, schema: { type: string, pattern: '^[a-z]{2}$' } }
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/OrderList' } } } }
    post:
      operationId: createOrder
      summary: Creates an order
      requestBody: { $ref: '#/components/requestBodies/NewOrder' }
      responses:
        '201': { description: made, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
  /orders/export:
    get:
      operationId: exportOrders
      responses:
        '200': { description: ok, content: { text/csv: { schema: { type: string } } } }
  /orders/{order_id}:
    parameters:
      - { name: order_id, in: path, required: true, schema: { type: string, maxLength: 40 } }
    get:
      operationId: getOrder
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
    delete:
      operationId: dropOrder
      responses: { '204': { description: gone } }
  /orders/search:
    post:
      operationId: findOrders
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, properties: { text: { type: string, maxLength: 200 } }, required: [text] } } }
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/OrderList' } } } }
  /slow:
    get: { operationId: getSlowly, responses: { '200': { description: ok } } }
  /moved:
    get: { operationId: getMoved, responses: { '200': { description: ok } } }
  /echo:
    get: { operationId: getEcho, responses: { '200': { description: ok } } }
  /wrong:
    get:
      operationId: getWrong
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
  /large:
    get: { operationId: getLarge, responses: { '200': { description: ok } } }
  /events:
    get:
      operationId: watchOrders
      summary: Shows what happens to orders
      responses: { '200': { description: ok, content: { text/event-stream: { schema: { type: string } } } } }
  /files:
    post:
      operationId: checkFile
      requestBody: { required: true, content: { application/octet-stream: { schema: { type: string, format: binary } } } }
      responses: { '200': { description: ok, content: { application/json: { schema: { type: object } } } } }
  /upload:
    post:
      operationId: uploadFiles
      requestBody: { required: true, content: { multipart/form-data: { schema: { type: object } } } }
      responses: { '200': { description: ok } }
components:
  requestBodies:
    NewOrder:
      required: true
      content:
        application/json:
          schema:
            type: object
            required: [customer, amount]
            properties:
              id: { type: string, readOnly: true }
              customer: { type: string, maxLength: 100 }
              amount: { type: number, minimum: 0, exclusiveMinimum: true, example: 12.5 }
              note: { type: string, nullable: true }
  schemas:
    Order:
      type: object
      required: [id, state]
      properties:
        id: { type: string }
        state: { type: string, enum: [open, closed] }
        parent: { $ref: '#/components/schemas/Order' }
    OrderList:
      type: object
      required: [orders]
      properties: { orders: { type: array, items: { $ref: '#/components/schemas/Order' } } }
`;

export class OrderService {
  readonly noted: Noted[] = [];
  /** Bytes of bodies that ended before their end. */
  readonly broken: number[] = [];
  readonly secret: string;
  /** Requests whose answer is still under way. */
  open = 0;
  #server: Server | undefined;
  readonly #streams = new Set<ServerResponse>();

  constructor(secret: string) {
    this.secret = secret;
  }

  async start(): Promise<string> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.#server = server;
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  /** Requests by what they asked. */
  asked(method: string, path: string): Noted[] {
    return this.noted.filter((each) => each.method === method && each.url.split('?', 1)[0] === `/api${path}`);
  }

  /** Says something on every stream of events. */
  say(event: string): void {
    this.write(`data: ${event}\n\n`);
  }

  write(text: string): void {
    for (const stream of this.#streams) stream.write(text);
  }

  endStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  get streams(): number {
    return this.#streams.size;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      this.broken.push(Buffer.concat(chunks).byteLength);
      return;
    }
    const { method = '', url = '', headers } = request;
    this.noted.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    this.open++;
    response.once('close', () => {
      this.open--;
      this.#streams.delete(response);
    });
    const json = (status: number, value: unknown, more: Record<string, string> = {}) =>
      response
        .writeHead(status, {
          'content-type': 'application/json',
          'set-cookie': 'session=1',
          'x-internal': 'yes',
          ...more,
        })
        .end(JSON.stringify(value));
    if (headers['x-api-key'] !== this.secret) return void json(401, { error: 'who are you?' });
    const [path = ''] = url.split('?', 1);
    const order = { id: 'O-1', state: 'open' };
    if (path === '/api/orders' && method === 'POST')
      return void json(201, { id: 'O-9', state: 'open' }, { location: '/api/orders/O-9' });
    if (path === '/api/orders/search' && Buffer.concat(chunks).includes('overloaded'))
      return void json(504, { error: 'no answer in time' });
    if (path === '/api/orders' || path === '/api/orders/search') return void json(200, { orders: [order] });
    if (path === '/api/orders/export')
      return void response
        .writeHead(200, { 'content-type': 'text/csv; charset=utf-8' })
        .end('id,state\nO-1,open\n');
    if (path === '/api/files') {
      const body = Buffer.concat(chunks);
      return void json(200, {
        bytes: body.byteLength,
        sha256: createHash('sha256').update(body).digest('hex'),
      });
    }
    if (path === '/api/slow') return;
    if (path === '/api/moved')
      return void response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
    if (path === '/api/echo') return void json(200, { headers });
    if (path === '/api/wrong') return void json(200, { id: 7 });
    if (path === '/api/large')
      return void response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(5 * 1_048_576));
    if (path === '/api/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: hello\n\n');
      return void this.#streams.add(response);
    }
    if (path.startsWith('/api/orders/') && method === 'DELETE') return void response.writeHead(204).end();
    if (path === '/api/orders/O-404') return void json(404, { error: 'no such order' });
    if (path.startsWith('/api/orders/'))
      return void json(200, { ...order, id: decodeURIComponent(path.slice(12)) });
    json(404, { error: 'nothing here' });
  }
}
