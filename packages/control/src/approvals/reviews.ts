/**
 * Room: approvals (D-4). What people review afterwards: the people who answer for the agent say that they have looked, at what was shown to them, and what nobody looks at
 * in time is told to them. Which calls: review-intake.ts.
 */
import { randomUUID } from 'node:crypto';
import { wholeOutput } from '@atf/core/data/output/defaults';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person } from '@atf/core/wire/api';
import {
  type Review,
  type ReviewCall,
  type ReviewLine,
  reviewShownMax,
  type ReviewState,
} from '@atf/core/wire/review';
import type { Control, Tx } from '../context.ts';
import { agentById, agentNames, type AgentRow, agentsByIds, peopleByIds } from '../identity/store.ts';
import { settingsInForce } from '../policy/load.ts';
import { times, written } from './review-intake.ts';
import {
  agentIdsOf,
  dropConfirmed,
  insertReview,
  isAnyOverdue,
  keepOpen,
  lockReview,
  openCounts,
  reviewById,
  removeReview,
  reviewPage,
  type ReviewRow,
  takeOverdue,
} from './review-store.ts';
import { isSealOf } from './review-seal.ts';
import { mayDecide } from './who.ts';

const hourMs = 3_600_000;
const keptMs = 90 * 24 * hourMs;
const toldPerTurn = 100;

const mayReview = (person: Person, agent: AgentRow): boolean => mayDecide(person, agent, ['security']);

const seesAll = (person: Person): boolean =>
  person.roles.some((role) => ['approver', 'security', 'auditor', 'operator'].includes(role));

async function reviewMs(control: Control, tx?: Tx): Promise<number> {
  return wholeOutput((await settingsInForce(control, tx ?? control.db)).output).reviewHours * hourMs;
}

async function shown(control: Control, rows: readonly ReviewRow[], person: Person): Promise<Review[]> {
  const { db, clock, config } = control;
  const { tenant } = config;
  const ids = [...new Set(rows.map(({ agent_id }) => agent_id))];
  const names = await agentNames(db, tenant, ids);
  const agents = await agentsByIds(db, tenant, ids);
  const people = await peopleByIds(
    db,
    tenant,
    rows.flatMap(({ decided_by }) => (decided_by === null ? [] : [decided_by])),
  );
  const withinMs = await reviewMs(control);
  const iso = (ms: number) => new Date(ms).toISOString();
  return rows.map((row): Review => {
    const agent = agents.get(row.agent_id);
    const dueMs = row.first_at + withinMs;
    return {
      id: row.id,
      agentId: row.agent_id,
      agent: names.get(row.agent_id) ?? 'unknown',
      because: row.because,
      state: row.state,
      count: row.calls.length,
      calls: row.calls,
      firstAt: iso(row.first_at),
      lastAt: iso(row.last_at),
      dueAt: iso(dueMs),
      overdue: row.state === 'open' && dueMs < clock.nowMs(),
      yours: row.state === 'open' && agent !== undefined && mayReview(person, agent),
      ...(row.decided_by === null ? {} : { decidedBy: people.get(row.decided_by)?.name ?? 'unknown' }),
      ...(row.decided_at === null ? {} : { decidedAt: iso(row.decided_at) }),
      ...(row.note === null ? {} : { note: row.note }),
    };
  });
}

/** Whose reviews a person sees; undefined: everybody's. */
async function agentsSeen({ db, config }: Control, person: Person): Promise<string[] | undefined> {
  if (seesAll(person)) return undefined;
  return agentIdsOf(db, config.tenant, person.id);
}

export interface ReviewQuery {
  readonly state?: Review['state'] | undefined;
  readonly agentId?: string | undefined;
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

const listedDefault = 100;
/** Tools and labels of a review that a list names. */
const namesMax = 20;
const named = (names: readonly string[]): string[] => [...new Set(names)].sort().slice(0, namesMax);

export async function listReviews(
  control: Control,
  person: Person,
  { state, agentId, after, limit = listedDefault }: ReviewQuery,
): Promise<{ items: ReviewLine[]; open: number; overdue: number }> {
  const { db, clock, config } = control;
  const { tenant } = config;
  const seen = await agentsSeen(control, person);
  const agentIds =
    agentId === undefined ? seen : seen === undefined || seen.includes(agentId) ? [agentId] : [];
  const last =
    after === undefined
      ? undefined
      : ((await reviewById(db, tenant, after)) ?? refuse('request.malformed', 'after: unknown'));
  const rows = await reviewPage(db, tenant, { state, agentIds, after: last, limit });
  const counts = await openCounts(db, tenant, {
    agentIds,
    overdueBefore: clock.nowMs() - (await reviewMs(control)),
  });
  const items = (await shown(control, rows, person)).map(({ calls, ...review }) => ({
    ...review,
    tools: named(calls.map(({ tool }) => tool)),
    labels: named(calls.flatMap(({ labels }) => labels)),
  }));
  return { items, ...counts };
}

export async function showReview(control: Control, person: Person, id: string): Promise<Review> {
  const row = await reviewById(control.db, control.config.tenant, id);
  const seen = await agentsSeen(control, person);
  if (row === undefined || seen?.includes(row.agent_id) === false)
    return refuse('approvals.review_not_found');
  const [review] = await shown(control, [row], person);
  return review ?? refuse('approvals.review_not_found');
}

/** The agent of an open review, for somebody who may decide about it. */
async function agentOf({ db, config }: Control, person: Person, row: ReviewRow, tx?: Tx): Promise<AgentRow> {
  const agent =
    (await agentById(tx ?? db, config.tenant, row.agent_id)) ?? refuse('approvals.review_not_found');
  if (!mayReview(person, agent)) refuse('people.not_allowed', 'This agent has other owners.');
  return row.state === 'open' ? agent : refuse('approvals.review_changed');
}

interface Decision {
  readonly state: Exclude<ReviewState, 'open'>;
  readonly actionIds: readonly string[];
  readonly note?: string | undefined;
}

/** Decides about some of its calls; the others stay open. */
async function decide(control: Control, person: Person, id: string, given: Decision): Promise<Review> {
  const { tenant } = control.config;
  const { state, note } = given;
  const wanted = new Set(given.actionIds);
  const decidedId = await control.change(async (tx) => {
    const row = (await lockReview(tx, tenant, id)) ?? refuse('approvals.review_not_found');
    const agent = await agentOf(control, person, row, tx);
    const taken = row.calls.filter(({ actionId }) => wanted.has(actionId));
    const left = row.calls.filter(({ actionId }) => !wanted.has(actionId));
    if (taken.length !== wanted.size) refuse('approvals.review_changed');
    const whole = left.length === 0;
    // What is left keeps its address.
    const reviewId = whole ? id : randomUUID();
    if (whole) await removeReview(tx, row);
    else await keepOpen(tx, row, { calls: written(left), ...times(left) });
    await insertReview(tx, {
      ...row,
      id: reviewId,
      state,
      calls: written(taken),
      ...times(taken),
      decided_by: person.id,
      decided_at: control.clock.nowMs(),
      note: note ?? null,
    });
    // A note is a person's own words: it stays in the table.
    const type = state === 'confirmed' ? 'approvals.review_confirmed' : 'approvals.review_objected';
    await control.audit.enqueue(tx, type, {
      reviewId,
      agentId: agent.id,
      agent: agent.name,
      because: row.because,
      actionIds: taken.map(({ actionId }) => actionId),
      left: left.length,
      noted: note !== undefined,
      by: person.id,
    });
    return reviewId;
  });
  return showReview(control, person, decidedId);
}

/** Something in calls is wrong: whoever says so need not have seen all of it. */
export const objectToReview = (
  control: Control,
  person: Person,
  id: string,
  { actionIds, note }: BodyOut<'reviews.object'>,
): Promise<Review> => decide(control, person, id, { state: 'objected', actionIds, note });

/** Calls are right, says whoever was just shown them. Refuses `approvals.review_unseen`. */
export async function confirmReview(
  control: Control,
  person: Person,
  id: string,
  { actionIds, shown: seal, note }: BodyOut<'reviews.confirm'>,
): Promise<Review> {
  if (!isSealOf(control, seal, { id, person, actionIds })) refuse('approvals.review_unseen');
  return decide(control, person, id, { state: 'confirmed', actionIds, note });
}

/** The first calls of an open review, for somebody who may decide about it. */
export async function callsToLookAt(
  control: Control,
  person: Person,
  id: string,
): Promise<readonly ReviewCall[]> {
  const { db, config } = control;
  const row = (await reviewById(db, config.tenant, id)) ?? refuse('approvals.review_not_found');
  await agentOf(control, person, row);
  return row.calls.slice(0, reviewShownMax);
}

/** Tells of what nobody has looked at in time, once, and forgets what was decided long ago. */
export async function keepReviews(control: Control): Promise<void> {
  const { db, clock, config } = control;
  const beforeMs = clock.nowMs() - (await reviewMs(control));
  if (await isAnyOverdue(db, config.tenant, beforeMs))
    await control.change(async (tx) => {
      const rows = await takeOverdue(tx, config.tenant, beforeMs, toldPerTurn);
      const names = await agentNames(
        tx,
        config.tenant,
        rows.map(({ agent_id }) => agent_id),
      );
      for (const [agentId, theirs] of Map.groupBy(rows, ({ agent_id }) => agent_id))
        await control.audit.enqueue(tx, 'approvals.review_overdue', {
          agentId,
          agent: names.get(agentId) ?? 'unknown',
          reviewIds: theirs.map(({ id }) => id),
          count: theirs.reduce((sum, { calls }) => sum + calls.length, 0),
          since: new Date(Math.min(...theirs.map(({ first_at }) => first_at))).toISOString(),
        });
    });
  await dropConfirmed(db, config.tenant, clock.nowMs() - keptMs);
}
