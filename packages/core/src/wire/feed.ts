/**
 * The feed from control to a gateway: versioned documents, one per object, over one WebSocket (`GET /v1/feed`).
 *
 * Control writes a document in the transaction that changes the object; every write takes the next version of the tenant, so that
 * versions commit in order. A gateway says which version it holds and gets everything newer; a document without a body is gone.
 * Heartbeats are asked by the gateway: it sends a nonce, control answers after a fresh read of the newest version from the
 * database. The lease counts from the moment the nonce was SENT, on the gateway's monotonic clock (invariant 3).
 */
import { z } from 'zod';
import { adaptedSchema } from './adaptive.ts';
import { injectionSchema } from './injection.ts';
import { memorySchema } from './memory.ts';
import { judgeSettingsSchema } from './judge.ts';
import { databaseRightsSchema } from './database.ts';
import { classificationSchema, policyDocSchema, containmentDocSchema } from './documents.ts';
import { labelsDocSchema } from './labels.ts';
import { humanCheckpointSchema, limitSchema, otherDomainSchema, toolWindowSchema } from './manifest.ts';
import { ownDetectorsSchema } from './own-detectors.ts';
import { silentMax, silentSchema } from './silent.ts';
import { outputSchema } from './output.ts';
import { readersSchema } from './readers.ts';
import { retrievalSettingsSchema, sourceDocSchema, sourcesOfToolMax } from './retrieval.ts';
import { sensitiveSchema } from './sensitive.ts';
import {
  actionClassSchema,
  approvalStateSchema,
  assuranceSchema,
  digestSchema,
  governedNameLengthMax,
  isoTimeSchema,
  levelSchema,
  nameSchema,
  mayAskSchema,
  outputTrustSchema,
  scopeSchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

export {
  argumentRolesSchema,
  classificationSchema,
  policyDocSchema,
  containmentDocSchema,
  type Classification,
} from './documents.ts';

/**
 * Number of this wire between the planes: frames, documents and the routes of gateways. It rises when a gateway of before would not understand what control
 * says, or the other way round. A gateway says its number in {@link wireHeader} when it connects; those of before the number was said are 0.
 * Control takes gateways of its own number and of the one before, so that it is upgraded first; it says to them only what they know. Number 2 takes none of
 * before: they would not hold the totals of an agent, and nothing that they can be told instead would.
 */
export const wireVersion = 2;
export const wireVersionOldest = 2;
export const wireHeader = 'atf-wire';

/** The number that a gateway says; undefined: none that ever was, or will be soon. */
export function wireVersionIn(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return 0;
  return typeof header === 'string' && /^(?:0|[1-9][0-9]{0,5})$/.test(header) ? Number(header) : undefined;
}

export const heartbeatEveryMs = 200;
export const leaseMs = 800;
export const feedFrameBytesMax = 8 * 1_048_576;

/** A graceful stop at one gateway, with the calls that have not ended. The same key may be stopped again, so the time tells which stop is meant. */
export const drainSchema = z.object({
  key: z.string().max(400),
  since: isoTimeSchema,
  running: z.int().min(0),
});
export type Drain = z.infer<typeof drainSchema>;
/** Graceful stops that one beat tells of; others wait for their time. */
export const drainingMax = 100;

/** Stops of a stop file that one beat names; the widest come first. */
export const stopFileShownMax = 100;
/** What the stop file of a gateway's host stops there; `more`: how many stops it holds that are not named here. */
export const stopFileReportSchema = z.object({
  scopes: z.array(scopeSchema).max(stopFileShownMax),
  more: z.int().min(0),
  since: isoTimeSchema,
  reason: z.string().max(500),
});
export type StopFileReport = z.infer<typeof stopFileReportSchema>;

const epoch = z.int().min(0);

const rateSchema = z.strictObject({
  max: z.int().min(1).max(1_000_000),
  perSeconds: z.int().min(1).max(86_400),
});

/** All agents of one owner, the whole fleet, all who call one tool: `tools` by name, `tool` every other one. */
export const callsSharedSchema = z.strictObject({
  owner: rateSchema.optional(),
  fleet: rateSchema.optional(),
  tool: rateSchema.optional(),
  tools: z.record(toolRefSchema, rateSchema).optional(),
});

export const settingsDocSchema = z.object({
  tenant: z.string(),
  /** `iss` of access tokens. */
  issuer: z.string(),
  trustDomain: z.string(),
  /** Seconds a token lives, by level (specification, token lifetime). */
  tokenSeconds: z.record(levelSchema, z.int().min(1)),
  approvalSeconds: z.int().min(1),
  /** Calls per period where the manifest sets none, by level (strict, strict, moderate, adaptive). */
  callsDefault: z.record(levelSchema, z.object({ max: z.int().min(1), perSeconds: z.int().min(1) })),
  /** Calls per period that agents share; absent: no bound beside their own. */
  callsShared: callsSharedSchema.optional(),
  /** What is masked and what is never sent; absent: what holds where settings say nothing. */
  sensitive: sensitiveSchema.optional(),
  /** To whom results that look like injected orders are not given; absent: what holds where settings say nothing. */
  injection: injectionSchema.optional(),
  memory: memorySchema.optional(),
  /** From which trust on retrieval sources are not doubted; absent: what holds where settings say nothing. */
  retrieval: retrievalSettingsSchema.optional(),
  /** Of the company's own; absent: none. */
  detectors: ownDetectorsSchema.optional(),
  /** Who reads pictures, sound and documents; absent: nobody. */
  readers: readersSchema.optional(),
  /** What is done with what agents say to others; absent: as it ships, also from control of before. */
  output: outputSchema.optional(),
  upstreamTimeoutMs: z.int().min(1),
  /** Classes of action that run only when control, too, holds their intent durably; absent from control of before. */
  replicated: z.array(actionClassSchema).max(5).optional(),
  /** Absent: no judge of intents is asked. */
  judge: judgeSettingsSchema.optional(),
});

export const jwksDocSchema = z.object({
  keys: z
    .array(
      z.object({
        kid: z.string(),
        kty: z.literal('EC'),
        crv: z.literal('P-256'),
        x: z.string(),
        y: z.string(),
      }),
    )
    .max(20),
});

export const agentDocSchema = z.object({
  id: uuidSchema,
  name: nameSchema,
  version: z.string(),
  manifestDigest: digestSchema,
  /** Earned level; the effective one may be lower. */
  level: levelSchema,
  ceiling: levelSchema.optional(),
  ownerId: uuidSchema,
  technicalOwnerId: uuidSchema,
  purpose: z.string(),
  domain: nameSchema,
  dataDomains: z.array(nameSchema),
  /** Absent: none. */
  otherDomains: z.array(otherDomainSchema).optional(),
  tools: z.array(toolRefSchema),
  limits: z.array(limitSchema),
  checkpoints: z.array(humanCheckpointSchema),
  /** Tables that it may use, by tool; absent: none. */
  databases: z.array(databaseRightsSchema).max(50).optional(),
  /** Absent: at any time. */
  windows: z.array(toolWindowSchema).optional(),
  assurance: assuranceSchema,
  ...adaptedSchema.shape,
  epoch,
  credentialEpoch: epoch,
});

export const instanceDocSchema = z.object({
  id: uuidSchema,
  agentId: uuidSchema,
  /** RFC 7638 thumbprint of the instance's key. */
  jkt: digestSchema.optional(),
  state: z.enum(['active', 'revoked']),
});

export const revokedSessionDocSchema = z.object({ sid: uuidSchema, until: isoTimeSchema });

export const serverDocSchema = z.object({
  name: nameSchema,
  /**
   * `stdio`: the command stands in the gateway host's own file, never here. `cooperative`: the agent's own program runs the tools, after it asked and
   * before it reports (wire/action.ts). `openapi`: an HTTP service whose operations are the tools; `url` is the base address, from a person.
   */
  transport: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('stdio') }),
    z.object({ kind: z.literal('http'), url: z.url() }),
    z.object({ kind: z.literal('cooperative') }),
    z.object({ kind: z.literal('openapi'), url: z.url({ protocol: /^https?$/ }).max(500) }),
  ]),
  domain: nameSchema,
  outputTrust: outputTrustSchema,
  /** One upstream connection for all agents; otherwise one per (server, agent instance). */
  stateless: z.boolean(),
  /** What it may ask agents for; absent: for nothing. */
  mayAsk: mayAskSchema.optional(),
  epoch,
});

export const toolDocSchema = z.object({
  server: nameSchema,
  name: z.string().min(1).max(governedNameLengthMax),
  state: z.enum(['active', 'quarantined', 'removed']),
  /** Digest of the accepted definition; the gateway refuses when the server's live one differs. */
  definitionDigest: digestSchema,
  /** The accepted MCP definition (name, title, description, inputSchema, outputSchema, annotations). */
  definition: z.record(z.string(), z.unknown()),
  classification: classificationSchema,
  /** Retrieval sources that answer through it; absent: none. */
  sources: z.array(sourceDocSchema).max(sourcesOfToolMax).optional(),
  epoch,
});

export const approvalDocSchema = z.object({
  id: uuidSchema,
  agentId: uuidSchema,
  sid: uuidSchema,
  tool: toolRefSchema,
  argsDigest: digestSchema,
  definitionDigest: digestSchema,
  state: approvalStateSchema,
  expiresAt: isoTimeSchema,
  requestedAt: isoTimeSchema.optional(),
  /** When its state was last known to change. */
  changedAt: isoTimeSchema.optional(),
  decidedBy: z.string().max(200).optional(),
  reason: z.string().max(500).optional(),
});

/** topic → body. The key of a document is its object's id (`server/tool` for tools, `kind:id` for containment, `*` for single ones). */
export const feedTopics = {
  settings: settingsDocSchema,
  jwks: jwksDocSchema,
  agent: agentDocSchema,
  instance: instanceDocSchema,
  revoked_session: revokedSessionDocSchema,
  server: serverDocSchema,
  tool: toolDocSchema,
  policy: policyDocSchema,
  containment: containmentDocSchema,
  approval: approvalDocSchema,
  labels: labelsDocSchema,
} as const;
export type FeedTopic = keyof typeof feedTopics;
export type FeedDoc<T extends FeedTopic> = z.infer<(typeof feedTopics)[T]>;
export type AgentDoc = FeedDoc<'agent'>;
export type InstanceDoc = FeedDoc<'instance'>;
export type ServerDoc = FeedDoc<'server'>;
export type ToolDoc = FeedDoc<'tool'>;
export type PolicyDoc = FeedDoc<'policy'>;
export type ContainmentDoc = FeedDoc<'containment'>;
export type ApprovalDoc = FeedDoc<'approval'>;
export type SettingsDoc = FeedDoc<'settings'>;

export const feedTopicSchema = z.enum(Object.keys(feedTopics) as [FeedTopic, ...FeedTopic[]]);

const version = z.int().min(0);
const nonce = z.string().min(16).max(64);

/** Frames from gateway to control. */
export const gatewayFrameSchema = z.discriminatedUnion('t', [
  /** First frame: `have` is the version held (0: everything is wanted). */
  z.object({ t: z.literal('hello'), have: version, version: z.string(), mcpUrl: z.url() }),
  z.object({
    t: z.literal('beat'),
    nonce,
    have: version,
    spool: z.object({ epoch: z.int().min(0), seq: z.int().min(0), head: z.string() }),
    /** Time of the newest decisions; absent before the first, and from gateways that do not measure it. */
    decide: z.object({ p50Ms: z.number().min(0), p99Ms: z.number().min(0) }).optional(),
    /** Graceful stops in force here, and how many calls of each have not ended. */
    draining: z.array(drainSchema).max(drainingMax).optional(),
    /** Absent: the host has no stop file. */
    stopFile: stopFileReportSchema.optional(),
    /** Absent: all have answered, or none was asked. */
    silent: z.array(silentSchema).max(silentMax).optional(),
  }),
  /** Containment of `key` is in force here; `aborted` calls under way were cut, `running` ones may end (graceful stop). */
  z.object({
    t: z.literal('contained'),
    key: z.string(),
    aborted: z.int().min(0),
    running: z.int().min(0).default(0),
    tookMs: z.number().min(0),
  }),
]);
export type GatewayFrame = z.infer<typeof gatewayFrameSchema>;

/** Frames from control to gateway. Unknown frames count as stale. */
export const controlFrameSchema = z.discriminatedUnion('t', [
  /** Everything up to `version`, in order; large sets come in several frames, `more` until the last. */
  z.object({
    t: z.literal('docs'),
    version,
    more: z.boolean(),
    /** First frame of a complete set: everything held before is dropped (the version that was asked for is not known here). */
    full: z.boolean().optional(),
    docs: z.array(
      z.object({ topic: feedTopicSchema, key: z.string(), version, body: z.unknown().nullable() }),
    ),
  }),
  z.object({ t: z.literal('beat'), nonce, version }),
  /** Containment ahead of its durable record: acted on at once. The document follows. */
  z.object({ t: z.literal('contain'), key: z.string(), body: containmentDocSchema }),
  /** This gateway was revoked; it stops serving. */
  z.object({ t: z.literal('revoked') }),
]);
export type ControlFrame = z.infer<typeof controlFrameSchema>;
