/** What control adapts of an agent's limits while it works (S-3): how much is usual, and what follows. Shapes and routes; joined into the table of routes by `api.ts`. */
import { z } from 'zod';
import { canonicalJson } from './json.ts';
import { boundaryGrantSchema, grantsMax } from './negotiation.ts';
import { blendGrantSchema, blendsMax } from './retrieval.ts';
import { id, reason, text } from './shapes.ts';
import { isoTimeSchema } from './words.ts';

const calls = z.int().min(0);

/** Its rate while it is throttled, and why it is. */
export const throttleSchema = z.object({
  since: isoTimeSchema,
  /** The end of the hour. */
  until: isoTimeSchema,
  /** Of this hour, when it was noticed. */
  calls,
  baseline: calls,
  max: z.int().min(1),
  perSeconds: z.int().min(1),
});
export type Throttle = z.infer<typeof throttleSchema>;

/** Between which figures rates follow what is usual (S-3): in a minute. */
export const followedBoundsSchema = z
  .strictObject({ floor: z.int().min(1).max(1_000_000), ceiling: z.int().min(1).max(1_000_000) })
  .refine(({ floor, ceiling }) => floor <= ceiling, 'the floor is above the ceiling');
export type FollowedBounds = z.infer<typeof followedBoundsSchema>;

/** What speaks against raising a rate: something that happened within a week. */
export const heldBecause = [
  'throttled',
  'stopped',
  'ceiling',
  'revoked',
  'objected',
  'doubted',
  'new_version',
] as const;

/** The rate of a Principal that follows what is usual for it (segmentation/followed.ts). */
export const followedSchema = z.object({
  /** Calls an hour that were usual when it became this. */
  baseline: calls,
  max: z.int().min(1),
  perSeconds: z.int().min(1),
  /** It is not raised before. */
  notBefore: isoTimeSchema,
  /** Why a raise that was due did not come. */
  held: z.enum(heldBecause).optional(),
});
export type Followed = z.infer<typeof followedSchema>;

/** What control adapts: stands with the agent's document, and in the facts of its decisions. */
export const adaptedSchema = z.object({
  throttle: throttleSchema.optional(),
  /** In place of the rate of its level where it works as Principal, beside it where it works below. */
  followed: followedSchema.optional(),
  /** Boundaries that it has widened within what policy offers; what of them counts is decided call by call (segmentation/grants.ts). */
  grants: z.array(boundaryGrantSchema).max(grantsMax).optional(),
  /** Indexes that a person lets it bring together (segmentation/retrieval.ts). */
  blends: z.array(blendGrantSchema).max(blendsMax).optional(),
});
export type Adapted = z.infer<typeof adaptedSchema>;

/** The newest hours that are shown. */
export const volumeHoursShown = 48;

export const agentVolumeSchema = z.object({
  /** This hour, by the clock in UTC. */
  since: isoTimeSchema,
  calls,
  /** Calls an hour; absent: not enough history. */
  baseline: calls.optional(),
  /** Above so many calls in one hour it is throttled. */
  throttledAbove: calls.optional(),
  throttle: throttleSchema.optional(),
  followed: followedSchema.optional(),
  /** What is counted: hours with a call in them, and calls, of the last four weeks. */
  history: z.object({ activeHours: calls, calls, since: isoTimeSchema.optional() }),
  /** Active hours, oldest first. */
  hours: z.array(z.object({ at: isoTimeSchema, calls })).max(volumeHoursShown),
});
export type AgentVolume = z.infer<typeof agentVolumeSchema>;

/** What the `digest` of a `level` subject is the SHA-256 of when a person lifts a throttle. Its `id` is the agent's. */
export const unthrottleShownText = (lifting: { agentId: string; since: string; reason: string }): string =>
  canonicalJson({
    agentId: lifting.agentId,
    throttledSince: lifting.since,
    reason: lifting.reason.trim(),
  });

export const adaptiveRoutes = {
  'agents.volume': {
    method: 'GET',
    path: '/v1/agents/:id/volume',
    auth: 'person',
    summary: 'How many calls the agent makes in an hour, how many are usual, and whether it is throttled',
    params: z.object({ id: text(64) }),
    response: agentVolumeSchema,
  },
  'agents.unthrottle': {
    method: 'POST',
    path: '/v1/agents/:id/unthrottle',
    auth: 'person',
    roles: ['operator', 'security', 'agent_owner', 'technical_owner'],
    presence: true,
    summary: 'Lift the throttle of an agent for the rest of the hour',
    params: id,
    body: z.strictObject({ reason, presence: z.string().min(20).max(200) }),
    response: agentVolumeSchema,
  },
} as const;
