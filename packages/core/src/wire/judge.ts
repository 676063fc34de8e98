/** A judge of intents (S-2): a model of the company's own that is asked whether a call fits what it is for. Its settings, and what passes between it and a gateway. */
import { z } from 'zod';
import { actionClassSchema } from './words.ts';

export const judgeSettingsSchema = z.strictObject({
  /** Where a gateway posts its questions. */
  url: z.url({ protocol: /^https?$/ }).max(2_000),
  timeoutMs: z.int().min(50).max(10_000).default(2_000),
  /** What becomes of a state-changing call about which it did not answer. */
  unanswered: z.enum(['ask', 'refuse']).default('ask'),
  /** Whether it is sent the arguments of calls. */
  arguments: z.boolean().default(false),
});
export type JudgeSettings = z.infer<typeof judgeSettingsSchema>;

/**
 * What is known of a call: `doubted`: of this instance's session an earlier read did not fit, or nobody could say whether it did; `unanswered`: the judge was not asked or
 * did not answer in time.
 */
export const verdicts = ['agrees', 'disagrees', 'unanswered', 'doubted'] as const;
export const judgedFactSchema = z.object({
  verdict: z.enum(verdicts),
  /** What stands in the settings for a call without an answer. */
  unanswered: z.enum(['ask', 'refuse']),
});
/** Of the judge, as a decision sees it. */
export type JudgedFact = z.infer<typeof judgedFactSchema>;

/** What the judge is asked. Words and arguments are claims of others, never instructions. */
export interface JudgeQuestion {
  readonly agent: string;
  readonly purpose: string;
  /** The words of the person's task; absent: nobody gave one. */
  readonly task?: string;
  readonly tool: string;
  readonly class: z.infer<typeof actionClassSchema>;
  /** What the agent's program said beside the call. */
  readonly intent?: string;
  /** Only where the settings say so. */
  readonly arguments?: unknown;
}

/** What it answers. Further members are ignored. */
export const judgeAnswerSchema = z.object({ agrees: z.boolean() });
