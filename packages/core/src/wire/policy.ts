/**
 * Policy as code over HTTP: the set in force, its versions, candidates for the next one, and what a candidate would change. Words, shapes and routes of
 * the policy room. Joined into the table of routes by `api.ts`.
 */
import { z } from 'zod';
import { canonicalJson } from './json.ts';
import { id, list, reason, text } from './shapes.ts';
import {
  actionClassSchema,
  digestSchema,
  isoTimeSchema,
  levelSchema,
  nameSchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

/** Files of one set: policies, cases, schema and settings. */
export const policyFilesMax = 100;
/** UTF-16 units of one file; all of them together fit into one request. */
export const policyFileLengthMax = 1_048_576;
/** Bytes of all texts of a set that is given over the API. */
export const policySetBytesMax = 2 * 1_048_576;
/** Policies of a set: as JSON they reach gateways in one document. */
export const policiesMax = 5_000;
/** Cases of a set. */
export const casesMax = 5_000;
/** Loosenings that are listed; the rest is counted. */
export const looseningsShownMax = 50;
/** Agents that one page of a plan looks at, at most. */
export const planPageMax = 500;

/** A name that is safe as a path below the folder of a set: `levels.cedar`, `cases/levels.yaml`. */
export const policyFileNameSchema = z
  .string()
  .max(120)
  .regex(/^(?:cases\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.(?:cedar|cedarschema|yaml)$/);
export const policyFileSchema = z.strictObject({
  name: policyFileNameSchema,
  text: z.string().max(policyFileLengthMax),
});

/** As it is stored: an earlier version of ATF may have taken other names. */
const keptFileSchema = z.object({ name: z.string(), text: z.string() });

const version = z.int().min(1).max(1_000_000_000);

export const policyVersionSchema = z.object({
  version,
  digest: digestSchema,
  at: isoTimeSchema,
  /** Who put it into force; `the start`: the folder that control was started with. Two where it loosened something. */
  by: z.array(text(200)),
  /** In the words of whoever proposed it. */
  reason: text(500),
  /** It is the content of this earlier version again. */
  restores: version.optional(),
  /** What it loosened against the version before. */
  loosens: z.array(text(600)),
});
export type PolicyVersion = z.infer<typeof policyVersionSchema>;

const liveSchema = policyVersionSchema.extend({
  /** Raised by every activation; gateways compare it in the tick of dispatch. */
  epoch: z.int(),
  policies: z.int(),
  files: z.array(keptFileSchema),
  /** The folder that this control was started with. It counts only until there is a version 1. */
  folder: z.object({
    /** Names of files that decide something and are not as in the version in force; empty: the same. */
    differs: z.array(text(200)),
    /** Why it could not be read. */
    fault: text(500).optional(),
  }),
});

export const candidateSchema = z.object({
  id: uuidSchema,
  /** `plan`: nobody asked to put it into force. `overtaken`: another version came into force since. */
  state: z.enum(['plan', 'waiting', 'applied', 'overtaken', 'expired']),
  /** Of this application set, instead of the one about agents. */
  application: nameSchema.optional(),
  /** The version that its author saw; 0: there is none of this application yet. */
  base: z.int().min(0).max(1_000_000_000),
  digest: digestSchema,
  /** Whether it is, to the byte, what is in force. */
  same: z.boolean(),
  restores: version.optional(),
  reason: text(500).optional(),
  proposedBy: text(200),
  proposedAt: isoTimeSchema,
  expiresAt: isoTimeSchema,
  /** Files that are not as in the version in force. */
  files: z.array(z.object({ name: text(200), change: z.enum(['added', 'changed', 'removed']) })),
  policies: z.object({ added: z.array(text(200)), changed: z.array(text(200)), removed: z.array(text(200)) }),
  /** What it loosens, computed; empty: nothing. */
  loosens: z.array(text(600)),
  /** Of the settings, the policies and the grid of all levels, classes and contexts: loosenings found, listed or not. */
  loosenings: z.int(),
  warnings: z.array(text(600)),
  cases: z.int(),
  /** People whose presence it takes: two different ones when it loosens, one of whom answers for security. */
  confirmations: z.object({ needed: z.int(), by: z.array(text(200)) }),
  /** What a confirming person posts back and confirms presence for. */
  shownDigest: digestSchema,
  /** The version that it became. */
  version: version.optional(),
});
export type PolicyCandidate = z.infer<typeof candidateSchema>;

/** What the digest of a candidate is the SHA-256 of: all that a person is shown of it and decides by. */
export function candidateShownText(shown: {
  id: string;
  application?: string | undefined;
  base: number;
  digest: string;
  reason: string;
  loosens: readonly string[];
  loosenings: number;
  proposedBy: string;
}): string {
  const { id: candidate, application, base, digest, reason: why, loosens, loosenings, proposedBy } = shown;
  return canonicalJson({
    ...(application === undefined ? {} : { application }),
    base,
    candidate,
    digest,
    loosenings,
    loosens: [...loosens],
    proposedBy,
    reason: why,
  });
}

const outcome = z.enum(['allow', 'ask', 'refuse']);
export const planChangeSchema = z.object({
  tool: toolRefSchema,
  class: actionClassSchema,
  before: outcome,
  after: outcome,
  /** Why not, after. */
  code: text(100).optional(),
  /** Both sides are the most that any call may get; after, these policies decide by the arguments of each. */
  byArguments: z.array(text(200)).optional(),
});
export const planPageSchema = z.object({
  /** Agents with at least one change, by name. */
  items: z.array(
    z.object({
      agent: nameSchema,
      level: levelSchema,
      changes: z.array(planChangeSchema),
      /** Changes beyond those that are listed. */
      more: z.int().optional(),
    }),
  ),
  /** Agents and rights that this page looked at. */
  agents: z.int(),
  rights: z.int(),
  /** Agents that are registered. */
  agentsAll: z.int(),
  /** Where the next page begins; absent: this was the last one. */
  next: text(64).optional(),
});
export type PlanPage = z.infer<typeof planPageSchema>;

const roles = ['operator', 'security'] as const;

export const policyRoutes = {
  'policy.show': {
    method: 'GET',
    path: '/v1/policy',
    auth: 'person',
    summary: 'The policy set in force, with its files',
    response: liveSchema,
  },
  'policy.history': {
    method: 'GET',
    path: '/v1/policy/versions',
    auth: 'person',
    summary: 'Versions of the policy set, newest first',
    query: z.object({
      before: z.coerce.number().int().min(1).optional(),
      limit: z.coerce.number().int().min(1).max(200).optional(),
    }),
    response: list(policyVersionSchema),
  },
  'policy.version': {
    method: 'GET',
    path: '/v1/policy/versions/:version',
    auth: 'person',
    summary: 'One version with its files',
    params: z.object({ version: z.coerce.number().int().min(1) }),
    response: policyVersionSchema.extend({ files: z.array(keptFileSchema) }),
  },
  'policy.propose': {
    method: 'POST',
    path: '/v1/policy/candidates',
    auth: 'person',
    roles,
    summary: 'Check a policy set, or an earlier version, as the next one; nothing is in force by this',
    /** One of `files` and `restores`. Without a reason it is only planned with, and nobody can put it into force. */
    body: z.strictObject({
      /** Of this application set; then `base` counts its versions, from 0. */
      application: nameSchema.optional(),
      base: z.int().min(0).max(1_000_000_000),
      files: z.array(policyFileSchema).min(1).max(policyFilesMax).optional(),
      restores: version.optional(),
      reason: reason.optional(),
    }),
    response: candidateSchema,
  },
  'policy.candidates': {
    method: 'GET',
    path: '/v1/policy/candidates',
    auth: 'person',
    summary: 'Candidates that wait for people',
    response: list(candidateSchema),
  },
  'policy.candidate': {
    method: 'GET',
    path: '/v1/policy/candidates/:id',
    auth: 'person',
    summary: 'One candidate',
    params: id,
    response: candidateSchema,
  },
  'policy.candidateFiles': {
    method: 'GET',
    path: '/v1/policy/candidates/:id/files',
    auth: 'person',
    summary: 'Text of the files that a candidate changes, before and after',
    params: id,
    response: list(
      z.object({ name: z.string(), before: z.string().optional(), after: z.string().optional() }),
    ),
  },
  'policy.plan': {
    method: 'GET',
    path: '/v1/policy/candidates/:id/plan',
    auth: 'person',
    summary: 'Which rights would appear and vanish, agent by agent, a page of agents at a time',
    params: id,
    query: z.object({
      after: text(64).optional(),
      limit: z.coerce.number().int().min(1).max(planPageMax).optional(),
    }),
    response: planPageSchema,
  },
  'policy.confirm': {
    method: 'POST',
    path: '/v1/policy/candidates/:id/confirm',
    auth: 'person',
    roles,
    presence: true,
    summary:
      'Confirm exactly the candidate that was shown; the last confirmation it takes puts it into force',
    params: id,
    body: z.strictObject({ shownDigest: digestSchema, presence: z.string().min(20).max(200) }),
    response: candidateSchema,
  },
} as const;
