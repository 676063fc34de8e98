/**
 * The resources of which one connection is told when they change (MCP): one request each in the elder revisions, one stream for all of them in 2026-07-28. What the
 * server then says arrives where its notifications do (mcp-talk.ts).
 */
import type { Client, McpSubscription } from '@modelcontextprotocol/client';

interface Bounded {
  readonly signal?: AbortSignal;
  readonly timeout: number;
}

const againAfterMs = 5_000;

export class Watch {
  readonly #client: Client;
  readonly #told = new Set<string>();
  #stream: McpSubscription | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Brings the server up to what is wanted now. False: it does not tell of changes. @throws what the client throws. */
  follow(wanted: ReadonlySet<string>, options: Bounded): Promise<boolean> {
    const next = this.#turn.then(
      () => this.#follow(wanted, options),
      () => this.#follow(wanted, options),
    );
    this.#turn = next.catch(() => undefined);
    return next;
  }

  async #follow(wanted: ReadonlySet<string>, options: Bounded): Promise<boolean> {
    if (this.#client.getServerCapabilities()?.resources?.subscribe !== true) return false;
    if (this.#client.getProtocolEra() === 'modern') return await this.#listen([...wanted], options);
    for (const uri of [...this.#told].filter((each) => !wanted.has(each))) {
      await this.#client.unsubscribeResource({ uri }, options);
      this.#told.delete(uri);
    }
    for (const uri of [...wanted].filter((each) => !this.#told.has(each))) {
      await this.#client.subscribeResource({ uri }, options);
      this.#told.add(uri);
    }
    return true;
  }

  async #listen(uris: readonly string[], options: Bounded): Promise<boolean> {
    const before = this.#stream;
    const opened =
      uris.length === 0
        ? undefined
        : await this.#client.listen({ resourceSubscriptions: [...uris] }, options);
    this.#stream = opened;
    await before?.close();
    void opened?.closed.then((how) => {
      if (how !== 'local' && this.#stream === opened) this.#later(uris, options.timeout);
    });
    return true;
  }

  /** A stream that the server ended is opened again, as long as the connection stands and nothing else is wanted. */
  #later(uris: readonly string[], timeout: number): void {
    const ended = this.#stream;
    setTimeout(() => {
      if (this.#stream !== ended || this.#client.transport === undefined) return;
      this.#turn = this.#turn.then(() => this.#listen(uris, { timeout })).catch(() => undefined);
    }, againAfterMs).unref();
  }
}
