/**
 * Room: segmentation (S-4). What a session has read, as labels: how confidential the most confidential of it is, and whether any of it may have been written by
 * anybody. They join with every call and fall only by a person's recorded act. Pure.
 */
import type { ToolDoc } from '../wire/feed.ts';
import { type LabelSource, type Labels, type LabelsDoc, labelSourcesMax } from '../wire/labels.ts';
import { type IndexRead, indexesReadMax } from '../wire/retrieval.ts';
import { sensitivities, type Sensitivity } from '../wire/words.ts';

/** What the decision knows of it; the sources are named to a person, so they stand in the record. */
export interface FlowFact extends Labels {
  /** `server/tool` of what was confidential or above, the most confidential first. */
  readonly private: readonly string[];
  /** The same of what may have been written by anybody. */
  readonly untrusted: readonly string[];
  /** Indexes that were read from (segmentation/retrieval.ts); absent: none. */
  readonly indexes?: readonly string[];
  /** Of these indexes the one that is trusted least now; absent: none was read from, also in records of before this was kept. */
  readonly leastTrusted?: TrustedIndex;
}

/** An index and how far it is trusted (data/source-trust.ts). */
export interface TrustedIndex {
  readonly index: string;
  readonly trust: number;
}

export const clean: Labels = { confidentiality: 'public', integrity: 'trusted' };
/** Of what anybody may have written. */
export const untrusted: Labels = { confidentiality: 'public', integrity: 'untrusted' };
export const worst: Labels = { confidentiality: 'restricted', integrity: 'untrusted' };
/** A session that has read nothing; also records of before sessions had labels. */
export const noFlow: FlowFact = { ...clean, private: [], untrusted: [] };

/** Sources of one kind that a person is told. */
const namedMax = 3;

const rank = (word: Sensitivity): number => sensitivities.indexOf(word);

export const joined = (one: Labels, other: Labels): Labels => ({
  confidentiality:
    rank(one.confidentiality) >= rank(other.confidentiality) ? one.confidentiality : other.confidentiality,
  integrity: one.integrity === 'untrusted' ? one.integrity : other.integrity,
});

/** Whether joining `one` to `other` changes nothing. */
export const isWithin = (one: Labels, other: Labels): boolean =>
  rank(one.confidentiality) <= rank(other.confidentiality) &&
  (one.integrity === 'trusted' || other.integrity === 'untrusted');

/** What a tool hands out. Of one that nobody has classified nobody knows it. */
export const labelsOfTool = ({ classification }: Pick<ToolDoc, 'classification'>): Labels =>
  classification.class === undefined
    ? worst
    : { confidentiality: classification.sensitivity, integrity: classification.outputTrust };

/** Who has read nothing. */
export const unread = (holder: string): LabelsDoc => ({ holder, revision: 0, ...clean, sources: [] });

/** The labels of a holder after one more source; the same object where that changes nothing. */
export function afterReading(before: LabelsDoc, source: LabelSource): LabelsDoc {
  if (isSaid(before, source)) return before;
  const { sources } = before;
  const same = sources.find(({ tool }) => tool === source.tool);
  const more =
    same !== undefined
      ? sources.map((each) => (each === same ? { ...same, ...joined(same, source) } : each))
      : sources.length < labelSourcesMax
        ? [...sources, source]
        : sources;
  return { ...before, ...joined(before, source), revision: before.revision + 1, sources: more };
}

/** The labels of a holder after it has read from an index; the same object where that changes nothing, undefined where no more of them are kept. */
export function afterRetrieving(before: LabelsDoc, read: IndexRead): LabelsDoc | undefined {
  const { indexes = [] } = before;
  const same = indexes.find(({ index }) => index === read.index);
  if (same !== undefined && isWithin(read, same)) return before;
  if (same === undefined && indexes.length >= indexesReadMax) return undefined;
  const { index, confidentiality, integrity } = read;
  const now = { index, ...joined({ confidentiality, integrity }, same ?? clean) };
  const others = indexes.filter((each) => each !== same);
  return { ...before, revision: before.revision + 1, indexes: [...others, now] };
}

/** The labels of a holder after a person has lowered them; sources that are above them are what the person has declared harmless. */
export function afterLowering(before: LabelsDoc, to: Labels): LabelsDoc {
  const indexes = (before.indexes ?? []).filter((each) => isWithin(each, to));
  return {
    holder: before.holder,
    revision: before.revision + 1,
    confidentiality: to.confidentiality,
    integrity: to.integrity,
    sources: before.sources.filter((source) => isWithin(source, to)),
    ...(indexes.length === 0 ? {} : { indexes }),
  };
}

/** Whether labels say all that this source would add. */
export function isSaid(
  { sources, ...labels }: Labels & { readonly sources: readonly LabelSource[] },
  source: Labels & Pick<LabelSource, 'tool'>,
): boolean {
  if (!isWithin(source, labels)) return false;
  if (isWithin(source, clean)) return true;
  const same = sources.find(({ tool }) => tool === source.tool);
  return same === undefined ? sources.length >= labelSourcesMax : isWithin(source, same);
}

export const isPrivate = ({ confidentiality }: Labels): boolean =>
  rank(confidentiality) >= rank('confidential');

export function flowFact(
  labels: Labels,
  sources: readonly LabelSource[],
  indexes: readonly string[] = [],
): FlowFact {
  const { confidentiality, integrity } = labels;
  const named = (of: readonly LabelSource[]) => of.slice(0, namedMax).map(({ tool }) => tool);
  const most = sources.filter(isPrivate);
  most.sort((one, other) => rank(other.confidentiality) - rank(one.confidentiality));
  return {
    confidentiality,
    integrity,
    private: named(most),
    untrusted: named(sources.filter((source) => source.integrity === 'untrusted')),
    ...(indexes.length === 0 ? {} : { indexes }),
  };
}

const upTo = Object.fromEntries(
  sensitivities.map((word, at) => [word, Object.freeze(sensitivities.slice(0, at + 1))]),
) as Readonly<Record<Sensitivity, readonly Sensitivity[]>>;

/** As policies see it: every word up to the most confidential thing that was read, so that `contains("confidential")` means "that or above". */
export const flowContext = ({ confidentiality, integrity }: FlowFact) => ({
  confidentiality: upTo[confidentiality],
  integrity,
});

const among = (tools: readonly string[]): string =>
  tools.length === 0 ? 'an unknown source' : tools.join(', ');

/** What a person is told when a rule is about it. */
export function flowSentences(flow: FlowFact): string[] {
  const read: string[] = [];
  if (isPrivate(flow)) read.push(`it has read ${flow.confidentiality} content (${among(flow.private)})`);
  if (flow.integrity === 'untrusted')
    read.push(`it has read what others may have written (${among(flow.untrusted)})`);
  return read;
}
