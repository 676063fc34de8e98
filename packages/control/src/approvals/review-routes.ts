/** Room: approvals (D-4). Handlers of what people review afterwards. */
import { refuse } from '@atf/core/errors';
import type { Person } from '@atf/core/wire/api';
import { type ReviewCall, reviewTextMax, type ShownCall } from '@atf/core/wire/review';
import { leavesOfAction, payloadText } from '../activity/action-leaves.ts';
import type { ReadableLog } from '../activity/log-reader.ts';
import type { Actor, Control, Handlers } from '../context.ts';
import { actingPerson } from '../identity/acting.ts';
import { sealOf } from './review-seal.ts';
import { callsToLookAt, confirmReview, listReviews, objectToReview, showReview } from './reviews.ts';

/** A token on disk has looked at nothing. */
function reviewer(actor: Actor): Person {
  return actor.kind === 'person' && actor.by === 'session'
    ? actor.person
    : refuse('people.sign_in_required', 'A review is decided by a person who has signed in.');
}

const cutText = (whole: string | undefined) =>
  whole === undefined
    ? undefined
    : { text: whole.slice(0, reviewTextMax), cut: whole.length > reviewTextMax };

/** None: the log does not hold its outcome yet. */
async function shownCall(control: Control, log: ReadableLog, call: ReviewCall): Promise<ShownCall[]> {
  const { decided, ended } = await leavesOfAction(control, log, call.actionId);
  if (decided === undefined || ended === undefined) return [];
  const args = cutText(await payloadText(control, decided));
  const result = cutText(await payloadText(control, ended));
  return [{ ...call, ...(args === undefined ? {} : { args }), ...(result === undefined ? {} : { result }) }];
}

export function reviewRoutes(
  log: ReadableLog,
): Handlers<'reviews.list' | 'reviews.show' | 'reviews.look' | 'reviews.confirm' | 'reviews.object'> {
  return {
    async 'reviews.list'(control, { query, actor }) {
      return listReviews(control, actingPerson(actor), query);
    },

    async 'reviews.show'(control, { params, actor }) {
      return showReview(control, actingPerson(actor), params.id);
    },

    async 'reviews.look'(control, { params: { id }, actor }) {
      const person = reviewer(actor);
      const calls: ShownCall[] = [];
      for (const call of await callsToLookAt(control, person, id))
        calls.push(...(await shownCall(control, log, call)));
      const actionIds = calls.map(({ actionId }) => actionId);
      return calls.length === 0 ? { calls } : { calls, shown: sealOf(control, { id, person, actionIds }) };
    },

    async 'reviews.confirm'(control, { params, body, actor }) {
      return confirmReview(control, reviewer(actor), params.id, body);
    },

    async 'reviews.object'(control, { params, body, actor }) {
      return objectToReview(control, reviewer(actor), params.id, body);
    },
  };
}
