/** A loopback proxy for TCP that cuts what passes through it, refuses, or swallows it as a half-open connection does. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Proxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #stranded = new Set<Socket>();
  #opened = 0;
  #mode: 'pass' | 'refuse' | 'swallow' = 'pass';

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  /** In front of a port of this machine. */
  static async to(port: number): Promise<Proxy> {
    const sockets = new Set<Socket>();
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const proxy = new Proxy(server, sockets);
    server.on('connection', (near) => proxy.#join(near, port));
    return proxy;
  }

  #join(near: Socket, port: number): void {
    this.#keep(near);
    if (this.#mode === 'refuse') return void near.destroy();
    this.#opened++;
    const far = connect(port, '127.0.0.1');
    this.#keep(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes: Buffer) => {
        if (this.#mode !== 'swallow' && !this.#stranded.has(from)) to.write(bytes);
      });
      from.on('close', () => to.destroy());
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#stranded.delete(socket);
    });
  }

  /** Every connection ends, and new ones are refused. */
  refuse(): void {
    this.#mode = 'refuse';
    this.#cut();
  }

  /** Connections stay, and nothing of what is sent arrives. */
  swallow(): void {
    this.#mode = 'swallow';
  }

  /** Connections that stand stay half open for good; new ones work. */
  strand(): void {
    for (const socket of this.#sockets) this.#stranded.add(socket);
  }

  /** Ends of stranded connections that nobody has given up yet. */
  get stranded(): number {
    return this.#stranded.size;
  }

  /** Connections that were let through so far. */
  get opened(): number {
    return this.#opened;
  }

  /** New connections work; those whose bytes were lost are reset. */
  pass(): void {
    if (this.#mode === 'swallow') this.#cut();
    this.#mode = 'pass';
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.#cut();
    await new Promise((done) => this.#server.close(done));
  }
}
