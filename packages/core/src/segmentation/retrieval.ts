/**
 * Room: segmentation (S-4, D-2). What is retrieved from different indexes stays apart. A source answers from one index, which holds one level; a session that has read
 * from an index reads from no other one, unless a person has granted its agent, and every agent for which it works, to bring these together. Pure.
 */
import type { ErrorCode } from '../errors.ts';
import type { AgentDoc, ToolDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import type { Labels } from '../wire/labels.ts';
import type { BlendGrant, IndexRead, RetrievalSettings, SourceDoc } from '../wire/retrieval.ts';
import type { Sensitivity } from '../wire/words.ts';
import { type CalledTool, chosenSources, unknownIndexWords } from './chosen-index.ts';
import { clean, type FlowFact, isWithin, joined, labelsOfTool, type TrustedIndex } from './flow.ts';
import { kindOf, offeredName } from './offer.ts';
import { addressesFor } from './resource-classes.ts';
import { templateMatches } from './resource-uri.ts';

/** Sources that are trusted less count as written by anybody, where settings say nothing else. */
export const trustedFromDefault = 40;
export const trustedFrom = (
  settings: { readonly retrieval?: RetrievalSettings | undefined } | undefined,
): number => settings?.retrieval?.trustedFrom ?? trustedFromDefault;

type Sources = Pick<ToolDoc, 'sources'>;

/** What a session has read of whom nobody knows it, after a restore. No index has this name, and no grant. */
export const unknownIndex = 'unknown-since-a-restore';

const levelOf = ({ confidentiality, integrity }: SourceDoc): Labels => ({ confidentiality, integrity });

const isAddressed = (name: string): boolean => kindOf(name) === 'resource' || kindOf(name) === 'template';

/** Sources of one address, whichever tool of the server they were registered with: what a template hands out is the same under another name. */
function sourcesAt(uri: string, own: ToolDoc, siblings: readonly ToolDoc[]): SourceDoc[] {
  const tools = siblings.filter(({ name, sources }) => sources !== undefined && isAddressed(name));
  const wide: SourceDoc[] = [];
  const narrow: (SourceDoc & { readonly address: string })[] = [];
  for (const { name, sources = [] } of tools)
    for (const source of sources) {
      const address = source.address ?? (kindOf(name) === 'resource' ? offeredName(name) : undefined);
      if (address !== undefined) narrow.push({ ...source, address });
      else if (name === own.name || templateMatches(offeredName(name), uri)) wide.push(source);
    }
  const { exact, maybe } = addressesFor(narrow, uri);
  return [...(exact.length === 0 ? wide : exact), ...maybe];
}

/**
 * The tool as a call of it with these arguments reads: the sources that it answers from, and with their levels joined to its classification. `siblings`: the tools of
 * its server, with itself. Below `trustedFrom` a source counts as written by anybody.
 */
export function asRetrieved(
  tool: ToolDoc,
  args: JsonObject,
  siblings: readonly ToolDoc[],
  trustedFrom: number,
): CalledTool {
  const { uri } = args;
  if (isAddressed(tool.name))
    return withSources(
      tool,
      typeof uri === 'string' ? sourcesAt(uri, tool, siblings) : tool.sources,
      trustedFrom,
    );
  if (tool.sources === undefined) return tool;
  const chosen = chosenSources(tool.sources, args);
  return 'because' in chosen
    ? { ...tool, sources: [], unknownIndex: chosen }
    : withSources(tool, chosen.sources, trustedFrom);
}

/** The tool as whoever reads all of it reads: of its sources the worst. */
export const asAllRetrieved = (tool: ToolDoc): ToolDoc => withSources(tool, tool.sources, 0);

function withSources(tool: ToolDoc, sources: readonly SourceDoc[] = [], trustedFrom: number): ToolDoc {
  if (sources.length === 0) return without(tool);
  const { classification } = tool;
  const said: Labels = { confidentiality: classification.sensitivity, integrity: classification.outputTrust };
  const { confidentiality, integrity } = sources.map(levelOf).reduce(joined, said);
  const isDoubted = sources.some(({ trust = 0 }) => trust < trustedFrom);
  const outputTrust = isDoubted ? 'untrusted' : integrity;
  return {
    ...tool,
    classification: { ...classification, sensitivity: confidentiality, outputTrust },
    sources: [...sources],
  };
}

function without(tool: ToolDoc): ToolDoc {
  if (tool.sources === undefined) return tool;
  const { sources: _, ...rest } = tool;
  return rest;
}

/** Whether what is read is more than the index of a source holds: it was classified anew since, or reads from a higher one too. */
export const isAbove = (confidentiality: Sensitivity, source: Pick<SourceDoc, 'confidentiality'>): boolean =>
  !isWithin({ ...clean, confidentiality }, { ...clean, confidentiality: source.confidentiality });

/** Each index once, at the highest level at which it is read. */
export function indexesOf({ sources = [] }: Sources): IndexRead[] {
  const found = new Map<string, IndexRead>();
  for (const source of sources) {
    const { index } = source;
    found.set(index, { index, ...joined(found.get(index) ?? levelOf(source), levelOf(source)) });
  }
  return [...found.values()];
}

/** How far each index is trusted: as far as the source of it that is trusted least. */
export function trustByIndex(tools: Iterable<Sources>): Map<string, number> {
  const found = new Map<string, number>();
  for (const { sources = [] } of tools)
    for (const { index, trust = 0 } of sources) found.set(index, Math.min(found.get(index) ?? trust, trust));
  return found;
}

/** The least trusted of these indexes; of one from which nothing answers any more nobody knows it. Undefined: there are none. */
export function leastTrusted(
  indexes: readonly string[],
  trusts: ReadonlyMap<string, number>,
): TrustedIndex | undefined {
  let least: TrustedIndex | undefined;
  for (const index of indexes) {
    const trust = trusts.get(index) ?? 0;
    if (least === undefined || trust < least.trust) least = { index, trust };
  }
  return least;
}

/**
 * What policies are told of: the least trusted index of all that the session has read from and that this call reads from. Undefined: there is none. Where
 * nobody knows yet which of its indexes a call would read from (`atBest`), it is the most trusted.
 */
export function sourceTrusted(
  tool: Sources,
  flow: Pick<FlowFact, 'leastTrusted'>,
  atBest: boolean,
): TrustedIndex | undefined {
  const own = (tool.sources ?? []).map(({ index, trust = 0 }) => ({ index, trust }));
  own.sort((one, other) => (atBest ? other.trust - one.trust : one.trust - other.trust));
  const [first] = own;
  const { leastTrusted: read } = flow;
  if (first === undefined || read === undefined) return first ?? read;
  return first.trust < read.trust ? first : read;
}

export const trustedWords = ({ index, trust }: TrustedIndex): string =>
  `it reads, or has read, from the index ${index}, which is trusted ${trust} of 100`;

type Blender = Pick<AgentDoc, 'name' | 'manifestDigest' | 'blends'>;

const holdsAt = ({ since, until }: BlendGrant, nowMs: number): boolean =>
  nowMs >= Date.parse(since) && nowMs < Date.parse(until);

/** The first grant of this agent that counts now and brings all of these together. */
export const blendOf = (
  { blends = [], manifestDigest }: Blender,
  together: readonly string[],
  nowMs: number,
): BlendGrant | undefined =>
  blends
    .filter((grant) => grant.manifestDigest === manifestDigest && holdsAt(grant, nowMs))
    .find((grant) => together.every((index) => grant.indexes.includes(index)));

const togetherOf = (tool: Sources, { indexes = [] }: Pick<FlowFact, 'indexes'>): string[] => [
  ...new Set([...indexes, ...indexesOf(tool).map(({ index }) => index)]),
];

export type Retrieved = { readonly pass: string } | { readonly code: ErrorCode; readonly detail: string };

/** May a session of this agent that has read this read from these sources? Undefined: the tool is none. */
export function checkRetrieval(
  tool: Pick<CalledTool, 'server' | 'name' | 'classification' | 'sources' | 'unknownIndex'>,
  agent: Blender,
  flow: Pick<FlowFact, 'indexes'>,
  nowMs: number,
): Retrieved | undefined {
  const sources = tool.sources ?? [];
  const [first] = sources;
  const ref = `${tool.server}/${tool.name}`;
  if (tool.unknownIndex !== undefined)
    return { code: 'segmentation.index_unknown', detail: `${ref} ${unknownIndexWords(tool.unknownIndex)}` };
  if (first === undefined) return undefined;
  const together = togetherOf(tool, flow);
  // Of several sources the highest counts; whether they may meet is asked below.
  const over = sources.every((source) => isAbove(labelsOfTool(tool).confidentiality, source));
  if (over)
    return {
      code: 'segmentation.index_exceeded',
      detail: `${ref} is classified ${tool.classification.sensitivity}; the index ${first.index} holds what is ${first.confidentiality}`,
    };
  if (together.length === 1) return { pass: `reads from the index ${first.index} alone` };
  const grant = blendOf(agent, together, nowMs);
  if (grant !== undefined)
    return {
      pass: `may bring ${together.join(' and ')} together until ${grant.until} (${grant.id.slice(0, 8)})`,
    };
  const read = (flow.indexes ?? []).filter((index) => !sources.some((source) => source.index === index));
  const after = read.length === 0 ? '' : ` after ${read.join(' and ')}`;
  const of = indexesOf(tool).map(({ index }) => index);
  return {
    code: 'segmentation.retrieval_blended',
    detail: `${ref} reads from the index ${of.join(' and ')}${after}, and no grant of ${agent.name} that holds now brings them together`,
  };
}

/** Indexes that a call may find to have been read when its reading is joined: what it was decided on, and what a grant of everybody brings together with it. */
export function mayMeet(
  tool: Sources,
  agents: readonly Blender[],
  flow: Pick<FlowFact, 'indexes'>,
  nowMs: number,
): string[] {
  const together = togetherOf(tool, flow);
  const granted = agents.map((agent) => blendOf(agent, together, nowMs)?.indexes ?? []);
  const [first = [], ...others] = granted;
  const shared = first.filter((index) => others.every((each) => each.includes(index)));
  return [...new Set([...together, ...shared])];
}
