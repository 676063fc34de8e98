/**
 * Tasks: what a person wants done, in that person's own words, given to one agent for one session (S-4). Shapes and routes, joined into the table of routes
 * by `api.ts`. Words are only ever added.
 */
import { z } from 'zod';
import { id, list, ok, text } from './shapes.ts';
import { isoTimeSchema, nameSchema, uuidSchema } from './words.ts';

/** Characters of one turn. */
export const taskTurnMax = 8_000;
export const taskTurnsMax = 20;
export const taskMinutesMax = 1_440;
export const taskMinutesDefault = 480;

const words = z.string().trim().min(1).max(taskTurnMax);

/** `open`: no session has it yet; `taken`: an instance works on it; `over`: ended, or its time has passed. */
export const taskStateSchema = z.enum(['open', 'taken', 'over']);

export const taskSchema = z.object({
  id: uuidSchema,
  agentId: uuidSchema,
  agent: z.string(),
  /** Name of the person who gave it, or who answers for the host application that declared it. */
  by: z.string(),
  /** The host application that declared it, and its reference of the person for whom; absent: a person gave it. */
  host: z.string().optional(),
  for: z.string().optional(),
  state: taskStateSchema,
  /** The session that works on it. */
  sid: uuidSchema.optional(),
  /** The person's words, oldest first. */
  turns: z.array(text(taskTurnMax)).max(taskTurnsMax),
  givenAt: isoTimeSchema,
  expiresAt: isoTimeSchema,
});
export type Task = z.infer<typeof taskSchema>;

export const taskRoutes = {
  'tasks.list': {
    method: 'GET',
    path: '/v1/tasks',
    auth: 'person',
    summary:
      'The newest tasks of the agents that you answer for, of all agents for operators, with the beginning of each turn',
    query: z.object({ agentId: uuidSchema.optional() }),
    response: list(taskSchema),
  },
  'tasks.give': {
    method: 'POST',
    path: '/v1/agents/:id/tasks',
    auth: 'person',
    summary: 'Give an agent a task, in your own words (operators, owners)',
    params: id,
    body: z.strictObject({
      words,
      minutes: z.int().min(1).max(taskMinutesMax).optional(),
    }),
    response: taskSchema,
  },
  'tasks.add': {
    method: 'POST',
    path: '/v1/tasks/:id/turns',
    auth: 'person',
    summary: 'Add to the words of a task that you gave',
    params: id,
    body: z.strictObject({ words }),
    response: taskSchema,
  },
  'tasks.end': {
    method: 'POST',
    path: '/v1/tasks/:id/end',
    auth: 'person',
    summary: 'End a task, and the session that works on it (operators, owners)',
    params: id,
    response: ok,
  },
  'gateway.task': {
    method: 'GET',
    path: '/v1/gateway/tasks/:id',
    auth: 'gateway',
    summary: 'The words of a task, to be held in memory only',
    params: id,
    response: z.object({
      agentId: uuidSchema,
      sid: uuidSchema,
      turns: z.array(text(taskTurnMax)).max(taskTurnsMax),
      /** The host application that declared it; absent: a person gave it. */
      host: nameSchema.optional(),
    }),
  },
} as const;
