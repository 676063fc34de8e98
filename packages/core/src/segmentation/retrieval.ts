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
import { clean, type FlowFact, isWithin, joined, labelsOfTool } from './flow.ts';
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
  { uri }: JsonObject,
  siblings: readonly ToolDoc[],
  trustedFrom: number,
): ToolDoc {
  const sources =
    typeof uri === 'string' && isAddressed(tool.name) ? sourcesAt(uri, tool, siblings) : (tool.sources ?? []);
  if (sources.length === 0) return without(tool);
  const { classification } = tool;
  const said: Labels = { confidentiality: classification.sensitivity, integrity: classification.outputTrust };
  const { confidentiality, integrity } = sources.map(levelOf).reduce(joined, said);
  const isDoubted = sources.some(({ trust = 0 }) => trust < trustedFrom);
  const outputTrust = isDoubted ? 'untrusted' : integrity;
  return {
    ...tool,
    classification: { ...classification, sensitivity: confidentiality, outputTrust },
    sources,
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
  tool: Pick<ToolDoc, 'server' | 'name' | 'classification' | 'sources'>,
  agent: Blender,
  flow: Pick<FlowFact, 'indexes'>,
  nowMs: number,
): Retrieved | undefined {
  const sources = tool.sources ?? [];
  const [first] = sources;
  if (first === undefined) return undefined;
  const ref = `${tool.server}/${tool.name}`;
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
