/** What an agent may do, tool by tool, now or at a moment that has passed. Shapes and the route; joined into the table of routes by `api.ts`. */
import { z } from 'zod';
import { text } from './shapes.ts';
import {
  actionClassSchema,
  isoTimeSchema,
  levelSchema,
  nameSchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

/** What an agent may do with one tool. */
export const rightSchema = z.object({
  tool: toolRefSchema,
  class: actionClassSchema,
  /** Alone, after a person, or never. */
  outcome: z.enum(['allow', 'ask', 'refuse']),
  code: text(100).optional(),
  because: text(1000),
  /** Policies that determine it. */
  policies: z.array(text(200)),
});

export const rightAtSchema = rightSchema.extend({
  /** Figures that bind it, and amounts above which a person is asked. */
  limits: z.array(text(300)),
  /** What about it is not certain. */
  uncertain: text(300).optional(),
});
export type RightAt = z.infer<typeof rightAtSchema>;

export const rightsAtSchema = z.object({
  agent: nameSchema,
  at: isoTimeSchema,
  /** Whether that is now; otherwise made again from the log and from versions. */
  now: z.boolean(),
  version: text(100),
  level: levelSchema,
  ceiling: levelSchema.optional(),
  /** Number of the policy version. */
  policy: z.int(),
  items: z.array(rightAtSchema),
  /** Policies that are named above: what stands over them in their file. */
  policies: z.array(
    z.object({ id: text(200), file: text(200), requirement: text(10).optional(), says: text(1000) }),
  ),
  /** What this cannot know, in words. */
  notes: z.array(text(500)),
});
export type RightsAt = z.infer<typeof rightsAtSchema>;

export const rightsRoutes = {
  'agents.rightsAt': {
    method: 'GET',
    path: '/v1/agents/:id/rights-at',
    auth: 'person',
    summary:
      'What the agent may do tool by tool, now or at a moment that has passed, and what of that is not certain',
    params: z.object({ id: uuidSchema }),
    query: z.object({ at: isoTimeSchema.optional() }),
    response: rightsAtSchema,
  },
} as const;
