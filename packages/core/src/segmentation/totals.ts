/**
 * Room: segmentation (S-5, invariant 4). What all calls of an agent together may do: money, records, calls, and how many run at one time. Which totals bind a call,
 * and the arithmetic of one total. Spent is counted in slots of time, and a slot counts until the whole of it is out of the period: in any stretch of that
 * length no more than the total is ever admitted. Amounts are hundredths of the currency. Pure; where the counts are kept is control's business.
 */
import type { AgentDoc, ToolDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import type { Limit, TotalPeriod } from '../wire/manifest.ts';
import type { TotalFact } from '../world.ts';
import { type Amount, amountOf, hasDefinedLimits, limitsFor } from './transaction.ts';

export type TotalOf = 'amount' | 'records' | 'calls' | 'concurrent';

/** One bound on all calls together. */
export interface Total {
  /** `amount:EUR:day:erp/refund`, `calls:task:*`: without its figure, so that another figure does not begin anew. */
  readonly id: string;
  readonly of: TotalOf;
  /** `call`: as long as a call runs. */
  readonly per: TotalPeriod | 'call';
  readonly max: number;
  readonly currency?: string;
}

/** A total with what one call asks of it before it runs. */
export interface WantedTotal extends Total {
  readonly wanted: number;
}

const hundredthsOf = (units: number): number => Math.round(units * 100);

function totalsOf({ tool, total, currency, concurrent }: Limit): Total[] {
  const about = tool ?? '*';
  const found: Total[] = [];
  if (total?.amount !== undefined && currency !== undefined)
    found.push({
      id: `amount:${currency}:${total.per}:${about}`,
      of: 'amount',
      per: total.per,
      max: hundredthsOf(total.amount),
      currency,
    });
  if (total?.records !== undefined)
    found.push({ id: `records:${total.per}:${about}`, of: 'records', per: total.per, max: total.records });
  if (total?.calls !== undefined)
    found.push({ id: `calls:${total.per}:${about}`, of: 'calls', per: total.per, max: total.calls });
  if (concurrent !== undefined)
    found.push({ id: `concurrent:${about}`, of: 'concurrent', per: 'call', max: concurrent });
  return found;
}

/** Every total of an agent, the smallest where several are about the same. */
export function totalsOfAgent(limits: readonly Limit[]): Total[] {
  const found = new Map<string, Total>();
  for (const total of limits.flatMap(totalsOf)) {
    const known = found.get(total.id);
    if (known === undefined || total.max < known.max) found.set(total.id, total);
  }
  return [...found.values()];
}

/** What the documents of an agent and of a tool say of the two, whatever the call. */
export interface Standing {
  /** `server/tool`. */
  readonly ref: string;
  /** The tool stands on the agent's written list. */
  readonly granted: boolean;
  /** A limit for this tool is defined for this agent. */
  readonly limited: boolean;
  readonly totals: readonly Total[];
  /** Those that are not of money. */
  readonly withoutMoney: readonly Total[];
}

// Documents of the feed are never changed in place, so what follows from two of them can be kept as long as they live.
const standings = new WeakMap<AgentDoc, WeakMap<ToolDoc, Standing>>();

export function standingOf(agent: AgentDoc, tool: ToolDoc): Standing {
  const kept = standings.get(agent);
  const known = kept?.get(tool);
  if (known !== undefined) return known;
  const ref = `${tool.server}/${tool.name}`;
  const totals = totalsOfAgent(limitsFor(agent, tool));
  const standing: Standing = {
    ref,
    granted: agent.tools.includes(ref),
    limited: hasDefinedLimits(agent, tool),
    totals,
    withoutMoney: totals.filter(({ of }) => of !== 'amount'),
  };
  // As many as the manifest lists, and not one for each tool that somebody asks for.
  if (!standing.granted) return standing;
  if (kept === undefined) standings.set(agent, new WeakMap([[tool, standing]]));
  else kept.set(tool, standing);
  return standing;
}

/** The totals that bind a call of this amount: of money none when the call moves none. */
export function bindingTotals(agent: AgentDoc, tool: ToolDoc, amount: Amount): readonly Total[] {
  const { totals, withoutMoney } = standingOf(agent, tool);
  return amount.kind === 'none' ? withoutMoney : totals;
}

/**
 * The totals that bind this call, with what it asks of each. Of records it asks for one before anybody knows how many there are. An amount that cannot be read, or in
 * another currency, asks for all of it; `checkTransaction` has refused such a call before.
 */
export function wantedTotals(agent: AgentDoc, tool: ToolDoc, args: JsonObject): WantedTotal[] {
  if (standingOf(agent, tool).totals.length === 0) return [];
  const amount = amountOf(tool, args);
  return bindingTotals(agent, tool, amount).map((total): WantedTotal => {
    if (total.of !== 'amount') return { ...total, wanted: 1 };
    return { ...total, wanted: amount.kind === 'read' ? amount.hundredths : total.max + 1 };
  });
}

/**
 * The calls of everybody below one root (S-5): one total of the root's agent, for its task, or without one for its instance in a day.
 */
export const cascadeTotal = (callsMax: number): WantedTotal => ({
  id: 'calls:task:cascade',
  of: 'calls',
  per: 'task',
  max: callsMax,
  wanted: 1,
});

/** A total as the decision sees it, before anything is known of what was spent. */
export function namedTotal({ id, of, per, max, currency }: Total): Omit<TotalFact, 'ok'> {
  return { id, of, per, max, ...(currency === undefined ? {} : { currency }) };
}

/** The totals that bind a call, as if nothing had been spent: what is more than all of it never fits. */
export const unspentTotals = (agent: AgentDoc, tool: ToolDoc, args: JsonObject): TotalFact[] =>
  wantedTotals(agent, tool, args).map((total) => ({ ...namedTotal(total), ok: total.wanted <= total.max }));

/** Spent by slot: the number of the slot since the epoch, and how much. */
export type Slots = Readonly<Record<string, number>>;

interface Clocked {
  readonly slotMs: number;
  readonly slots: number;
}

const minute = 60_000;
const clocks: Readonly<Record<'hour' | 'day', Clocked>> = {
  hour: { slotMs: minute, slots: 60 },
  day: { slotMs: 15 * minute, slots: 96 },
};

/** How a total is counted: by a clock, or for as long as a task goes on. */
export type CountedPer = 'hour' | 'day' | 'task';

const slotAt = (per: CountedPer, nowMs: number): number =>
  per === 'task' ? 0 : Math.floor(nowMs / clocks[per].slotMs);

/** Slots that still count. One of the future does: it was spent before the clock was set back. */
function counting(slots: Slots, per: CountedPer, nowMs: number): [slot: number, spent: number][] {
  const all = Object.entries(slots).map(([slot, spent]): [number, number] => [Number(slot), spent]);
  if (per === 'task') return all;
  const oldest = slotAt(per, nowMs) - clocks[per].slots;
  return all.filter(([slot]) => slot >= oldest).sort(([a], [b]) => a - b);
}

/** What of a total is spent now. */
export const spentOf = (slots: Slots, per: CountedPer, nowMs: number): number =>
  counting(slots, per, nowMs).reduce((sum, [, spent]) => sum + spent, 0);

/** How long after `sinceMs` a total by the clock may still hold what was spent before. */
export const periodOver = (per: 'hour' | 'day', sinceMs: number): number =>
  sinceMs + (clocks[per].slots + 1) * clocks[per].slotMs;

export interface TotalLook {
  readonly ok: boolean;
  /** Before this call. */
  readonly left: number;
  /** Until as much is free as was asked for; undefined: waiting does not help. */
  readonly retryAfterMs: number | undefined;
  readonly slot: number;
  /** To store when the call is admitted. */
  readonly slots: Slots;
}

/** Whether `wanted` more fits into a total now. Takes nothing: the caller stores `slots` when every total of the call has room. */
export function lookAtTotal(
  slots: Slots,
  per: CountedPer,
  nowMs: number,
  { max, wanted }: { readonly max: number; readonly wanted: number },
): TotalLook {
  const live = counting(slots, per, nowMs);
  const spent = live.reduce((sum, [, each]) => sum + each, 0);
  const slot = slotAt(per, nowMs);
  const left = Math.max(0, max - spent);
  const kept: Record<string, number> = Object.fromEntries(live);
  if (wanted > max - spent)
    return {
      ok: false,
      left,
      retryAfterMs: waitFor(live, per, nowMs, wanted - (max - spent)),
      slot,
      slots: kept,
    };
  kept[slot] = (kept[slot] ?? 0) + wanted;
  return { ok: true, left, retryAfterMs: 0, slot, slots: kept };
}

/** Milliseconds until `needed` is free again, oldest slots first. */
function waitFor(
  live: readonly (readonly [slot: number, spent: number])[],
  per: CountedPer,
  nowMs: number,
  needed: number,
): number | undefined {
  if (per === 'task') return undefined;
  const { slotMs, slots } = clocks[per];
  let freed = 0;
  for (const [slot, spent] of live) {
    freed += spent;
    if (freed >= needed) return Math.max(1, Math.ceil((slot + slots + 1) * slotMs - nowMs));
  }
  return undefined;
}

/**
 * What was reserved in a slot is spent now: a call that takes long counts from when it ended. Nothing falls below nothing, and a slot that no longer counts is gone.
 */
export function settleTotal(
  slots: Slots,
  per: CountedPer,
  nowMs: number,
  { slot, reserved, spent }: { readonly slot: number; readonly reserved: number; readonly spent: number },
): Slots {
  const now: Record<string, number> = { ...slots };
  if (now[slot] !== undefined) now[slot] = Math.max(0, now[slot] - reserved);
  const ended = slotAt(per, nowMs);
  now[ended] = (now[ended] ?? 0) + spent;
  return Object.fromEntries(Object.entries(now).filter(([, each]) => each > 0));
}
