/** Boundaries that a Principal may widen for itself for a time: what policy offers, what was granted. Shapes and routes; joined into the table of routes by `api.ts`. */
import { z } from 'zod';
import { limitSchema } from './manifest.ts';
import { id, ok, text } from './shapes.ts';
import { isoTimeSchema, nameSchema, toolRefSchema, uuidSchema } from './words.ts';

export const grantMinutesMax = 1_440;
export const grantsPerDayMax = 24;
export const offersMax = 100;
/** In force at one time, of one agent. */
export const grantsMax = 20;

/** What is widened: one limit of the manifest, with the figure that takes its place; or another data domain. */
const widened = { limit: limitSchema.optional(), domain: nameSchema.optional() };
const isOne = ({ limit, domain }: z.infer<z.ZodObject<typeof widened>>): boolean =>
  (limit === undefined) !== (domain === undefined) &&
  (limit === undefined ||
    [limit.calls, limit.amountMax, limit.total, limit.concurrent].filter((each) => each !== undefined)
      .length === 1);

/** An offer in the settings of a policy version: the widest figure, the longest time, how often. */
export const boundaryOfferSchema = z
  .strictObject({
    name: nameSchema,
    /** Absent: every agent that works as Principal. */
    agents: z.array(nameSchema).min(1).max(200).optional(),
    ...widened,
    minutesMax: z.int().min(1).max(grantMinutesMax),
    timesPerDay: z.int().min(1).max(grantsPerDayMax),
  })
  .refine(isOne, 'an offer widens one limit (calls, amountMax, total or concurrent) or names one domain')
  .refine(
    ({ limit }) => limit?.amountMax === undefined || limit.currency !== undefined,
    'an amount needs its currency',
  );
export type BoundaryOffer = z.infer<typeof boundaryOfferSchema>;

export const boundaryGrantSchema = z.object({
  id: uuidSchema,
  offer: nameSchema,
  ...widened,
  since: isoTimeSchema,
  until: isoTimeSchema,
  /** Under which it was granted: when one of them has changed it counts no more. */
  epochs: z.object({ agent: z.int(), credential: z.int(), policy: z.int() }),
});
export type BoundaryGrant = z.infer<typeof boundaryGrantSchema>;

/** Why a grant counts no more. */
export const grantEndings = [
  'expired',
  'agent_changed',
  'credentials_void',
  'policy_changed',
  'revoked',
] as const;

const shownOfferSchema = z.object({
  name: nameSchema,
  says: text(500),
  minutesMax: z.int(),
  timesPerDay: z.int(),
  /** Of today (the last 24 hours). */
  timesLeft: z.int().min(0),
});
const shownGrantSchema = z.object({
  id: uuidSchema,
  offer: nameSchema,
  says: text(500),
  since: isoTimeSchema,
  until: isoTimeSchema,
});
export type ShownGrant = z.infer<typeof shownGrantSchema>;

export const boundariesSchema = z.object({
  /** In force now. */
  grants: z.array(shownGrantSchema),
  /** To this agent, while it works as Principal. */
  offers: z.array(shownOfferSchema),
});
export type Boundaries = z.infer<typeof boundariesSchema>;

export const negotiationRoutes = {
  'gateway.negotiate': {
    method: 'POST',
    path: '/v1/gateway/negotiations',
    auth: 'gateway',
    summary: 'An agent asks for a wider boundary within what policy offers, or what is on offer',
    body: z.strictObject({
      actionId: uuidSchema,
      agentId: uuidSchema,
      /** `server/atf_negotiate`. */
      tool: toolRefSchema,
      /** Absent: what is on offer? */
      ask: z
        .strictObject({
          offer: nameSchema,
          /** Absent: the widest. */
          figure: z.number().min(0).max(1e12).optional(),
          minutes: z.int().min(1).max(grantMinutesMax),
          words: text(1000),
        })
        .optional(),
    }),
    response: boundariesSchema.extend({ granted: shownGrantSchema.optional() }),
  },
  'agents.boundaries': {
    method: 'GET',
    path: '/v1/agents/:id/boundaries',
    auth: 'person',
    summary: 'Which boundaries the agent has widened for now, and what policy offers it',
    params: z.object({ id: text(64) }),
    response: boundariesSchema,
  },
  'agents.revokeGrant': {
    method: 'POST',
    path: '/v1/agents/:id/grants/:grant/revoke',
    auth: 'person',
    roles: ['operator', 'security', 'agent_owner', 'technical_owner'],
    summary: 'End a widened boundary now',
    params: id.extend({ grant: uuidSchema }),
    response: ok,
  },
} as const;
