/**
 * The shadow (S-2): a candidate that is asked beside the set in force. It looks at decisions that were made, after they were made, and counts; it has no way to
 * change one. It never makes a call wait: decisions queue for it up to a bound, it takes a fifth of the time at most, and what does not fit is counted as skipped.
 */
import { randomUUID } from 'node:crypto';
import { changeBetween } from '@atf/core/backtest';
import { Counts } from '@atf/core/change-counts';
import { decide } from '@atf/core/decide';
import type { PolicyDoc } from '@atf/core/wire/feed';
import type { ShadowReport } from '@atf/core/wire/shadow';
import type { PolicyFacts } from '@atf/core/world';
import type { ClockPort, ControlPort } from './ports.ts';
import type { Decided } from './record.ts';

/** What is looked at of a decision. */
export type Observation = Pick<Decided, 'received' | 'world' | 'decision'>;

/** Where there is a shadow, and where there is none. */
export const shadowTellEveryMs = 2_000;
export const shadowAskEveryMs = 5_000;
export const shadowQueueMax = 1_000;
const sliceMs = 2;
/** For each millisecond of work it rests this many. */
const restFactor = 4;

export interface ShadowInput {
  readonly clock: ClockPort;
  readonly control: ControlPort;
  /** Undefined: it does not compile. */
  readonly compile: (doc: PolicyDoc) => PolicyFacts | undefined;
  /** Runs `work` later, when calls had their turn. */
  readonly later: (work: () => void, ms: number) => void;
}

interface Held {
  readonly id: string;
  /** Undefined: it does not compile here, and says so by what it counts as failed. */
  readonly policy: PolicyFacts | undefined;
  /** Digest of the set in force that it is compared with. */
  readonly against: string;
  untilMs: number;
  readonly counts: Counts;
  compared: number;
  changed: number;
  skipped: number;
  failed: number;
}

export class Shadow {
  readonly #input: ShadowInput;
  readonly #boot = randomUUID();
  #held: Held | undefined;
  #queue: Observation[] = [];
  #working = false;
  #asking = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(input: ShadowInput) {
    this.#input = input;
  }

  /** A decision was made. Costs a look and a place in the queue; never throws. */
  observe(decided: Observation): void {
    const held = this.#held;
    if (held === undefined || this.#input.clock.monotonicMs() >= held.untilMs) return;
    // Another version came into force: it was to be compared with the one before.
    if (decided.world.policy?.digest !== held.against) return;
    if (this.#queue.length >= shadowQueueMax) {
      held.skipped += 1;
      return;
    }
    const { received, world, decision } = decided;
    this.#queue.push({ received, world, decision });
    this.#work(0);
  }

  /** Tells control what was counted and asks what to compare with; regularly. Never throws. */
  async tick(): Promise<void> {
    const nowMs = this.#input.clock.monotonicMs();
    const everyMs = this.#held === undefined ? shadowAskEveryMs : shadowTellEveryMs;
    if (this.#asking || nowMs - this.#askedMs < everyMs) return;
    this.#askedMs = nowMs;
    this.#asking = true;
    try {
      await this.#ask();
    } finally {
      this.#asking = false;
    }
  }

  async #ask(): Promise<void> {
    const { clock, control, compile } = this.#input;
    const held = this.#held;
    const answer = await control.request('gateway.shadow', {
      body: {
        boot: this.#boot,
        ...(held === undefined ? {} : { have: held.id, report: { shadow: held.id, ...reportOf(held) } }),
      },
    });
    // Control of an earlier version knows of no shadow; one that does not answer may next time.
    if (!answer.ok) return;
    const { shadow } = answer.value;
    if (shadow === undefined) {
      this.#drop();
      return;
    }
    const untilMs = clock.monotonicMs() + shadow.forMs;
    if (shadow.id === this.#held?.id) {
      this.#held.untilMs = untilMs;
      return;
    }
    this.#drop();
    const { id, digest, against, policies } = shadow;
    if (policies === undefined) return;
    const policy = compile({ digest, epoch: 0, policies });
    this.#held = {
      id,
      policy,
      against,
      untilMs,
      counts: new Counts(),
      compared: 0,
      changed: 0,
      skipped: 0,
      failed: 0,
    };
    // At once, so that control knows who counts.
    this.#askedMs = Number.NEGATIVE_INFINITY;
  }

  #drop(): void {
    this.#held = undefined;
    this.#queue = [];
  }

  #work(restMs: number): void {
    if (this.#working) return;
    this.#working = true;
    this.#input.later(() => {
      this.#working = false;
      const begunMs = performance.now();
      while (this.#queue.length > 0 && performance.now() - begunMs < sliceMs) this.#compareNext();
      if (this.#queue.length > 0) this.#work((performance.now() - begunMs) * restFactor);
    }, restMs);
  }

  #compareNext(): void {
    const [held, next] = [this.#held, this.#queue.shift()];
    if (held === undefined || next === undefined) return;
    try {
      this.#compare(held, next);
    } catch {
      held.failed += 1;
    }
  }

  #compare(held: Held, { received, world, decision }: Observation): void {
    const { policy } = held;
    if (policy === undefined) {
      held.failed += 1;
      return;
    }
    const would = decide(received, { ...world, policy });
    const change = changeBetween(decision, would);
    held.compared += 1;
    if (change === undefined) return;
    held.changed += 1;
    const agent = world.agent?.name ?? received.credential.agentId;
    held.counts.add(change, { agent, tool: `${received.server}/${received.tool}` });
  }
}

function reportOf({ compared, changed, skipped, failed, counts }: Held): ShadowReport {
  return { compared, changed, skipped, failed, ...counts.tables() };
}
