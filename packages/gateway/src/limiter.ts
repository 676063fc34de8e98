/**
 * Room: segmentation (S-3, invariant 4). Rate limits of an agent: the manifest's, and the default of its level where the manifest sets none for the agent as a
 * whole, while it is throttled the rate of that, and of a Principal the rate that follows what is usual. Control allocates over all gateways; this one spends what it has leased, in memory. A call first gets hold of one call of every limit that binds
 * it, then it is decided; what a refused call held is there for the next. A lease lives a moment, and what is not spent then stays spent, as what a
 * crash loses does. Without control nothing new is leased, and nothing runs.
 */
import { effectiveLevel } from '@atf/core/maturity/levels';
import { followedId } from '@atf/core/segmentation/followed';
import type { Rate } from '@atf/core/segmentation/rate';
import { throttleId } from '@atf/core/segmentation/volume';
import type { AgentDoc, SettingsDoc, ToolDoc } from '@atf/core/wire/feed';
import type { LimitFact } from '@atf/core/world';
import type { ControlPort } from './ports.ts';

/** Counters held at once. One that holds nothing is dropped when room is needed. */
export const limitCountersMax = 100_000;
/** A leased call may be made so long after it was asked for and counted: at most this, and a share of the period, so that late ones never add up to much. */
const leasedMsMax = 2_000;
const leasedShareMax = 1 / 8;
/** A lease holds at most what the limit allows in this time, and this share of it. */
const leaseAheadSeconds = 1;
const leaseShareMax = 1 / 8;
const asksMax = 500;
/** After control did not answer. */
const askAgainMs = 250;
/** Rounds in which a call may find that others were faster. */
const roundsMax = 100;

interface NamedRate extends Rate {
  readonly id: string;
  /** Whose calls count together: an agent, the owner of several, or {@link everybody}. */
  readonly holder: string;
}

/** Stands for the whole fleet where the holder of a rate is named. */
export const everybody = '00000000-0000-4000-8000-000000000000';

export interface LimitInput {
  readonly agent: AgentDoc | undefined;
  readonly tool: ToolDoc | undefined;
  readonly settings: SettingsDoc | undefined;
  readonly proof: 'dpop' | 'none';
  /** For whom it works: who is throttled does not go on through others. */
  readonly above?: readonly AgentDoc[];
}

/** The rates that bind a call of this tool, each with the name under which the record shows it. */
function ratesFor({ agent, tool, settings, proof, above = [] }: LimitInput): NamedRate[] {
  if (agent === undefined) return [];
  const rates: NamedRate[] = [];
  const name = tool === undefined ? undefined : `${tool.server}/${tool.name}`;
  for (const limit of agent.limits) {
    if (limit.calls === undefined || (limit.tool !== undefined && limit.tool !== name)) continue;
    const id = limit.tool === undefined ? 'rate:agent' : `rate:${limit.tool}`;
    rates.push({ id, holder: agent.id, ...limit.calls });
  }
  const works = effectiveLevel(agent, proof);
  const { followed } = agent;
  // Beside what the manifest says, never above it; and whoever falls below Principal has no more than before.
  if (followed !== undefined) {
    const { max, perSeconds } = followed;
    rates.push({ id: followedId, holder: agent.id, max, perSeconds });
  }
  const hasOwn = rates.some(({ id }) => id === 'rate:agent');
  if (!hasOwn && (works !== 'principal' || followed === undefined)) {
    const level = settings?.callsDefault[works];
    if (level !== undefined) rates.push({ id: 'rate:agent', holder: agent.id, ...level });
  }
  for (const { id: holder, throttle } of [agent, ...above])
    if (throttle !== undefined)
      rates.push({ id: throttleId, holder, max: throttle.max, perSeconds: throttle.perSeconds });
  return [...rates, ...sharedRates(agent, name, settings?.callsShared)];
}

/** Rates that agents share (S-3): all of one owner, the whole fleet, all who call one tool. */
function sharedRates(
  { ownerId }: AgentDoc,
  name: string | undefined,
  shared: SettingsDoc['callsShared'],
): NamedRate[] {
  if (shared === undefined) return [];
  const { owner, fleet, tools = {}, tool } = shared;
  const ofTool = name === undefined ? undefined : Object.hasOwn(tools, name) ? tools[name] : tool;
  return [
    ...(owner === undefined ? [] : [{ id: 'rate:owner', holder: ownerId, ...owner }]),
    ...(fleet === undefined ? [] : [{ id: 'rate:fleet', holder: everybody, ...fleet }]),
    ...(ofTool === undefined ? [] : [{ id: `rate:all:${name}`, holder: everybody, ...ofTool }]),
  ];
}

/** Leased calls of one limit. */
interface Counter {
  readonly rate: NamedRate;
  leases: { count: number; readonly granted: number; readonly untilMs: number }[];
  /** What the next lease holds: twice as much after one that was spent, and what was used of one that ran out. */
  size: number;
  /** A lease was spent since the last one came. */
  spent: boolean;
  /** Calls that wait for the answer. */
  waiting: number;
  asking: Promise<void> | undefined;
  /** Until then control grants nothing, or cannot be asked. */
  refusedUntilMs: number;
  /** Control did not answer the last time. */
  unheard: boolean;
}

/** What one call holds: given to the decision, which spends it or gives it back, once. */
export interface Hold {
  readonly kept: ReadonlyMap<string, number>;
  /** What it did not get. */
  readonly missing: ReadonlyMap<string, Missing>;
}

/** When to ask again, and whether control was asked and did not answer. */
type Missing = Pick<LimitFact, 'retryAfterMs' | 'unheard'>;

const nothing: Hold = { kept: new Map(), missing: new Map() };

export interface LimiterInput {
  readonly control: ControlPort;
  /** Of the monotonic clock: a clock that is set back must not prolong a lease. */
  readonly monotonicMs: () => number;
  readonly countersMax?: number;
}

export class Limiter {
  readonly #input: LimiterInput;
  readonly #counters = new Map<string, Counter>();
  readonly #asks = new Map<Counter, { answered(): void }[]>();
  #flushing = false;

  constructor(input: LimiterInput) {
    this.#input = input;
  }

  /** As {@link hold}, of what was leased before; undefined: control has to be asked. */
  holdNow(input: LimitInput): Hold | undefined {
    const rates = ratesFor(input);
    if (input.agent === undefined || rates.length === 0) return nothing;
    const nowMs = this.#input.monotonicMs();
    const kept = new Map<string, number>();
    for (const rate of rates) {
      const key = keyOf(rate);
      const counter = this.#counters.get(key);
      const untilMs = counter === undefined ? undefined : this.#spend(counter, nowMs);
      if (untilMs === undefined) {
        this.giveBack({ ...nothing, kept });
        return undefined;
      }
      kept.set(key, untilMs);
    }
    return { ...nothing, kept };
  }

  /** Gets hold of one call of every limit that binds; resolves with what it got. Bounded by the time that control may take to answer. */
  async hold(input: LimitInput): Promise<Hold> {
    const rates = ratesFor(input);
    if (input.agent === undefined || rates.length === 0) return nothing;
    const kept = new Map<string, number>();
    const missing = new Map<string, Missing>();
    for (const rate of rates) {
      const key = keyOf(rate);
      const got = await this.#obtain(key, rate);
      if (typeof got === 'number') kept.set(key, got);
      else missing.set(key, got);
    }
    return { kept, missing };
  }

  /** Every limit that binds now, and whether `hold` has it; without a hold, whether it is known to be used up. */
  look(input: LimitInput, hold?: Hold): readonly LimitFact[] {
    const nowMs = this.#input.monotonicMs();
    return ratesFor(input).map((rate) => {
      const { id, max, perSeconds } = rate;
      const key = keyOf(rate);
      if (hold !== undefined) {
        const ok = (hold.kept.get(key) ?? 0) > nowMs;
        // What was held ran out before this decision: nobody has said that the limit is reached.
        const missing = hold.missing.get(key) ?? { retryAfterMs: askAgainMs, unheard: true };
        return { id, ok, max, perSeconds, ...(ok ? { retryAfterMs: 0 } : missing) };
      }
      const counter = this.#counters.get(key);
      const waitMs =
        counter === undefined || this.#left(counter, nowMs) > 0 ? 0 : counter.refusedUntilMs - nowMs;
      if (counter === undefined || waitMs <= 0) return { id, ok: true, max, perSeconds, retryAfterMs: 0 };
      return { id, ok: false, max, perSeconds, ...missingOf(counter, waitMs) };
    });
  }

  /** The call does not run: what it held is there for others. */
  giveBack({ kept }: Hold): void {
    for (const [key, untilMs] of kept) {
      const counter = this.#counters.get(key);
      if (counter === undefined) continue;
      const lease = counter.leases.find((one) => one.untilMs === untilMs);
      if (lease === undefined) counter.leases.push({ count: 1, granted: 1, untilMs });
      else lease.count++;
    }
  }

  /** Forgets what holds nothing. Call it now and then. */
  sweep(): void {
    const nowMs = this.#input.monotonicMs();
    for (const [key, counter] of this.#counters) {
      this.#expire(counter, nowMs);
      if (isIdle(counter, nowMs)) this.#counters.delete(key);
    }
  }

  get size(): number {
    return this.#counters.size;
  }

  /** Until when one call is held, or why none is. */
  async #obtain(key: string, rate: NamedRate): Promise<number | Missing> {
    const counter = this.#counterFor(key, rate);
    if (counter === undefined) return { retryAfterMs: leasedMsMax, unheard: true };
    for (let round = 0; round < roundsMax; round++) {
      const nowMs = this.#input.monotonicMs();
      const untilMs = this.#spend(counter, nowMs);
      if (untilMs !== undefined) return untilMs;
      if (counter.refusedUntilMs > nowMs) return missingOf(counter, counter.refusedUntilMs - nowMs);
      counter.waiting++;
      await this.#ask(counter).finally(() => {
        counter.waiting--;
      });
    }
    return missingOf(counter, askAgainMs);
  }

  #counterFor(key: string, rate: NamedRate): Counter | undefined {
    const known = this.#counters.get(key);
    if (known !== undefined) return known;
    const max = this.#input.countersMax ?? limitCountersMax;
    if (this.#counters.size >= max) this.sweep();
    if (this.#counters.size >= max) return undefined;
    const counter: Counter = {
      rate,
      leases: [],
      size: 1,
      spent: false,
      waiting: 0,
      asking: undefined,
      refusedUntilMs: 0,
      unheard: false,
    };
    this.#counters.set(key, counter);
    return counter;
  }

  #expire(counter: Counter, nowMs: number): void {
    const live = counter.leases.filter(({ untilMs }) => untilMs > nowMs);
    if (live.length === counter.leases.length) return;
    for (const { count, granted, untilMs } of counter.leases)
      if (untilMs <= nowMs && count > 0) counter.size = Math.max(1, Math.min(counter.size, granted - count));
    counter.leases = live;
  }

  #left(counter: Counter, nowMs: number): number {
    return counter.leases.reduce((sum, { count, untilMs }) => sum + (untilMs > nowMs ? count : 0), 0);
  }

  /** Takes one leased call. Where calls are many, the next lease is there before this one is used up or over: nobody waits for control. */
  #spend(counter: Counter, nowMs: number): number | undefined {
    const untilMs = this.#take(counter, nowMs);
    if (untilMs === undefined || counter.size <= 1 || counter.refusedUntilMs > nowMs) return untilMs;
    const low = this.#left(counter, nowMs) < counter.size / 2;
    const soonMs = nowMs + leasedMsOf(counter.rate) / 2;
    const ending = counter.leases.every((lease) => lease.untilMs < soonMs);
    if (low || ending) void this.#ask(counter);
    return untilMs;
  }

  /** Takes one call of the lease that runs out first. */
  #take(counter: Counter, nowMs: number): number | undefined {
    this.#expire(counter, nowMs);
    const lease = counter.leases.find(({ count }) => count > 0);
    if (lease === undefined) return undefined;
    lease.count--;
    if (lease.count === 0) counter.spent = true;
    return lease.untilMs;
  }

  /** Asks control for the next lease of this counter; asks of one moment go together, one request at a time. */
  #ask(counter: Counter): Promise<void> {
    counter.asking ??= new Promise<void>((resolve) => {
      this.#asks.set(counter, [{ answered: resolve }]);
    }).finally(() => {
      counter.asking = undefined;
    });
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => void this.#flush());
    }
    return counter.asking;
  }

  async #flush(): Promise<void> {
    while (this.#asks.size > 0) {
      const batch = [...this.#asks].slice(0, asksMax);
      for (const [counter] of batch) this.#asks.delete(counter);
      await this.#lease(batch.map(([counter]) => counter));
      for (const [, waiters] of batch) for (const { answered } of waiters) answered();
    }
    this.#flushing = false;
  }

  async #lease(counters: readonly Counter[]): Promise<void> {
    const sentMs = this.#input.monotonicMs();
    const asks = counters.map((counter) => {
      const { id, holder, max, perSeconds } = counter.rate;
      const wanted = wantedOf(counter);
      return { agentId: holder, limit: id, max, perSeconds, wanted };
    });
    const answer = await this.#input.control.request('gateway.leaseCalls', { body: { asks } });
    const nowMs = this.#input.monotonicMs();
    for (const [at, counter] of counters.entries()) {
      const grant = answer.ok ? answer.value.grants[at] : undefined;
      counter.unheard = grant === undefined;
      if (grant === undefined) counter.refusedUntilMs = nowMs + askAgainMs;
      else if (grant.granted > 0) {
        const { granted } = grant;
        counter.leases.push({ count: granted, granted, untilMs: sentMs + leasedMsOf(counter.rate) });
        if (counter.spent) counter.size = Math.min(counter.size * 2, leaseMaxOf(counter.rate));
        counter.spent = false;
      } else counter.refusedUntilMs = nowMs + Math.max(1, grant.retryAfterMs);
    }
  }
}

const missingOf = ({ unheard }: Counter, waitMs: number): Missing => ({
  retryAfterMs: Math.ceil(waitMs),
  ...(unheard ? { unheard } : {}),
});

const keyOf = ({ holder, id, max, perSeconds }: NamedRate): string => `${holder} ${id} ${max} ${perSeconds}`;

/** How long calls of this rate may be held. */
export const leasedMsOf = ({ perSeconds }: Rate): number =>
  Math.min(leasedMsMax, perSeconds * 1_000 * leasedShareMax);

/** Whoever holds more than a moment's worth keeps it from the other gateways. */
function leaseMaxOf({ max, perSeconds }: Rate): number {
  const ahead = Math.ceil((max / perSeconds) * leaseAheadSeconds);
  return Math.max(1, Math.min(ahead, Math.floor(max * leaseShareMax)));
}

const wantedOf = ({ size, waiting, rate }: Counter): number => Math.min(Math.max(size, waiting), rate.max);

const isIdle = ({ leases, asking, refusedUntilMs }: Counter, nowMs: number): boolean =>
  leases.length === 0 && asking === undefined && refusedUntilMs <= nowMs;
