/**
 * Room: segmentation (S-3). Rate limits of an agent, spent in memory: the manifest's, and the default of its level where the manifest
 * sets none for the agent as a whole. Looking and reserving are apart; the caller does both in the tick of the decision.
 * Not here: limits over several gateways (slices leased from control), budgets, cascades.
 */
import { effectiveLevel } from '@atf/core/maturity/levels';
import { lookAtRate, type Rate } from '@atf/core/segmentation/rate';
import type { AgentDoc, SettingsDoc, ToolDoc } from '@atf/core/wire/feed';
import type { LimitFact } from '@atf/core/world';

/** Counters held at once. One that is full again holds nothing and is dropped when room is needed. */
export const limitCountersMax = 100_000;

export interface LimitLook {
  readonly facts: readonly LimitFact[];
  readonly next: readonly { readonly key: string; readonly nextMs: number }[];
}

interface NamedRate extends Rate {
  readonly id: string;
}

/** The rates that bind a call of this tool, each with the name under which the record shows it. */
function ratesFor(
  agent: AgentDoc,
  tool: ToolDoc | undefined,
  settings: SettingsDoc | undefined,
  proof: 'dpop' | 'none',
): NamedRate[] {
  const rates: NamedRate[] = [];
  const name = tool === undefined ? undefined : `${tool.server}/${tool.name}`;
  for (const limit of agent.limits) {
    if (limit.calls === undefined || (limit.tool !== undefined && limit.tool !== name)) continue;
    rates.push({ id: limit.tool === undefined ? 'rate:agent' : `rate:${limit.tool}`, ...limit.calls });
  }
  if (!rates.some(({ id }) => id === 'rate:agent')) {
    const level = settings?.callsDefault[effectiveLevel(agent, proof)];
    if (level !== undefined) rates.push({ id: 'rate:agent', ...level });
  }
  return rates;
}

export class Limiter {
  readonly #arrivals = new Map<string, number>();
  readonly #countersMax: number;

  constructor(countersMax = limitCountersMax) {
    this.#countersMax = countersMax;
  }

  /** Looks at every limit that binds; changes nothing. A counter that cannot be held counts as exceeded. */
  look(input: {
    readonly agent: AgentDoc;
    readonly tool: ToolDoc | undefined;
    readonly settings: SettingsDoc | undefined;
    readonly proof: 'dpop' | 'none';
    /** Of the monotonic clock: a clock that is set back must not refill anything. */
    readonly monotonicMs: number;
  }): LimitLook {
    const facts: LimitFact[] = [];
    const next: { key: string; nextMs: number }[] = [];
    for (const { id, max, perSeconds } of ratesFor(input.agent, input.tool, input.settings, input.proof)) {
      const key = `${input.agent.id} ${id} ${max} ${perSeconds}`;
      const stored = this.#arrivals.get(key);
      const look = lookAtRate(stored, input.monotonicMs, { max, perSeconds });
      const ok = look.ok && (stored !== undefined || this.#hasRoom(input.monotonicMs));
      facts.push({ id, ok, max, perSeconds, retryAfterMs: look.ok ? 0 : look.retryAfterMs });
      next.push({ key, nextMs: look.nextMs });
    }
    return { facts, next };
  }

  /** Spends what was looked at, in the same tick. */
  reserve(look: LimitLook): void {
    for (const { key, nextMs } of look.next) this.#arrivals.set(key, nextMs);
  }

  get size(): number {
    return this.#arrivals.size;
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#arrivals.size < this.#countersMax) return true;
    for (const [key, arrivalMs] of this.#arrivals) if (arrivalMs <= nowMs) this.#arrivals.delete(key);
    return this.#arrivals.size < this.#countersMax;
  }
}
