/**
 * The action API: cooperative enforcement for programs that run their own tools. A program asks for one action; when it is allowed it gets a short
 * permit, runs the tool itself, and reports the outcome under the action's id. The gateway cannot stop a program that does not ask: this door
 * resists a hijacked model, not a hostile host (SECURITY.md).
 *
 * Refusals are problem documents (RFC 9457) with the members of {@link actionRefusalSchema}.
 */
import { z } from 'zod';
import { text } from './shapes.ts';
import {
  approvalStateSchema,
  isoTimeSchema,
  levelSchema,
  nameSchema,
  roleSchema,
  uuidSchema,
} from './words.ts';

/** Longest time in which an allowed action is run and reported; below the time after which control gives an outcome up. */
export const withinSecondsMax = 840;
export const withinSecondsDefault = 60;
/** A permit must be used this soon; what runs may go on until its own end. */
export const permitSecondsMax = 30;
/** Longest wait of one request for news. */
export const waitSecondsMax = 30;

const json = z.record(z.string(), z.unknown());

/** Whom the program wants to decide; they must be people who may decide about this agent anyway. */
export const approverSchema = z.union([
  z.strictObject({ person: z.email().max(200) }),
  z.strictObject({ role: roleSchema }),
]);
export type Approver = z.infer<typeof approverSchema>;

export const actionRequestSchema = z.strictObject({
  server: nameSchema,
  tool: text(128).min(1),
  arguments: json.default({}),
  /** Why, in the agent's own words: claimed, sealed at rest, shown to who approves. */
  reason: text(500).optional(),
  /** Anything that the program wants on record beside it. */
  context: json.optional(),
  /** Ask a person even where the level may do it alone. */
  ask: z.boolean().default(false),
  approver: approverSchema.optional(),
  withinSeconds: z.int().min(1).max(withinSecondsMax).default(withinSecondsDefault),
});
export type ActionRequest = z.input<typeof actionRequestSchema>;

export const redeemRequestSchema = z.strictObject({
  withinSeconds: z.int().min(1).max(withinSecondsMax).default(withinSecondsDefault),
});

/** The program may run the tool now, with exactly these arguments. */
export const allowedSchema = z.object({
  outcome: z.literal('allowed'),
  actionId: uuidSchema,
  approvalId: uuidSchema.optional(),
  server: nameSchema,
  tool: text(128),
  /** What was decided on, or of an approval what was stored and approved; with values in place of tokens where settings give the tool values. */
  arguments: json,
  permit: text(4096),
  /** The outcome must be reported until then; afterwards it is unknown. */
  reportBy: isoTimeSchema,
  effectiveLevel: levelSchema.optional(),
  obligations: z.array(text(40)),
});

/** The approval was redeemed before: what came of it then. */
export const doneSchema = z.object({
  outcome: z.literal('done'),
  actionId: uuidSchema,
  approvalId: uuidSchema,
  failed: z.boolean(),
  result: z.unknown(),
});

/** Nothing happened yet: a person has to decide. */
export const waitingSchema = z.object({
  outcome: z.literal('waiting'),
  actionId: uuidSchema,
  approvalId: uuidSchema,
  expiresAt: isoTimeSchema.optional(),
  because: text(1000),
});

export const actionAnswerSchema = z.discriminatedUnion('outcome', [allowedSchema, doneSchema, waitingSchema]);
export type ActionAnswer = z.infer<typeof actionAnswerSchema>;
export type Allowed = z.infer<typeof allowedSchema>;

/** Members of the problem document of a refusal, beside those of RFC 9457. */
export const actionRefusalSchema = z.object({
  code: text(100),
  title: text(300),
  detail: text(2000).optional(),
  help: text(500).optional(),
  requirement: text(20).optional(),
  retryAfterMs: z.number().optional(),
  /** `refused`: nothing happened. `unknown`, `withheld`, `running`: it may have, or did. */
  outcome: z.enum(['refused', 'unknown', 'withheld', 'running']).optional(),
  actionId: uuidSchema.optional(),
  approvalId: uuidSchema.optional(),
});
export type ActionRefusal = z.infer<typeof actionRefusalSchema>;

export const outcomeReportSchema = z.strictObject({
  permit: text(4096),
  /** `not_executed`: the program did not run it after all. */
  status: z.enum(['done', 'failed', 'not_executed']),
  /** What the tool gave; checked against its output schema and sealed. */
  result: z.unknown().optional(),
});
export type OutcomeReport = z.input<typeof outcomeReportSchema>;

export const outcomeTakenSchema = z.object({
  actionId: uuidSchema,
  /** `late`: the outcome was on record as unknown already; this report stands beside it. */
  recorded: z.enum(['in_time', 'late']),
  /** What the agent may read of the result, where that is not what was reported: masked, or with tokens. */
  shown: z.unknown().optional(),
  /** Its model may read nothing of the result: nobody has looked at it, because it came late, or nobody knows what was said of it. */
  withheld: z.literal(true).optional(),
});
export type OutcomeTaken = z.infer<typeof outcomeTakenSchema>;

/** `running`: go on. `over`: stop at once; `code` says why, where it was cut. */
export const actionStateSchema = z.object({
  actionId: uuidSchema,
  state: z.enum(['running', 'over']),
  code: text(100).optional(),
});
export type ActionState = z.infer<typeof actionStateSchema>;

export const approvalStandingSchema = z.object({
  approvalId: uuidSchema,
  state: approvalStateSchema,
  expiresAt: isoTimeSchema,
  /** The person's words, of a rejection. */
  reason: text(500).optional(),
});
export type ApprovalStanding = z.infer<typeof approvalStandingSchema>;

export const waitQuerySchema = z.strictObject({
  waitSeconds: z.coerce.number().int().min(0).max(waitSecondsMax).default(0),
});

export const permitKeysSchema = z.object({
  keys: z.array(
    z.object({
      kid: text(100),
      kty: z.literal('EC'),
      crv: z.literal('P-256'),
      x: text(64),
      y: text(64),
      alg: z.literal('ES256'),
      use: z.literal('sig'),
    }),
  ),
});
export type PermitKeys = z.infer<typeof permitKeysSchema>;

interface ActionRoute {
  readonly method: 'GET' | 'POST';
  /** `:id` is a UUID. */
  readonly path: string;
  readonly summary: string;
  /** Who may ask: an enrolled instance with its credential, or anybody. */
  readonly auth: 'instance' | 'public';
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly response: z.ZodType;
}

/** Every route of the action API; the gateway serves it, its OpenAPI document and the SDK are made from it. */
export const actionRoutes = {
  'actions.request': {
    method: 'POST',
    path: '/v1/actions',
    auth: 'instance',
    summary: 'Ask for one action: allowed with a permit, waiting for a person, or refused',
    body: actionRequestSchema,
    response: actionAnswerSchema,
  },
  'actions.report': {
    method: 'POST',
    path: '/v1/actions/:id/outcome',
    auth: 'instance',
    summary: 'Report what came of an allowed action',
    body: outcomeReportSchema,
    response: outcomeTakenSchema,
  },
  'actions.state': {
    method: 'GET',
    path: '/v1/actions/:id',
    auth: 'instance',
    summary: 'Wait until an action of this instance is over: a stop ends it at once',
    query: waitQuerySchema,
    response: actionStateSchema,
  },
  'approvals.state': {
    method: 'GET',
    path: '/v1/approvals/:id',
    auth: 'instance',
    summary: 'Wait until a person has decided',
    query: waitQuerySchema,
    response: approvalStandingSchema,
  },
  'approvals.redeem': {
    method: 'POST',
    path: '/v1/approvals/:id/redeem',
    auth: 'instance',
    summary: 'Get the permit for exactly the stored call, once, or what came of it',
    body: redeemRequestSchema,
    response: actionAnswerSchema,
  },
  'permits.keys': {
    method: 'GET',
    path: '/v1/permits/keys',
    auth: 'public',
    summary: 'Keys with which a tool checks permits by itself (RFC 7517)',
    response: permitKeysSchema,
  },
} as const satisfies Record<string, ActionRoute>;
export type ActionOperation = keyof typeof actionRoutes;
