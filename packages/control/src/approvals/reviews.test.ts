/** Reviews at control: out of the records of gateways, a bounded number of rows, decided by those who answer, and told of when nobody does. */
import { randomUUID } from 'node:crypto';
import type { Entry } from '@atf/core/audit/entry';
import type { Person } from '@atf/core/wire/api';
import { reviewCallsMax, reviewLabelsMax, type ReviewReason } from '@atf/core/wire/review';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { type Domain, domainOf } from '../workspace/domain.fixture.ts';
import { noteReviews } from './review-intake.ts';
import { sealOf } from './review-seal.ts';
import {
  callsToLookAt,
  confirmReview,
  keepReviews,
  listReviews,
  objectToReview,
  showReview,
} from './reviews.ts';

const hourMs = 3_600_000;
let control: TestControl;
let domain: Domain;
beforeAll(async () => {
  control = await testControl();
  domain = await domainOf(control);
});
afterAll(() => control.close());

let agents = 0;
const enrolled = () => domain.agent(`agent-${agents++}`, 'intern');

const outcome = (agentId: string, more: Record<string, unknown> = {}, atMs = control.clock.nowMs()): Entry =>
  ({
    type: 'action.outcome',
    at: new Date(atMs).toISOString(),
    body: {
      agentId,
      actionId: randomUUID(),
      server: 'shop',
      tool: 'get_order',
      review: ['policy'] satisfies ReviewReason[],
      ...more,
    },
  }) as unknown as Entry;
const note = (...entries: Entry[]) => control.change((tx) => noteReviews(tx, control.config.tenant, entries));
const of = async (agentId: string) => (await listReviews(control, domain.approver, { agentId })).items;

const whole = async (id: string) => (await showReview(control, domain.approver, id)).calls;
/** As the console does: looks, and confirms what it was shown. */
async function confirmed(person: Person, id: string, note?: string) {
  const actionIds = (await callsToLookAt(control, person, id)).map(({ actionId }) => actionId);
  const shown = sealOf(control, { id, person, actionIds });
  return confirmReview(control, person, id, { actionIds, shown, note });
}

it('stand together by agent, reason and hour, whoever ships them', async () => {
  const [one, other] = [await enrolled(), await enrolled()];
  const nowMs = control.clock.nowMs();
  await note(
    outcome(one.id),
    outcome(one.id, { tool: 'list_orders', data: { labels: ['PII'] } }),
    outcome(one.id, { review: ['policy', 'flagged'], data: { labels: ['toxic'] } }),
    outcome(other.id),
    outcome(one.id, {}, nowMs - 2 * hourMs),
  );
  await note(outcome(one.id));
  const reviews = await of(one.id);
  expect(reviews.map(({ because, count }) => `${because} ${count}`).sort()).toEqual([
    'flagged 1',
    'policy 1',
    'policy 4',
  ]);
  const all = reviews.find(({ count }) => count === 4);
  expect(all).toMatchObject({ tools: ['shop/get_order', 'shop/list_orders'], yours: true, overdue: false });
  expect([...(all?.labels ?? [])].sort()).toEqual(['PII', 'toxic']);
  expect(new Set((await whole(all?.id ?? '')).map(({ actionId }) => actionId)).size).toBe(4);
  expect(await of(other.id)).toHaveLength(1);
});

it('are none of what a gateway writes otherwise', async () => {
  const { id } = await enrolled();
  await note(
    outcome(id, { review: undefined }),
    outcome(id, { review: 'policy' }),
    outcome(id, { review: ['whatever', 7, null] }),
    outcome('nobody'),
    outcome(id, { actionId: 7 }),
    { ...outcome(id), type: 'action.intent' } as Entry,
  );
  expect(await of(id)).toEqual([]);
});

it('are no longer than people look at, whatever an agent does, and name every call', async () => {
  const { id } = await enrolled();
  const labels = Array.from({ length: 50 }, (_, n) => `label-${n}`);
  const many = Array.from({ length: 300 }, (_, n) => outcome(id, { tool: `tool_${n}`, data: { labels } }));
  await note(...many.slice(0, 90));
  await note(...many.slice(90, 140));
  await note(...many.slice(140));
  const reviews = await of(id);
  const named = (await Promise.all(reviews.map((review) => whole(review.id)))).flat();
  expect(named.map(({ actionId }) => actionId).sort()).toEqual(
    many.map(({ body }) => String((body as { actionId: unknown }).actionId)).sort(),
  );
  expect(Math.max(...reviews.map(({ count }) => count))).toBeLessThanOrEqual(reviewCallsMax);
  expect(reviews.length).toBe(3);
  expect([reviews[0]?.tools.length, named[0]?.labels.length]).toEqual([20, reviewLabelsMax]);
});

it('are decided by who answers for the agent, as far as they were shown', async () => {
  const { id } = await enrolled();
  await note(...Array.from({ length: 12 }, () => outcome(id)));
  const reviewId = (await of(id))[0]?.id ?? '';
  expect(await codeOf(callsToLookAt(control, domain.stranger, reviewId))).toBe('people.not_allowed');
  expect(await codeOf(showReview(control, domain.stranger, reviewId))).toBe('approvals.review_not_found');
  expect((await listReviews(control, domain.stranger, { agentId: id })).items).toEqual([]);
  const objection = { actionIds: [randomUUID()], note: 'no' };
  expect(await codeOf(objectToReview(control, domain.stranger, reviewId, objection))).toBe(
    'people.not_allowed',
  );
  expect(await codeOf(objectToReview(control, domain.owner, reviewId, objection))).toBe(
    'approvals.review_changed',
  );
  const first = await confirmed(domain.owner, reviewId, 'fine');
  expect(first).toMatchObject({ state: 'confirmed', count: 10, decidedBy: domain.owner.name, note: 'fine' });
  const open = await listReviews(control, domain.owner, { agentId: id, state: 'open' });
  // What is left stands where it stood.
  expect(open.items).toMatchObject([{ id: reviewId, count: 2, state: 'open' }]);
  const left = await whole(reviewId);
  expect(left.some(({ actionId }) => first.calls.some((call) => call.actionId === actionId))).toBe(false);
  await objectToReview(control, domain.approver, reviewId, {
    actionIds: left.map(({ actionId }) => actionId),
    note: 'It says too much.',
  });
  expect(await showReview(control, domain.owner, reviewId)).toMatchObject({
    state: 'objected',
    yours: false,
  });
  expect(await codeOf(confirmed(domain.owner, reviewId))).toBe('approvals.review_changed');
  const events = (await control.events()).filter(({ body }) => body['agentId'] === id);
  const told = events.filter(({ type }) => type.startsWith('approvals.review'));
  expect(told.map(({ type, body }) => [type, body['by'], (body['actionIds'] as unknown[]).length])).toEqual([
    ['approvals.review_confirmed', domain.owner.id, 10],
    ['approvals.review_objected', domain.approver.id, 2],
  ]);
  // Their words are no part of the log.
  expect(JSON.stringify(told)).not.toMatch(/fine|too much/);
});

it('are confirmed by nobody to whom they were not shown', async () => {
  const { id } = await enrolled();
  await note(outcome(id), outcome(id));
  const reviewId = (await of(id))[0]?.id ?? '';
  const [one = '', other = ''] = (await whole(reviewId)).map(({ actionId }) => actionId);
  const person = domain.owner;
  const shown = sealOf(control, { id: reviewId, person, actionIds: [one] });
  const [until = '', mac = ''] = shown.split('.');
  const confirm = (by: Person, actionIds: string[], seal: string) =>
    codeOf(confirmReview(control, by, reviewId, { actionIds, shown: seal }));
  for (const [by, actionIds, seal] of [
    [person, [one, other], shown],
    [person, [other], shown],
    [domain.approver, [one], shown],
    [person, [one], ''],
    [person, [one], `${Number(until) + 1}.${mac}`],
    [person, [one], sealOf(control, { id: randomUUID(), person, actionIds: [one] })],
  ] as const)
    expect(await confirm(by, [...actionIds], seal)).toBe('approvals.review_unseen');
  control.later(31 * 60_000);
  expect(await confirm(person, [one], shown)).toBe('approvals.review_unseen');
  expect(await whole(reviewId)).toHaveLength(2);
});

it('that nobody decides about are told of, once', async () => {
  const { id } = await enrolled();
  await note(outcome(id), outcome(id, { review: ['flagged'] }));
  const told = async () =>
    (await control.events('approvals.review_overdue')).filter(({ body }) => body['agentId'] === id).length;
  control.later(23 * hourMs);
  await keepReviews(control);
  expect(await told()).toBe(0);
  control.later(2 * hourMs);
  await keepReviews(control);
  await keepReviews(control);
  expect(await told()).toBe(1);
  const list = await listReviews(control, domain.approver, { agentId: id });
  expect(list).toMatchObject({ open: 2, overdue: 2, items: [{ overdue: true }, { overdue: true }] });
});

it('come page by page, the open ones first', async () => {
  const { id } = await enrolled();
  const nowMs = control.clock.nowMs();
  await note(...[1, 2, 3].map((hours) => outcome(id, {}, nowMs - hours * hourMs)));
  const first = await listReviews(control, domain.approver, { agentId: id, limit: 2 });
  const oldest = first.items[0]?.id ?? '';
  await confirmed(domain.approver, oldest);
  const pages: string[] = [];
  let after: string | undefined;
  for (;;) {
    const { items } = await listReviews(control, domain.approver, { agentId: id, limit: 1, after });
    if (items[0] === undefined) break;
    pages.push(items[0].id);
    after = items[0].id;
  }
  expect(pages).toHaveLength(3);
  expect(pages.at(-1)).toBe(oldest);
});
