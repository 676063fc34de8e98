/** Room: segmentation (S-5). What an agent has spent of its totals, as people see it. */
import { lostFor } from '@atf/core/segmentation/total-book';
import { type CountedPer, spentOf, type Total, totalsOfAgent } from '@atf/core/segmentation/totals';
import type { AgentTotal, Limit } from '@atf/core/wire/manifest';
import type { Control } from '../context.ts';
import { holdCounts, totalRows, totalsLostUntil } from './total-store.ts';

/** Rows of one agent that are shown: its totals, and those of its newest tasks. */
const shownMax = 200;

const toolOf = ({ id }: Total): string | undefined => {
  const about = id.slice(id.lastIndexOf(':') + 1);
  return about === '*' ? undefined : about;
};

function shown(total: Total, spent: number, task?: string): AgentTotal {
  const { id, of, per, max, currency } = total;
  const scale = of === 'amount' ? 100 : 1;
  const tool = toolOf(total);
  return {
    id,
    ...(tool === undefined ? {} : { tool }),
    unit: of === 'amount' ? (currency ?? 'EUR') : of === 'concurrent' ? 'running' : of,
    per,
    ...(task === undefined ? {} : { task }),
    max: max / scale,
    spent: spent / scale,
  };
}

/** Every total of these limits, with what is spent of it now; those of a task once for each task that has spent anything. */
export async function totalsOf(
  control: Control,
  agentId: string,
  limits: readonly Limit[],
): Promise<AgentTotal[]> {
  const { tenant } = control.config;
  const totals = totalsOfAgent(limits);
  if (totals.length === 0) return [];
  const rows = await totalRows(control.db, tenant, agentId, shownMax);
  const nowMs = control.clock.nowMs();
  const lostUntilMs = await totalsLostUntil(control.db, tenant);
  const keys = totals.flatMap(({ id, per }) => (per === 'call' ? [{ agentId, key: id }] : []));
  const running = keys.length === 0 ? [] : await holdCounts(control.db, tenant, keys);
  return totals.flatMap((total): AgentTotal[] => {
    const { id, per } = total;
    if (per === 'call') return [shown(total, running.find(({ key }) => key === id)?.held ?? 0)];
    const spent = (key: string, as: CountedPer) =>
      lostFor(key, as, nowMs, lostUntilMs) === undefined
        ? spentOf(rows.find((row) => row.key === key)?.slots ?? {}, as, nowMs)
        : total.max;
    if (per !== 'task') return [shown(total, spent(id, per))];
    const tasks = rows.flatMap(({ key }) => (key.startsWith(`${id} `) ? [key.slice(id.length + 1)] : []));
    return tasks.length === 0
      ? [shown(total, 0)]
      : tasks.map((task) => shown(total, spent(`${id} ${task}`, task === 'none' ? 'day' : 'task'), task));
  });
}
