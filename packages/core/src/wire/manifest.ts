/**
 * The agent manifest (I-3, I-4, I-5): what is registered. Its bytes are the version identity: SHA-256 of the file as given.
 * People are named by e-mail address or by the id of a registered person; the registry resolves them.
 */
import { z } from 'zod';
import { databaseRightsSchema } from './database.ts';
import { chainLengthMax } from './token.ts';
import { actionClassSchema, assuranceSchema, nameSchema, toolRefSchema } from './words.ts';

const person = z.string().min(3).max(254);
const words = (max: number) => z.string().trim().min(1).max(max);

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));
const currencySchema = z
  .string()
  .regex(/^[A-Z]{3}$/, 'ISO 4217')
  .refine((code) => currencies.has(code), 'no currency of ISO 4217 has this code');

export const totalPeriods = ['hour', 'day', 'task'] as const;
export type TotalPeriod = (typeof totalPeriods)[number];

/**
 * How much all calls together may do in any stretch of that length (S-5): money, records that tools hand out, or calls. `task`: as long as a session's task goes
 * on; what is done without a task counts as one task a day.
 */
export const totalSchema = z
  .strictObject({
    /** In units of the limit's currency, at most 2 decimal places. */
    amount: z.number().min(0).max(1e12).multipleOf(0.01).optional(),
    records: z.int().min(0).max(1e9).optional(),
    calls: z.int().min(0).max(1e9).optional(),
    per: z.enum(totalPeriods),
  })
  .refine(
    ({ amount, records, calls }) =>
      [amount, records, calls].filter((each) => each !== undefined).length === 1,
    'a total counts one of amount, records, calls',
  );

/** One total of an agent as people see it: amounts in units of the currency. */
export const agentTotalSchema = z.object({
  id: z.string().max(500),
  /** Absent: all tools of the agent. */
  tool: toolRefSchema.optional(),
  unit: z.union([z.enum(['records', 'calls', 'running']), currencySchema]),
  per: z.enum([...totalPeriods, 'call']),
  /** The task that it is about; `none`: everything of the last day that had no task. */
  task: z.string().max(40).optional(),
  max: z.number(),
  spent: z.number(),
});
export type AgentTotal = z.infer<typeof agentTotalSchema>;

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
    /** Of all calls together (S-5). */
    total: totalSchema.optional(),
    /** Calls that run at one time, over all gateways (S-5). */
    concurrent: z.int().min(1).max(10_000).optional(),
  })
  .refine(
    (limit) =>
      limit.calls !== undefined ||
      limit.amountMax !== undefined ||
      limit.total !== undefined ||
      limit.concurrent !== undefined,
    'a limit needs calls, amountMax, total or concurrent',
  )
  .refine(
    ({ total, currency }) => total?.amount === undefined || currency !== undefined,
    'a total of an amount needs its currency',
  );
export type Limit = z.infer<typeof limitSchema>;

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

const dateSchema = z.iso.date();
/** Of the platform. It lists one name of each and knows more: `Asia/Kolkata` is listed as `Asia/Calcutta`. */
const timeZones = new Map(['UTC', ...Intl.supportedValuesOf('timeZone')].map((zone) => [zone, true]));
const zonePattern = /^[A-Z][A-Za-z]{1,20}(?:\/[A-Z][A-Za-z0-9_+-]{1,30}){1,2}$/;
const zonesKnownMax = 2_000;

/** Whether there is a time zone of this name (IANA). */
export function isTimeZone(zone: string): boolean {
  const known = timeZones.get(zone);
  if (known !== undefined) return known;
  let found = zonePattern.test(zone);
  try {
    if (found) new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    found = false;
  }
  if (timeZones.size < zonesKnownMax) timeZones.set(zone, found);
  return found;
}
const clockTime = '(?:[01][0-9]|2[0-3]):[0-5][0-9]';

/** When a tool, or any tool, may be used (S-2). Outside all windows that are about a tool it is refused, whatever a person says. */
export const toolWindowSchema = z
  .strictObject({
    /** One tool, or absent for all tools that no window names. */
    tool: toolRefSchema.optional(),
    days: z.array(z.enum(weekdays)).min(1).max(7).optional(),
    /** `08:00-18:00`, the end not in it; over midnight: two windows. */
    hours: z
      .string()
      .regex(new RegExp(`^${clockTime}-(?:${clockTime}|24:00)$`), 'for example 08:00-18:00')
      .refine(
        (hours) => hours.slice(0, 5) < hours.slice(6),
        'the end comes after the beginning; over midnight write two windows',
      )
      .optional(),
    timeZone: z
      .string()
      .refine(isTimeZone, 'no time zone of this name, for example Europe/Berlin')
      .default('UTC'),
    /** Dates of validity, both in it, in that time zone. */
    from: dateSchema.optional(),
    until: dateSchema.optional(),
  })
  .refine(
    ({ days, hours, from, until }) => (days ?? hours ?? from ?? until) !== undefined,
    'a window needs days, hours, from or until',
  )
  .refine(
    ({ from, until }) => from === undefined || until === undefined || from <= until,
    'it ends before it begins',
  );
export type ToolWindow = z.infer<typeof toolWindowSchema>;

/** The windows of which one must be open for a call of this tool: those that name it, or else those for all tools. */
export function windowsFor(windows: readonly ToolWindow[], tool: string): readonly ToolWindow[] {
  const named = windows.filter((window) => window.tool === tool);
  return named.length > 0 ? named : windows.filter((window) => window.tool === undefined);
}

/** Another data domain than the agent's own: from Senior on, with a reason and an end (S-1). */
export const otherDomainSchema = z.strictObject({
  domain: nameSchema,
  because: words(500),
  /** The last day, in UTC. */
  until: dateSchema,
});
export type OtherDomain = z.infer<typeof otherDomainSchema>;

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

/** How far work may be passed on below an agent (S-5); settings.yaml sets the largest figures, a manifest may set smaller ones. */
export const cascadeSchema = z.strictObject({
  /** Agents below the root, one under the other. */
  depthMax: z.int().min(0).max(chainLengthMax),
  /** Agents that one session has started and that have not ended. */
  fanOutMax: z.int().min(0).max(100),
  /** Calls of all agents below one root. */
  callsMax: z.int().min(1).max(1_000_000),
});
export type Cascade = z.infer<typeof cascadeSchema>;

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
  /** Data of other domains, for a time. */
  otherDomains: z.array(otherDomainSchema).max(20).optional(),
  /** What it claims it can do, a written list of actions (I-5). Not a grant. */
  capabilities: z.array(words(300)).min(1).max(200),
  /** The tools it may use, each by name: permission by action, not by system (S-1). What is not listed is refused. */
  tools: z.array(toolRefSchema).max(500),
  limits: z.array(limitSchema).max(100).default([]),
  checkpoints: z.array(humanCheckpointSchema).max(100).default([]),
  /** The tables it may use through tools that take SQL (S-1): table, operation, columns. What is not listed is refused. */
  databases: z.array(databaseRightsSchema).max(50).optional(),
  /** When it may use its tools; none: at any time. */
  windows: z.array(toolWindowSchema).max(50).optional(),
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
  /** Whether it may start other agents (S-5): from Senior on. */
  maySpawn: z.boolean().default(false),
  /** Which agents, by name; absent: any, where it may start others at all. */
  mayStart: z.array(nameSchema).max(100).optional(),
  cascade: cascadeSchema.partial().optional(),
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

export const manifestSchema = manifestMembers.superRefine(
  ({ checkpoints, limits, maySpawn, mayStart }, context) => {
    if (mayStart !== undefined && !maySpawn)
      context.addIssue({
        code: 'custom',
        path: ['mayStart'],
        message: 'it names agents, and maySpawn is false',
      });
    for (const [at, point] of checkpoints.entries()) {
      if (point.amountAbove === undefined || currencyOfCheckpoint(point, limits) !== 'mixed') continue;
      context.addIssue({
        code: 'custom',
        path: ['checkpoints', at, 'amountAbove'],
        message: 'the checkpoint and the limits for the same calls name different currencies',
      });
    }
  },
);
export type Manifest = z.infer<typeof manifestSchema>;

export const manifestBytesMax = 65_536;
