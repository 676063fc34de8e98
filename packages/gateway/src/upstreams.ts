/**
 * Room: segmentation (S-1). The connections to tool servers: one for each (server, agent instance), so that what one agent does to a
 * server's state is not another's, or one for all when the server is declared stateless. Each lists its tools before it serves; a list
 * that may have changed is unknown until it was read again, and an unknown definition is not executed.
 */
import { definitionDigest } from '@atf/core/segmentation/definition';
import type { ServerDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { CallTarget, ClockPort, LiveDefinition, Prepared, UpstreamPort } from './ports.ts';
import type {
  ToolDefinition,
  UpstreamCallOptions,
  UpstreamCallOutcome,
  UpstreamFault,
  UpstreamServer,
} from './protocols/protocol.ts';

export const connectionsMax = 512;
export const connectionIdleMs = 600_000;
export const listTimeoutMs = 15_000;
/** A list that changes while it is read is read again at most so often. */
const listAttemptsMax = 3;

/** Makes a connection to a server; a fault when this host cannot (no command, address not allowed). */
export type ConnectServer = (
  server: ServerDoc,
  events: {
    readonly onToolsChanged: () => void;
    readonly onUpdated: (uri: string) => void;
    readonly onLost: () => void;
  },
) =>
  | { readonly ok: true; readonly upstream: UpstreamServer }
  | { readonly ok: false; readonly fault: UpstreamFault };

/** What a server offers, as it was listed last over any connection. */
export type Listed =
  | { readonly ok: true; readonly definitions: readonly ToolDefinition[] }
  | { readonly ok: false; readonly fault: UpstreamFault };

interface Connection {
  readonly key: string;
  readonly serverName: string;
  readonly epoch: number;
  readonly upstream: UpstreamServer;
  /** Name → digest of the definition on offer; undefined while it must be read. */
  live: ReadonlyMap<string, string> | undefined;
  /** Rises with everything that may have changed the list. */
  generation: number;
  listing: Promise<Prepared> | undefined;
  uses: number;
  usedMs: number;
}

export interface UpstreamsInput {
  readonly connect: ConnectServer;
  readonly clock: ClockPort;
  /** A server was listed, or could not be. */
  readonly onListed: (server: ServerDoc, listed: Listed) => void;
  /** A server said that its tools changed. */
  readonly onChanged: (server: string) => void;
  /** A server said that a resource changed; over the connection of this instance, or over one that all share. */
  readonly onUpdated?: (server: string, instanceId: string | undefined, uri: string) => void;
}

const unavailable = (detail: string): UpstreamFault => ({
  code: 'upstream.unavailable',
  dispatched: false,
  detail,
});

export class Upstreams implements UpstreamPort {
  readonly #input: UpstreamsInput;
  readonly #connections = new Map<string, Connection>();
  readonly #ending = new AbortController();

  constructor(input: UpstreamsInput) {
    this.#input = input;
  }

  async prepare(server: ServerDoc, instanceId: string): Promise<Prepared> {
    const connection = this.#acquire(server, instanceId);
    if (!('upstream' in connection)) {
      this.#input.onListed(server, { ok: false, fault: connection });
      return { ok: false, fault: connection };
    }
    return connection.live === undefined ? await this.#listOnce(server, connection) : { ok: true };
  }

  /** Reads the list anew; what was listed before serves meanwhile. */
  async refresh(server: ServerDoc, instanceId: string): Promise<Prepared> {
    const connection = this.#acquire(server, instanceId);
    return 'upstream' in connection
      ? await this.#listOnce(server, connection)
      : await this.prepare(server, instanceId);
  }

  #listOnce(server: ServerDoc, connection: Connection): Promise<Prepared> {
    connection.listing ??= this.#list(server, connection).finally(() => {
      connection.listing = undefined;
    });
    return connection.listing;
  }

  live(server: ServerDoc, instanceId: string, tool: string): LiveDefinition {
    const connection = this.#connections.get(keyOf(server, instanceId));
    if (connection?.live === undefined || connection.epoch !== server.epoch) return { state: 'unknown' };
    const digest = connection.live.get(tool);
    return digest === undefined ? { state: 'absent' } : { state: 'offered', digest };
  }

  async call(
    { server, tool, instanceId }: CallTarget,
    args: JsonObject,
    options: UpstreamCallOptions,
  ): Promise<UpstreamCallOutcome> {
    const connection = this.#connections.get(keyOf(server, instanceId));
    if (connection === undefined || connection.epoch !== server.epoch) {
      return { kind: 'fault', fault: unavailable('There is no connection to the tool server.') };
    }
    connection.uses++;
    connection.usedMs = this.#input.clock.monotonicMs();
    try {
      const outcome = await connection.upstream.callTool(tool, args, options);
      if (outcome.kind === 'fault' && outcome.fault.code === 'upstream.unavailable')
        this.#invalidate(connection);
      return outcome;
    } finally {
      connection.uses--;
      connection.usedMs = this.#input.clock.monotonicMs();
    }
  }

  async watch(
    server: ServerDoc,
    instanceId: string,
    uri: string,
    on: boolean,
  ): Promise<UpstreamFault | undefined> {
    const connection = this.#connections.get(keyOf(server, instanceId));
    if (connection === undefined || connection.epoch !== server.epoch)
      return on ? unavailable('There is no connection to the tool server.') : undefined;
    connection.usedMs = this.#input.clock.monotonicMs();
    return await connection.upstream.watch(uri, on, {
      signal: this.#ending.signal,
      timeoutMs: listTimeoutMs,
    });
  }

  kill(server: string, instanceId: string): void {
    for (const connection of [
      this.#connections.get(server),
      this.#connections.get(`${server} ${instanceId}`),
    ]) {
      if (connection?.upstream.kill() === true) this.#invalidate(connection);
    }
  }

  /** Ends connections of servers that are gone or have changed, and those that nobody used for long. */
  sweep(known: (name: string) => ServerDoc | undefined): void {
    const nowMs = this.#input.clock.monotonicMs();
    for (const connection of this.#connections.values()) {
      const server = known(connection.serverName);
      const stale = server === undefined || server.epoch !== connection.epoch;
      const idle =
        connection.uses === 0 && !isShared(connection) && nowMs - connection.usedMs > connectionIdleMs;
      if (stale || idle) this.#drop(connection);
    }
  }

  async close(): Promise<void> {
    this.#ending.abort();
    const closing = [...this.#connections.values()].map(({ upstream }) => upstream.close());
    this.#connections.clear();
    await Promise.allSettled(closing);
  }

  #acquire(server: ServerDoc, instanceId: string): Connection | UpstreamFault {
    const key = keyOf(server, instanceId);
    const held = this.#connections.get(key);
    if (held !== undefined && held.epoch === server.epoch) {
      held.usedMs = this.#input.clock.monotonicMs();
      return held;
    }
    if (held !== undefined) this.#drop(held);
    if (this.#ending.signal.aborted || !this.#makeRoom())
      return unavailable('Too many connections to tool servers at once.');
    const made = this.#input.connect(server, {
      onToolsChanged: () => {
        this.#invalidateKey(key);
        this.#input.onChanged(server.name);
      },
      onUpdated: (uri) =>
        this.#input.onUpdated?.(server.name, server.stateless ? undefined : instanceId, uri),
      onLost: () => this.#invalidateKey(key),
    });
    if (!made.ok) return made.fault;
    const connection: Connection = {
      key,
      serverName: server.name,
      epoch: server.epoch,
      upstream: made.upstream,
      live: undefined,
      generation: 0,
      listing: undefined,
      uses: 0,
      usedMs: this.#input.clock.monotonicMs(),
    };
    this.#connections.set(key, connection);
    return connection;
  }

  #makeRoom(): boolean {
    if (this.#connections.size < connectionsMax) return true;
    let idlest: Connection | undefined;
    for (const each of this.#connections.values()) {
      if (
        each.uses === 0 &&
        each.listing === undefined &&
        (idlest === undefined || each.usedMs < idlest.usedMs)
      )
        idlest = each;
    }
    if (idlest === undefined) return false;
    this.#drop(idlest);
    return true;
  }

  async #list(server: ServerDoc, connection: Connection): Promise<Prepared> {
    for (let attempt = 1; attempt <= listAttemptsMax; attempt++) {
      const { generation } = connection;
      const outcome = await connection.upstream.listTools({
        signal: this.#ending.signal,
        timeoutMs: listTimeoutMs,
      });
      if (outcome.kind === 'fault') {
        // The next call would connect anew, to whatever answers then: it must be listed before anything is sent to it.
        if (outcome.fault.code === 'upstream.unavailable') this.#invalidate(connection);
        this.#input.onListed(server, { ok: false, fault: outcome.fault });
        return { ok: false, fault: outcome.fault };
      }
      if (generation !== connection.generation) continue;
      // Through text once, as control reads it: what is digested is exactly what JSON says.
      const definitions = JSON.parse(JSON.stringify(outcome.tools)) as (JsonObject & ToolDefinition)[];
      connection.live = new Map(definitions.map((tool) => [tool.name, definitionDigest(tool)]));
      this.#input.onListed(server, { ok: true, definitions });
      return { ok: true };
    }
    const detail = 'The server keeps changing its list of tools.';
    return { ok: false, fault: { code: 'upstream.protocol_error', dispatched: false, detail } };
  }

  #invalidateKey(key: string): void {
    const connection = this.#connections.get(key);
    if (connection !== undefined) this.#invalidate(connection);
  }

  #invalidate(connection: Connection): void {
    connection.live = undefined;
    connection.generation++;
  }

  #drop(connection: Connection): void {
    if (this.#connections.get(connection.key) === connection) this.#connections.delete(connection.key);
    void connection.upstream.close();
  }
}

const keyOf = (server: ServerDoc, instanceId: string): string =>
  server.stateless ? server.name : `${server.name} ${instanceId}`;

const isShared = ({ key, serverName }: Connection): boolean => key === serverName;
