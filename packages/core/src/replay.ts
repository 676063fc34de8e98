/**
 * Invariant 7: replaying a record gives the decision that it records. From the record, the decrypted arguments and what digests lead to
 * (manifest, tool definition, policy set) the received action and its world are built again, and `decide()` runs once more. Pure; the
 * record is read strictly, because it comes from a log. Not here: where records and payloads are kept, and whether the log that holds
 * the record is whole (audit/verify-log.ts).
 */
import { z } from 'zod';
import { agentsAbove } from './chain.ts';
import { decide } from './decide.ts';
import { sha256 } from './digest.ts';
import type { DecisionFacts, DecisionRecord } from './record.ts';
import { noFlow } from './segmentation/flow.ts';
import { argumentRoles } from './segmentation/provenance/argument-origins.ts';
import { origins } from './segmentation/provenance/session-memory.ts';
import { intents } from './segmentation/provenance/stated-intent.ts';
import { amountMatters } from './segmentation/transaction.ts';
import {
  type AgentDoc,
  approvalDocSchema,
  classificationSchema,
  containmentDocSchema,
  instanceDocSchema,
  type ServerDoc,
  type ToolDoc,
  toolDocSchema,
} from './wire/feed.ts';
import { adaptedSchema } from './wire/adaptive.ts';
import { queryFactSchema } from './wire/database.ts';
import { judgedFactSchema } from './wire/judge.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject, parseStrictText } from './wire/json.ts';
import { labelsSchema } from './wire/labels.ts';
import type { Manifest } from './wire/manifest.ts';
import { indexesReadMax } from './wire/retrieval.ts';
import { chainLengthMax } from './wire/token.ts';
import { digestSchema, levelSchema } from './wire/words.ts';
import {
  type AboveFact,
  type CredentialFacts,
  type Decision,
  noTask,
  type PolicyFacts,
  protocols,
  type Received,
  type World,
} from './world.ts';

/** What of a manifest enters a decision. */
export type DecidingManifest = Pick<
  Manifest,
  'purpose' | 'domain' | 'dataDomains' | 'tools' | 'limits' | 'checkpoints' | 'databases' | 'assurance'
> &
  Pick<Partial<AgentDoc>, 'windows' | 'otherDomains'>;

/** Content by digest. What was deleted is undefined; what is answered is trusted to have that digest. */
export interface ReplaySources {
  policy(digest: string): PolicyFacts | undefined;
  /** The tool definition that a person accepted. */
  definition(digest: string): JsonObject | undefined;
  manifest(digest: string): DecidingManifest | undefined;
  /** Sets beside the recorded one that will be asked about the same call. */
  readonly alsoAsked?: readonly PolicyFacts[];
}

/** The first thing without which the decision cannot be made again. `record`: a member that is absent or of the wrong form. */
export type MissingFact =
  | { readonly what: 'record'; readonly path: string }
  | { readonly what: 'arguments' }
  | { readonly what: 'policy' | 'definition' | 'manifest'; readonly digest: string };

export type Rebuilt =
  | { readonly ok: true; readonly record: DecisionRecord; readonly received: Received; readonly world: World }
  | { readonly ok: false; readonly missing: MissingFact };

/** Members of the record that are compared, in the order in which a reader wants to hear of them. */
export const replayedMembers = [
  'outcome',
  'code',
  'level',
  'class',
  'checks',
  'policies',
  'obligations',
  'epochs',
] as const;

export interface ReplayDifference {
  readonly member: (typeof replayedMembers)[number];
  /** Canonical JSON; undefined where the member is absent. */
  readonly recorded: string | undefined;
  readonly replayed: string | undefined;
}

export type Replay =
  | { readonly verdict: 'agrees'; readonly decision: Decision }
  | {
      readonly verdict: 'differs';
      readonly decision: Decision;
      readonly differences: readonly ReplayDifference[];
    }
  | { readonly verdict: 'unreplayable'; readonly missing: MissingFact };

const word = z.string().max(300);
const count = z.int().min(-1);
const verdictWords = z.array(word).max(1_000);

const agentFactsShape = {
  manifestDigest: digestSchema,
  level: levelSchema,
  ceiling: levelSchema.optional(),
  technicalOwnerId: word,
  ...adaptedSchema.shape,
};

const chainFactsSchema = z.object({
  delegationId: word,
  callsMax: z.number(),
  links: z
    .array(
      z.object({
        agentId: word,
        instanceId: word,
        sid: word,
        manifestDigest: digestSchema,
        credentialEpoch: count,
        sessionRevoked: z.boolean(),
        instance: instanceDocSchema.pick({ agentId: true, state: true }).optional(),
        agent: z
          .object({
            ...agentFactsShape,
            name: word,
            version: word,
            ownerId: word,
            epoch: count,
            credentialEpoch: count,
          })
          .optional(),
      }),
    )
    .min(1)
    .max(chainLengthMax),
});

const factsSchema = z.object({
  nowMs: z.number(),
  feedFresh: z.boolean(),
  limits: z
    .array(
      z.object({
        id: word,
        ok: z.boolean(),
        max: z.number(),
        perSeconds: z.number(),
        retryAfterMs: z.number(),
        unheard: z.literal(true).optional(),
      }),
    )
    .max(1_000),
  totals: z
    .array(
      z.object({
        id: word,
        agentId: word.optional(),
        of: z.enum(['amount', 'records', 'calls', 'concurrent']),
        per: z.enum(['hour', 'day', 'task', 'call']),
        max: z.number(),
        currency: word.optional(),
        ok: z.boolean(),
        left: z.number().optional(),
        retryAfterMs: z.number().optional(),
        unheard: z.literal(true).optional(),
        unknown: z.literal(true).optional(),
      }),
    )
    .max(1_000)
    .optional(),
  schema: z.object({
    verdict: z.enum(['valid', 'invalid', 'unusable']),
    problems: z.array(z.string()).max(1_000),
  }),
  flow: z
    .object({
      ...labelsSchema.shape,
      private: z.array(word).max(10),
      untrusted: z.array(word).max(10),
      indexes: z
        .array(word)
        .max(indexesReadMax * 4)
        .optional(),
    })
    .optional(),
  provenance: z
    .array(
      z.object({
        argument: z.string().max(200),
        role: z.enum(argumentRoles),
        address: z.boolean(),
        origin: z.enum(origins),
        from: word.optional(),
        action: word.optional(),
      }),
    )
    .max(1_000),
  task: z.object({ assurance: z.enum(['person', 'host', 'absent']), intent: z.enum(intents) }).optional(),
  detectors: z
    .array(
      z.object({
        detector: word,
        version: word,
        verdict: z.enum(['clear', 'label', 'mask', 'review', 'block']),
        labels: verdictWords,
      }),
    )
    .max(1_000),
  query: queryFactSchema.optional(),
  zones: z.record(word, z.int().min(-1_440).max(1_440)).optional(),
  judged: judgedFactSchema.optional(),
  epochs: z.object({ agent: count, credential: count, tool: count, server: count, policy: count }),
  credential: z.object({ expiresAtMs: z.number(), epoch: count }),
  transport: z.enum(['stdio', 'http', 'cooperative', 'openapi']).optional(),
  agent: z.object(agentFactsShape).optional(),
  instance: instanceDocSchema.pick({ agentId: true, state: true }).optional(),
  sessionRevoked: z.boolean(),
  chain: chainFactsSchema.optional(),
  tool: z
    .object({
      state: toolDocSchema.shape.state,
      classification: classificationSchema,
      sources: toolDocSchema.shape.sources,
    })
    .optional(),
  stops: z.array(containmentDocSchema.pick({ scope: true, state: true, since: true })).max(100),
  approval: approvalDocSchema
    .pick({
      id: true,
      agentId: true,
      sid: true,
      tool: true,
      definitionDigest: true,
      state: true,
      expiresAt: true,
    })
    .extend({ sameArguments: z.boolean() })
    .optional(),
});

const recordSchema = z.object({
  actionId: word,
  agentId: word,
  agent: word,
  agentVersion: word,
  manifestDigest: digestSchema,
  instanceId: word,
  sid: word,
  jti: word,
  proof: z.enum(['dpop', 'none']),
  responsibleId: word,
  protocol: z.enum(protocols),
  server: word,
  tool: word,
  definitionDigest: digestSchema.optional(),
  policyDigest: digestSchema.optional(),
  facts: factsSchema,
});

const missing = (fact: MissingFact): Rebuilt => ({ ok: false, missing: fact });

/** A digest that no arguments have: of text that is no JSON. */
const otherArguments = sha256('other arguments');

/** What was known of an action, before its arguments. */
export interface OpenedRecord {
  readonly record: DecisionRecord;
  /** Whether the decision depends on what the arguments say. Where it does not, they may have been erased. */
  readonly needsArguments: boolean;
  /** `argsText`: canonical JSON; undefined: they are not known, or not needed. */
  world(argsText: string | undefined): Rebuilt;
}

/** Whether a set asks about what the arguments say. */
function argumentsMatter(policy: PolicyFacts, { server, name, classification }: ToolDoc): boolean {
  const { args, value } = policy.reads(`${server}/${name}`);
  return args !== undefined || (value && classification.arguments.amount !== undefined);
}

/** Reads a record strictly and finds what its digests lead to. `body` is the body of `action.intent`, `action.refused` or `action.asked`. */
export function openRecord(
  body: unknown,
  sources: ReplaySources,
): OpenedRecord | { readonly missing: MissingFact } {
  const read = recordSchema.safeParse(body);
  if (!read.success) return { missing: { what: 'record', path: read.error.issues[0]?.path.join('.') ?? '' } };
  const record = body as DecisionRecord;
  const agent = agentOf(record, sources);
  if (agent !== undefined && 'what' in agent) return { missing: agent };
  const above = aboveOf(record, sources);
  if (above !== undefined && 'what' in above) return { missing: above };
  const tool = toolOf(record, sources);
  if (tool !== undefined && 'what' in tool) return { missing: tool };
  const policy = policyOf(record, sources);
  if (policy !== undefined && 'what' in policy) return { missing: policy };
  const everyone = [agent, ...agentsAbove(above === undefined ? {} : { above })];
  const sets = [...(policy === undefined ? [] : [policy]), ...(sources.alsoAsked ?? [])];
  const needsArguments =
    agent !== undefined &&
    tool !== undefined &&
    (everyone.some((each) => each !== undefined && amountMatters(each, tool)) ||
      sets.some((set) => argumentsMatter(set, tool)));
  return {
    record,
    needsArguments,
    world: (argsText) => {
      if (argsText === undefined) {
        if (needsArguments) return missing({ what: 'arguments' });
        return worldOf(record, unread, { agent, above, tool, policy });
      }
      const parsed = parseStrictText(argsText);
      if (!parsed.ok || !isJsonObject(parsed.value)) return missing({ what: 'arguments' });
      const args = { args: parsed.value, argsDigest: sha256(argsText) };
      return worldOf(record, args, { agent, above, tool, policy });
    },
  };
}

/**
 * Builds again what was received and known. `body` as in `openRecord`; `argsText` the decrypted payload, undefined when it was erased: then nothing is built,
 * whether the decision would need it or not.
 */
export function rebuild(body: unknown, argsText: string | undefined, sources: ReplaySources): Rebuilt {
  const opened = openRecord(body, sources);
  if ('missing' in opened) return missing(opened.missing);
  return argsText === undefined ? missing({ what: 'arguments' }) : opened.world(argsText);
}

type ExactArguments = Pick<Received, 'args' | 'argsDigest'>;
/** Stands for arguments that nothing asks about. */
const unread: ExactArguments = { args: {}, argsDigest: sha256('{}') };

function worldOf(
  record: DecisionRecord,
  args: ExactArguments,
  {
    agent,
    above,
    tool,
    policy,
  }: Pick<World, 'agent' | 'tool' | 'policy'> & {
    readonly above: readonly AboveFact[] | undefined;
  },
): Rebuilt {
  const { facts } = record;
  const received: Received = {
    actionId: record.actionId,
    protocol: record.protocol,
    server: record.server,
    tool: record.tool,
    ...args,
    credential: credentialOf(record),
  };
  const world: World = {
    nowMs: facts.nowMs,
    feedFresh: facts.feedFresh,
    agent,
    instance: facts.instance === undefined ? undefined : { id: record.instanceId, ...facts.instance },
    sessionRevoked: facts.sessionRevoked,
    ...(above === undefined ? {} : { above }),
    server: serverOf(record),
    tool,
    containments: facts.stops.map((stop) => ({ ...stop, reason: '', by: '' })),
    policy,
    limits: facts.limits,
    ...(facts.totals === undefined ? {} : { totals: facts.totals }),
    approval: approvalOf(facts, received),
    schema: facts.schema,
    // Records from before sessions had labels.
    flow: facts.flow ?? noFlow,
    provenance: facts.provenance,
    // Records from before sessions had tasks.
    task: facts.task ?? noTask,
    detectors: facts.detectors,
    query: facts.query,
    zones: facts.zones,
    judged: facts.judged,
  };
  return { ok: true, record, received, world };
}

function credentialOf({
  agentId,
  instanceId,
  sid,
  jti,
  manifestDigest,
  proof,
  facts,
}: DecisionRecord): CredentialFacts {
  const { expiresAtMs, epoch } = facts.credential;
  const credential = {
    agentId,
    instanceId,
    sid,
    jti,
    expiresAtMs,
    manifestDigest,
    credentialEpoch: epoch,
    proof,
  };
  if (facts.chain === undefined) return credential;
  const { delegationId, callsMax, links } = facts.chain;
  return { ...credential, chain: { delegationId, callsMax, links } };
}

/** The agents above, by the manifests that held for them. */
function aboveOf({ facts }: DecisionRecord, sources: ReplaySources): AboveFact[] | MissingFact | undefined {
  if (facts.chain === undefined) return undefined;
  const above: AboveFact[] = [];
  for (const { agentId, instance, sessionRevoked, agent: known } of facts.chain.links) {
    const manifest = known === undefined ? undefined : sources.manifest(known.manifestDigest);
    if (known !== undefined && manifest === undefined)
      return { what: 'manifest', digest: known.manifestDigest };
    const agent =
      known === undefined || manifest === undefined
        ? undefined
        : { ...known, ...declared(manifest), id: agentId };
    above.push({ agent, instance, sessionRevoked });
  }
  return above;
}

/** What of a manifest stands in the document of its agent. */
function declared(manifest: DecidingManifest) {
  const { purpose, domain, dataDomains, tools, limits, checkpoints, databases, assurance } = manifest;
  const { windows = [], otherDomains = [] } = manifest;
  return {
    purpose,
    domain,
    dataDomains,
    tools,
    limits,
    checkpoints,
    ...(databases === undefined ? {} : { databases }),
    windows,
    otherDomains,
    assurance,
  };
}

function agentOf(record: DecisionRecord, sources: ReplaySources): AgentDoc | MissingFact | undefined {
  const { facts } = record;
  if (facts.agent === undefined) return undefined;
  const digest = facts.agent.manifestDigest;
  const manifest = sources.manifest(digest);
  if (manifest === undefined) return { what: 'manifest', digest };
  return {
    id: record.agentId,
    name: record.agent,
    version: record.agentVersion,
    ownerId: record.responsibleId,
    ...facts.agent,
    ...declared(manifest),
    epoch: facts.epochs.agent,
    credentialEpoch: facts.epochs.credential,
  };
}

function toolOf(
  { server, tool, definitionDigest, facts }: DecisionRecord,
  sources: ReplaySources,
): ToolDoc | MissingFact | undefined {
  if (facts.tool === undefined) return undefined;
  if (definitionDigest === undefined) return { what: 'record', path: 'definitionDigest' };
  const definition = sources.definition(definitionDigest);
  if (definition === undefined) return { what: 'definition', digest: definitionDigest };
  return { server, name: tool, definitionDigest, definition, ...facts.tool, epoch: facts.epochs.tool };
}

function policyOf(
  { policyDigest, facts }: DecisionRecord,
  sources: ReplaySources,
): PolicyFacts | MissingFact | undefined {
  if (policyDigest === undefined) return undefined;
  const policy = sources.policy(policyDigest);
  if (policy === undefined) return { what: 'policy', digest: policyDigest };
  // The same set may have been put in force more than once.
  return {
    digest: policyDigest,
    epoch: facts.epochs.policy,
    ask: (question) => policy.ask(question),
    annotations: (policyId) => policy.annotations(policyId),
    reads: (ref) => policy.reads(ref),
  };
}

/** Records from before this was kept are of servers that the gateway called. */
function transportOf(kind: DecisionFacts['transport'] = 'stdio'): ServerDoc['transport'] {
  return kind === 'http' || kind === 'openapi' ? { kind, url: 'https://service.invalid' } : { kind };
}

/** A decision asks only whether the server is known, how it is asked, and when it changed. */
function serverOf({ server, facts }: DecisionRecord): World['server'] {
  if (facts.epochs.server < 0) return undefined;
  const domain = facts.tool?.classification.domain ?? server;
  return {
    name: server,
    transport: transportOf(facts.transport),
    domain,
    outputTrust: 'untrusted',
    stateless: false,
    epoch: facts.epochs.server,
  };
}

function approvalOf({ approval }: DecisionFacts, { argsDigest }: Received): World['approval'] {
  if (approval === undefined) return undefined;
  const { sameArguments, ...doc } = approval;
  return { ...doc, argsDigest: sameArguments ? argsDigest : otherArguments };
}

const textOf = (value: unknown): string | undefined => {
  // Through JSON, as the record went: members that are undefined are absent.
  const text = JSON.stringify(value);
  return text === undefined ? undefined : canonicalJson(JSON.parse(text) as Json);
};

/** Decides again and compares. */
export function replay(body: unknown, argsText: string | undefined, sources: ReplaySources): Replay {
  const rebuilt = rebuild(body, argsText, sources);
  if (!rebuilt.ok) return { verdict: 'unreplayable', missing: rebuilt.missing };
  const { record, received, world } = rebuilt;
  const decision = decide(received, world);
  const members = {
    outcome: [record.outcome, decision.outcome],
    code: [record.code, decision.refusal?.code],
    level: [record.level, decision.effectiveLevel],
    class: [record.class, decision.actionClass],
    checks: [record.checks, decision.checks],
    policies: [record.policies, decision.policies],
    obligations: [record.obligations, decision.obligations],
    epochs: [record.facts.epochs, decision.epochs],
  } as const satisfies Record<(typeof replayedMembers)[number], readonly [unknown, unknown]>;
  const differences = replayedMembers.flatMap((member): ReplayDifference[] => {
    const recorded = textOf(members[member][0]);
    const replayed = textOf(members[member][1]);
    return recorded === replayed ? [] : [{ member, recorded, replayed }];
  });
  return differences.length === 0
    ? { verdict: 'agrees', decision }
    : { verdict: 'differs', decision, differences };
}
