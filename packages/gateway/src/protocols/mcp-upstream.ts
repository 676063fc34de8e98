/**
 * One MCP tool server as the gateway uses it (segmentation S-1, incident R-2; data D-4 for the bounds of results).
 *
 * Era: 2026-07-28 is tried first (`server/discover`), then the handshake of 2025-11-25 and its elders; the SDK's client
 * speaks both. Faults are values with the gateway's own words, never the server's. A call is sent at most once; nothing
 * here retries, decides or records. What a server asks the agent's side for (sampling, elicitation, roots) is handed to the
 * caller as far as the server may ask at all; no capability is declared for the rest, and asking for it is a fault.
 */
import { kindOf } from '@atf/core/segmentation/offer';
import type { Json, JsonObject } from '@atf/core/wire/json';
import type { AskKind } from '@atf/core/wire/words';
import { Client, ProtocolError, type Tool } from '@modelcontextprotocol/client';
import type { Dispatcher } from 'undici';
import { fits, type UpstreamBounds, upstreamBoundsDefault } from './mcp-bounds.ts';
import { ResponseMalformedError } from './http-exchange.ts';
import { boundedFetch } from './mcp-fetch.ts';
import { type CallMoment, faultOf } from './mcp-fault.ts';
import { HttpTransport } from './mcp-http.ts';
import { declared } from './mcp-input.ts';
import type { LogLevel } from './mcp-log.ts';
import { isForeign, listEverything, useOffer } from './mcp-offers.ts';
import { allRounds } from './mcp-rounds.ts';
import { type StdioCommand, StdioTransport } from './mcp-stdio.ts';
import { ServerTalk, type TalkOfCall } from './mcp-talk.ts';
import { Watch } from './mcp-watch.ts';
import { metaKeys } from './mcp-wire.ts';
import type {
  CallLog,
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
  /** What the server may ask the agent's side for at all. */
  readonly mayAsk?: readonly AskKind[];
  /** Whether one connection serves several agents; absent: it does. */
  readonly shared?: boolean;
  /** The server says that what it offers changed, or it was connected anew: time to list again. */
  readonly onToolsChanged?: () => void;
  /** A resource has changed that was subscribed to. */
  readonly onUpdated?: (uri: string) => void;
  /** Connected, lost, failed: for the log; holds nothing that the server said. */
  readonly onState?: (state: 'connected' | 'lost' | 'failed', detail: string) => void;
};

type Connection = {
  readonly client: Client;
  readonly transport: StdioTransport | HttpTransport;
  /** True once it must not be used for another call. */
  ended: boolean;
  killed: boolean;
  readonly talk: ServerTalk;
  readonly watch: Watch;
  /** The level of log messages that an elder server was asked for last. */
  logLevel: LogLevel | undefined;
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
  readonly #mayAsk: readonly AskKind[];
  readonly #clock: () => number;
  #connecting: Promise<Connection> | undefined;
  #current: Connection | undefined;
  #definitions = new Map<string, Tool>();
  /** Resources that somebody wants to be told of. */
  readonly #watched = new Set<string>();
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
    this.#mayAsk = events.mayAsk ?? [];
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
    const { signal, timeoutMs, input } = options;
    if (this.#callsUnderWay >= this.#bounds.callsMax)
      return fault('upstream.unavailable', false, 'Too many calls to this tool server at once.');
    this.#callsUnderWay++;
    const deadline = input === undefined ? undefined : new Deadline(timeoutMs);
    const bounded = deadline === undefined ? signal : AbortSignal.any([signal, deadline.signal]);
    // The clock of the deadline stands still while the agent is asked; the SDK's own only ends what went wrong.
    const wholeMs = timeoutMs + (input?.waitMsMax ?? 0);
    try {
      const outcome = await this.#use(bounded, wholeMs, async (connection, leftMs) => {
        const talk: TalkOfCall = {
          input,
          log: options.log,
          outside: (work) => (deadline === undefined ? work() : deadline.outside(work)),
          refused: undefined,
          open: 0,
        };
        const end = connection.talk.begin(talk);
        try {
          return await this.#send(
            connection,
            name,
            args,
            { ...options, signal: bounded, timeoutMs: leftMs },
            talk,
          );
        } catch (error) {
          // A server that was told why it gets no input, and gave up for that.
          if (talk.refused !== undefined && ProtocolError.isInstance(error))
            return { kind: 'fault' as const, fault: talk.refused };
          throw error;
        } finally {
          end();
        }
      });
      const late = deadline?.signal.aborted === true && !signal.aborted && outcome.kind === 'fault';
      return late ? { kind: 'fault', fault: { ...outcome.fault, ...tooLate } } : outcome;
    } finally {
      deadline?.end();
      this.#callsUnderWay--;
    }
  }

  async #send(
    connection: Connection,
    name: string,
    args: JsonObject,
    { signal, timeoutMs, idempotencyKey, onProgress, input, log }: UpstreamCallOptions,
    talk: TalkOfCall,
  ): Promise<UpstreamCallOutcome> {
    const { client } = connection;
    const modern = client.getProtocolEra() === 'modern';
    const heard = onProgress === undefined ? {} : { onprogress: onProgress };
    const bounded = {
      signal,
      timeout: timeoutMs,
      maxTotalTimeout: timeoutMs,
      allowInputRequired: true,
      ...heard,
    };
    const _meta = {
      ...(idempotencyKey === undefined ? {} : { [idempotencyMetaKey]: idempotencyKey }),
      // For each call what its agent declared, never what the connection could carry.
      ...(modern ? { [metaKeys.clientCapabilities]: declared(input?.asks ?? []) } : {}),
      ...(modern && log !== undefined ? { [metaKeys.logLevel]: log.level } : {}),
    };
    if (!modern) await this.#askForLogs(connection, log, bounded);
    const isTool = kindOf(name) === 'tool';
    const rounds = await allRounds<ToolResult | object>(
      async (more) =>
        isTool
          ? await client.callTool(
              { name, arguments: args, _meta, ...more },
              { ...bounded, toolDefinition: this.#definitionFor(name) },
            )
          : await useOffer(client, name, args, { _meta, ...more }, bounded),
      talk,
    );
    if ('fault' in rounds) return { kind: 'fault', fault: rounds.fault };
    if (isForeign(rounds.result)) return fault('upstream.protocol_error', true, foreignDetail);
    // It would pass for an empty result, and what it stands for may be running.
    if (isTool && 'taskId' in rounds.result) return fault('upstream.protocol_error', true, taskDetail);
    return this.#measured(rounds.result as ToolResult);
  }

  /** Elder servers send log messages of the level that was set last, to nobody in particular. */
  async #askForLogs(connection: Connection, log: CallLog | undefined, options: object): Promise<void> {
    const { client } = connection;
    if (log === undefined || log.level === connection.logLevel) return;
    if (client.getServerCapabilities()?.logging === undefined) return;
    connection.logLevel = log.level;
    await client.setLoggingLevel(log.level, options);
  }

  async watch(
    uri: string,
    on: boolean,
    { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
  ): Promise<UpstreamFault | undefined> {
    if (on) this.#watched.add(uri);
    else this.#watched.delete(uri);
    if (!on && this.#current === undefined) return undefined;
    const outcome = await this.#use(signal, timeoutMs, async (connection, leftMs) => {
      const told = await connection.watch.follow(this.#watched, { signal, timeout: leftMs });
      return told ? { kind: 'told' as const } : fault('upstream.call_refused', false, untoldDetail);
    });
    if (outcome.kind !== 'fault') return undefined;
    if (on) this.#watched.delete(uri);
    return outcome.fault;
  }

  /** Whether a connection stands right now; the next call makes one otherwise. */
  get connected(): boolean {
    return this.#current !== undefined;
  }

  kill(): boolean {
    const connection = this.#current;
    if (!(connection?.transport instanceof StdioTransport)) return false;
    connection.ended = true;
    connection.killed = true;
    this.#current = undefined;
    connection.transport.kill();
    return true;
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
      // What was wanted before is wanted again; a server that does not take it tells nothing.
      if (this.#watched.size > 0)
        void connection.watch.follow(this.#watched, { timeout: this.#bounds.probeMs }).catch(() => false);
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
    // At once: the SDK's pause begins anew with each word of the server, so that one that goes on talking would not be heard.
    const changed = { autoRefresh: false, debounceMs: 0, onChanged: () => this.#events.onToolsChanged?.() };
    const talk = new ServerTalk(this.#events.shared ?? true);
    const client = new Client(clientInfo, {
      capabilities: declared(this.#mayAsk),
      versionNegotiation: { mode, probe: { timeoutMs: probeMs } },
      inputRequired: { autoFulfill: false },
      listMaxPages: toolPagesMax,
      listChanged: { tools: changed, resources: changed, prompts: changed },
    });
    talk.wire(client, this.#mayAsk, this.#events.onUpdated);
    const transport = this.#transport();
    const connection: Connection = {
      client,
      transport,
      talk,
      watch: new Watch(client),
      logLevel: undefined,
      ended: false,
      killed: false,
      uses: 0,
    };
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

  #transport(): StdioTransport | HttpTransport {
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
    return new HttpTransport(new URL(url), {
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

const tooLate = {
  code: 'upstream.timeout',
  detail: 'The tool server did not answer in time.',
} as const;

/** Ends a call that takes too long, not counting the time that its agent takes to answer. */
class Deadline {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #leftMs: number;
  #sinceMs = 0;
  #outside = 0;

  constructor(leftMs: number) {
    this.#leftMs = leftMs;
    this.#run();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async outside<T>(work: () => Promise<T>): Promise<T> {
    if (this.#outside++ === 0) {
      clearTimeout(this.#timer);
      this.#leftMs -= performance.now() - this.#sinceMs;
    }
    try {
      return await work();
    } finally {
      if (--this.#outside === 0 && !this.signal.aborted) this.#run();
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #run(): void {
    this.#sinceMs = performance.now();
    this.#timer = setTimeout(() => this.#controller.abort(), Math.max(0, this.#leftMs));
  }
}

const untoldDetail = 'The tool server does not tell when resources change.';
const taskDetail = 'The tool server answered with a task, and was asked for none.';
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
