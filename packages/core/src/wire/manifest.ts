/**
 * The agent manifest (I-3, I-4, I-5): what is registered. Its bytes are the version identity: SHA-256 of the file as given.
 * People are named by e-mail address or by the id of a registered person; the registry resolves them.
 */
import { z } from 'zod';
import { actionClassSchema, assuranceSchema, nameSchema, toolRefSchema } from './words.ts';

const person = z.string().min(3).max(254);
const words = (max: number) => z.string().trim().min(1).max(max);

const currencySchema = z.string().regex(/^[A-Z]{3}$/, 'ISO 4217');

export const limitSchema = z
  .strictObject({
    /** One tool, or absent for all tools of the agent. */
    tool: toolRefSchema.optional(),
    /** Operations per period (S-3). */
    calls: z
      .strictObject({ max: z.int().min(1).max(1_000_000), perSeconds: z.int().min(1).max(86_400) })
      .optional(),
    /** Largest amount of one call (S-4), in units of the currency, at most 2 decimal places. */
    amountMax: z.number().min(0).max(1e12).multipleOf(0.01).optional(),
    currency: currencySchema.optional(),
  })
  .refine(
    (limit) => limit.calls !== undefined || limit.amountMax !== undefined,
    'a limit needs calls or amountMax',
  );
export type Limit = z.infer<typeof limitSchema>;

/** A human checkpoint: a kind of decision that needs a person, declared before deployment. */
export const humanCheckpointSchema = z
  .strictObject({
    tool: toolRefSchema.optional(),
    class: actionClassSchema.optional(),
    /**
     * With a tool that has an amount argument: only calls above this amount, in units of `currency`; without one, of the currency of the limits for the
     * same tool, or else of whatever the tool takes. A call in another currency always meets the checkpoint.
     */
    amountAbove: z.number().min(0).max(1e12).optional(),
    currency: currencySchema.optional(),
    reason: words(300),
  })
  .refine(
    (point) => point.tool !== undefined || point.class !== undefined,
    'a checkpoint needs a tool or a class',
  )
  .refine(
    (point) => point.currency === undefined || point.amountAbove !== undefined,
    'a currency needs amountAbove',
  );
export type HumanCheckpoint = z.infer<typeof humanCheckpointSchema>;

const manifestMembers = z.strictObject({
  name: nameSchema,
  version: z
    .string()
    .regex(/^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.-]{1,64})?$/, 'semantic version, for example 1.4.0'),
  owner: person,
  technicalOwner: person,
  businessOwner: person,
  sponsor: person.optional(),
  /** Intended use in the owner's words (I-4). */
  purpose: words(2_000),
  /** The one domain it works in; data domains are what it may touch. */
  domain: nameSchema,
  dataDomains: z.array(nameSchema).min(1).max(50),
  /** What it claims it can do, a written list of actions (I-5). Not a grant. */
  capabilities: z.array(words(300)).min(1).max(200),
  /** The tools it may use, each by name: permission by action, not by system (S-1). What is not listed is refused. */
  tools: z.array(toolRefSchema).max(500),
  limits: z.array(limitSchema).max(100).default([]),
  checkpoints: z.array(humanCheckpointSchema).max(100).default([]),
  /** People who may stop it besides owners and operators. */
  mayStop: z.array(person).max(50).default([]),
  escalation: person,
  sla: z
    .strictObject({
      availabilityPercent: z.number().min(0).max(100).optional(),
      responseMs: z.int().min(1).max(86_400_000).optional(),
    })
    .default({}),
  /** Free text such as `Mon-Fri 08:00-18:00 Europe/Berlin`; shown to people, not enforced yet. */
  serviceHours: words(200).optional(),
  model: z.strictObject({ provider: words(100), name: words(200), version: words(100).optional() }),
  maySpawn: z.boolean().default(false),
  assurance: assuranceSchema.default('claimed'),
});

/** The one currency in which a checkpoint counts; `mixed` when it and the limits for the same calls name several. */
export function currencyOfCheckpoint(
  point: HumanCheckpoint,
  limits: readonly Limit[],
): string | 'mixed' | undefined {
  const same = limits.filter(
    ({ tool, amountMax }) =>
      amountMax !== undefined && (tool === undefined || point.tool === undefined || tool === point.tool),
  );
  const [first, ...others] = new Set(
    [point.currency, ...same.map(({ currency }) => currency)].filter((each) => each !== undefined),
  );
  return others.length > 0 ? 'mixed' : first;
}

export const manifestSchema = manifestMembers.superRefine(({ checkpoints, limits }, context) => {
  for (const [at, point] of checkpoints.entries()) {
    if (point.amountAbove === undefined || currencyOfCheckpoint(point, limits) !== 'mixed') continue;
    context.addIssue({
      code: 'custom',
      path: ['checkpoints', at, 'amountAbove'],
      message: 'the checkpoint and the limits for the same calls name different currencies',
    });
  }
});
export type Manifest = z.infer<typeof manifestSchema>;

export const manifestBytesMax = 65_536;
