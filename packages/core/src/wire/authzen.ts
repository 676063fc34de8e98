/**
 * AuthZEN Authorization API 1.0 (OpenID): shapes in which other policy enforcement points ask, and are answered. Members that we do not know are ignored, as
 * the specification wants of both sides; what we know is bounded. Error bodies are problem documents (RFC 9457).
 */
import { z } from 'zod';
import { text } from './shapes.ts';

/** Questions of one request. */
export const evaluationsMax = 100;
const typeSchema = text(200).min(1);
const idSchema = text(1_000).min(1);
const properties = z.record(z.string(), z.unknown()).optional();

const subjectSchema = z.object({ type: typeSchema, id: idSchema, properties });
const actionSchema = z.object({ name: typeSchema, properties });
const context = z.record(z.string(), z.unknown()).optional();

export const evaluationSchema = z.object({
  subject: subjectSchema,
  action: actionSchema,
  resource: subjectSchema,
  context,
});
export type Evaluation = z.infer<typeof evaluationSchema>;

export const evaluationsSemantics = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const;
const parts = evaluationSchema.partial();
/** Members beside `evaluations` are what each of them does not say itself. Without `evaluations` it is one question. */
export const evaluationsSchema = parts.extend({
  evaluations: z.array(parts).max(evaluationsMax).optional(),
  options: z.object({ evaluations_semantic: z.enum(evaluationsSemantics).default('execute_all') }).optional(),
});

/** Why, as far as the one who asks may know it. */
export const answerContextSchema = z.object({
  /** The action, or the question, on record. */
  id: text(100).optional(),
  /** `waiting`: a person has to decide; the same question passes once, after that. */
  outcome: z.enum(['allowed', 'waiting', 'refused']).optional(),
  code: text(100).optional(),
  reason: text(2_000).optional(),
  help: text(500).optional(),
  requirement: text(20).optional(),
  approval_id: text(100).optional(),
  approval_expires_at: text(40).optional(),
  retry_after_ms: z.number().optional(),
  effective_level: text(20).optional(),
  obligations: z.array(text(40)).optional(),
  /** Determining policies. */
  policies: z.array(text(200)).optional(),
  /** Of one of several questions that could not be answered. */
  error: z.object({ status: z.int(), message: text(2_000) }).optional(),
});
export const evaluationAnswerSchema = z.object({ decision: z.boolean(), context: answerContextSchema });
export type EvaluationAnswer = z.infer<typeof evaluationAnswerSchema>;

export const searchKinds = ['subject', 'resource', 'action'] as const;
export type SearchKind = (typeof searchKinds)[number];
/** Results of one page. */
export const searchLimitMax = 500;
export const searchLimitDefault = 100;

const nameless = subjectSchema.partial({ id: true });
const page = z
  .object({
    token: text(4_000).optional(),
    /** As drafts of the specification called it. */
    next_token: text(4_000).optional(),
    limit: z.int().min(1).max(searchLimitMax).optional(),
  })
  .optional();
/** A question with one part left open; an id of what is searched is ignored. */
export const searchSchemas = {
  subject: evaluationSchema.extend({ subject: nameless, page }),
  resource: evaluationSchema.extend({ resource: nameless, page }),
  action: evaluationSchema.extend({ action: z.unknown().optional(), page }),
} as const satisfies Record<SearchKind, z.ZodType>;

export interface SearchAnswer {
  readonly results: readonly ({ readonly type: string; readonly id: string } | { readonly name: string })[];
  /** Empty: this was the last page. */
  readonly page: { readonly next_token: string; readonly count: number };
}

/** The words under which a registered agent and one of its calls are asked about; every other type belongs to an application. */
export const agentType = 'agent';
export const toolType = 'tool';
export const callAction = 'call';

export const authzenPaths = {
  evaluation: '/access/v1/evaluation',
  evaluations: '/access/v1/evaluations',
  search: '/access/v1/search/',
  metadata: '/.well-known/authzen-configuration',
} as const;
