/** The closed word lists of the specification and of ATF, as zod enums shared by every edge. */
import { z } from 'zod';

export const levels = ['intern', 'junior', 'senior', 'principal'] as const;
/** Maturity level (specification, maturity model). Order is meaning: a later level has more autonomy. */
export const levelSchema = z.enum(levels);
export type Level = (typeof levels)[number];

export const actionClasses = ['read', 'write', 'send', 'execute', 'admin'] as const;
/** What a tool does to the world; later is more dangerous. Unclassified counts as `admin`. */
export const actionClassSchema = z.enum(actionClasses);
export type ActionClass = (typeof actionClasses)[number];

export const sensitivities = ['public', 'internal', 'confidential', 'restricted'] as const;
export const sensitivitySchema = z.enum(sensitivities);
export type Sensitivity = (typeof sensitivities)[number];

export const outputTrusts = ['trusted', 'untrusted'] as const;
export const outputTrustSchema = z.enum(outputTrusts);
export type OutputTrust = (typeof outputTrusts)[number];

export const askKinds = ['elicitation', 'sampling', 'roots'] as const;
/** What a tool server may ask the agent's side for while a call runs (MCP): words of a person, of a model, or its folders. */
export const askKindSchema = z.enum(askKinds);
export type AskKind = (typeof askKinds)[number];
/** None unless an administrator said so. */
export const mayAskSchema = z
  .array(askKindSchema)
  .max(askKinds.length)
  .refine((kinds) => new Set(kinds).size === kinds.length, 'each at most once');

export const assurances = ['claimed', 'attested', 'hardware'] as const;
export const assuranceSchema = z.enum(assurances);

export const roles = [
  'sponsor',
  'agent_owner',
  'technical_owner',
  'business_owner',
  'security',
  'risk',
  'approver',
  'operator',
  'auditor',
] as const;
/** What a person answers for (specification, roles). `operator` runs ATF: registers, classifies, stops. */
export const roleSchema = z.enum(roles);
export type Role = (typeof roles)[number];

export const containmentStates = ['paused', 'quarantined', 'killed'] as const;
export const scopeKinds = ['agent', 'version', 'session', 'purpose', 'owner', 'tool', 'fleet'] as const;
/**
 * What a containment stops. `id`: agent id; `agent id@version`; session id; digest of a purpose (incident/containment.ts); person id; `server/tool`
 * or `server/*`; the fleet has the id `*`.
 */
export const scopeSchema = z.object({ kind: z.enum(scopeKinds), id: z.string().min(1).max(330) });
export type Scope = z.infer<typeof scopeSchema>;
/** A scope as people say it: agents may be named, and a purpose is longer than an id. */
export const stopScopeSchema = scopeSchema.extend({ id: z.string().min(1).max(2_000) });
/** A graceful stop waits no longer than this for what runs. */
export const graceSecondsMax = 300;

export const approvalStates = [
  'waiting',
  'approved',
  'rejected',
  'expired',
  'void',
  'consumed',
  'done',
  'unknown',
] as const;
/** `consumed`: released and dispatched, no outcome yet. `done`: outcome stored. `unknown`: the outcome was lost. `void`: a kill voided it. */
export const approvalStateSchema = z.enum(approvalStates);
export type ApprovalState = (typeof approvalStates)[number];

export const namePattern = /^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/;
/** Names of agents and tool servers: lower case, digits, `-`, `_`; they stand in paths and in SPIFFE ids. */
export const nameSchema = z
  .string()
  .regex(namePattern, 'lower-case letters, digits, - and _, 1 to 64 characters');
export const uuidSchema = z.uuid();
export const digestSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'a SHA-256 in base64url');
const toolName = '[A-Za-z0-9_./-]{1,128}';
const address = "[A-Za-z0-9._~:/?#[\\]@!$&'()*+,;=%{}-]{1,256}";
const governedName = `(?:${toolName}|prompt:${toolName}|(?:resource|template):${address})`;
/** Characters of a governed name. */
export const governedNameLengthMax = 265;
/** What a server offers, as it is governed: the name of a tool, or `prompt:`, `resource:`, `template:` and what the server calls it. */
export const governedNamePattern = new RegExp(`^${governedName}$`);
/** What a stop of tools may name: one thing that a server offers, or the whole server. */
export const toolScopePattern = new RegExp(`^[a-z0-9][a-z0-9_-]{0,63}/(?:\\*|${governedName})$`);
/** `server/tool`; MCP allows more in tool names than ATF's names do. Prompts and resources: {@link governedNamePattern}. */
export const toolRefSchema = z
  .string()
  .regex(new RegExp(`^[a-z0-9][a-z0-9_-]{0,63}/${governedName}$`), 'server/tool');
export const isoTimeSchema = z.iso.datetime();
