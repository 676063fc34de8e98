/**
 * Tool servers: slow, hanging, crashing, answering nonsense, deaf to cancellation, changing their tools. Whatever one of them does to the
 * world is an effect, listed with its virtual time.
 */
import { definitionDigest } from '@atf/core/segmentation/definition';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import type { ConnectServer } from '@atf/gateway/upstreams';
import type {
  ToolDefinition,
  UpstreamCallOptions,
  UpstreamCallOutcome,
  UpstreamFault,
  UpstreamServer,
} from '@atf/gateway/protocols/protocol';
import type { Checks } from './checks.ts';
import type { Random } from './random.ts';
import { deskDefinitions, deskResult, deskServer } from './desk.ts';
import { definitionOf, newText, toolNames } from './scene.ts';
import type { Process, VirtualTime } from './virtual-time.ts';

/** From dispatch to the tool's first act: with lease and commit it stays within the second of a stop. */
const deliveryMsMax = 50;
const hangMs = 1e9;

export interface ServerMood {
  slow: boolean;
  deaf: boolean;
  /** Chances for one call. */
  hangs: number;
  crashes: number;
  garbage: number;
  unreachable: number;
}
const calm: ServerMood = { slow: false, deaf: false, hangs: 0, crashes: 0, garbage: 0, unreachable: 0 };

interface Connection {
  readonly server: string;
  readonly process: Process;
  readonly events: { readonly onToolsChanged: () => void; readonly onLost: () => void };
  /** Rises when the process behind it is killed or crashes: what it had not begun never begins. */
  generation: number;
}

export class ToolServers {
  readonly moods: Record<string, ServerMood> = { office: { ...calm }, wiki: { ...calm } };
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #checks: Checks;
  readonly #revisions = new Map(toolNames.map(([server, name]) => [`${server}/${name}`, 1]));
  readonly #connections = new Set<Connection>();

  constructor(time: VirtualTime, random: Random, checks: Checks) {
    this.#time = time;
    this.#random = random;
    this.#checks = checks;
  }

  calm(): void {
    for (const server of Object.keys(this.moods)) this.moods[server] = { ...calm };
  }

  definitions(server: string): ToolDefinition[] {
    if (server === deskServer.name) return deskDefinitions() as unknown as ToolDefinition[];
    return toolNames
      .filter(([each]) => each === server)
      .map(
        ([, name]) =>
          definitionOf(
            server,
            name,
            this.#revisions.get(`${server}/${name}`) ?? 1,
          ) as unknown as ToolDefinition,
      );
  }

  /** What a person accepts of a tool: what its server offers now. */
  accepted(
    server: string,
    name: string,
  ): { readonly definition: JsonObject; readonly definitionDigest: string } {
    const definition = definitionOf(server, name, this.#revisions.get(`${server}/${name}`) ?? 1);
    return { definition, definitionDigest: definitionDigest(definition) };
  }

  /** The server offers another definition from now on, and tells every connection a little later. */
  change(server: string, name: string): void {
    const key = `${server}/${name}`;
    this.#revisions.set(key, (this.#revisions.get(key) ?? 1) + 1);
    for (const connection of this.#connections) {
      if (connection.server === server)
        this.#time.after(this.#random.between(0.1, 20), () =>
          connection.process.enter(() => this.#notify(connection)),
        );
    }
  }

  #notify(connection: Connection): void {
    if (!this.#connections.has(connection)) return;
    this.#checks.offered(connection, undefined);
    connection.events.onToolsChanged();
  }

  /** For one gateway process. */
  connectFor(gateway: string, process: Process): ConnectServer {
    return ({ name: server }, events) => {
      const connection: Connection = { server, process, events, generation: 0 };
      this.#connections.add(connection);
      const upstream: UpstreamServer = {
        name: server,
        listTools: async () => {
          await process.pause(this.#random.between(0.2, 15));
          if (this.#random.chance(this.#mood(server).unreachable))
            return fault('upstream.unavailable', false);
          const tools = this.definitions(server);
          await process.pause(this.#random.between(0.1, 10));
          this.#checks.offered(
            connection,
            new Map(tools.map((tool) => [tool.name, definitionDigest(tool as unknown as JsonObject)])),
          );
          return { kind: 'tools', tools, protocolVersion: '2025-11-25' };
        },
        callTool: (name, args, options) => this.#call(gateway, process, connection, name, args, options),
        watch: async () => undefined,
        kill: () => {
          this.#crash(connection);
          return true;
        },
        close: async () => {
          this.#connections.delete(connection);
          connection.generation++;
        },
      };
      return { ok: true, upstream };
    };
  }

  #mood(server: string): ServerMood {
    return this.moods[server] ?? calm;
  }

  #crash(connection: Connection): void {
    connection.generation++;
    connection.process.enter(() => connection.events.onLost());
  }

  #call(
    gateway: string,
    process: Process,
    connection: Connection,
    name: string,
    args: JsonObject,
    options: UpstreamCallOptions,
  ): Promise<UpstreamCallOutcome> {
    const { server, generation } = connection;
    const mood = this.#mood(server);
    const { signal, timeoutMs, idempotencyKey = '' } = options;
    if (signal.aborted) return Promise.resolve(fault('upstream.aborted', false));
    if (this.#random.chance(mood.unreachable)) return Promise.resolve(fault('upstream.unavailable', false));
    const running = this.#checks.callBegins({
      gateway,
      process,
      server,
      tool: name,
      key: idempotencyKey,
      args: canonicalJson(args),
      signal,
      connection,
    });
    return new Promise((resolve) => {
      let cancelled = false;
      const settle = (outcome: UpstreamCallOutcome): void => {
        process.enter(() => {
          this.#checks.callEnds(running);
          resolve(outcome);
        });
      };
      const stillOurs = () => connection.generation === generation && (server !== 'office' || process.alive);
      const cancel = () => {
        if (!mood.deaf) this.#time.after(this.#random.between(0.1, 10), () => void (cancelled = true));
      };
      signal.addEventListener('abort', () => {
        cancel();
        settle(fault('upstream.aborted', true));
      });
      this.#time.after(timeoutMs, () => {
        cancel();
        settle(fault('upstream.timeout', true));
      });
      this.#time.after(this.#random.between(0.1, deliveryMsMax), () => {
        if (cancelled) return;
        if (!stillOurs()) return settle(fault('upstream.unavailable', true));
        if (this.#random.chance(mood.crashes / 2)) {
          this.#crash(connection);
          return settle(fault('upstream.unavailable', true));
        }
        this.#checks.effect(running);
        const takesMs = this.#random.chance(mood.hangs)
          ? hangMs
          : this.#random.between(0.5, mood.slow ? 1_200 : 60);
        this.#time.after(takesMs, () => {
          if (!stillOurs()) return settle(fault('upstream.unavailable', true));
          if (this.#random.chance(mood.crashes / 2)) {
            this.#crash(connection);
            return settle(fault('upstream.unavailable', true));
          }
          const outcome =
            server === deskServer.name
              ? ({ kind: 'result', resultBytes: 60, result: deskResult(name, this.#random) } as const)
              : this.#result(mood);
          const failed =
            outcome.kind === 'result'
              ? outcome.result.isError === true
              : outcome.fault.code === 'upstream.call_refused';
          if (failed) this.#checks.saidFailed(running);
          settle(outcome);
        });
      });
    });
  }

  #result(mood: ServerMood): UpstreamCallOutcome {
    const content = [{ type: 'text', text: newText(this.#random) }];
    if (!this.#random.chance(mood.garbage))
      return { kind: 'result', resultBytes: 60, result: { content, structuredContent: { done: true } } };
    return this.#random.pick<UpstreamCallOutcome>([
      { kind: 'result', resultBytes: 60, result: { content, structuredContent: { done: 'perhaps' } } },
      {
        kind: 'result',
        resultBytes: 60,
        result: { content, structuredContent: { done: false }, isError: true },
      },
      fault('upstream.protocol_error', true),
      fault('upstream.call_refused', true),
    ]);
  }
}

function fault(
  code: UpstreamFault['code'],
  dispatched: boolean,
): { readonly kind: 'fault'; readonly fault: UpstreamFault } {
  return { kind: 'fault', fault: { code, dispatched, detail: 'simulated' } };
}
