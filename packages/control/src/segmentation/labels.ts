/**
 * Room: segmentation (S-4). Control holds what sessions have read, so that no restart, other gateway or other door loses it. A gateway asks before it dispatches a
 * call that would raise a label, and is answered when the label is durable and every other gateway either knows it or refuses.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { refuse } from '@atf/core/errors';
import { afterReading, afterRetrieving, clean, isWithin, worst } from '@atf/core/segmentation/flow';
import { unknownIndex } from '@atf/core/segmentation/retrieval';
import type { BodyOut, ResponseOf } from '@atf/core/wire/api';
import { leaseMs } from '@atf/core/wire/feed';
import { labelReviewMs, type LabelSource, type LabelsDoc } from '@atf/core/wire/labels';
import type { IndexRead } from '@atf/core/wire/retrieval';
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
import { hasSources } from './retrieval-store.ts';

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

/** Whoever else is to have read from an index: for whom the session works, so that nothing is brought together through another. */
async function othersOf(
  control: Control,
  tx: Tx,
  { indexes }: Pick<BodyOut<'gateway.read'>, 'indexes'>,
  known: readonly Holder[],
): Promise<Holder[]> {
  const others: Holder[] = [];
  for (const holder of new Set(indexes?.holders ?? [])) {
    if (known.some((each) => each.holder === holder)) continue;
    const instance = await instanceById(tx, control.config.tenant, holder);
    if (instance === undefined) refuse('identity.instance_unknown');
    else others.push({ holder, kind: 'instance', agentId: instance.agent_id });
  }
  return others;
}

/** Refuses `segmentation.retrieval_blended` when one of those whose reading counts has read meanwhile from an index that nobody has allowed beside these. */
function refuseBlended(rows: readonly LabelRow[], indexes: BodyOut<'gateway.read'>['indexes']): void {
  if (indexes === undefined) return;
  const allowed = new Set([...indexes.beside, ...indexes.read.map(({ index }) => index)]);
  const others = rows
    .filter(({ holder }) => indexes.holders.includes(holder))
    .flatMap((row) => (row.indexes ?? []).map(({ index }) => index))
    .filter((index) => !allowed.has(index));
  if (others.length > 0)
    refuse('segmentation.retrieval_blended', `meanwhile it has read from the index ${others[0]}`);
}

/** Nobody lowers them any more by what was shown. */
async function endReview(control: Control, tx: Tx, row: LabelRow): Promise<LabelRow> {
  const ended: LabelRow = { ...row, review_at: null, revision: row.revision + 1 };
  const doc = labelsDocOf(ended);
  await setReviewed(tx, row.tenant, doc, null);
  await control.feed.put(tx, 'labels', row.holder, doc);
  return ended;
}

interface Reading {
  readonly source: LabelSource;
  readonly nowMs: number;
  readonly indexes: readonly IndexRead[];
  /** Whether what this holder has read decides what the session may read. */
  isAsked(holder: string): boolean;
}

/** Joins one source; what is known then. */
async function join(control: Control, tx: Tx, row: LabelRow, reading: Reading): Promise<LabelsDoc> {
  const { source, nowMs, indexes } = reading;
  const before = labelsDocOf(row);
  if (row.review_at !== null && nowMs >= row.review_at + labelReviewMs)
    return await join(control, tx, await endReview(control, tx, row), reading);
  const read = indexes.reduce<LabelsDoc>(
    (doc, index) =>
      afterRetrieving(doc, index) ??
      // Of whom it is not asked, and who has read from that many, nothing more is told by one more.
      (reading.isAsked(row.holder) ? undefined : doc) ??
      refuse('segmentation.retrieval_blended', 'it has read from as many indexes as are kept of one session'),
    afterReading(before, source),
  );
  // Whoever is about to lower them sees that it was read once more.
  const again = read === before && before.underReview === true && !isWithin(source, clean);
  const after = again ? { ...before, revision: before.revision + 1 } : read;
  if (after === before) return before;
  await setLabels(tx, row.tenant, after, isRaised(row, source, indexes) ? nowMs : undefined);
  await control.feed.put(tx, 'labels', row.holder, after);
  return after;
}

/** Whether other gateways have to know more of this holder than before. */
const isRaised = (row: LabelRow, source: LabelSource, indexes: readonly IndexRead[]): boolean =>
  !isWithin(source, row) ||
  indexes.some(({ index }) => !(row.indexes ?? []).some((each) => each.index === index));

/** A session is about to read: answered when no gateway can decide any more as if it had not. */
export async function joinRead(
  control: Control,
  { tool, confidentiality, integrity, indexes, ...session }: BodyOut<'gateway.read'>,
): Promise<ResponseOf<'gateway.read'>> {
  const { tenant } = control.config;
  const source = { tool, confidentiality, integrity, since: new Date(control.clock.nowMs()).toISOString() };
  const { labels, waitMs } = await control.change(async (tx) => {
    const holders = await holdersOf(control, tx, session);
    const above = await othersOf(control, tx, { indexes }, holders);
    const { rows, nowMs } = await lockLabels(tx, tenant, [...holders, ...above]);
    refuseBlended(rows, indexes);
    const read = indexes?.read ?? [];
    const labels: LabelsDoc[] = [];
    for (const row of rows) {
      // Whoever said what to do has not read it; what it is brought together with is another matter.
      const isOwn = holders.some(({ holder }) => holder === row.holder);
      const joining = isOwn ? source : { ...source, ...clean };
      const isAsked = (holder: string) => indexes?.holders.includes(holder) ?? false;
      labels.push(await join(control, tx, row, { source: joining, nowMs, indexes: read, isAsked }));
    }
    const others = (await activeGatewayCount(tx, tenant)) > 1;
    const raised = rows.some((row) => isRaised(row, source, read));
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
    const indexes = (await hasSources(tx, control.config.tenant)) ? [{ index: unknownIndex, ...worst }] : [];
    for (const row of rows) await join(control, tx, row, { source, nowMs, indexes, isAsked: () => false });
  }
}
