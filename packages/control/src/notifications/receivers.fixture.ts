/** Receivers for tests: a web server and a mail server on loopback that keep what they get and can be made to fail or hang. Test code; the product does not import it. */
import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';

export interface Received {
  readonly atMs: number;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WebReceiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** Status of the next answers; `hang`: takes the request and never answers. */
  answer: number | 'hang';
  answerHeaders: Record<string, string>;
  /** Resolves when `holds`, which is asked with everything that is received. */
  until(holds: () => boolean): Promise<void>;
  close(): Promise<void>;
}

const arrivesWithinMs = 30_000;

const closing = (server: Server): Promise<void> =>
  new Promise((done) => {
    server.closeAllConnections();
    server.close(() => done());
  });

export async function webReceiver(port = 0): Promise<WebReceiver> {
  const received: Received[] = [];
  const arrivals = new EventEmitter();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      received.push({ atMs: Date.now(), path: request.url ?? '', headers: request.headers, body });
      arrivals.emit('one');
      if (receiver.answer === 'hang') return;
      response.writeHead(receiver.answer, receiver.answerHeaders).end('ok');
    });
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const { port: taken } = server.address() as AddressInfo;
  const receiver: WebReceiver = {
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    received,
    answer: 200,
    answerHeaders: {},
    async until(holds) {
      while (!holds()) await once(arrivals, 'one', { signal: AbortSignal.timeout(arrivesWithinMs) });
    },
    close: () => closing(server),
  };
  return receiver;
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and text as they came, without the final dot. */
  readonly data: string;
  readonly encrypted: boolean;
  readonly user: string | undefined;
}

export interface MailReceiver {
  readonly port: number;
  readonly mails: Mail[];
  /** Answer to RCPT TO. */
  recipientAnswer: string;
  close(): Promise<void>;
}

/** What of SMTP (RFC 5321, 3207, 4954) a client needs to hand over a mail. `tls`: offers and demands STARTTLS with these. */
class MailTalk {
  private readonly receiver: MailReceiver;
  private readonly tls: { readonly key: string; readonly cert: string } | undefined;
  private socket: Socket;
  private encrypted = false;
  private user: string | undefined;
  private from = '';
  private to: string[] = [];
  private data: string[] | undefined;
  private rest = '';

  constructor(receiver: MailReceiver, socket: Socket, tls: { key: string; cert: string } | undefined) {
    this.receiver = receiver;
    this.socket = socket;
    this.tls = tls;
    this.listen();
    this.say('220 mail.example ready');
  }

  private say(line: string): void {
    this.socket.write(`${line}\r\n`);
  }

  private listen(): void {
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk: Buffer) => {
      this.rest += chunk.toString('latin1');
      for (let end = this.rest.indexOf('\r\n'); end >= 0; end = this.rest.indexOf('\r\n')) {
        const line = this.rest.slice(0, end);
        this.rest = this.rest.slice(end + 2);
        this.line(line);
      }
    });
  }

  private upgrade(): void {
    if (this.tls === undefined) return this.say('454 no');
    this.say('220 go ahead');
    this.socket.removeAllListeners('data');
    this.rest = '';
    this.socket = new TLSSocket(this.socket, {
      isServer: true,
      secureContext: createSecureContext(this.tls),
    });
    this.encrypted = true;
    this.listen();
  }

  private line(line: string): void {
    if (this.data !== undefined) {
      if (line !== '.') return void this.data.push(line.startsWith('..') ? line.slice(1) : line);
      const { from, to, encrypted, user } = this;
      this.receiver.mails.push({ from, to, data: this.data.join('\n'), encrypted, user });
      this.data = undefined;
      return this.say('250 kept');
    }
    const verb = line.split(/[ :]/)[0]?.toUpperCase();
    const address = /<([^>]*)>/.exec(line)?.[1] ?? '';
    switch (verb) {
      case 'EHLO':
        this.say('250-mail.example');
        if (this.tls !== undefined && !this.encrypted) this.say('250-STARTTLS');
        return this.say('250 AUTH PLAIN');
      case 'STARTTLS':
        return this.upgrade();
      case 'AUTH':
        this.user = Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0')[1];
        return this.say('235 fine');
      case 'MAIL':
        this.from = address;
        this.to = [];
        return this.say('250 fine');
      case 'RCPT':
        if (this.receiver.recipientAnswer.startsWith('250')) this.to.push(address);
        return this.say(this.receiver.recipientAnswer);
      case 'DATA':
        this.data = [];
        return this.say('354 go on');
      case 'QUIT':
        this.say('221 bye');
        return void this.socket.end();
      default:
        return this.say('250 fine');
    }
  }
}

export async function mailReceiver(tls?: { key: string; cert: string }): Promise<MailReceiver> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    new MailTalk(receiver, socket, tls);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const receiver: MailReceiver = {
    port: (server.address() as AddressInfo).port,
    mails: [],
    recipientAnswer: '250 fine',
    close: () =>
      new Promise((done) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => done());
      }),
  };
  return receiver;
}

/** A fresh self-signed certificate of one day for a host name, made by `openssl`. */
export async function certificateFor(host: string): Promise<{ key: string; cert: string }> {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const named = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  const made = ['req', '-x509', ...curve, ...named, '-keyout', '-', '-out', '-'];
  const { stdout } = await promisify(execFile)('openssl', made);
  const part = (name: string): string =>
    new RegExp(`-----BEGIN ${name}-----[^-]+-----END ${name}-----`).exec(stdout)?.[0] ?? '';
  return { key: part('PRIVATE KEY'), cert: part('CERTIFICATE') };
}
