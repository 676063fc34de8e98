/** What control adapts while agents work: throttles that come and go, and boundaries that Principals widen for a moment. */
import type { AgentDoc } from '@atf/core/wire/feed';
import type { Cast } from './actors.ts';
import type { Random } from './random.ts';
import { refunds, refundWidened } from './scene.ts';

const paceMs: readonly [number, number] = [60, 300];
const throttleMs = 3_600_000;
const grantMs: readonly [number, number] = [100, 900];

export class Adapting {
  readonly #cast: Cast;
  readonly #random: Random;

  constructor(cast: Cast, random: Random) {
    this.#cast = cast;
    this.#random = random;
  }

  start(): void {
    const { time, untilMs } = this.#cast;
    time.after(this.#random.between(...paceMs), () => {
      if (time.nowMs > untilMs) return;
      void this.#act().then(() => this.start());
    });
  }

  /** No throttle is left. */
  async liftAll(): Promise<void> {
    const { state } = this.#cast;
    for (const id of state.agentIds) await state.adapt(id, ({ throttle: _, ...rest }) => rest);
  }

  async #act(): Promise<void> {
    const { state } = this.#cast;
    const random = this.#random;
    const principals = state.agentIds.filter((id) => state.doc('agent', id)?.level === 'principal');
    const id = random.pick(random.chance(0.4) && principals.length > 0 ? principals : state.agentIds);
    const doc = state.doc('agent', id);
    if (doc?.level === 'principal' && random.chance(0.8)) await this.grant(id);
    else if (doc?.throttle === undefined && random.chance(0.25)) await this.throttle(id);
    else await state.adapt(id, ({ throttle: _, ...rest }) => rest);
  }

  async throttle(id: string): Promise<void> {
    const nowMs = this.#cast.nowMs();
    const [since, until] = [new Date(nowMs).toISOString(), new Date(nowMs + throttleMs).toISOString()];
    const throttle = { since, until, calls: 121, baseline: 60, max: 1, perSeconds: 1 };
    await this.#cast.state.adapt(id, (rest) => ({ ...rest, throttle }));
  }

  /** It may refund more at once for a moment. */
  async grant(id: string, ms = this.#random.between(...grantMs)): Promise<void> {
    const { state, nowMs } = this.#cast;
    await state.adapt(id, (rest) => ({ ...rest, grants: [this.#grant(rest, nowMs(), ms)] }));
  }

  #grant(doc: AgentDoc, nowMs: number, ms: number): NonNullable<AgentDoc['grants']>[number] {
    return {
      id: this.#random.uuid(),
      offer: 'larger-refunds',
      limit: { tool: refunds, amountMax: refundWidened, currency: 'EUR' },
      since: new Date(nowMs).toISOString(),
      until: new Date(nowMs + ms).toISOString(),
      epochs: {
        agent: doc.epoch,
        credential: doc.credentialEpoch,
        policy: this.#cast.state.doc('policy', '*')?.epoch ?? -1,
      },
    };
  }
}
