/**
 * Room: segmentation (S-3, invariant 4). Allocates the calls of rate limits to gateways: what a gateway has leased is spent here at once, so that all
 * gateways together admit what the limit says, and one that crashes resets nothing. What was leased and not spent in time stays spent.
 */
import { grantCalls } from '@atf/core/segmentation/rate';
import type { BodyOut, ResponseOf } from '@atf/core/wire/api';
import type { Control } from '../context.ts';
import { type BudgetRow, lockBudgets, setBudgets } from './budget-store.ts';

type Ask = BodyOut<'gateway.leaseCalls'>['asks'][number];

export const limitKeyOf = ({ limit, max, perSeconds }: Pick<Ask, 'limit' | 'max' | 'perSeconds'>): string =>
  `${limit} ${max} ${perSeconds}`;
const nameOf = (agentId: string, limitKey: string): string => `${agentId} ${limitKey}`;

/** Grants for these asks, in their order. */
export async function leaseCalls(
  control: Control,
  asks: readonly Ask[],
): Promise<ResponseOf<'gateway.leaseCalls'>> {
  const { tenant } = control.config;
  const keys = new Map<string, { readonly agentId: string; readonly limitKey: string }>();
  for (const ask of asks) {
    const limitKey = limitKeyOf(ask);
    keys.set(nameOf(ask.agentId, limitKey), { agentId: ask.agentId, limitKey });
  }
  return control.change(async (tx) => {
    const { nowMs, rows } = await lockBudgets(tx, tenant, [...keys.values()]);
    const held = new Map<string, BudgetRow>(rows.map((row) => [nameOf(row.agentId, row.limitKey), row]));
    const grants = asks.map((ask) => {
      const { max, perSeconds, wanted } = ask;
      const limitKey = limitKeyOf(ask);
      const name = nameOf(ask.agentId, limitKey);
      const grant = grantCalls(held.get(name)?.arrival, nowMs, { max, perSeconds }, wanted);
      held.set(name, { agentId: ask.agentId, limitKey, arrival: grant.nextMs });
      return { granted: grant.granted, retryAfterMs: grant.retryAfterMs };
    });
    await setBudgets(tx, tenant, [...held.values()]);
    return { grants };
  });
}
