/** Room: segmentation (S-3). A rate with another figure is another budget (budgets.ts): what is spent of the one counts in the other, so that nothing begins anew. */
import type { Rate } from '@atf/core/segmentation/rate';
import type { Control, Tx } from '../context.ts';
import { figuresOf, lockBudgets, setBudgets } from './budget-store.ts';
import { limitKeyOf } from './budgets.ts';

/** The most that a rate has spent under any figure, in calls, taken over by the same rate with another figure; never more than all of it. */
export async function moveBudget(
  control: Control,
  tx: Tx,
  agentId: string,
  limit: string,
  { from, to }: { readonly from: Rate; readonly to: Rate },
): Promise<void> {
  const { tenant } = control.config;
  const { perSeconds } = to;
  const known = await figuresOf(tx, tenant, agentId, { limit, perSeconds });
  const rates = [...new Set([from.max, to.max, ...known])].map((max): Rate => ({ max, perSeconds }));
  const keyOf = (rate: Rate) => limitKeyOf({ limit, ...rate });
  const keys = rates.map((rate) => ({ agentId, limitKey: keyOf(rate) }));
  const { nowMs, rows } = await lockBudgets(tx, tenant, keys);
  const arrivalOf = (rate: Rate) => rows.find(({ limitKey }) => limitKey === keyOf(rate))?.arrival ?? 0;
  const emissionMs = ({ max }: Rate) => (perSeconds * 1_000) / max;
  const spent = Math.max(...rates.map((rate) => Math.max(0, arrivalOf(rate) - nowMs) / emissionMs(rate)));
  const arrival = nowMs + Math.min(spent, to.max) * emissionMs(to);
  await setBudgets(tx, tenant, [{ agentId, limitKey: keyOf(to), arrival: Math.max(arrival, arrivalOf(to)) }]);
}
