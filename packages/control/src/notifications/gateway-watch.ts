/**
 * Room: notifications (B-5). Gateways that went out of touch: a fact of time, which no change reports. Looks at what this replica hears; a gateway that is
 * connected here tells nobody anything, one that is not is told of once, and once more when it is back.
 */
import type { Control } from '../context.ts';
import { gatewayRows } from '../gateways/store.ts';
import { type News, tell } from './outbox.ts';

/** A restart of a gateway takes less. */
export const lostAfterMs = 10_000;
/** Gateways get so long to come back after control itself started. */
const startGraceMs = 60_000;
const gatewaysMax = 1_000;

export class GatewayWatch {
  readonly #control: Control;
  /** When each was heard last, or this watch began. */
  readonly #heardAtMs = new Map<string, number>();
  readonly #lost = new Set<string>();
  readonly #beganAtMs: number;

  constructor(control: Control) {
    this.#control = control;
    this.#beganAtMs = control.clock.nowMs();
  }

  /** One look. */
  async look(): Promise<void> {
    const { db, feed, clock, config } = this.#control;
    const nowMs = clock.nowMs();
    const connected = new Set(
      feed
        .gateways()
        .filter((gateway) => gateway.connected)
        .map(({ id }) => id),
    );
    const rows = await gatewayRows(db, config.tenant, gatewaysMax);
    for (const { id, name } of rows.filter(({ state }) => state === 'active')) {
      if (connected.has(id)) {
        this.#heardAtMs.set(id, nowMs);
        if (this.#lost.delete(id)) await this.#tell(id, name, 'back', nowMs);
        continue;
      }
      const heardAtMs = this.#heardAtMs.get(id);
      const due = heardAtMs === undefined ? this.#beganAtMs + startGraceMs : heardAtMs + lostAfterMs;
      if (nowMs < due || this.#lost.has(id)) continue;
      this.#lost.add(id);
      await this.#tell(id, name, 'lost', heardAtMs ?? this.#beganAtMs);
    }
  }

  async #tell(id: string, name: string, what: 'lost' | 'back', sinceMs: number): Promise<void> {
    const { config, clock, change } = this.#control;
    const since = new Date(sinceMs).toISOString();
    const words =
      what === 'lost'
        ? {
            severity: 'critical' as const,
            summary: `The gateway ${name} is out of touch since ${since}`,
            because: 'It refuses every call until it hears from control again, or it is gone.',
          }
        : {
            severity: 'info' as const,
            summary: `The gateway ${name} is in touch again`,
            because: 'It has the newest state, and serves.',
          };
    const news: News = {
      tenant: config.tenant,
      atMs: clock.nowMs(),
      kind: 'gateway_lost',
      once: `gateway:${id}:${what}:${since}`,
      facts: { gatewayId: id, name, since },
      ...words,
    };
    await change((tx) => tell(tx, news));
  }
}
