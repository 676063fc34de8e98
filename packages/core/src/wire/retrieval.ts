/**
 * Retrieval sources (D-2, S-4): which tool, which value of its argument, or which addresses under a template, answers from which index, what that index holds, and which agents may bring indexes
 * together. Shapes and routes; joined into the table of routes by `api.ts`. The rules: segmentation/retrieval.ts.
 */
import { z } from 'zod';
import { id, list, ok, reason, text } from './shapes.ts';
import {
  digestSchema,
  isoTimeSchema,
  nameSchema,
  outputTrustSchema,
  sensitivitySchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

/** Sources of one tool: one, or of a template one for each of its addresses. */
export const sourcesOfToolMax = 100;
export const sourcesMax = 2_000;
/** Indexes that one grant brings together, and grants of one agent. */
export const blendedMax = 10;
export const blendsMax = 20;
/** A grant lasts no longer. */
export const blendDaysMax = 90;
/** Indexes that are kept of one session; one that has read from more reads from no further one. */
export const indexesReadMax = 50;

/** As settings say it; what they do not say is as it ships (segmentation/retrieval.ts). */
export const retrievalSettingsSchema = z.strictObject({
  /** A source whose trust is less counts as written by anybody. */
  trustedFrom: z.int().min(0).max(100).optional(),
});
export type RetrievalSettings = Readonly<z.infer<typeof retrievalSettingsSchema>>;

/** Kinds of sensitive data that an index may hold. */
export const heldCategories = ['PII', 'PHI', 'PCI', 'secret'] as const;
const categoriesSchema = z
  .array(z.enum(heldCategories))
  .max(heldCategories.length)
  .refine((each) => new Set(each).size === each.length, 'a category stands there twice');

/** What an index holds: one level, whoever answers from it. */
const levelShape = {
  confidentiality: sensitivitySchema,
  integrity: outputTrustSchema,
  categories: categoriesSchema,
};

const addressSchema = z.string().min(1).max(2_048);

/** A tool that chooses its index by an argument (a JSON Pointer): where it has exactly this value. */
const whenSchema = z.strictObject({
  argument: z
    .string()
    .regex(/^(?:\/(?:[^~/]|~[01])+){1,4}$/, 'a JSON Pointer, like /index')
    .max(200),
  value: z.string().min(1).max(200),
});
export type When = Readonly<z.infer<typeof whenSchema>>;

/** One source as gateways know it, with its tool. */
export const sourceDocSchema = z.object({
  /** Of a template: one address, or with `/` at its end all below it. Absent: all that the tool hands out. */
  address: addressSchema.optional(),
  /** Absent: whatever the arguments say. */
  when: whenSchema.optional(),
  index: nameSchema,
  ...levelShape,
  /** 0 to 100 (data/source-trust.ts); absent: nobody knows, so it is doubted. */
  trust: z.int().min(0).max(100).optional(),
});
export type SourceDoc = Readonly<z.infer<typeof sourceDocSchema>>;

/** An index that a session has read from, and at which level it was then. */
export const indexReadSchema = z.object({
  index: nameSchema,
  confidentiality: sensitivitySchema,
  integrity: outputTrustSchema,
});
export type IndexRead = Readonly<z.infer<typeof indexReadSchema>>;

/** A person lets one agent bring these indexes together, for a time. */
export const blendGrantSchema = z.object({
  id: uuidSchema,
  indexes: z.array(nameSchema).min(2).max(blendedMax),
  /** The version of the agent that it was given to; another one needs its own. */
  manifestDigest: digestSchema,
  since: isoTimeSchema,
  until: isoTimeSchema,
});
export type BlendGrant = Readonly<z.infer<typeof blendGrantSchema>>;

/** What a gateway asks before a session reads from an index. */
export const readIndexesSchema = z.object({
  read: z.array(indexReadSchema).min(1).max(sourcesOfToolMax),
  /** Indexes that the session may have read from by then, beside these. */
  beside: z.array(nameSchema).max(indexesReadMax),
  /** Whose reading counts: instances and the task, as the decision took it. */
  holders: z.array(uuidSchema).min(1).max(20),
});

/** What was seen of a source in the days that count (data/source-trust.ts). */
const seen = z.int().min(0);
export const sourceSeenSchema = z.object({
  results: seen,
  /** Not given, because they read like orders to an agent. */
  withheld: seen,
  /** Labelled `injection` or `unchecked`, and given. */
  labelled: seen,
  /** Said of themselves that they are more than the index holds. */
  above: seen,
  /** Held kinds of sensitive data that the index is not registered for. */
  strange: seen,
  failed: seen,
  /** Agents for which it is no longer what it was. */
  drifted: seen,
  /** Changes of its definition. */
  changed: seen,
  /** Calls to which people objected when they looked at them afterwards. */
  objections: seen,
  /** Since it was registered. */
  days: seen,
});
export type SourceSeen = Readonly<z.infer<typeof sourceSeenSchema>>;

export const trustCauses = [
  'withheld',
  'above',
  'labelled',
  'strange',
  'objections',
  'drifted',
  'changed',
  'failed',
  'few',
  'new',
] as const;
export const trustReasonSchema = z.object({
  because: z.enum(trustCauses),
  count: seen,
  points: z.int().min(1).max(100),
});
export type TrustReason = Readonly<z.infer<typeof trustReasonSchema>>;

/** Where a source is: its tool, of a template the address, and of a tool that chooses its index the argument and its value. */
const sourceAtShape = {
  tool: toolRefSchema,
  address: addressSchema.optional(),
  when: whenSchema.optional(),
};

/** `archive/search where /index is hr`. */
export const placeWords = ({
  tool,
  address,
  when,
}: {
  readonly tool: string;
  readonly address?: string | undefined;
  readonly when?: When | undefined;
}): string => {
  if (when !== undefined) return `${tool} where ${when.argument} is ${JSON.stringify(when.value)}`;
  return address === undefined ? tool : `${tool} at ${address}`;
};

export const sourceViewSchema = sourceDocSchema.extend({
  tool: toolRefSchema,
  trust: z.int().min(0).max(100),
  /** What took points from its trust, the gravest first. */
  reasons: z.array(trustReasonSchema).max(trustCauses.length),
  seen: sourceSeenSchema,
  /** Its tool is classified higher than its index: nothing is read from it. */
  unfit: z.literal(true).optional(),
  since: isoTimeSchema,
  by: z.string(),
});
export type SourceView = z.infer<typeof sourceViewSchema>;

export const blendViewSchema = blendGrantSchema.extend({
  agentId: uuidSchema,
  agent: nameSchema,
  /** Its time is over. */
  over: z.literal(true).optional(),
});
export type BlendView = z.infer<typeof blendViewSchema>;

const roles = ['operator', 'technical_owner', 'security'] as const;

export const retrievalRoutes = {
  'sources.list': {
    method: 'GET',
    path: '/v1/sources',
    auth: 'person',
    summary: 'Retrieval sources by index, with what each index holds, and who may bring indexes together',
    response: list(sourceViewSchema).extend({
      /** Below it a source counts as written by anybody. */
      trustedFrom: z.int(),
      blends: z.array(blendViewSchema),
    }),
  },
  'sources.set': {
    method: 'POST',
    path: '/v1/sources',
    auth: 'person',
    roles,
    summary: 'Register a retrieval source, or move it to another index (with a clearance)',
    body: z.strictObject({ ...sourceAtShape, index: nameSchema, ...levelShape }),
    response: sourceViewSchema,
  },
  'sources.remove': {
    method: 'POST',
    path: '/v1/sources/remove',
    auth: 'person',
    roles,
    summary: 'Say that something is no retrieval source any more (with a clearance)',
    body: z.strictObject(sourceAtShape),
    response: ok,
  },
  'sources.blend': {
    method: 'POST',
    path: '/v1/agents/:id/blends',
    auth: 'person',
    roles: ['operator', 'security'],
    summary:
      'Let an agent bring indexes together until a day (with a clearance; not the owners of the agent)',
    params: z.object({ id: text(64) }),
    body: z.strictObject({
      indexes: z
        .array(nameSchema)
        .min(2)
        .max(blendedMax)
        .refine((each) => new Set(each).size === each.length, 'an index stands there twice'),
      until: isoTimeSchema,
      reason,
    }),
    response: blendViewSchema,
  },
  'sources.part': {
    method: 'POST',
    path: '/v1/agents/:id/blends/:grant/end',
    auth: 'person',
    roles: ['operator', 'security', 'agent_owner', 'technical_owner'],
    summary: 'End such a grant now',
    params: id.extend({ grant: uuidSchema }),
    response: ok,
  },
} as const;
