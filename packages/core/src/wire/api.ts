/**
 * The control plane's HTTP API as data: control registers exactly these routes, the SDK's client is typed by them, OpenAPI is made
 * from them, and a test tries each of them without and with wrong credentials. Bodies are validated on both sides.
 */
import { z } from 'zod';
import { classificationSchema, containmentDocSchema } from './documents.ts';
import { saidOfToolSchema, saidOfToolsSchema } from './classifications.ts';
import { canonicalJson } from './json.ts';
import { agentTotalSchema, manifestBytesMax, manifestSchema } from './manifest.ts';
import { adaptiveRoutes } from './adaptive.ts';
import { backtestRoutes } from './backtest.ts';
import { egressRoutes } from './egress.ts';
import { enforcementRoutes } from './enforcement.ts';
import { hostRoutes } from './host-routes.ts';
import { gatewayRoutes } from './gateway-routes.ts';
import { labelRoutes } from './labels.ts';
import { lineageSearchRoutes } from './lineage-search.ts';
import { driftRoutes } from './drift.ts';
import { lineageRoutes } from './lineage.ts';
import { retrievalRoutes } from './retrieval.ts';
import { tokenRoutes } from './tokens.ts';
import { silentSchema } from './silent.ts';
import { negotiationRoutes } from './negotiation.ts';
import { notificationRoutes } from './notifications.ts';
import { policyRoutes } from './policy.ts';
import { analysisRoutes } from './policy-analysis.ts';
import { policyConcernSchema, policyConcernsMax } from './policy-concerns.ts';
import { policySchemaRoutes } from './policy-schema.ts';
import { shadowRoutes } from './shadow.ts';
import { rightSchema, rightsRoutes } from './rights.ts';
import { delegationRoutes } from './delegation-routes.ts';
import { reviewRoutes } from './review.ts';
import { taskRoutes } from './task-routes.ts';
import { id, list, ok, reason, text } from './shapes.ts';
import { credentialKinds, documentLengthMax, leftOutSchema, serviceCredentialSchema } from './service.ts';
import { findingNames, findingNameSchema, toolFindingSchema } from './tool-findings.ts';
import {
  actionClassSchema,
  approvalStateSchema,
  assuranceSchema,
  digestSchema,
  governedNameLengthMax,
  graceSecondsMax,
  isoTimeSchema,
  levelSchema,
  nameSchema,
  mayAskSchema,
  outputTrustSchema,
  roleSchema,
  scopeSchema,
  stopScopeSchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

/**
 * Who may call:
 * `public` nobody in particular · `person` a signed-in person (console cookie plus `x-atf-csrf`, or the host operator's token) ·
 * `gateway` an enrolled gateway's signed proof (`authorization: GatewayProof <jwt>`) · `instance` an enrolled instance's DPoP proof.
 */
/** `host`: a host application (host-routes.ts). */
export type RouteAuth = 'public' | 'person' | 'gateway' | 'instance' | 'host';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `:name` parameters. */
  readonly path: string;
  readonly auth: RouteAuth;
  /** Any one of these roles (persons); absent: every signed-in person. */
  readonly roles?: readonly z.infer<typeof roleSchema>[];
  /** A fresh presence token in the body (`presence`) is required; the host operator's token is refused. */
  readonly presence?: true;
  /**
   * Once a person has a factor, this needs a clearance (header {@link clearanceHeader}): the presence of a person who answers for security, given for exactly
   * this request. Which requests in particular, the handler says.
   */
  readonly clearance?: true;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly response: z.ZodType;
}

/** RFC 8707: the one resource that a token is asked for. */
const resource = z.url({ protocol: /^https?$/ }).max(300);

export const personSchema = z.object({
  id: uuidSchema,
  name: text(200),
  email: z.email(),
  roles: z.array(roleSchema),
  /** Set up by the example workspace; its presence may be simulated there. */
  bootstrap: z.boolean(),
});
export type Person = z.infer<typeof personSchema>;

export const presenceMethodSchema = z.enum(['passkey', 'passphrase', 'simulated']);
/** What a presence confirmation is for; `digest` binds it to what was shown. */
/** `factor`: adding another factor to the own person (`id`), so that a borrowed session cannot; `digest` is SHA-256 of `factor:<person id>`. */
export const presenceSubjectSchema = z.object({
  kind: z.enum(['approval', 'resume', 'level', 'factor', 'clearance', 'policy', 'labels', 'token']),
  id: text(300),
  digest: digestSchema,
});
export type PresenceSubject = z.infer<typeof presenceSubjectSchema>;
/** A ceiling that a person chooses; `none`: lifted. */
export const ceilingWordSchema = z.union([levelSchema, z.literal('none')]);
export type CeilingWord = z.infer<typeof ceilingWordSchema>;
/** What the `digest` of a `level` subject is the SHA-256 of: the change, and the version of the agent and the ceiling that were shown. Its `id` is the agent's. */
export function ceilingShownText(change: {
  agentId: string;
  manifestDigest: string;
  from: CeilingWord;
  to: CeilingWord;
  reason: string;
}): string {
  const { agentId, manifestDigest, from, to, reason: why } = change;
  return canonicalJson({ agentId, manifestDigest, from, to, reason: why.trim() });
}
/**
 * What the `digest` of a `resume` subject is the SHA-256 of: exactly the request that will follow. Its `id` is `kind:id` of the scope.
 * (The digest of an `approval` subject is the approval's `shownDigest`.)
 */
export function resumeShownText(request: {
  scope: z.infer<typeof scopeSchema>;
  reason: string;
  ceiling?: CeilingWord | undefined;
  totals?: 'as_backup' | undefined;
}): string {
  const { scope, reason: why, ceiling = null, totals } = request;
  return canonicalJson({
    ceiling,
    reason: why.trim(),
    scope: { kind: scope.kind, id: scope.id },
    ...(totals === undefined ? {} : { totals }),
  });
}
const presence = z.string().min(20).max(200);

export const agentSchema = z.object({
  id: uuidSchema,
  name: nameSchema,
  version: text(100),
  manifestDigest: digestSchema,
  manifest: manifestSchema,
  level: levelSchema,
  ceiling: levelSchema.optional(),
  effectiveLevel: levelSchema,
  owner: personSchema.pick({ id: true, name: true, email: true }),
  technicalOwner: personSchema.pick({ id: true, name: true, email: true }),
  businessOwner: personSchema.pick({ id: true, name: true, email: true }),
  bootstrap: z.boolean(),
  state: z.enum(['active', 'paused', 'quarantined', 'killed']),
  instances: z.int(),
  registeredAt: isoTimeSchema,
  lastActionAt: isoTimeSchema.optional(),
});
export type Agent = z.infer<typeof agentSchema>;

export const credentialSchema = z.object({
  agentId: uuidSchema,
  agent: nameSchema,
  instanceId: uuidSchema,
  sid: uuidSchema,
  token: text(4096),
  tokenType: z.enum(['DPoP', 'Bearer']),
  expiresAt: isoTimeSchema,
  /** Base address of the gateway; an MCP server is at `<gatewayUrl>/mcp/<server>`, a cooperative one is asked through `/v1/actions` there. */
  gatewayUrl: z.url(),
  servers: z.array(nameSchema),
});
export type Credential = z.infer<typeof credentialSchema>;

export const serverSchema = z.object({
  name: nameSchema,
  transport: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('stdio') }),
    z.object({ kind: z.literal('http'), url: z.url() }),
    z.object({ kind: z.literal('cooperative') }),
    z.object({ kind: z.literal('openapi'), url: z.url({ protocol: /^https?$/ }).max(500) }),
  ]),
  domain: nameSchema,
  outputTrust: outputTrustSchema,
  stateless: z.boolean(),
  /** How the gateway makes itself known to an HTTP service; absent: not at all. */
  credential: z.enum(credentialKinds).optional(),
  /** What it may ask agents for while their calls run. */
  mayAsk: mayAskSchema,
  /** Last discovery by a gateway. */
  discoveredAt: isoTimeSchema.optional(),
  fault: text(500).optional(),
});
export type Server = z.infer<typeof serverSchema>;

/** A line of a readable difference between the accepted and the offered definition; strings are untrusted. */
export const diffLineSchema = z.object({
  path: text(500),
  accepted: text(4000).optional(),
  offered: text(4000).optional(),
});

export const toolSchema = z.object({
  server: nameSchema,
  name: text(governedNameLengthMax),
  state: z.enum(['active', 'quarantined', 'removed']),
  why: text(500).optional(),
  definitionDigest: digestSchema,
  /** The definition on offer when it is not the accepted one. */
  offeredDigest: digestSchema.optional(),
  definition: z.record(z.string(), z.unknown()),
  diff: z.array(diffLineSchema),
  /** Of one tool that was asked for: what the definition on offer would do to policies in force about its arguments. */
  concerns: z.array(policyConcernSchema).max(policyConcernsMax).optional(),
  classification: classificationSchema,
  /** Class that counts: `admin` while unclassified. */
  effectiveClass: actionClassSchema,
  /** Whether a person ever looked at it: corrected its classification or accepted its definition. At first discovery nobody has. */
  reviewed: z.boolean(),
  /** What was found in the definition on offer, or else in the accepted one; `acknowledged`: whoever accepted it knew. */
  findings: z.array(toolFindingSchema.extend({ acknowledged: z.boolean() })),
  updatedAt: isoTimeSchema,
});
export type Tool = z.infer<typeof toolSchema>;

export const approvalSchema = z.object({
  id: uuidSchema,
  state: approvalStateSchema,
  agent: z.object({ id: uuidSchema, name: nameSchema, level: levelSchema, purpose: text(2000) }),
  tool: toolRefSchema,
  class: actionClassSchema,
  reversible: z.boolean(),
  inverse: text(128).optional(),
  /** Amount with currency, destination and object of the call, by the classified roles of its arguments; untrusted text, shortened. Absent for people who may not read it. */
  brief: z
    .object({
      amount: text(402).optional(),
      destination: text(400).optional(),
      object: text(400).optional(),
    })
    .optional(),
  /** The exact canonical arguments that would run; untrusted text. Absent in lists and for people who may not read them. */
  argsText: text(1_048_576).optional(),
  argsDigest: digestSchema,
  definitionDigest: digestSchema,
  /** What the approver must post back: digest over agent, tool, definition, arguments, expiry and nonce. */
  shownDigest: digestSchema,
  /** Why a person is asked. */
  because: text(500),
  /** What the agent says about it (reason, context), as canonical JSON: claimed, untrusted text. Shown as `argsText` is. */
  statedText: text(16_384).optional(),
  /** Only this person, or people with this role, may approve: the agent's program asked for them. */
  approver: text(200).optional(),
  requestedAt: isoTimeSchema,
  expiresAt: isoTimeSchema,
  decidedBy: text(200).optional(),
  decidedAt: isoTimeSchema.optional(),
  reason: text(500).optional(),
  /** Earlier decisions on calls of the same agent and tool. */
  precedents: z.object({ approved: z.int(), rejected: z.int() }),
});
export type Approval = z.infer<typeof approvalSchema>;

/** Operations that a clearance can be asked for. */
export const clearedOperations = [
  'people.add',
  'people.link',
  'servers.mayAsk',
  'tools.classify',
  'servers.classify',
  'tools.accept',
  'sources.set',
  'sources.remove',
  'sources.blend',
  'targets.add',
  'targets.remove',
] as const;
export type ClearedOperation = (typeof clearedOperations)[number];

/** One exact request that a person who answers for security is asked to clear. */
export const clearanceSchema = z.object({
  id: uuidSchema,
  state: z.enum(['waiting', 'granted', 'used', 'expired']),
  operation: z.enum(clearedOperations),
  /** What granting does, in words of control. */
  says: text(600),
  /** The request as canonical JSON; what is written in it comes from whoever asks. */
  requestText: text(65_536),
  /** What the person who grants posts back and confirms presence for. */
  shownDigest: digestSchema,
  askedBy: text(200),
  askedAt: isoTimeSchema,
  expiresAt: isoTimeSchema,
});
export type Clearance = z.infer<typeof clearanceSchema>;

/** With `gateway`: by the stop file of that gateway's host, in force there only. Control cannot lift it; `more`: stops of that file that are not listed. */
export const containmentSchema = containmentDocSchema.extend({
  gateway: z.object({ id: uuidSchema, name: nameSchema, more: z.int().optional() }).optional(),
});
export type Containment = z.infer<typeof containmentSchema>;

export const stopReportSchema = z.object({
  scope: scopeSchema,
  state: z.enum(['paused', 'quarantined', 'killed']),
  /** Agents that the stop concerns. */
  agents: z.array(nameSchema),
  gateways: z.object({ connected: z.int(), confirmed: z.int() }),
  callsAborted: z.int(),
  /** Of a graceful stop: calls that were sent before and may end until `drainUntil`; then the same stop cuts what is left. */
  callsRunning: z.int().optional(),
  drainUntil: isoTimeSchema.optional(),
  approvalsVoided: z.int(),
  /** From the request to the last gateway's confirmation (or the bound). */
  tookMs: z.number(),
});
export type StopReport = z.infer<typeof stopReportSchema>;

export const decisionSchema = z.object({
  outcome: z.enum(['allow', 'ask', 'refuse']),
  effectiveLevel: levelSchema.optional(),
  actionClass: actionClassSchema.optional(),
  code: text(100).optional(),
  detail: text(1000).optional(),
  help: text(500).optional(),
  requirement: text(10).optional(),
  checks: z.array(
    z.object({
      name: text(40),
      verdict: z.enum(['pass', 'ask', 'refuse']),
      because: text(1000),
      policies: z.array(text(200)).optional(),
    }),
  ),
  policies: z.array(text(200)),
  obligations: z.array(text(40)),
});
export type DecisionView = z.infer<typeof decisionSchema>;

/** One line of the activity: an action, or an event of control. */
export const activityItemSchema = z.object({
  /** Position in the log; absent while the record waits for the sequencer. */
  index: z.int().optional(),
  cursor: text(60),
  at: isoTimeSchema,
  type: text(60),
  agent: nameSchema.optional(),
  agentId: uuidSchema.optional(),
  actionId: uuidSchema.optional(),
  tool: text(200).optional(),
  class: actionClassSchema.optional(),
  level: levelSchema.optional(),
  outcome: z.enum(['allowed', 'waiting', 'refused', 'stopped', 'done', 'failed', 'unknown']).optional(),
  code: text(100).optional(),
  person: text(200).optional(),
  summary: text(1000),
  tookMs: z.number().optional(),
});
export type ActivityItem = z.infer<typeof activityItemSchema>;

export const actionStorySchema = z.object({
  actionId: uuidSchema,
  /** Session of the instance that acted. */
  sid: uuidSchema.optional(),
  items: z.array(activityItemSchema),
  decision: decisionSchema.optional(),
  /** The decision in plain words, and what would have changed it. */
  told: z.object({ decision: z.array(text(1_000)), otherwise: z.array(text(2_000)) }).optional(),
  /** Canonical arguments and result, decrypted for people who may read them; untrusted. */
  argsText: text(1_048_576).optional(),
  resultText: text(4_194_304).optional(),
  records: z.array(z.object({ index: z.int(), leafHash: text(64), entry: text(65_536) })),
});
export type ActionStory = z.infer<typeof actionStorySchema>;

export const conformanceRowSchema = z.object({
  id: text(5),
  name: text(60),
  element: z.enum(['Identity', 'Behavior', 'Data', 'Segmentation', 'Incident response']),
  binds: z.record(levelSchema, z.enum(['MUST', 'SHOULD', 'MAY'])),
  status: z.enum(['proved', 'partly', 'not_yet']),
  /** What is there and what is missing, one or two sentences. */
  says: text(600),
  /** Test files (with the name of the test) that prove it. */
  tests: z.array(text(300)),
});
export type ConformanceRow = z.infer<typeof conformanceRowSchema>;

const witnessStates = [
  'waiting',
  'cosigned',
  'contradicts',
  'ahead',
  'forgot',
  'unreachable',
  'wrong_answer',
  'unknown_log',
  'wrong_key',
] as const;

/** How the outside witnesses of the log stand. */
export const witnessingSchema = z.object({
  /** Entries under the newest checkpoint that a quorum of the policy has cosigned; 0: none yet. */
  size: z.int(),
  /** Newest cosignature under it. */
  at: isoTimeSchema.optional(),
  /** What the newest signed checkpoint lacks, once the witnesses had their time; empty: nothing. */
  lacks: text(4_000),
  witnesses: z.array(
    z.object({
      name: text(256),
      url: text(2_048),
      /**
       * `contradicts`: refuses the history of this log · `ahead`: has cosigned more than this log has · `forgot`: knew less than it had cosigned, restored from an
       * old state · `unknown_log`, `wrong_key`: it was not told of this log, or of another key.
       */
      state: z.enum(witnessStates),
      size: z.int().optional(),
      at: isoTimeSchema.optional(),
      since: isoTimeSchema.optional(),
    }),
  ),
});
export type WitnessingView = z.infer<typeof witnessingSchema>;

export const overviewSchema = z.object({
  agents: z.object({ total: z.int(), byLevel: z.record(levelSchema, z.int()), stopped: z.int() }),
  approvals: z.object({ waiting: z.int(), oldestSeconds: z.number().optional() }),
  gateways: z.array(
    z.object({
      id: uuidSchema,
      name: nameSchema,
      connected: z.boolean(),
      lastBeatMsAgo: z.number().optional(),
      spoolBehind: z.int(),
      /** Own services and models that did not answer the newest questions of this gateway. */
      silent: z.array(silentSchema).optional(),
    }),
  ),
  log: z.object({
    size: z.int(),
    checkpointAt: isoTimeSchema.optional(),
    origin: text(200),
    witnessing: witnessingSchema.optional(),
  }),
  toolsQuarantined: z.int(),
  containments: z.array(containmentSchema),
  /** Per minute, oldest first, at most 60. */
  decisions: z.array(
    z.object({
      minute: isoTimeSchema,
      allowed: z.int(),
      waiting: z.int(),
      refused: z.int(),
      stopped: z.int(),
    }),
  ),
  lastKill: z.object({ at: isoTimeSchema, tookMs: z.number(), scope: scopeSchema }).optional(),
  /** The example workspace is marked everywhere. */
  example: z.boolean(),
});
export type Overview = z.infer<typeof overviewSchema>;

/** How well governance itself works: decisions of the last hour, the newest 10,000 records, waiting of the last day. */
export const measuresSchema = z.object({
  at: isoTimeSchema,
  decisions: z.object({
    allowed: z.int(),
    waiting: z.int(),
    refused: z.int(),
    /** Share of recorded decisions that allowed, 0 to 1; absent when there was none. */
    authorizationRate: z.number().optional(),
  }),
  records: z.object({
    intents: z.int(),
    underWay: z.int(),
    /** Intents that are older than any call may last and have no outcome on record. */
    missing: z.int(),
    /** Durable at gateways, not taken into the log yet. */
    behind: z.int(),
  }),
  /** Time of the newest decisions, of the slowest gateway. */
  decide: z.object({ p50Ms: z.number(), p99Ms: z.number() }).optional(),
  approvals: z.object({
    decided: z.int(),
    p50Seconds: z.number().optional(),
    p90Seconds: z.number().optional(),
    waiting: z.int(),
    oldestSeconds: z.number().optional(),
  }),
  lastKill: z.object({ at: isoTimeSchema, tookMs: z.number() }).optional(),
});
export type Measures = z.infer<typeof measuresSchema>;

export const meSchema = z.object({
  person: personSchema,
  csrf: text(100),
  /** `token`: the host operator's token, which may not approve, resume or promote. */
  by: z.enum(['session', 'token']),
  presenceMethods: z.array(presenceMethodSchema),
  passkeys: z.int(),
  hasPassphrase: z.boolean(),
});
export type Me = z.infer<typeof meSchema>;

const pageQuery = z.object({
  after: text(60).optional(),
  limit: z.coerce.number().int().min(1).max(500).optional(),
});

/** Every route. The key is the operation id. `raw` routes (feed, log, streams, static files) are listed in ARCHITECTURE.md. */
export const routes = {
  // people
  'people.signIn': {
    method: 'POST',
    path: '/v1/sign-in',
    auth: 'public',
    summary: 'Redeem a one-time sign-in link',
    body: z.strictObject({ token: z.string().min(20).max(200) }),
    response: meSchema,
  },
  'people.signOut': {
    method: 'POST',
    path: '/v1/sign-out',
    auth: 'person',
    summary: 'End this session',
    response: ok,
  },
  'people.me': {
    method: 'GET',
    path: '/v1/me',
    auth: 'person',
    summary: 'Who is signed in',
    response: meSchema,
  },
  'people.list': {
    method: 'GET',
    path: '/v1/people',
    auth: 'person',
    summary: 'List the people',
    response: list(personSchema),
  },
  'people.add': {
    method: 'POST',
    path: '/v1/people',
    auth: 'person',
    roles: ['operator'],
    clearance: true,
    summary: 'Register a person',
    body: z.strictObject({
      name: z.string().trim().min(1).max(200),
      email: z.email(),
      roles: z.array(roleSchema).max(9),
    }),
    response: personSchema,
  },
  'people.link': {
    method: 'POST',
    path: '/v1/people/:id/sign-in-links',
    auth: 'person',
    roles: ['operator'],
    clearance: true,
    summary: 'Make a one-time sign-in link',
    params: id,
    response: z.object({ url: z.url(), expiresAt: isoTimeSchema }),
  },
  'people.setPassphrase': {
    method: 'POST',
    path: '/v1/me/passphrase',
    auth: 'person',
    summary: 'Set the passphrase for confirmations',
    body: z.strictObject({
      passphrase: z.string().min(12).max(200),
      current: z.string().max(200).optional(),
      presence: presence.optional(),
    }),
    response: ok,
  },
  'people.passkeyOptions': {
    method: 'POST',
    path: '/v1/me/passkey-options',
    auth: 'person',
    summary: 'Begin to register a passkey',
    response: z.object({ options: z.unknown() }),
  },
  'people.addPasskey': {
    method: 'POST',
    path: '/v1/me/passkeys',
    auth: 'person',
    summary: 'Finish to register a passkey',
    body: z.strictObject({ response: z.unknown(), presence: presence.optional() }),
    response: ok,
  },
  'people.beginPresence': {
    method: 'POST',
    path: '/v1/presence',
    auth: 'person',
    summary: 'Begin a confirmation of presence for one decision',
    body: z.strictObject({ subject: presenceSubjectSchema }),
    response: z.object({
      presenceId: uuidSchema,
      methods: z.array(presenceMethodSchema),
      passkeyOptions: z.unknown().optional(),
    }),
  },
  'people.finishPresence': {
    method: 'POST',
    path: '/v1/presence/:id',
    auth: 'person',
    summary: 'Confirm presence; the token counts once',
    params: id,
    body: z.strictObject({
      method: presenceMethodSchema,
      passphrase: z.string().max(200).optional(),
      response: z.unknown().optional(),
    }),
    response: z.object({ presence, expiresAt: isoTimeSchema }),
  },
  'clearances.list': {
    method: 'GET',
    path: '/v1/clearances',
    auth: 'person',
    summary: 'What was asked to be cleared lately, newest first',
    response: list(clearanceSchema),
  },
  'clearances.ask': {
    method: 'POST',
    path: '/v1/clearances',
    auth: 'person',
    summary: 'Ask a person who answers for security to clear one exact request',
    body: z.strictObject({
      operation: z.enum(clearedOperations),
      params: z.record(z.string().max(40), text(300)).default({}),
      body: z.unknown().optional(),
    }),
    response: clearanceSchema,
  },
  'clearances.show': {
    method: 'GET',
    path: '/v1/clearances/:id',
    auth: 'person',
    summary: 'Exactly what would be cleared',
    params: id,
    response: clearanceSchema,
  },
  'clearances.grant': {
    method: 'POST',
    path: '/v1/clearances/:id/grant',
    auth: 'person',
    presence: true,
    summary: 'Clear exactly this request, once (persons who answer for security)',
    params: id,
    body: z.strictObject({ shownDigest: digestSchema, presence }),
    response: clearanceSchema,
  },
  // agents
  'agents.list': {
    method: 'GET',
    path: '/v1/agents',
    auth: 'person',
    summary: 'List the agents by name: all, or a page of them',
    query: z.object({
      /** Name of the last agent of the page before. */
      after: text(64).optional(),
      limit: z.coerce.number().int().min(1).max(500).optional(),
    }),
    response: list(agentSchema),
  },
  'agents.show': {
    method: 'GET',
    path: '/v1/agents/:id',
    auth: 'person',
    summary: 'One agent, by id or name',
    params: z.object({ id: text(64) }),
    response: agentSchema,
  },
  'agents.register': {
    method: 'POST',
    path: '/v1/agents',
    auth: 'person',
    roles: ['operator', 'agent_owner'],
    summary: 'Register an agent, or a new version of it, from its manifest',
    body: z.strictObject({
      manifest: z.string().min(1).max(manifestBytesMax),
      format: z.enum(['yaml', 'json']),
    }),
    response: agentSchema,
  },
  'agents.joinToken': {
    method: 'POST',
    path: '/v1/agents/:id/join-tokens',
    auth: 'person',
    roles: ['operator', 'agent_owner', 'technical_owner'],
    summary: 'Issue a one-time join token',
    params: id,
    response: z.object({ joinToken: text(200), expiresAt: isoTimeSchema }),
  },
  'agents.revokeSessions': {
    method: 'POST',
    path: '/v1/agents/:id/revoke-sessions',
    auth: 'person',
    roles: ['operator', 'agent_owner', 'technical_owner', 'security'],
    summary: 'Void all credentials and sessions of an agent',
    params: id,
    body: z.strictObject({ reason }),
    response: ok,
  },
  'agents.ceiling': {
    method: 'POST',
    path: '/v1/agents/:id/ceiling',
    auth: 'person',
    roles: ['operator', 'security'],
    presence: true,
    summary: 'Set the ceiling on the level of an agent, or lift it (only security raises or lifts)',
    params: id,
    body: z.strictObject({ ceiling: ceilingWordSchema, reason, presence }),
    response: agentSchema,
  },
  'agents.rights': {
    method: 'GET',
    path: '/v1/agents/:id/rights',
    auth: 'person',
    summary: 'What the agent may do now, tool by tool',
    params: id,
    response: list(rightSchema),
  },
  'agents.totals': {
    method: 'GET',
    path: '/v1/agents/:id/totals',
    auth: 'person',
    summary: 'What all calls of the agent together have done of what they may do',
    params: z.object({ id: text(64) }),
    response: list(agentTotalSchema),
  },
  'instances.enrol': {
    method: 'POST',
    path: '/v1/enrol',
    auth: 'public',
    summary: 'Exchange a join token and a DPoP proof for a credential',
    body: z.strictObject({
      joinToken: z.string().min(20).max(200),
      bearer: z.boolean().optional(),
      resource: resource.optional(),
    }),
    response: credentialSchema,
  },
  'instances.token': {
    method: 'POST',
    path: '/v1/token',
    auth: 'instance',
    summary: 'A new access token for this instance',
    body: z.strictObject({
      instanceId: uuidSchema,
      newSession: z.boolean().optional(),
      resource: resource.optional(),
      /** A task that a person gave to this agent: a session of its own works on it, and on nothing else. */
      task: uuidSchema.optional(),
    }),
    response: credentialSchema,
  },
  // tools
  'servers.list': {
    method: 'GET',
    path: '/v1/servers',
    auth: 'person',
    summary: 'List the tool servers',
    response: list(serverSchema),
  },
  'servers.add': {
    method: 'POST',
    path: '/v1/servers',
    auth: 'person',
    roles: ['operator', 'technical_owner'],
    summary: 'Register a tool server',
    body: z.strictObject({
      name: nameSchema,
      transport: serverSchema.shape.transport,
      domain: nameSchema,
      outputTrust: outputTrustSchema.default('untrusted'),
      stateless: z.boolean().default(false),
      /** Of an HTTP service. */
      credential: serviceCredentialSchema.optional(),
    }),
    response: serverSchema,
  },
  'servers.credential': {
    method: 'PATCH',
    path: '/v1/servers/:name/credential',
    auth: 'person',
    roles: ['operator', 'technical_owner'],
    summary: 'Replace the credential of an HTTP service, or take it away',
    params: z.strictObject({ name: nameSchema }),
    body: z.strictObject({ credential: serviceCredentialSchema.nullable() }),
    response: serverSchema,
  },
  'servers.mayAsk': {
    method: 'PATCH',
    path: '/v1/servers/:name/may-ask',
    auth: 'person',
    roles: ['operator', 'technical_owner', 'security'],
    clearance: true,
    summary: 'Say what a tool server may ask agents for while their calls run',
    params: z.strictObject({ name: nameSchema }),
    body: z.strictObject({ mayAsk: mayAskSchema }),
    response: serverSchema,
  },
  'servers.define': {
    method: 'POST',
    path: '/v1/servers/:name/definitions',
    auth: 'person',
    roles: ['operator', 'technical_owner'],
    summary:
      'Say which tools a cooperative server has, or which document describes an HTTP service; changed and added ones wait for a person',
    params: z.strictObject({ name: nameSchema }),
    /** One of the two: definitions of tools, or the text of an OpenAPI document (JSON or YAML). */
    body: z.strictObject({
      definitions: z.array(z.record(z.string(), z.unknown())).max(500).optional(),
      document: text(documentLengthMax).optional(),
    }),
    response: list(toolSchema).extend({ leftOut: z.array(leftOutSchema).optional() }),
  },
  'tools.list': {
    method: 'GET',
    path: '/v1/tools',
    auth: 'person',
    summary: 'List the tools',
    response: list(toolSchema),
  },
  'tools.show': {
    method: 'GET',
    path: '/v1/tools/:server/:name',
    auth: 'person',
    summary: 'One tool with its difference',
    params: z.object({ server: nameSchema, name: text(governedNameLengthMax) }),
    response: toolSchema,
  },
  'tools.classify': {
    method: 'PATCH',
    path: '/v1/tools/:server/:name/classification',
    auth: 'person',
    roles: ['operator', 'technical_owner', 'security'],
    clearance: true,
    summary: 'Correct the classification of a tool',
    params: z.object({ server: nameSchema, name: text(governedNameLengthMax) }),
    body: saidOfToolSchema,
    response: toolSchema,
  },
  'servers.classify': {
    method: 'PATCH',
    path: '/v1/servers/:name/classifications',
    auth: 'person',
    roles: ['operator', 'technical_owner', 'security'],
    clearance: true,
    summary: 'Correct the classifications of several tools of a server, all or none',
    params: z.object({ name: nameSchema }),
    body: z.strictObject({ tools: saidOfToolsSchema }),
    response: list(toolSchema),
  },
  'tools.accept': {
    method: 'POST',
    path: '/v1/tools/:server/:name/accept',
    auth: 'person',
    roles: ['operator', 'technical_owner', 'security'],
    clearance: true,
    summary: 'Accept the definition on offer',
    params: z.object({ server: nameSchema, name: text(governedNameLengthMax) }),
    body: z.strictObject({
      digest: digestSchema,
      /** Names of all severe findings: whoever accepts knows of them. */
      acknowledged: z.array(findingNameSchema).max(findingNames.length).default([]),
    }),
    response: toolSchema,
  },
  // approvals
  'approvals.list': {
    method: 'GET',
    path: '/v1/approvals',
    auth: 'person',
    summary: 'List approvals, newest first',
    query: pageQuery.extend({ state: approvalStateSchema.optional() }),
    response: list(approvalSchema),
  },
  'approvals.show': {
    method: 'GET',
    path: '/v1/approvals/:id',
    auth: 'person',
    summary: 'Exactly what would run',
    params: id,
    response: approvalSchema,
  },
  'approvals.approve': {
    method: 'POST',
    path: '/v1/approvals/:id/approve',
    auth: 'person',
    roles: ['approver', 'agent_owner', 'technical_owner', 'business_owner'],
    presence: true,
    summary: 'Release exactly this call, once',
    params: id,
    body: z.strictObject({ shownDigest: digestSchema, presence, reason: text(500).optional() }),
    response: approvalSchema,
  },
  'approvals.reject': {
    method: 'POST',
    path: '/v1/approvals/:id/reject',
    auth: 'person',
    roles: ['approver', 'agent_owner', 'technical_owner', 'business_owner', 'security', 'operator'],
    summary: 'Reject a call',
    params: id,
    body: z.strictObject({ reason }),
    response: approvalSchema,
  },
  // containment
  'containment.list': {
    method: 'GET',
    path: '/v1/containment',
    auth: 'person',
    summary: 'What is stopped',
    response: list(containmentSchema),
  },
  'containment.stop': {
    method: 'POST',
    path: '/v1/containment',
    auth: 'person',
    summary:
      'Stop an agent, a version or a session of it, a purpose, an owner, a tool or the fleet (operators, security, owners and those the manifest names)',
    body: z.strictObject({
      /** Of a person: a version as `agent@version`, a purpose in its own words. */
      scope: stopScopeSchema,
      state: z.enum(['paused', 'killed']).default('killed'),
      /** Graceful: what runs may end within these seconds, and nothing begins; without it calls are cut at once. */
      graceSeconds: z.int().min(1).max(graceSecondsMax).optional(),
      reason,
    }),
    response: stopReportSchema,
  },
  'containment.resume': {
    method: 'POST',
    path: '/v1/containment/resume',
    auth: 'person',
    roles: ['operator', 'security', 'agent_owner', 'technical_owner'],
    presence: true,
    summary: 'Resume what was stopped, with a ceiling if wanted',
    /** Without `ceiling` each agent keeps the one it has; `none` lifts it (security). */
    body: z.strictObject({
      scope: scopeSchema,
      reason,
      ceiling: ceilingWordSchema.optional(),
      /** Of the fleet, after a restore: totals go on as of the backup. Without it what was spent since is taken for all of them. */
      totals: z.literal('as_backup').optional(),
      presence,
    }),
    response: ok,
  },
  // decisions and records
  decide: {
    method: 'POST',
    path: '/v1/decide',
    auth: 'person',
    summary: 'What would happen to a call, and why; nothing runs',
    body: z.strictObject({
      agent: text(64),
      tool: toolRefSchema,
      args: z.record(z.string(), z.unknown()).default({}),
    }),
    response: decisionSchema,
  },
  'activity.list': {
    method: 'GET',
    path: '/v1/activity',
    auth: 'person',
    summary: 'What happened, newest first',
    query: z.object({
      before: text(60).optional(),
      limit: z.coerce.number().int().min(1).max(500).optional(),
      agent: text(64).optional(),
      outcome: text(20).optional(),
    }),
    response: list(activityItemSchema),
  },
  'actions.show': {
    method: 'GET',
    path: '/v1/actions/:id',
    auth: 'person',
    summary: 'The story of one action',
    params: id,
    response: actionStorySchema,
  },
  'audit.status': {
    method: 'GET',
    path: '/v1/audit',
    auth: 'person',
    summary: 'Size and newest checkpoint of the log',
    response: z.object({
      size: z.int(),
      rootHash: text(64),
      checkpoint: text(4096),
      vkey: text(200),
      pending: z.int(),
      /** Absent: no witnesses are asked. */
      witnessing: witnessingSchema.optional(),
    }),
  },
  conformance: {
    method: 'GET',
    path: '/v1/conformance',
    auth: 'person',
    summary: 'The 25 requirements, honestly',
    response: z.object({
      items: z.array(conformanceRowSchema),
      counts: z.object({ proved: z.int(), partly: z.int(), not_yet: z.int() }),
      /** What the policies in force loosen against those that ATF ships; absent: they could not be compared. */
      loosens: z.array(text(600)).optional(),
    }),
  },
  overview: {
    method: 'GET',
    path: '/v1/overview',
    auth: 'person',
    summary: 'Is the fleet all right, now?',
    response: overviewSchema,
  },
  measures: {
    method: 'GET',
    path: '/v1/measures',
    auth: 'person',
    summary: 'How well governance itself works: authorisation, completeness, waiting, stops',
    response: measuresSchema,
  },
  // gateways
  ...gatewayRoutes,
  ...reviewRoutes,
  ...taskRoutes,
  ...hostRoutes,
  ...delegationRoutes,
  ...labelRoutes,
  ...driftRoutes,
  ...lineageRoutes,
  ...retrievalRoutes,
  ...tokenRoutes,
  ...lineageSearchRoutes,
  // notifications
  ...notificationRoutes,
  // policy
  ...policyRoutes,
  ...backtestRoutes,
  ...analysisRoutes,
  ...policySchemaRoutes,
  ...rightsRoutes,
  ...adaptiveRoutes,
  ...negotiationRoutes,
  ...enforcementRoutes,
  ...egressRoutes,
  ...shadowRoutes,
} as const satisfies Record<string, Route>;

export type OperationId = keyof typeof routes;
export type RouteOf<K extends OperationId> = (typeof routes)[K];
type In<R, Key extends string> = R extends Record<Key, infer S extends z.ZodType> ? z.input<S> : undefined;
type Out<R, Key extends string> = R extends Record<Key, infer S extends z.ZodType> ? z.output<S> : undefined;
export type ParamsIn<K extends OperationId> = In<RouteOf<K>, 'params'>;
export type QueryIn<K extends OperationId> = In<RouteOf<K>, 'query'>;
export type BodyIn<K extends OperationId> = In<RouteOf<K>, 'body'>;
export type ParamsOut<K extends OperationId> = Out<RouteOf<K>, 'params'>;
export type QueryOut<K extends OperationId> = Out<RouteOf<K>, 'query'>;
export type BodyOut<K extends OperationId> = Out<RouteOf<K>, 'body'>;
export type ResponseOf<K extends OperationId> = z.output<RouteOf<K>['response']>;

/** Header in which the console's page sends its token, beside the cookie. */
export const csrfHeader = 'x-atf-csrf';
/** Header that names the granted clearance of a request. */
export const clearanceHeader = 'x-atf-clearance';
export const sessionCookie = 'atf_session';
/** Streams that are not request/response, served by control. */
export const rawPaths = {
  feed: '/v1/feed',
  spool: '/v1/gateway/spool',
  /** Frames of a revoked gateway, whose id follows. */
  importedSpool: '/v1/gateway/spool/imported/',
  activityStream: '/v1/activity/stream',
  /** The newest checkpoint that a quorum of witnesses has cosigned; without witnesses, the newest. */
  checkpoint: '/checkpoint',
  /** The newest signed checkpoint, whoever has cosigned it. */
  newestCheckpoint: '/log/checkpoint',
  /** Proof file (C2SP tlog-proof) of the record whose index follows. */
  proof: '/log/proof/',
  tile: '/tile/',
  vkey: '/log/vkey',
  /** Keys of all gateways whose seals stand in the log. */
  logGateways: '/log/gateways',
  health: '/healthz',
  ready: '/readyz',
  metrics: '/metrics',
  openapi: '/openapi.json',
  manifestSchema: '/v1/schemas/manifest.json',
} as const;

export { assuranceSchema };
