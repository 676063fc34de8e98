/** What a changed definition of a tool means to policies in force that ask about its arguments. Apart from the routes of policy-schema.ts, which the console is built without. */
import { z } from 'zod';
import { text } from './shapes.ts';

/** Of one tool; more are not told. */
export const policyConcernsMax = 200;

/** An argument that a policy in force names, and that a tool would have of another type once its definition on offer is accepted. */
export const policyConcernSchema = z.object({
  policy: text(200),
  /** File, line and column. */
  at: text(300).optional(),
  argument: text(2_000),
  before: text(200),
  after: text(200),
  /** The policies were checked against the definition on offer, too. */
  fits: z.boolean(),
});
export type PolicyConcern = z.infer<typeof policyConcernSchema>;
