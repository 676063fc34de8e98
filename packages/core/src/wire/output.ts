/** What is done with what agents send, write and answer (D-4), as settings say it; what they do not say is as it ships (core/data/output/defaults.ts). */
import { z } from 'zod';
import { actionClassSchema, levelSchema, nameSchema } from './words.ts';

const score = z.number().min(0.05).max(1);

/** Scores of the model, 0 to 1. `block` of 1: nothing is refused for it. */
const toxicitySchema = z
  .strictObject({
    /** From here a person looks at it before it leaves. */
    review: score,
    /** From here it does not leave. */
    block: score,
  })
  .refine(({ review, block }) => review <= block, 'review is above block');

/** `example.com`, or with all below it `*.example.com`. */
const hostSchema = z
  .string()
  .max(253)
  .regex(/^(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/);

/** Where a link says where something is, and where the client of a reader fetches it unasked. */
export const linkKinds = ['link', 'image'] as const;
export type LinkKind = (typeof linkKinds)[number];

const linksSchema = z.strictObject({
  /** Hosts whose links may carry data; secrets never leave all the same. */
  hosts: z.array(hostSchema).max(200).default([]),
  /** What happens to a call with a link that carries data to any other. */
  sent: z.enum(['block', 'review', 'label']).default('block'),
  /** Taken out of results (`[LINK]`) before an agent of this level reads them. */
  masked: z.record(levelSchema, z.array(z.enum(linkKinds)).max(2)).optional(),
});

export const ruleWordsMax = 500;

/** A company's own rule. */
export const outputRuleSchema = z
  .strictObject({
    name: nameSchema,
    /** Words and short phrases, whole, however they are written. */
    words: z.array(z.string().min(2).max(100)).min(1).max(ruleWordsMax).optional(),
    /** An expression; letters in it that are small stand for capitals as well. */
    pattern: z.string().min(1).max(500).optional(),
    does: z.enum(['block', 'review', 'label']),
    /** Absent: the name of the rule. */
    label: nameSchema.optional(),
    /** Absent: every level. */
    levels: z.array(levelSchema).min(1).max(4).optional(),
    /** Absent: calls that send or write. */
    classes: z.array(actionClassSchema).min(1).max(5).optional(),
  })
  .refine(
    ({ words, pattern }) => (words === undefined) !== (pattern === undefined),
    'say words or a pattern, one of them',
  );
export type OutputRule = z.infer<typeof outputRuleSchema>;

export const outputSchema = z.strictObject({
  toxicity: z.record(levelSchema, toxicitySchema).optional(),
  links: linksSchema.optional(),
  rules: z
    .array(outputRuleSchema)
    .max(50)
    .refine(
      (rules) => new Set(rules.map(({ name }) => name)).size === rules.length,
      'two rules have one name',
    )
    .optional(),
  /** Share of an agent's changes that people look at afterwards, drawn by the id of the action. */
  sample: z.record(levelSchema, z.number().min(0).max(1)).optional(),
  /** Levels of whose calls a person looks at those that have read what bears a sign of injected orders, or what nobody could look into. */
  unsure: z.array(levelSchema).max(4).optional(),
  /** Reviews that nobody has decided about after so long are told to people. */
  reviewHours: z.int().min(1).max(720).optional(),
});
export type Output = z.infer<typeof outputSchema>;
