/**
 * What people review afterwards (D-4): shapes and routes, joined into the table of routes by `api.ts`. What must be seen before it leaves waits as an approval; here stands what
 * has happened. Calls of one agent stand together by why and by hour, each of them named. A person confirms only calls that control has just shown to that person.
 */
import { z } from 'zod';
import { id, list, text } from './shapes.ts';
import { isoTimeSchema, uuidSchema } from './words.ts';

/**
 * `policy`: an obligation of the policy that let it pass; `flagged`: something was found in what it said; `unsure`: what it read bears a sign of
 * injected orders, or could not be looked at; `sample`: drawn for the audit.
 */
export const reviewReasons = ['policy', 'flagged', 'unsure', 'sample'] as const;
export const reviewReasonSchema = z.enum(reviewReasons);
export type ReviewReason = z.infer<typeof reviewReasonSchema>;

export const reviewStates = ['open', 'confirmed', 'objected'] as const;
export const reviewStateSchema = z.enum(reviewStates);
export type ReviewState = z.infer<typeof reviewStateSchema>;

/** A review that has so many calls gets no more; the next one opens another. */
export const reviewCallsFull = 100;
/** Calls that are added at a time. */
export const reviewCallsAdded = 25;
export const reviewCallsMax = reviewCallsFull + reviewCallsAdded;
/** Labels of one call that are kept. */
export const reviewLabelsMax = 10;
/** Calls that are shown with their words, and decided about, at a time. */
export const reviewShownMax = 10;
/** Characters of arguments and of a result that are shown beside a call; all of it stands with the action. */
export const reviewTextMax = 16_000;
const note = z.string().trim().min(1).max(500);

const callSchema = z.object({
  actionId: uuidSchema,
  at: isoTimeSchema,
  /** `server/tool`. */
  tool: text(200),
  /** What was found. */
  labels: z.array(z.string()).max(reviewLabelsMax),
});
export type ReviewCall = z.infer<typeof callSchema>;

export const reviewSchema = z.object({
  id: uuidSchema,
  agentId: uuidSchema,
  agent: z.string(),
  because: reviewReasonSchema,
  state: reviewStateSchema,
  count: z.int().min(1),
  calls: z.array(callSchema).max(reviewCallsMax),
  firstAt: isoTimeSchema,
  lastAt: isoTimeSchema,
  dueAt: isoTimeSchema,
  overdue: z.boolean(),
  /** Whether you may decide about it. */
  yours: z.boolean(),
  decidedBy: z.string().optional(),
  decidedAt: isoTimeSchema.optional(),
  note: text(500).optional(),
});
export type Review = z.infer<typeof reviewSchema>;

const words = z.object({ text: z.string(), cut: z.boolean() });
/** A call with what it said and what came back; absent: erased, or there was none. */
export const shownCallSchema = callSchema.extend({ args: words.optional(), result: words.optional() });
export type ShownCall = z.infer<typeof shownCallSchema>;

export const reviewRoutes = {
  'reviews.list': {
    method: 'GET',
    path: '/v1/reviews',
    auth: 'person',
    summary:
      'What people review afterwards, of the agents that you answer for or of all, the oldest open first',
    query: z.object({
      state: reviewStateSchema.optional(),
      agentId: uuidSchema.optional(),
      /** The last review of the page before. */
      after: uuidSchema.optional(),
      limit: z.coerce.number().int().min(1).max(200).optional(),
    }),
    response: list(
      reviewSchema.omit({ calls: true }).extend({ tools: z.array(z.string()), labels: z.array(z.string()) }),
    ).extend({
      /** Of those that you see. */
      open: z.int().min(0),
      overdue: z.int().min(0),
    }),
  },
  'reviews.show': {
    method: 'GET',
    path: '/v1/reviews/:id',
    auth: 'person',
    summary: 'One review, with its calls by name',
    params: id,
    response: reviewSchema,
  },
  'reviews.look': {
    method: 'GET',
    path: '/v1/reviews/:id/calls',
    auth: 'person',
    summary:
      'The first calls of an open review with what they said and what came back (who may approve calls of the agent, security)',
    params: id,
    response: z.object({
      calls: z.array(shownCallSchema).max(reviewShownMax),
      /** Says that these calls were shown to you; for half an hour. Absent: none is in the log yet. */
      shown: z.string().optional(),
    }),
  },
  'reviews.confirm': {
    method: 'POST',
    path: '/v1/reviews/:id/confirm',
    auth: 'person',
    summary:
      'Say that you have looked at calls that were just shown to you, and that they are right (who may approve calls of the agent, security)',
    params: id,
    body: z.strictObject({
      actionIds: z.array(uuidSchema).min(1).max(reviewShownMax),
      shown: text(200),
      note: note.optional(),
    }),
    response: reviewSchema,
  },
  'reviews.object': {
    method: 'POST',
    path: '/v1/reviews/:id/object',
    auth: 'person',
    summary:
      'Say that something in calls is wrong; people are told (who may approve calls of the agent, security)',
    params: id,
    body: z.strictObject({ actionIds: z.array(uuidSchema).min(1).max(reviewCallsMax), note }),
    response: reviewSchema,
  },
} as const;
export type ReviewLine = z.infer<(typeof reviewRoutes)['reviews.list']['response']>['items'][number];
