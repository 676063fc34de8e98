/**
 * Room: db. What processes on one PostgreSQL tell each other at once, over LISTEN and NOTIFY on a connection of its own. It may be lost at any time: whoever
 * listens also looks by itself now and then. Nothing is believed because a signal says so, except a stop, which costs nobody anything but time.
 */
import pg from 'pg';

const channel = 'atf';
/** PostgreSQL takes less than 8,000 bytes. */
export const signalBytesMax = 7_900;
const reconnectMs = 250;
const probeEveryMs = 1_000;
/** A connection on which a statement takes longer is given up. */
const answerWithinMs = 3_000;
const waitingMax = 1_000;

export interface SignalListener {
  heard(text: string): void;
  /** The connection stands, for the first time or again: what was told meanwhile was missed. */
  connected(): void;
}

export class Signals {
  readonly #url: string;
  readonly #listeners = new Set<SignalListener>();
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #probe: NodeJS.Timeout | undefined;
  #waiting = 0;
  #closed = false;

  constructor(url: string) {
    this.#url = url;
  }

  listen(listener: SignalListener): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#connect();
    return () => this.#listeners.delete(listener);
  }

  /** Tells all processes, this one included. False: it cannot be told now. */
  tell(text: string): boolean {
    const client = this.#client;
    if (client === undefined || this.#waiting >= waitingMax) return false;
    if (Buffer.byteLength(text) > signalBytesMax) throw new RangeError('a signal is too long');
    this.#ask(client, 'select pg_notify($1, $2)', [channel, text]);
    return true;
  }

  #ask(client: pg.Client, statement: string, values: readonly string[]): void {
    this.#waiting++;
    client
      .query(statement, [...values])
      .catch(() => this.#give(client))
      .finally(() => {
        this.#waiting--;
      });
  }

  #connect(): void {
    if (this.#closed) return;
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: answerWithinMs,
      query_timeout: answerWithinMs,
      keepAlive: true,
    });
    client.on('error', () => this.#give(client));
    client.on('end', () => this.#give(client));
    client.on('notification', ({ payload }) => {
      if (payload !== undefined && payload !== '')
        for (const listener of this.#listeners) listener.heard(payload);
    });
    client
      .connect()
      .then(() => client.query(`listen ${channel}`))
      .then(
        () => {
          if (this.#closed) return void client.end().catch(() => undefined);
          this.#client = client;
          this.#probe = setInterval(() => this.#ask(client, 'select 1', []), probeEveryMs);
          this.#probe.unref();
          for (const listener of this.#listeners) listener.connected();
        },
        () => this.#give(client),
      );
  }

  #given = new WeakSet<pg.Client>();

  /** Gives a connection up, and gets another one. */
  #give(client: pg.Client): void {
    if (this.#given.has(client)) return;
    this.#given.add(client);
    if (this.#client === client) {
      this.#client = undefined;
      clearInterval(this.#probe);
    }
    client.end().catch(() => undefined);
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#connect(), reconnectMs);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#probe);
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    this.#given.add(client);
    await client.end().catch(() => undefined);
  }
}
