/**
 * Streamable HTTP towards one tool server (incident R-2). What the gateway gives up it also closes: in 2026-07-28 the SDK does so, because there the end of the
 * exchange is the cancellation; in 2025-11-25 it only sends `notifications/cancelled`, which a server may ignore, so the exchange of that one request is closed here.
 */
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { RequestId } from './protocol.ts';

type Options = ConstructorParameters<typeof StreamableHTTPClientTransport>[1];
type Sent = Parameters<StreamableHTTPClientTransport['send']>;

export class HttpTransport extends StreamableHTTPClientTransport {
  /** Requests without a signal of their own that have no answer yet. Each ends: answered, failed, or given up when its time is over. */
  readonly #open = new Map<RequestId, AbortController>();

  constructor(url: URL, options: Options) {
    super(url, options);
    // The client keeps whatever listens when it connects.
    this.onmessage = (message) => {
      if (!('method' in message) && message.id !== undefined) this.#open.delete(message.id);
    };
  }

  override async send(message: Sent[0], options?: Sent[1]): Promise<void> {
    const asks = 'method' in message && 'id' in message && options?.requestSignal === undefined;
    if (!asks) {
      if ('method' in message && message.method === 'notifications/cancelled')
        this.#close(message.params?.['requestId'] as RequestId);
      return await super.send(message, options);
    }
    const { id } = message;
    const exchange = new AbortController();
    this.#open.set(id, exchange);
    try {
      await super.send(message, { ...options, requestSignal: exchange.signal });
    } catch (error) {
      this.#open.delete(id);
      throw error;
    }
  }

  #close(id: RequestId): void {
    this.#open.get(id)?.abort();
    this.#open.delete(id);
  }
}
