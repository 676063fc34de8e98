/**
 * One MCP tool server as the gateway uses it (segmentation S-1, incident R-2; data D-4 for the bounds of results).
 *
 * Era: 2026-07-28 is tried first (`server/discover`), then the handshake of 2025-11-25 and its elders; the SDK's client
 * speaks both. Faults are values with the gateway's own words, never the server's. A call is sent at most once; nothing
 * here retries, decides or records. Requests from the server to the client (sampling, elicitation, roots) are refused:
 * no capability for them is declared, and what a server asks inside a result (`input_required`) is a fault.
 */
import { kindOf } from '@atf/core/segmentation/offer';
import type { Json, JsonObject } from '@atf/core/wire/json';
import { Client, StreamableHTTPClientTransport, type Tool } from '@modelcontextprotocol/client';
import type { Dispatcher } from 'undici';
import { fits, type UpstreamBounds, upstreamBoundsDefault } from './mcp-bounds.ts';
import { ResponseMalformedError } from './http-exchange.ts';
import { boundedFetch } from './mcp-fetch.ts';
import { type CallMoment, faultOf } from './mcp-fault.ts';
import { listEverything, useOffer } from './mcp-offers.ts';
import { type StdioCommand, StdioTransport } from './mcp-stdio.ts';
import type {
  ToolResult,
  UpstreamCallOptions,
  UpstreamCallOutcome,
  UpstreamFault,
  UpstreamListOutcome,
  UpstreamServer,
} from './protocol.ts';

export type UpstreamAddress =
  | ({ readonly kind: 'stdio' } & StdioCommand)
  | {
      readonly kind: 'http';
      readonly url: string;
      /** Headers of the gateway's own, such as its credential for this server. The agent's never pass. */
      readonly headers?: Readonly<Record<string, string>>;
      /** Connects to vetted addresses only; absent: whatever the name resolves to. */
      readonly dispatcher?: Dispatcher;
    };

export type UpstreamEvents = {
  /** The server says that what it offers changed, or it was connected anew: time to list again. */
  readonly onToolsChanged?: () => void;
  /** Connected, lost, failed: for the log; holds nothing that the server said. */
  readonly onState?: (state: 'connected' | 'lost' | 'failed', detail: string) => void;
};

type Connection = {
  readonly client: Client;
  readonly transport: StdioTransport | StreamableHTTPClientTransport;
  /** True once it must not be used for another call. */
  ended: boolean;
  killed: boolean;
  /** Calls and listings on it; a connection that has ended is closed by the last of them. */
  uses: number;
};

const clientInfo = { name: 'atf-gateway', version: '0.1.0' };
/** A connection that lived this long makes the server count as healthy again. */
const healthyAfterMs = 10_000;
const idempotencyMetaKey = 'atf/idempotencyKey';

export class McpUpstream implements UpstreamServer {
  readonly name: string;
  readonly #address: UpstreamAddress;
  readonly #bounds: UpstreamBounds;
  readonly #events: UpstreamEvents;
  readonly #clock: () => number;
  #connecting: Promise<Connection> | undefined;
  #current: Connection | undefined;
  #definitions = new Map<string, Tool>();
  #era: 'auto' | 'legacy' = 'auto';
  #failures = 0;
  #nextTryAtMs = 0;
  #connectedAtMs = 0;
  #callsUnderWay = 0;
  #closed = false;
  #shutting: Promise<unknown> = Promise.resolve();

  /** `clock` is monotonic, in milliseconds. */
  constructor(
    name: string,
    address: UpstreamAddress,
    events: UpstreamEvents = {},
    bounds: UpstreamBounds = upstreamBoundsDefault,
    clock: () => number = () => performance.now(),
  ) {
    this.name = name;
    this.#address = address;
    this.#events = events;
    this.#bounds = bounds;
    this.#clock = clock;
  }

  async listTools({
    signal,
    timeoutMs,
  }: {
    signal: AbortSignal;
    timeoutMs: number;
  }): Promise<UpstreamListOutcome> {
    const outcome = await this.#use(signal, timeoutMs, async ({ client }, leftMs) => {
      const bounded = { signal, timeout: leftMs, maxTotalTimeout: leftMs };
      const listed = await listEverything(client, bounded, this.#bounds.toolsMax);
      if ('problem' in listed) return fault('upstream.protocol_error', true, listed.problem);
      const { tools, definitions } = listed;
      const fits = this.#measure(definitions as unknown as Json);
      if (typeof fits !== 'number') return fits;
      this.#definitions = new Map(tools.map((tool) => [tool.name, tool]));
      const protocolVersion = client.getNegotiatedProtocolVersion() ?? 'unknown';
      return { kind: 'tools' as const, tools: definitions, protocolVersion };
    });
    return outcome;
  }

  async callTool(name: string, args: JsonObject, options: UpstreamCallOptions): Promise<UpstreamCallOutcome> {
    const { signal, timeoutMs, idempotencyKey, onProgress } = options;
    if (this.#callsUnderWay >= this.#bounds.callsMax)
      return fault('upstream.unavailable', false, 'Too many calls to this tool server at once.');
    this.#callsUnderWay++;
    try {
      return await this.#use(signal, timeoutMs, async ({ client }, leftMs) => {
        const heard = onProgress === undefined ? {} : { onprogress: onProgress };
        const bounded = { signal, timeout: leftMs, maxTotalTimeout: leftMs, ...heard };
        if (kindOf(name) !== 'tool') {
          const used = await useOffer(client, name, args, bounded);
          if (used === 'foreign') return fault('upstream.protocol_error', true, foreignDetail);
          return this.#measured(used);
        }
        const meta = idempotencyKey === undefined ? {} : { _meta: { [idempotencyMetaKey]: idempotencyKey } };
        const result = await client.callTool(
          { name, arguments: args, ...meta },
          { ...bounded, toolDefinition: this.#definitionFor(name) },
        );
        return this.#measured(result as unknown as ToolResult);
      });
    } finally {
      this.#callsUnderWay--;
    }
  }

  /** Whether a connection stands right now; the next call makes one otherwise. */
  get connected(): boolean {
    return this.#current !== undefined;
  }

  kill(): void {
    const connection = this.#current;
    if (connection === undefined) return;
    connection.ended = true;
    connection.killed = true;
    this.#current = undefined;
    if (connection.transport instanceof StdioTransport) connection.transport.kill();
    else this.#shut(connection);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const { transport } = this.#current ?? {};
    if (this.#current !== undefined) this.#shut(this.#current);
    await this.#connecting?.catch(() => undefined);
    await this.#shutting;
    if (transport instanceof StdioTransport) await transport.exited;
  }

  /**
   * The definition that the SDK reads `x-mcp-header` from. Given explicitly, so that the SDK never lists and sends again
   * by itself after a header mismatch; without the output schema, because the pipeline checks results.
   */
  #definitionFor(name: string): Tool {
    const { outputSchema: _, ...definition } = this.#definitions.get(name) ?? {
      name,
      inputSchema: { type: 'object' as const },
    };
    return definition;
  }

  /** Connects if needed and runs `work` with the time that is left; every throw becomes a fault. */
  async #use<T>(
    signal: AbortSignal,
    timeoutMs: number,
    work: (connection: Connection, leftMs: number) => Promise<T>,
  ): Promise<T | Faulted> {
    const deadlineMs = this.#clock() + timeoutMs;
    const moment: CallMoment = { signal, dispatched: false, connection: undefined };
    try {
      if (signal.aborted) return fault('upstream.aborted', false, 'The call was cut before it was sent.');
      const connection = await this.#connection(signal, timeoutMs);
      if (!('client' in connection)) return connection;
      moment.connection = connection;
      const leftMs = deadlineMs - this.#clock();
      if (signal.aborted) return fault('upstream.aborted', false, 'The call was cut before it was sent.');
      if (leftMs <= 0)
        return fault('upstream.timeout', false, 'The tool server was not ready in time; nothing was sent.');
      moment.dispatched = true;
      connection.uses++;
      try {
        return await work(connection, leftMs);
      } catch (error) {
        const found = faultOf(error, moment);
        // The server may have lost the session: the next call starts over, calls under way go on.
        if (found.code === 'upstream.unavailable' && this.#address.kind === 'http') this.#retire(connection);
        return { kind: 'fault', fault: found };
      } finally {
        connection.uses--;
        if (connection.ended && connection.uses === 0) this.#shut(connection);
      }
    } catch (error) {
      return { kind: 'fault', fault: faultOf(error, moment) };
    }
  }

  /** The connection, or a fault when there is none within the time given. Callers share one attempt; none of them can abort it. */
  async #connection(signal: AbortSignal, timeoutMs: number): Promise<Connection | Faulted> {
    if (this.#closed) return fault('upstream.unavailable', false, 'The tool server was closed.');
    if (this.#current !== undefined) return this.#current;
    if (this.#connecting === undefined) {
      if (this.#clock() < this.#nextTryAtMs)
        return fault('upstream.unavailable', false, 'The tool server failed a moment ago.');
      const attempt = this.#connect();
      this.#connecting = attempt;
      attempt
        .catch(() => undefined)
        .finally(() => {
          this.#connecting = undefined;
        });
    }
    return await withinTime(this.#connecting, signal, Math.min(timeoutMs, this.#bounds.connectMs));
  }

  async #connect(): Promise<Connection> {
    try {
      const connection = await this.#open(this.#era).catch((error: unknown) => {
        // A stdio server that dies from an unknown first request is an elder one: start it again and shake hands.
        if (this.#address.kind !== 'stdio' || this.#era === 'legacy' || this.#closed) throw error;
        return this.#open('legacy');
      });
      if (this.#closed) {
        await connection.client.close();
        throw new Error('closed');
      }
      if (connection.ended) throw new Error('ended');
      this.#era = connection.client.getProtocolEra() === 'legacy' ? 'legacy' : 'auto';
      this.#current = connection;
      this.#connectedAtMs = this.#clock();
      this.#events.onState?.('connected', connection.client.getNegotiatedProtocolVersion() ?? 'unknown');
      return connection;
    } catch (error) {
      this.#backOff();
      this.#era = 'auto';
      this.#events.onState?.('failed', 'The tool server could not be connected.');
      throw error;
    }
  }

  async #open(mode: 'auto' | 'legacy'): Promise<Connection> {
    const { probeMs, connectMs, toolPagesMax } = this.#bounds;
    const changed = { autoRefresh: false, onChanged: () => this.#events.onToolsChanged?.() };
    const client = new Client(clientInfo, {
      capabilities: {},
      versionNegotiation: { mode, probe: { timeoutMs: probeMs } },
      inputRequired: { autoFulfill: false },
      listMaxPages: toolPagesMax,
      listChanged: { tools: changed, resources: changed, prompts: changed },
    });
    const transport = this.#transport();
    const connection: Connection = { client, transport, ended: false, killed: false, uses: 0 };
    client.onclose = () => this.#lost(connection);
    client.onerror = () => undefined;
    try {
      await client.connect(transport, { timeout: connectMs });
    } catch (error) {
      connection.ended = true;
      const babbled = transport instanceof StdioTransport && transport.end === 'garbage';
      if (transport instanceof StdioTransport) transport.kill();
      await client.close().catch(() => undefined);
      throw babbled ? new ResponseMalformedError('the first answer is not a message of the protocol') : error;
    }
    return connection;
  }

  #transport(): StdioTransport | StreamableHTTPClientTransport {
    const { resultBytesMax, resultDepthMax, resultValuesMax, httpRequestMs } = this.#bounds;
    const parse = { depthMax: resultDepthMax, valuesMax: resultValuesMax };
    if (this.#address.kind === 'stdio') {
      const bounds = {
        ...parse,
        lineBytesMax: resultBytesMax + envelopeBytes,
        unsentBytesMax: 4 * resultBytesMax,
      };
      return new StdioTransport(this.#address, bounds);
    }
    const { url, headers, dispatcher } = this.#address;
    const bounds = { ...parse, bodyBytesMax: resultBytesMax + envelopeBytes, requestMs: httpRequestMs };
    return new StreamableHTTPClientTransport(new URL(url), {
      fetch: boundedFetch(bounds, dispatcher),
      requestInit: { headers: { ...headers }, redirect: 'error' },
      reconnectionOptions: {
        initialReconnectionDelay: 1_000,
        maxReconnectionDelay: 30_000,
        reconnectionDelayGrowFactor: 2,
        maxRetries: 0,
      },
    });
  }

  #lost(connection: Connection): void {
    if (connection.ended) return;
    connection.ended = true;
    if (this.#current === connection) this.#current = undefined;
    this.#backOff();
    this.#events.onState?.('lost', 'The tool server has gone.');
  }

  /** The first restart is immediate; a server that keeps failing waits longer each time. */
  #backOff(): void {
    const now = this.#clock();
    const healthy = this.#connectedAtMs > 0 && now - this.#connectedAtMs > healthyAfterMs;
    this.#failures = healthy ? 1 : this.#failures + 1;
    const { backoffFirstMs, backoffLastMs } = this.#bounds;
    this.#nextTryAtMs =
      this.#failures === 1 ? now : now + Math.min(backoffLastMs, backoffFirstMs * 2 ** (this.#failures - 2));
  }

  #retire(connection: Connection): void {
    connection.ended = true;
    if (this.#current === connection) this.#current = undefined;
  }

  #shut(connection: Connection): void {
    this.#retire(connection);
    this.#shutting = Promise.allSettled([this.#shutting, connection.client.close()]);
  }

  #measured(result: ToolResult): UpstreamCallOutcome {
    const resultBytes = this.#measure(result as unknown as Json);
    return typeof resultBytes === 'number' ? { kind: 'result', result, resultBytes } : resultBytes;
  }

  /** Size of a value as it will be passed on, in bytes, or the fault that it is too large or too deep. */
  #measure(value: Json): number | Faulted {
    const { resultBytesMax, resultDepthMax, resultValuesMax } = this.#bounds;
    if (!fits(value, resultDepthMax, resultValuesMax))
      return fault(
        'upstream.protocol_error',
        true,
        'The result is nested too deeply or has too many values.',
      );
    const bytes = Buffer.byteLength(JSON.stringify(value));
    return bytes <= resultBytesMax
      ? bytes
      : fault('upstream.result_too_large', true, `Results may have ${resultBytesMax} bytes.`);
  }
}

type Faulted = { readonly kind: 'fault'; readonly fault: UpstreamFault };

const foreignDetail = 'The tool server answered with another resource than was asked.';

/** Room for the JSON-RPC message around a result. */
const envelopeBytes = 65_536;

function fault(code: UpstreamFault['code'], dispatched: boolean, detail: string): Faulted {
  return { kind: 'fault', fault: { code, dispatched, detail } };
}

async function withinTime(
  connecting: Promise<Connection>,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Connection | Faulted> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const given = new Promise<Faulted>((resolve) => {
    timer = setTimeout(
      () =>
        resolve(fault('upstream.timeout', false, 'The tool server was not ready in time; nothing was sent.')),
      timeoutMs,
    );
    onAbort = () => resolve(fault('upstream.aborted', false, 'The call was cut before it was sent.'));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([connecting, given]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
