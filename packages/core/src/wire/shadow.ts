/**
 * The shadow (S-2): a candidate that gateways ask beside the set in force, for every decision, and that decides nothing. Shapes and routes, joined into the table
 * of routes by `api.ts`. Gateways ask for it, so that those of an earlier version, which do not, go on as before.
 */
import { z } from 'zod';
import { changeCountsShape, countSchema } from './change-counts.ts';
import { policyDocSchema } from './documents.ts';
import { text } from './shapes.ts';
import { digestSchema, isoTimeSchema, uuidSchema } from './words.ts';

export const shadowHoursDefault = 168;
export const shadowHoursMax = 720;

/** What one gateway process has counted since it began to. */
export const shadowReportSchema = z.object({
  /** Decisions that both sets were asked about. */
  compared: countSchema,
  /** Of these, how many would have been others. */
  changed: countSchema,
  /** Left out, so that calls did not wait for it. */
  skipped: countSchema,
  /** The shadow could not say. */
  failed: countSchema,
  ...changeCountsShape,
});
export type ShadowReport = z.infer<typeof shadowReportSchema>;

export const shadowSchema = shadowReportSchema.extend({
  id: uuidSchema,
  /** `over`: its time has passed. `overtaken`: another version came into force, this one or another. */
  state: z.enum(['running', 'stopped', 'over', 'overtaken']),
  candidate: uuidSchema,
  digest: digestSchema,
  /** The version that it is compared with. */
  base: z.int(),
  by: text(200),
  startedAt: isoTimeSchema,
  endsAt: isoTimeSchema,
  /** Gateway processes that have counted, or have said that they will. */
  gateways: countSchema,
  /** The newest count of any of them. */
  heardAt: isoTimeSchema.optional(),
});
export type Shadow = z.infer<typeof shadowSchema>;

const roles = ['operator', 'security'] as const;
const shown = z.object({ shadow: shadowSchema.optional() });

export const shadowRoutes = {
  'shadow.show': {
    method: 'GET',
    path: '/v1/policy/shadow',
    auth: 'person',
    summary: 'The newest shadow, and what gateways have counted; none: absent',
    response: shown,
  },
  'shadow.start': {
    method: 'POST',
    path: '/v1/policy/shadow',
    auth: 'person',
    roles,
    summary:
      'Have gateways ask a candidate beside the set in force, and count where it differs; it decides nothing',
    body: z.strictObject({
      candidate: uuidSchema,
      hours: z.int().min(1).max(shadowHoursMax).optional(),
    }),
    response: shadowSchema,
  },
  'shadow.stop': {
    method: 'POST',
    path: '/v1/policy/shadow/stop',
    auth: 'person',
    roles,
    summary: 'End the shadow; what was counted stays until the next one',
    response: shadowSchema,
  },
  'gateway.shadow': {
    method: 'POST',
    path: '/v1/gateway/shadow',
    auth: 'gateway',
    summary: 'Tell what was counted, and ask what to compare with',
    body: z.strictObject({
      /** Of this process: counts begin anew with each. */
      boot: uuidSchema,
      /** The shadow that it has. */
      have: uuidSchema.optional(),
      /** Of the shadow that it has, or had until now. */
      report: shadowReportSchema.extend({ shadow: uuidSchema }).optional(),
    }),
    /** Absent: there is none. Without `policies`: the one that it has. */
    response: z.object({
      shadow: z
        .object({
          id: uuidSchema,
          digest: digestSchema,
          /** Digest of the set in force that it is compared with. */
          against: digestSchema,
          /** Milliseconds until it is over. */
          forMs: z.number().min(0),
          policies: policyDocSchema.shape.policies.optional(),
        })
        .optional(),
    }),
  },
} as const;
