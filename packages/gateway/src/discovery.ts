/**
 * Room: segmentation (S-1). Tells control what each tool server offers: when a server is new, when its list changed, and every few
 * minutes. Control keeps the accepted definitions and quarantines what differs; this gateway has refused it by then (upstreams.ts).
 */
import { sha256 } from '@atf/core/digest';
import { lookAtRate } from '@atf/core/segmentation/rate';
import type { ServerDoc } from '@atf/core/wire/feed';
import { canonicalJson, type Json } from '@atf/core/wire/json';
import type { ClockPort, ControlPort } from './ports.ts';
import type { Listed, Upstreams } from './upstreams.ts';

export const discoverEveryMs = 300_000;
/** Pause before a server that could not be listed, or a report that control did not take, is tried again. */
export const retryAfterMs = 5_000;
/** Readings because a server said that it changed; one that keeps saying so is read no oftener. */
export const changesRate = { max: 4, perSeconds: 4 } as const;
/** Stands for the gateway itself where a connection belongs to an instance. */
const discoverer = 'discovery';

interface Known {
  readonly epoch: number;
  dueMs: number;
  running: boolean;
  /** It said that it changed since this gateway last began to read it: what was read may be from before. */
  again: boolean;
  /** For `changesRate`. */
  changesMs: number | undefined;
  /** Digest of the report that control has; undefined: none yet. */
  reported: string | undefined;
  /** Reports go one after the other, so that an elder one never arrives last. */
  reporting: boolean;
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
    const nextMs = this.#clock.monotonicMs() + (listed.ok ? discoverEveryMs : retryAfterMs);
    known.dueMs = known.again ? Math.min(known.dueMs, nextMs) : nextMs;
    void this.#report(server, known);
  }

  /** A server said that its list changed. True: it is to be read now, with `tick`. */
  changed(name: string): boolean {
    const known = this.#known.get(name);
    if (known === undefined) return false;
    known.again = true;
    return !known.running && this.#due(known);
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

  /** Because the server changed: at once, or as soon as the rate allows. */
  #due(known: Known): boolean {
    const nowMs = this.#clock.monotonicMs();
    const { ok, retryAfterMs: laterMs } = lookAtRate(known.changesMs, nowMs, changesRate);
    known.dueMs = nowMs + laterMs;
    return ok;
  }

  async #discover(server: ServerDoc, known: Known): Promise<void> {
    do {
      const nowMs = this.#clock.monotonicMs();
      if (known.again) known.changesMs = lookAtRate(known.changesMs, nowMs, changesRate).nextMs;
      known.again = false;
      known.dueMs = nowMs + discoverEveryMs;
      await this.#upstreams().refresh(server, discoverer);
      await this.#report(server, known);
    } while (known.again && this.#known.get(server.name) === known && this.#due(known));
  }

  /** Until control has what was listed last, or does not take it. */
  async #report(server: ServerDoc, known: Known): Promise<void> {
    if (known.reporting) return;
    known.reporting = true;
    try {
      while (known.latest !== undefined && known.latest.digest !== known.reported) {
        const { digest, listed } = known.latest;
        const body = listed.ok
          ? { definitions: listed.definitions.map((definition) => ({ ...definition })) }
          : { fault: `${listed.fault.code}: ${listed.fault.detail}`.slice(0, 500) };
        const { name } = server;
        const answer = await this.#control.request('gateway.discovered', { params: { name }, body });
        if (!answer.ok) {
          known.dueMs = Math.min(known.dueMs, this.#clock.monotonicMs() + retryAfterMs);
          return;
        }
        known.reported = digest;
      }
    } finally {
      known.reporting = false;
    }
  }

  #of(server: ServerDoc): Known {
    const held = this.#known.get(server.name);
    if (held !== undefined && held.epoch === server.epoch) return held;
    const known: Known = {
      epoch: server.epoch,
      dueMs: 0,
      running: false,
      again: false,
      changesMs: undefined,
      reported: undefined,
      reporting: false,
      latest: undefined,
    };
    this.#known.set(server.name, known);
    return known;
  }
}
