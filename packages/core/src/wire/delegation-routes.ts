/**
 * Delegations (S-5): an agent gives another agent a piece of its work, for one session. Shapes and routes, joined into the table of routes by `api.ts`.
 */
import { z } from 'zod';
import { list, text } from './shapes.ts';
import { taskTurnMax } from './task-routes.ts';
import { chainLengthMax } from './token.ts';
import { isoTimeSchema, nameSchema, uuidSchema } from './words.ts';

export const delegationMinutesMax = 480;
export const delegationMinutesDefault = 60;

/** `open`: no session has it yet; `taken`: a session works on it. One that is over is not listed. */
const delegationStateSchema = z.enum(['open', 'taken']);

export const delegationSchema = z.object({
  id: uuidSchema,
  /** Names, the root first, the agent that it was given to last. */
  chain: z
    .array(z.string())
    .min(2)
    .max(chainLengthMax + 1),
  /** The agents above, in the same order. */
  aboveIds: z.array(uuidSchema).min(1).max(chainLengthMax),
  state: delegationStateSchema,
  /** The session that delegated. */
  bySid: uuidSchema,
  /** The session that works on it. */
  sid: uuidSchema.optional(),
  /** The task of the root, and the person who gave it. */
  taskId: uuidSchema.optional(),
  person: z.string().optional(),
  givenAt: isoTimeSchema,
  expiresAt: isoTimeSchema,
});
export type Delegation = z.infer<typeof delegationSchema>;

export const delegationRoutes = {
  'agents.delegations': {
    method: 'GET',
    path: '/v1/agents/:id/delegations',
    auth: 'person',
    summary: 'What an agent works on for other agents now, and what others work on for it, at any depth',
    params: z.object({ id: z.string().min(1).max(100) }),
    response: list(delegationSchema),
  },
  'gateway.delegate': {
    method: 'POST',
    path: '/v1/gateway/delegations',
    auth: 'gateway',
    summary: 'A session of an agent gives another agent a piece of its work',
    body: z.strictObject({
      agentId: uuidSchema,
      instanceId: uuidSchema,
      sid: uuidSchema,
      to: nameSchema,
      words: z.string().trim().min(1).max(taskTurnMax),
      minutes: z.int().min(1).max(delegationMinutesMax).optional(),
    }),
    response: z.object({
      /** What an instance of that agent opens its session with, as with a task; once. */
      id: uuidSchema,
      depth: z.int().min(1).max(chainLengthMax),
      /** Agents that this session may still start. */
      left: z.int().min(0),
      expiresAt: isoTimeSchema,
    }),
  },
  'gateway.delegated': {
    method: 'GET',
    path: '/v1/gateway/delegations/:id',
    auth: 'gateway',
    summary: 'The words of a delegation and of the task of its root, to be held in memory only',
    params: z.object({ id: uuidSchema }),
    response: z.object({
      agentId: uuidSchema,
      sid: uuidSchema,
      /** The agent that delegated. */
      by: nameSchema,
      /** What it said: no words of a person. */
      words: text(taskTurnMax),
      /** The words of the person who gave the root its task; empty: nobody did. */
      turns: z.array(text(taskTurnMax)).max(20),
      /** The host application that declared that task; absent: a person gave it. */
      host: nameSchema.optional(),
    }),
  },
} as const;

/** `principal-operations → senior-support, for Ines Marchetti (a session works on it)`. */
export const delegationWords = ({ chain, person, state }: Delegation): string =>
  `${chain.join(' → ')}${person === undefined ? '' : `, for ${person}`} (${state === 'open' ? 'grant not taken yet' : 'a session works on it'})`;
