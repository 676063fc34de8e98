/**
 * Invariant 7: replaying a record gives the decision that it records. From the record, the decrypted arguments and what digests lead to
 * (manifest, tool definition, policy set) the received action and its world are built again, and `decide()` runs once more. Pure; the
 * record is read strictly, because it comes from a log. Not here: where records and payloads are kept, and whether the log that holds
 * the record is whole (audit/verify-log.ts).
 */
import { agentsAbove } from './chain.ts';
import { decide } from './decide.ts';
import { sha256 } from './digest.ts';
import type { DecisionFacts, DecisionRecord } from './record.ts';
import type { ReplayedDocuments } from './replayed-documents.ts';
import { replayedRecordSchema } from './replayed-record.ts';
import { noFlow } from './segmentation/flow.ts';
import { amountMatters } from './segmentation/transaction.ts';
import type { AgentDoc, ServerDoc, ToolDoc } from './wire/feed.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject, parseStrictText } from './wire/json.ts';
import type { Manifest } from './wire/manifest.ts';
import type { CalledTool } from './segmentation/chosen-index.ts';
import {
  type AboveFact,
  type CredentialFacts,
  type Decision,
  noTask,
  type PolicyFacts,
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
  /** Where many records are made again: the same content is the same document. `manifest` and `definition` give the same object for the same digest then. */
  readonly documents?: ReplayedDocuments;
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
  const read = replayedRecordSchema.safeParse(body);
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
  const { agentId, agent, agentVersion, responsibleId, facts } = record;
  if (facts.agent === undefined) return undefined;
  const { epochs, agent: known } = facts;
  const digest = known.manifestDigest;
  const manifest = sources.manifest(digest);
  if (manifest === undefined) return { what: 'manifest', digest };
  const said = {
    id: agentId,
    name: agent,
    version: agentVersion,
    ownerId: responsibleId,
    ...known,
    epoch: epochs.agent,
    credentialEpoch: epochs.credential,
  };
  const make = (): AgentDoc => ({ ...said, ...declared(manifest) });
  return sources.documents?.agents.one(said, manifest, make) ?? make();
}

function toolOf(
  { server, tool, definitionDigest, facts }: DecisionRecord,
  sources: ReplaySources,
): CalledTool | MissingFact | undefined {
  if (facts.tool === undefined) return undefined;
  if (definitionDigest === undefined) return { what: 'record', path: 'definitionDigest' };
  const definition = sources.definition(definitionDigest);
  if (definition === undefined) return { what: 'definition', digest: definitionDigest };
  const said = { server, name: tool, definitionDigest, ...facts.tool, epoch: facts.epochs.tool };
  const make = (): CalledTool => ({ ...said, definition });
  return sources.documents?.tools.one(said, definition, make) ?? make();
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
