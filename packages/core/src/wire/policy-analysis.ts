/**
 * Dangerous combinations of rights over HTTP, and the file in which people accept some of them. Shapes and the route; joined into the table of routes by
 * `api.ts`.
 */
import { z } from 'zod';
import { tableOperations } from './database.ts';
import { text } from './shapes.ts';
import {
  actionClassSchema,
  isoTimeSchema,
  levelSchema,
  nameSchema,
  outputTrustSchema,
  sensitivitySchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

/** Findings of one answer; further ones are counted. */
export const findingsShownMax = 200;
/** Rights that a finding lists of each part; all are counted. */
export const rightsShownMax = 30;
/** Names of agents that a finding lists; all are counted. */
export const findingAgentsShownMax = 500;

export const freedomSchema = z.enum(['never', 'person', 'task', 'alone']);
/** The least freedom that counts. */
export const throughSchema = z.enum(['alone', 'task', 'person']);
export const findingKindSchema = z.enum(['trifecta', 'leak', 'hijack', 'leak_across', 'hijack_across']);
export const severitySchema = z.enum(['low', 'medium', 'high']);

const agents = (max: number) => z.object({ names: z.array(nameSchema).max(max), count: z.int() });

/** One operation on one table of a tool whose argument is SQL. */
const rightTableSchema = z.object({ name: text(130), operation: z.enum(tableOperations) });
export type RightTable = z.infer<typeof rightTableSchema>;

export const composedRightSchema = z.object({
  tool: toolRefSchema,
  /** Absent: the right is on the tool, whatever it is about. */
  table: rightTableSchema.optional(),
  class: actionClassSchema,
  /** False: nobody has said what it does, and it counts as the worst. */
  classified: z.boolean(),
  sensitivity: sensitivitySchema,
  outputTrust: outputTrustSchema,
  domain: nameSchema,
  /** What it does, in a few words. */
  does: text(200),
  freedom: freedomSchema,
  /** The same when what decides comes from an untrusted text. */
  untrusted: freedomSchema,
  policies: z.array(text(200)),
});
export type ComposedRight = z.infer<typeof composedRightSchema>;

export const heldRightSchema = composedRightSchema.extend({ agents: agents(3) });
export type HeldRight = z.infer<typeof heldRightSchema>;
const held = z.array(heldRightSchema).max(rightsShownMax);

/** Whom agents may start: any agent, or these. */
const startsSchema = z.union([z.literal('any'), agents(5)]);
const delegatingSchema = z.object({ agents: agents(3), starts: startsSchema });

export const compositionStepSchema = z.discriminatedUnion('kind', [
  heldRightSchema.extend({
    kind: z.literal('right'),
    part: z.enum(['source', 'untrusted', 'keep', 'read', 'sink']),
  }),
  /** Where one agent keeps what another reads: `server (domain)`. */
  z.object({ kind: z.literal('store'), server: text(200) }),
  /** One may start the other. `words`: it tells it what to do; `answer`: that one says what came of it. */
  z.object({
    kind: z.literal('delegation'),
    way: z.enum(['words', 'answer']),
    from: agents(3),
    to: agents(3),
  }),
]);
export type CompositionStep = z.infer<typeof compositionStepSchema>;

export const findingSchema = z.object({
  id: text(20),
  kind: findingKindSchema,
  severity: severitySchema,
  /** Who can do the harm. */
  agents: agents(findingAgentsShownMax),
  /** One sentence: which rights make it possible together. */
  says: text(4_000),
  between: z.array(z.enum(['provenance', 'task', 'person'])),
  /** Whether a person stands in between, in words. */
  stands: text(1_000),
  suggestion: text(4_000),
  sources: held,
  untrusted: held,
  sinks: held,
  /** The worst path, from what comes in to what is done. */
  path: z.array(compositionStepSchema),
  /** The smallest set of rights without which nothing of it is left. */
  cut: held,
  /** Of that set: who must not start whom any more. */
  cutStarts: z.array(delegatingSchema).max(rightsShownMax),
  counts: z.object({
    sources: z.int(),
    untrusted: z.int(),
    sinks: z.int(),
    /** Tools of groups, and who starts whom; and rights, one for each agent. */
    cut: z.int(),
    cutRights: z.int(),
  }),
});
export type PolicyFinding = z.infer<typeof findingSchema>;

/** What one agent holds, for a drawing. */
export const compositionGraphSchema = z.object({
  agent: nameSchema,
  rights: z.array(
    composedRightSchema.extend({
      parts: z.array(z.enum(['private', 'untrusted', 'outward', 'dangerous'])),
      /** Stores that it keeps in, and that it reads from. */
      keeps: z.array(text(200)),
      reads: z.array(text(200)),
    }),
  ),
  /** Other agents at the same stores. */
  stores: z.array(z.object({ server: text(200), writers: agents(5), readers: agents(5) })),
  /** Whom it may start; absent: nobody. */
  starts: startsSchema.optional(),
  /** Who may start it. */
  startedBy: agents(5),
});
export type CompositionGraph = z.infer<typeof compositionGraphSchema>;

export const policyAnalysisSchema = z.object({
  at: isoTimeSchema,
  /** The version in force, or that of the candidate's base. */
  version: z.int(),
  candidate: uuidSchema.optional(),
  through: throughSchema,
  level: levelSchema.optional(),
  /** Agents and rights that were looked at. */
  agents: z.int(),
  rights: z.int(),
  /** The worst first. */
  findings: z.array(findingSchema).max(findingsShownMax),
  counts: z.object({ high: z.int(), medium: z.int(), low: z.int() }),
  /** Findings that are not listed, and groups of agents that were not looked into. */
  more: z.int(),
  graph: compositionGraphSchema.optional(),
});
export type PolicyAnalysis = z.infer<typeof policyAnalysisSchema>;

export const analysisRoutes = {
  'policy.analysis': {
    method: 'GET',
    path: '/v1/policy/analysis',
    auth: 'person',
    summary:
      'Rights that are dangerous together: private data and a way out, untrusted text and harm; within one agent, across shared stores and across delegation',
    query: z.object({
      /** Only what this agent takes part in, with the graph of what it holds. */
      agent: nameSchema.optional(),
      /** As if every agent had this level. */
      level: levelSchema.optional(),
      through: throughSchema.optional(),
      /** Under this candidate instead of the set in force. */
      candidate: uuidSchema.optional(),
    }),
    response: policyAnalysisSchema,
  },
} as const;

/** Acceptances of one file. */
export const acceptancesMax = 1_000;
export const acceptanceFileBytesMax = 262_144;
/** A day: it counts until its end, UTC. */
const daySchema = z.iso.date();

export const acceptanceSchema = z.strictObject({
  finding: text(20).min(1),
  /** Whoever else holds the same combination later is not accepted by this; `all`: whoever it is. */
  agents: z.union([z.literal('all'), z.array(nameSchema).min(1).max(1_000)]),
  reason: z.string().trim().min(1).max(500),
  until: daySchema,
});
export type Acceptance = z.infer<typeof acceptanceSchema>;
export const acceptanceFileSchema = z.strictObject({
  accepted: z.array(acceptanceSchema).max(acceptancesMax),
});
