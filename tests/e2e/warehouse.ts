/** A real PostgreSQL database (embedded) behind a tool server that runs what it is given, as many do: whatever arrives is executed, and noted. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PGlite } from '@electric-sql/pglite';

const tables = `
create table orders (id int primary key, customer_id int, total int, note text);
create table customers (id int primary key, name text, email text);
create table payroll (id int primary key, salary int);
create table tickets (id int primary key, title text, status text);
create view orders_by_customer as select customer_id, sum(total) as total from orders group by customer_id;
insert into orders values (1, 1, 30, 'gift'), (2, 2, 70, null);
insert into customers values (1, 'Ada', 'ada@example.com'), (2, 'Grace', 'grace@example.com');
insert into payroll values (1, 4711);
insert into tickets values (1, 'late', 'open');
`;

const queryTool = {
  name: 'query',
  description: 'Runs a query in SQL.',
  inputSchema: { type: 'object', properties: { sql: { type: 'string' } }, required: ['sql'] },
};

interface Message {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: { readonly name?: string; readonly arguments?: { readonly sql?: string } };
}

export class Warehouse {
  /** Every statement that reached the database. */
  readonly executed: string[] = [];
  readonly #db = new PGlite();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.method !== 'POST') return response.writeHead(405).end();
        const message = JSON.parse(Buffer.concat(chunks).toString()) as Message;
        if (message.id === undefined) return response.writeHead(202).end();
        return void this.#answer(message).then((answer) => {
          const text = JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer });
          response.writeHead(200, { 'content-type': 'application/json' }).end(text);
        });
      });
    });
  }

  /** Address of its MCP endpoint (2026-07-28, stateless). */
  async start(): Promise<string> {
    await this.#db.exec(tables);
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#db.close();
  }

  /** What the database itself holds. */
  async rows(sql: string): Promise<readonly unknown[]> {
    return (await this.#db.query(sql)).rows;
  }

  async #answer({ method, params }: Message): Promise<object> {
    const whole = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
    if (method === 'server/discover')
      return { result: { ...whole, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } };
    if (method === 'tools/list') return { result: { ...whole, tools: [queryTool] } };
    if (method !== 'tools/call') return { error: { code: -32601, message: 'no' } };
    const sql = params?.arguments?.sql ?? '';
    this.executed.push(sql);
    const said = await this.#db.query(sql).then(
      ({ rows }) => ({ text: JSON.stringify(rows), isError: false }),
      (error: Error) => ({ text: error.message, isError: true }),
    );
    return { result: { ...whole, content: [{ type: 'text', text: said.text }], isError: said.isError } };
  }
}
