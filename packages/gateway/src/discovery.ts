/**
 * Room: segmentation (S-1). Tells control what each tool server offers: when a server is new, when its list changed, and every few
 * minutes. Control keeps the accepted definitions and quarantines what differs; this gateway has refused it by then (upstreams.ts).
 */
import { sha256 } from '@atf/core/digest';
import type { ServerDoc } from '@atf/core/wire/feed';
import { canonicalJson, type Json } from '@atf/core/wire/json';
import type { ClockPort, ControlPort } from './ports.ts';
import type { Listed, Upstreams } from './upstreams.ts';

export const discoverEveryMs = 300_000;
/** Pause before a server that could not be listed, or a report that control did not take, is tried again. */
export const retryAfterMs = 5_000;
/** A server that keeps saying that it changed is read with the ticks. */
const changedEveryMs = 1_000;
/** Stands for the gateway itself where a connection belongs to an instance. */
const discoverer = 'discovery';

interface Known {
  readonly epoch: number;
  dueMs: number;
  /** When it was read last, or is being read. */
  begunMs: number;
  running: boolean;
  /** Digest of the report that control has; undefined: none yet. */
  reported: string | undefined;
  latest: { readonly digest: string; readonly listed: Listed } | undefined;
}

export class Discovery {
  readonly #clock: ClockPort;
  readonly #control: ControlPort;
  readonly #upstreams: () => Upstreams;
  readonly #known = new Map<string, Known>();

  constructor(input: {
    readonly clock: ClockPort;
    readonly control: ControlPort;
    readonly upstreams: () => Upstreams;
  }) {
    this.#clock = input.clock;
    this.#control = input.control;
    this.#upstreams = input.upstreams;
  }

  /** Something was listed, for discovery or before a call: news for control. */
  listed(server: ServerDoc, listed: Listed): void {
    const known = this.#of(server);
    const said = listed.ok ? canonicalJson(listed.definitions as unknown as Json) : listed.fault.code;
    known.latest = { digest: sha256(said), listed };
    known.dueMs = this.#clock.monotonicMs() + (listed.ok ? discoverEveryMs : retryAfterMs);
    if (!known.running) void this.#report(server, known);
  }

  /** A server said that its list changed. True: it is to be read now, and not with the next tick, because that was not done for a while. */
  changed(name: string): boolean {
    const known = this.#known.get(name);
    if (known === undefined) return false;
    known.dueMs = 0;
    return !known.running && this.#clock.monotonicMs() - known.begunMs > changedEveryMs;
  }

  /** Starts what is due. Called once a second, and whenever the set of servers changed. */
  tick(servers: readonly ServerDoc[]): void {
    const names = new Set(servers.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    for (const server of servers) {
      // People say what a cooperative server and an HTTP service have; there is nothing to ask.
      if (server.transport.kind === 'cooperative' || server.transport.kind === 'openapi') continue;
      const known = this.#of(server);
      if (known.running || this.#clock.monotonicMs() < known.dueMs) continue;
      known.running = true;
      known.begunMs = this.#clock.monotonicMs();
      known.dueMs = this.#clock.monotonicMs() + discoverEveryMs;
      void this.#discover(server, known).finally(() => {
        known.running = false;
      });
    }
  }

  /** Control was connected anew: it is told again, in case its answer was lost with the connection. */
  repeat(): void {
    for (const known of this.#known.values()) {
      known.reported = undefined;
      known.dueMs = 0;
    }
  }

  async #discover(server: ServerDoc, known: Known): Promise<void> {
    const upstreams = this.#upstreams();
    await upstreams.refresh(server, discoverer);
    await this.#report(server, known);
  }

  async #report(server: ServerDoc, known: Known): Promise<void> {
    const { latest } = known;
    if (latest === undefined || latest.digest === known.reported) return;
    const body = latest.listed.ok
      ? { definitions: latest.listed.definitions.map((definition) => ({ ...definition })) }
      : { fault: `${latest.listed.fault.code}: ${latest.listed.fault.detail}`.slice(0, 500) };
    const answer = await this.#control.request('gateway.discovered', { params: { name: server.name }, body });
    if (answer.ok) known.reported = latest.digest;
    else known.dueMs = Math.min(known.dueMs, this.#clock.monotonicMs() + retryAfterMs);
  }

  #of(server: ServerDoc): Known {
    const held = this.#known.get(server.name);
    if (held !== undefined && held.epoch === server.epoch) return held;
    const known: Known = {
      epoch: server.epoch,
      dueMs: 0,
      begunMs: Number.NEGATIVE_INFINITY,
      running: false,
      reported: undefined,
      latest: undefined,
    };
    this.#known.set(server.name, known);
    return known;
  }
}
