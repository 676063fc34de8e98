/**
 * Backtests (S-2): recorded decisions, made again under a candidate policy set or at another level. Shapes and routes, joined into the table of routes by
 * `api.ts`. Words are only ever added.
 */
import { z } from 'zod';
import { changeCountsShape, countSchema, outcomeSchema } from './change-counts.ts';
import { id, list, text } from './shapes.ts';
import { isoTimeSchema, levelSchema, nameSchema, uuidSchema } from './words.ts';

export const backtestDaysMax = 366;
export const backtestDaysDefault = 30;
/** Changes of one backtest that are listed; all of them are counted. */
export const backtestChangesMax = 100_000;
/** Changes of one page. */
export const backtestPageMax = 1_000;
/** Why a decision could not be made again. `arguments`: erased; `rules`: another version of ATF made it. */
export const unreplayableWords = [
  'arguments',
  'record',
  'manifest',
  'definition',
  'policy',
  'rules',
] as const;

export const backtestSchema = z.object({
  id: uuidSchema,
  /** `lost`: the control process that ran it has ended. */
  state: z.enum(['running', 'done', 'cancelled', 'failed', 'lost']),
  /** The candidate that was tried; absent: the version in force, at another level. */
  candidate: uuidSchema.optional(),
  /** Only decisions about this agent. */
  agent: nameSchema.optional(),
  level: levelSchema.optional(),
  /** The version that was in force. */
  base: z.int(),
  days: z.int(),
  since: isoTimeSchema,
  by: text(200),
  startedAt: isoTimeSchema,
  endedAt: isoTimeSchema.optional(),
  /** Code of the error that ended it. */
  code: text(100).optional(),
  /** Records of the log. */
  progress: z.object({ looked: countSchema, of: countSchema, perSecond: countSchema }),
  /** Decisions made again. */
  decisions: countSchema,
  /** Of these, how many would be others. */
  changed: countSchema,
  /** Of these, how many were made under another version: what they were is what the version in force says of them. */
  otherVersion: countSchema,
  unreplayable: z.array(z.object({ what: z.enum(unreplayableWords), count: countSchema })),
  ...changeCountsShape,
  /** Changes that are listed. */
  listed: countSchema,
});
export type Backtest = z.infer<typeof backtestSchema>;

export const backtestChangeSchema = z.object({
  /** Index in the log. */
  record: countSchema,
  actionId: text(128),
  at: isoTimeSchema,
  agent: text(64),
  tool: text(400),
  was: outcomeSchema,
  would: outcomeSchema,
  /** Why not, after. */
  code: text(100).optional(),
  because: text(500),
  /** Policies that determine one of the two and not the other. */
  rules: z.array(text(200)),
  owed: z.object({ was: z.array(text(40)), would: z.array(text(40)) }).optional(),
});
export type BacktestChange = z.infer<typeof backtestChangeSchema>;

const roles = ['operator', 'security'] as const;

export const backtestRoutes = {
  'backtests.start': {
    method: 'POST',
    path: '/v1/backtests',
    auth: 'person',
    roles,
    summary:
      'Make the recorded decisions of the last days again, under a candidate or with one agent at another level; nothing runs',
    /** `candidate`, or `agent` with `level`. */
    body: z.strictObject({
      candidate: uuidSchema.optional(),
      agent: text(128).optional(),
      level: levelSchema.optional(),
      days: z.int().min(1).max(backtestDaysMax).optional(),
    }),
    response: backtestSchema,
  },
  'backtests.list': {
    method: 'GET',
    path: '/v1/backtests',
    auth: 'person',
    summary: 'The newest backtests, of one candidate or of one agent',
    query: z.object({ candidate: uuidSchema.optional(), agent: text(128).optional() }),
    response: list(backtestSchema),
  },
  'backtests.show': {
    method: 'GET',
    path: '/v1/backtests/:id',
    auth: 'person',
    summary: 'How far a backtest is, and what it has found',
    params: id,
    response: backtestSchema,
  },
  'backtests.changes': {
    method: 'GET',
    path: '/v1/backtests/:id/changes',
    auth: 'person',
    summary: 'Decisions that would be others, in the order of the log, a page at a time',
    params: id,
    query: z.object({
      /** The record of the last one of the page before. */
      after: z.coerce.number().int().min(0).optional(),
      limit: z.coerce.number().int().min(1).max(backtestPageMax).optional(),
    }),
    response: list(backtestChangeSchema),
  },
  'backtests.cancel': {
    method: 'POST',
    path: '/v1/backtests/:id/cancel',
    auth: 'person',
    roles,
    summary: 'End a backtest; what it has found stays',
    params: id,
    response: backtestSchema,
  },
} as const;
