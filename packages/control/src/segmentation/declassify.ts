/**
 * Room: segmentation (S-4). A person lowers the labels of what an instance, or whoever works on a task, has read. In two steps: the review, from which on gateways tell
 * control of each reading, and the lowering, which counts only for the revision that the review showed. So nothing that is read meanwhile is declared harmless.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { afterLowering, isWithin } from '@atf/core/segmentation/flow';
import type { BodyOut, Person } from '@atf/core/wire/api';
import { labelReviewMs, type LabelsView, loweredShownText } from '@atf/core/wire/labels';
import type { Control, Tx } from '../context.ts';
import { answersFor } from '../identity/acting.ts';
import { type AgentRow, agentById } from '../identity/store.ts';
import { keepReason } from '../incident/reasons.ts';
import { type LabelRow, labelRowsOf, labelsDocOf, lockLabel, setReviewed } from './label-store.ts';
import { knownEverywhereMs } from './labels.ts';

function viewOf(row: LabelRow, nowMs: number): LabelsView {
  const { underReview, ...doc } = labelsDocOf(row);
  const until = row.review_at === null ? 0 : row.review_at + labelReviewMs;
  return {
    ...doc,
    kind: row.kind,
    agentId: row.agent_id,
    ...(underReview === true && until > nowMs ? { reviewUntil: new Date(until).toISOString() } : {}),
  };
}

export async function labelsOf(control: Control, agent: AgentRow): Promise<LabelsView[]> {
  const { db, config, clock } = control;
  const rows = await labelRowsOf(db, config.tenant, agent.id);
  return rows.map((row) => viewOf(row, clock.nowMs()));
}

/** The row under its lock. Refuses `segmentation.labels_unknown`, and `people.not_allowed` for whoever answers for the agent. */
async function heldFor(
  { config }: Control,
  tx: Tx,
  person: Person,
  holder: string,
): Promise<{ readonly row: LabelRow; readonly nowMs: number }> {
  const found = (await lockLabel(tx, config.tenant, holder)) ?? refuse('segmentation.labels_unknown');
  const agent = await agentById(tx, config.tenant, found.row.agent_id);
  if (agent === undefined) return refuse('identity.agent_not_found');
  if (answersFor(person, agent) || agent.business_owner_id === person.id)
    refuse('people.not_allowed', 'Who answers for an agent does not declare harmless what it has read.');
  return found;
}

/**
 * Begins the review, or begins it anew, and shows the labels when every gateway asks control before each reading. Refuses `segmentation.labels_unknown`,
 * `people.not_allowed`.
 */
export async function reviewLabels(control: Control, person: Person, holder: string): Promise<LabelsView> {
  const { tenant } = control.config;
  await control.change(async (tx) => {
    const { row, nowMs } = await heldFor(control, tx, person, holder);
    const begun = { ...row, review_at: nowMs, revision: row.revision + 1 };
    const doc = labelsDocOf(begun);
    await setReviewed(tx, tenant, doc, nowMs);
    await control.feed.put(tx, 'labels', holder, doc);
  });
  await pause(knownEverywhereMs);
  return control.change(async (tx) => {
    const { row, nowMs } = await heldFor(control, tx, person, holder);
    return viewOf(row, nowMs);
  });
}

/**
 * Lowers labels to what the person says. Refuses `segmentation.labels_unknown`, `segmentation.labels_changed` unless they are what the review showed,
 * `request.malformed` unless that lowers them, `people.not_allowed`, `people.presence_invalid`.
 */
export async function lowerLabels(
  control: Control,
  person: Person,
  holder: string,
  { revision, confidentiality, integrity, reason, presence }: BodyOut<'labels.lower'>,
): Promise<LabelsView> {
  const { tenant } = control.config;
  const to = { confidentiality, integrity };
  return control.change(async (tx) => {
    const { row, nowMs } = await heldFor(control, tx, person, holder);
    const { review_at: reviewAt } = row;
    const isShown =
      reviewAt !== null && nowMs >= reviewAt + knownEverywhereMs && nowMs < reviewAt + labelReviewMs;
    if (!isShown || row.revision !== revision) refuse('segmentation.labels_changed');
    const before = labelsDocOf(row);
    if (!isWithin(to, before) || isWithin(before, to))
      refuse('request.malformed', 'these labels are not below those that it has');
    const digest = sha256(loweredShownText({ holder, revision, to, reason }));
    const { method } = await control.presence.consume(tx, person, presence, {
      kind: 'labels',
      id: holder,
      digest,
    });
    const after = afterLowering(before, to);
    await setReviewed(tx, tenant, after, null);
    await control.feed.put(tx, 'labels', holder, after);
    const reasonId = await keepReason(control, tx, person.id, {
      kind: 'declassified',
      key: `${row.kind}:${holder}`,
      reason,
    });
    await control.audit.enqueue(tx, 'segmentation.labels_lowered', {
      holder,
      kind: row.kind,
      agentId: row.agent_id,
      revision,
      before: { confidentiality: before.confidentiality, integrity: before.integrity },
      after: to,
      sources: before.sources.filter((source) => !isWithin(source, to)).map(({ tool }) => tool),
      presence: method,
      reasonId,
      by: person.id,
    });
    return viewOf({ ...row, ...after, indexes: after.indexes ?? null, review_at: null }, nowMs);
  });
}
