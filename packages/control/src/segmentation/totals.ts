/**
 * Room: segmentation (S-5, invariant 4). The only allocator of totals (core/segmentation/total-book.ts). A call reserves here before it runs and is settled after. What
 * counts calls at one time is free again when the gateway is known to run it no more.
 */
import {
  reservedBefore,
  type SettledCall,
  type TotalAsk,
  TotalBook,
  type TotalHold,
  type TotalKey,
  totalKeysOf,
} from '@atf/core/segmentation/total-book';
import type { ResponseOf } from '@atf/core/wire/api';
import type { Control, Tx } from '../context.ts';
import {
  addHolds,
  dropHolds,
  dropHoldsOlder,
  dropSpentTotals,
  holdCounts,
  holdsOf,
  lockTotals,
  setTotals,
} from './total-store.ts';

/** No call takes longer; one that was never settled counts as running until then. */
const heldMsMax = 3_600_000;

const nameOf = ({ agentId, key }: TotalKey): string => `${agentId} ${key}`;

/** These totals under lock, as they stand now. */
async function openBook(tx: Tx, tenant: string, keys: readonly TotalKey[]) {
  const { nowMs, lostUntilMs, rows } = await lockTotals(tx, tenant, keys);
  const counts = await holdCounts(tx, tenant, keys);
  const held = new Map(counts.map((row) => [nameOf(row), row.held]));
  return {
    nowMs,
    book: new TotalBook(
      nowMs,
      rows.map((row) => ({ ...row, held: held.get(nameOf(row)) ?? 0 })),
      lostUntilMs,
    ),
  };
}

/** Reserves for each call, in their order. */
export async function reserveTotals(
  control: Control,
  gatewayId: string,
  asks: readonly TotalAsk[],
): Promise<ResponseOf<'gateway.reserveTotals'>> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const { nowMs, book } = await openBook(tx, tenant, totalKeysOf(asks));
    const before = await holdsOf(
      tx,
      tenant,
      gatewayId,
      asks.map(({ holdId }) => holdId),
    );
    const known = new Set(before.map(({ holdId }) => holdId));
    const made: TotalHold[] = [];
    const answers = asks.map((ask) => {
      if (known.has(ask.holdId)) return reservedBefore(ask);
      known.add(ask.holdId);
      const { answer, holds } = book.reserve(ask);
      made.push(...holds);
      return answer;
    });
    await setTotals(tx, tenant, book.changed);
    await addHolds(tx, tenant, gatewayId, nowMs, made);
    return { answers };
  });
}

/** Says what became of calls. One that holds nothing is settled already, or its reservation is still on its way. */
export async function settleTotals(
  control: Control,
  gatewayId: string,
  calls: readonly SettledCall[],
): Promise<ResponseOf<'gateway.settleTotals'>> {
  const { tenant } = control.config;
  const holdIds = calls.map(({ holdId }) => holdId);
  return control.change(async (tx) => {
    const named = await holdsOf(tx, tenant, gatewayId, holdIds);
    const keys = new Map(named.map((hold): [string, TotalKey] => [nameOf(hold), hold]));
    // Only what is locked is looked at: a reservation that comes to be meanwhile is settled when it is told again.
    const seen = new Set(named.map(({ holdId }) => holdId));
    const { book } = await openBook(tx, tenant, [...keys.values()]);
    // Read again under the lock: the same may have been said twice at once.
    const holds = (await holdsOf(tx, tenant, gatewayId, holdIds)).filter(({ holdId }) => seen.has(holdId));
    const ended = new Set<TotalHold>();
    const answers = calls.map((call) => {
      const own = holds.filter((hold) => hold.holdId === call.holdId && !ended.has(hold));
      for (const hold of own) ended.add(hold);
      return book.settle(call, own);
    });
    await setTotals(tx, tenant, book.changed);
    await dropHolds(tx, tenant, [...ended]);
    return { answers };
  });
}

/** A gateway is a new process since `upMs`: nothing of the one before runs. */
export const forgetInterrupted = async (control: Control, gatewayId: string, upMs: number): Promise<void> =>
  dropHoldsOlder(control.db, control.config.tenant, upMs, gatewayId);

/** What counts no more. */
export async function forgetTotals({ db, config: { tenant } }: Control): Promise<void> {
  await dropHoldsOlder(db, tenant, heldMsMax);
  await dropSpentTotals(db, tenant);
}
