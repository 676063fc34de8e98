/**
 * Room: segmentation (S-5, invariant 4). The totals of one moment, as calls reserve and are settled: all totals of a call have room, or nothing is taken. What nobody
 * settles stays spent, because nobody knows what the call did. Control keeps what changed (control/segmentation/totals.ts); nothing is kept here.
 */
import { hourMs } from '../hours.ts';
import type { BodyOut, ResponseOf } from '../wire/api.ts';
import { totalPeriodOf } from '../wire/gateway-routes.ts';
import { type CountedPer, lookAtTotal, periodOver, type Slots, settleTotal, spentOf } from './totals.ts';

export type TotalAsk = BodyOut<'gateway.reserveTotals'>['asks'][number];
export type TotalAnswer = ResponseOf<'gateway.reserveTotals'>['answers'][number];
export type SettledCall = BodyOut<'gateway.settleTotals'>['settled'][number];
export type Settlement = ResponseOf<'gateway.settleTotals'>['answers'][number];
type AskedTotal = TotalAsk['totals'][number];

/** One total of one agent. */
export interface TotalKey {
  readonly agentId: string;
  readonly key: string;
}

export interface TotalState extends TotalKey {
  readonly slots: Slots;
  /** How many calls under way hold something of it. */
  readonly held: number;
}

/** What one call has reserved of one total. */
export interface TotalHold extends TotalKey {
  readonly holdId: string;
  readonly slot: number;
  readonly reserved: number;
}

type Per = CountedPer | 'call';

/** How long after its last call a total is kept. One of a task: longer than anybody works on one. */
const keptMs: Readonly<Record<Per, number>> = {
  hour: 2 * hourMs,
  day: 48 * hourMs,
  task: 90 * 24 * hourMs,
  call: hourMs,
};

interface Place {
  readonly key: string;
  readonly per: Per;
}

const noTask = 'none';
const daily = 'day:';
/** In place of a task: what one instance does in a day, in whichever sessions. */
export const dailyOf = (instanceId: string): string => `${daily}${instanceId}`;

/** Where a total counts. Without a task, what it counts is one task a day: else a new session would begin it anew. */
function placeOf({ id, per }: Pick<AskedTotal, 'id' | 'per'>, task = noTask): Place {
  if (per !== 'task') return { key: id, per };
  return { key: `${id} ${task}`, per: task === noTask || task.startsWith(daily) ? 'day' : 'task' };
}

const nameOf = ({ agentId, key }: TotalKey): string => `${agentId} ${key}`;

/** Every total that these asks are about, once. */
export function totalKeysOf(asks: readonly TotalAsk[]): TotalKey[] {
  const keys = new Map<string, TotalKey>();
  for (const { agentId, task, totals } of asks)
    for (const total of totals) {
      const of = { agentId, key: placeOf(total, task).key };
      keys.set(nameOf(of), of);
    }
  return [...keys.values()];
}

interface Looked {
  readonly ok: boolean;
  readonly left: number;
  readonly retryAfterMs?: number | undefined;
  readonly slot: number;
  readonly slots: Slots;
  readonly unknown?: true;
}

export interface ChangedTotal extends TotalState {
  readonly dropAfterMs: number;
}

/**
 * How long nobody knows what is spent of a total, because its period lies over a restore; undefined: it is known. Tasks and instances of before a restore are void, so their totals have
 * nothing to lose.
 */
export function lostFor(
  key: string,
  per: Per,
  nowMs: number,
  lostUntilMs: number | undefined,
): number | undefined {
  if (lostUntilMs === undefined || per === 'call' || per === 'task' || key.includes(` ${daily}`))
    return undefined;
  const waitMs = periodOver(per, lostUntilMs) - nowMs;
  return waitMs > 0 ? waitMs : undefined;
}

export class TotalBook {
  readonly #nowMs: number;
  readonly #lostUntilMs: number | undefined;
  readonly #states: Map<string, TotalState>;
  readonly #changed = new Map<string, ChangedTotal>();

  /** `lostUntilMs`: what was spent until then a restore has lost; undefined: nothing is lost. */
  constructor(nowMs: number, states: readonly TotalState[], lostUntilMs?: number) {
    this.#nowMs = nowMs;
    this.#lostUntilMs = lostUntilMs;
    this.#states = new Map(states.map((state) => [nameOf(state), state]));
  }

  /** What has to be stored now. */
  get changed(): readonly ChangedTotal[] {
    return [...this.#changed.values()];
  }

  reserve({ agentId, holdId, task, totals }: TotalAsk): {
    readonly answer: TotalAnswer;
    readonly holds: readonly TotalHold[];
  } {
    const looked = totals.map((total) => {
      const place = placeOf(total, task);
      const state = this.#state({ agentId, key: place.key });
      return { total, place, state, seen: this.#look(state, place.per, total) };
    });
    const reserved = looked.every(({ seen }) => seen.ok);
    const answer: TotalAnswer = {
      reserved,
      totals: looked.map(({ seen: { ok, left, retryAfterMs, unknown } }) => ({
        ok,
        left,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        ...(unknown === undefined ? {} : { unknown }),
      })),
    };
    if (!reserved) return { answer, holds: [] };
    const holds = looked.map(({ total, place, state, seen }): TotalHold => {
      const { key, held } = state;
      this.#set({ agentId, key, slots: seen.slots, held: held + 1 }, place.per);
      return { agentId, key, holdId, slot: seen.slot, reserved: total.wanted };
    });
    return { answer, holds };
  }

  /**
   * Ends one call that holds these. What it did beyond what was reserved counts only when it fits; otherwise what was reserved stays spent. A call that holds nothing
   * may have done nothing.
   */
  settle(call: SettledCall, holds: readonly TotalHold[]): Settlement {
    if (holds.length === 0)
      return { within: call.totals.every(({ spent }) => spent === 0), left: 0, held: false };
    const told = new Map(call.totals.map((total) => [total.id, total]));
    const parts = holds.map((hold) => this.#part(hold, told));
    const within = parts.every(({ more, left }) => more <= left);
    for (const { hold, per, spent } of parts) {
      const { slots, held } = this.#state(hold);
      const { agentId, key, slot, reserved } = hold;
      const counted = within || spent < reserved ? spent : reserved;
      const now =
        per === 'call' ? slots : settleTotal(slots, per, this.#nowMs, { slot, reserved, spent: counted });
      this.#set({ agentId, key, slots: now, held: Math.max(0, held - 1) }, per);
    }
    const over = parts.filter(({ more }) => more > 0).map(({ hold, left }) => left + hold.reserved);
    return { within, left: within ? 0 : Math.min(...over), held: true };
  }

  /** What a call did of one total, and how much more that is than it had reserved. */
  #part(hold: TotalHold, told: ReadonlyMap<string, SettledCall['totals'][number]>) {
    const [id = '', task] = hold.key.split(' ');
    const total = told.get(id);
    const { per } = placeOf({ id, per: totalPeriodOf(id) ?? 'call' }, task);
    if (total === undefined || per === 'call') return { hold, per, spent: hold.reserved, more: 0, left: 0 };
    const left = Math.max(0, total.max - spentOf(this.#state(hold).slots, per, this.#nowMs));
    return { hold, per, spent: total.spent, more: Math.max(0, total.spent - hold.reserved), left };
  }

  #look({ key, slots, held }: TotalState, per: Per, { max, wanted }: AskedTotal): Looked {
    const retryAfterMs = lostFor(key, per, this.#nowMs, this.#lostUntilMs);
    if (retryAfterMs !== undefined)
      return { ok: false, left: 0, retryAfterMs, slot: 0, slots, unknown: true };
    if (per !== 'call') return lookAtTotal(slots, per, this.#nowMs, { max, wanted });
    const left = Math.max(0, max - held);
    return { ok: left >= wanted, left, slot: 0, slots };
  }

  #state({ agentId, key }: TotalKey): TotalState {
    return this.#states.get(nameOf({ agentId, key })) ?? { agentId, key, slots: {}, held: 0 };
  }

  #set(state: TotalState, per: Per): void {
    this.#states.set(nameOf(state), state);
    this.#changed.set(nameOf(state), { ...state, dropAfterMs: this.#nowMs + keptMs[per] });
  }
}

/** What is asked again under one id: an answer that was lost does not cost twice. */
export const reservedBefore = ({ totals }: TotalAsk): TotalAnswer => ({
  reserved: true,
  totals: totals.map(({ max }) => ({ ok: true, left: max })),
});
