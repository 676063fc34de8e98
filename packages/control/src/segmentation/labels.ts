/**
 * Room: segmentation (S-4). Control holds what sessions have read, so that no restart, other gateway or other door loses it. A gateway asks before it dispatches a
 * call that would raise a label, and is answered when the label is durable and every other gateway either knows it or refuses.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { refuse } from '@atf/core/errors';
import { afterReading, clean, isWithin, worst } from '@atf/core/segmentation/flow';
import type { BodyOut, ResponseOf } from '@atf/core/wire/api';
import { leaseMs } from '@atf/core/wire/feed';
import { labelReviewMs, type LabelSource, type LabelsDoc } from '@atf/core/wire/labels';
import type { Control, Tx } from '../context.ts';
import { activeGatewayCount } from '../gateways/store.ts';
import { instanceById } from '../identity/credential-store.ts';
import { taskById } from '../identity/task-store.ts';
import {
  deleteLabels,
  type Holder,
  type LabelRow,
  labelsDocOf,
  livingInstances,
  lockLabels,
  setLabels,
  setReviewed,
} from './label-store.ts';

/** A gateway that was not told of a document by then refuses everything (invariant 3). */
export const knownEverywhereMs = leaseMs + 400;

async function holdersOf(
  control: Control,
  tx: Tx,
  { agentId, instanceId, task: taskId }: Pick<BodyOut<'gateway.read'>, 'agentId' | 'instanceId' | 'task'>,
): Promise<Holder[]> {
  const { tenant } = control.config;
  const instance = await instanceById(tx, tenant, instanceId);
  if (instance?.agent_id !== agentId || instance.state !== 'active') refuse('identity.instance_unknown');
  const own: Holder = { holder: instanceId, kind: 'instance', agentId };
  if (taskId === undefined) return [own];
  // Whoever works for the agent that has the task reads for it, too.
  const task = (await taskById(tx, tenant, taskId)) ?? refuse('identity.task_unknown');
  return [own, { holder: taskId, kind: 'task', agentId: task.agent_id }];
}

/** Nobody lowers them any more by what was shown. */
async function endReview(control: Control, tx: Tx, row: LabelRow): Promise<LabelRow> {
  const ended: LabelRow = { ...row, review_at: null, revision: row.revision + 1 };
  const doc = labelsDocOf(ended);
  await setReviewed(tx, row.tenant, doc, null);
  await control.feed.put(tx, 'labels', row.holder, doc);
  return ended;
}

/** Joins one source; what is known then. */
async function join(
  control: Control,
  tx: Tx,
  row: LabelRow,
  { source, nowMs }: { readonly source: LabelSource; readonly nowMs: number },
): Promise<LabelsDoc> {
  const before = labelsDocOf(row);
  if (row.review_at !== null && nowMs >= row.review_at + labelReviewMs)
    return await join(control, tx, await endReview(control, tx, row), { source, nowMs });
  const read = afterReading(before, source);
  // Whoever is about to lower them sees that it was read once more.
  const again = read === before && before.underReview === true && !isWithin(source, clean);
  const after = again ? { ...before, revision: before.revision + 1 } : read;
  if (after === before) return before;
  await setLabels(tx, row.tenant, after, isWithin(source, before) ? undefined : nowMs);
  await control.feed.put(tx, 'labels', row.holder, after);
  return after;
}

/** A session is about to read: answered when no gateway can decide any more as if it had not. */
export async function joinRead(
  control: Control,
  { tool, confidentiality, integrity, ...session }: BodyOut<'gateway.read'>,
): Promise<ResponseOf<'gateway.read'>> {
  const { tenant } = control.config;
  const source = { tool, confidentiality, integrity, since: new Date(control.clock.nowMs()).toISOString() };
  const { labels, waitMs } = await control.change(async (tx) => {
    const holders = await holdersOf(control, tx, session);
    const { rows, nowMs } = await lockLabels(tx, tenant, holders);
    const labels: LabelsDoc[] = [];
    for (const row of rows) labels.push(await join(control, tx, row, { source, nowMs }));
    const others = (await activeGatewayCount(tx, tenant)) > 1;
    const raised = rows.some((row) => !isWithin(source, row));
    const raisedMs = raised ? nowMs : Math.max(...rows.map(({ raised_at }) => raised_at));
    return { labels, waitMs: others ? Math.min(knownEverywhereMs, raisedMs + knownEverywhereMs - nowMs) : 0 };
  });
  if (waitMs > 0) await pause(waitMs);
  return { labels };
}

/** Whoever read it can act no more. */
export async function forgetLabels(control: Control, tx: Tx, holder: string): Promise<void> {
  if (await deleteLabels(tx, control.config.tenant, holder))
    await control.feed.put(tx, 'labels', holder, null);
}

/** After a restore nobody knows what was read since the backup: the worst counts, until a person says otherwise. */
export async function supposeWorst(control: Control, tx: Tx): Promise<void> {
  const since = new Date(control.clock.nowMs()).toISOString();
  for (const { id, agent_id } of await livingInstances(tx, control.config.tenant)) {
    const holders: Holder[] = [{ holder: id, kind: 'instance', agentId: agent_id }];
    const { rows, nowMs } = await lockLabels(tx, control.config.tenant, holders);
    const source = { tool: 'unknown since a restore', ...worst, since };
    for (const row of rows) await join(control, tx, row, { source, nowMs });
  }
}
