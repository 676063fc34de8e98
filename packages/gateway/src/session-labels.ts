/**
 * Room: segmentation (S-4). What sessions have read, as this gateway knows it: control holds the labels of each instance and each task, and tells every gateway. A
 * call joins its own before it is dispatched, so before a byte of anything that it brings back can leave; what control did not take is not dispatched. A
 * session without a task goes on with the labels of its instance; a task begins clean, and a person may lower labels: what was under way then is joined anew before
 * its answer leaves.
 */
import { type Refusal, refusal } from '@atf/core/errors';
import {
  afterRetrieving,
  clean,
  type FlowFact,
  flowFact,
  isSaid,
  isWithin,
  joined,
  labelsOfTool,
  unread,
  worst,
} from '@atf/core/segmentation/flow';
import { ofAnyResource } from '@atf/core/segmentation/resource-classes';
import { asAllRetrieved, indexesOf, leastTrusted } from '@atf/core/segmentation/retrieval';
import { ofAnyTable } from '@atf/core/segmentation/sql/table-classes';
import type { ToolDoc } from '@atf/core/wire/feed';
import type { Labels, LabelsDoc } from '@atf/core/wire/labels';
import type { IndexRead } from '@atf/core/wire/retrieval';
import type { CredentialFacts } from '@atf/core/world';
import type { ControlPort, SnapshotPort } from './ports.ts';

/** Holders of labels that are remembered; of others control is asked again. */
const holdersMax = 10_000;

/**
 * Whose reading counts: that for the task, by everybody who works on it; without one that of the instance, and of those for whom it works, because they said what
 * to do. A person gives a task to the root alone: whoever works on it below, because an agent said so, brings along what it has read.
 */
function readBy({ instanceId, task, chain }: CredentialFacts): string[] {
  const above = (chain?.links ?? []).map((link) => link.instanceId);
  if (task === undefined) return [instanceId, ...above];
  return chain === undefined ? [task] : [task, instanceId, ...above.slice(1)];
}

/** What is read with a call, and from which indexes. */
export interface Reading extends Labels {
  readonly indexes?: readonly IndexRead[];
}

/** What a tool hands out; undefined: it is not known any more. */
export function labelsRead(tool: ToolDoc | undefined): Reading {
  if (tool === undefined) return worst;
  const read = asAllRetrieved(ofAnyTable(ofAnyResource(tool)));
  const indexes = indexesOf(read);
  return { ...labelsOfTool(read), ...(indexes.length === 0 ? {} : { indexes }) };
}

export class SessionLabels {
  readonly #control: ControlPort;
  readonly #snapshot: SnapshotPort;
  /** What control has answered, in the order of the last answer: these labels every gateway knows. What it only told may be on its way to another. */
  readonly #answered = new Map<string, LabelsDoc>();

  constructor({
    control,
    snapshot,
  }: {
    readonly control: ControlPort;
    readonly snapshot: SnapshotPort;
  }) {
    this.#control = control;
    this.#snapshot = snapshot;
  }

  facts(credential: CredentialFacts): FlowFact {
    const read = readBy(credential).map((holder) => this.#of(holder));
    const indexes = [...new Set(read.flatMap(({ indexes: from = [] }) => from.map(({ index }) => index)))];
    const fact = flowFact(
      read.reduce<Labels>(joined, clean),
      read.flatMap(({ sources }) => sources),
      indexes,
    );
    if (indexes.length === 0) return fact;
    const least = leastTrusted(indexes, this.#snapshot.indexTrusts());
    return least === undefined ? fact : { ...fact, leastTrusted: least };
  }

  /**
   * Joins what is read under this name to all that the session is for. A refusal: control has not taken it, or the session has read from an index meanwhile that is
   * not among those that it may have read from (`beside`).
   */
  async join(
    credential: CredentialFacts,
    name: string,
    { indexes: read = [], ...labels }: Reading,
    beside: readonly string[] = [],
  ): Promise<Refusal | undefined> {
    if (this.has(credential, name, { ...labels, indexes: read })) return undefined;
    const { agentId, instanceId, task } = credential;
    const holders = readBy(credential);
    const answer = await this.#control.request('gateway.read', {
      body: {
        agentId,
        instanceId,
        ...(task === undefined ? {} : { task }),
        tool: name,
        ...labels,
        ...(read.length === 0 ? {} : { indexes: { read: [...read], beside: [...beside], holders } }),
      },
    });
    if (!answer.ok && answer.refusal.code === 'segmentation.retrieval_blended') return answer.refusal;
    if (!answer.ok)
      return refusal('containment.feed_stale', 'Control has not taken what this session would have read.');
    for (const doc of answer.value.labels) this.#take(doc);
    return undefined;
  }

  /** Whether what is read under this name is in the labels: not while a person looks at them, who is to see each reading, and not after they were lowered. */
  has(credential: CredentialFacts, name: string, { indexes = [], ...read }: Reading): boolean {
    const { instanceId, task } = credential;
    const holders = task === undefined ? [instanceId] : [instanceId, task];
    const all = new Set([...holders, ...readBy(credential)]);
    return (
      holders.every((holder) => this.#isKnown(holder, { tool: name, ...read })) &&
      indexes.every((index) => [...all].every((holder) => this.#isRetrieved(holder, index)))
    );
  }

  /** The same of an index; control is asked once for each that a session reads from. */
  #isRetrieved(holder: string, read: IndexRead): boolean {
    const isIn = (doc: LabelsDoc) => afterRetrieving(doc, read) === doc;
    return isIn(this.#answered.get(holder) ?? unread(holder)) && isIn(this.#of(holder));
  }

  /** Whether control has said before that everybody knows of it, and nobody has taken it away since. */
  #isKnown(holder: string, source: Labels & { readonly tool: string }): boolean {
    const answered = this.#answered.get(holder) ?? unread(holder);
    const now = this.#of(holder);
    if (now.underReview === true && !isWithin(source, clean)) return false;
    return isSaid(answered, source) && isSaid(now, source);
  }

  /** The newest that was heard of a holder, whichever way. */
  #of(holder: string): LabelsDoc {
    const told = this.#snapshot.labels(holder);
    const answered = this.#answered.get(holder);
    if (answered === undefined) return told ?? unread(holder);
    return told === undefined || told.revision < answered.revision ? answered : told;
  }

  #take(doc: LabelsDoc): void {
    const known = this.#answered.get(doc.holder);
    if (known !== undefined && known.revision > doc.revision) return;
    this.#answered.delete(doc.holder);
    this.#answered.set(doc.holder, doc);
    for (const holder of this.#answered.keys()) {
      if (this.#answered.size <= holdersMax) return;
      this.#answered.delete(holder);
    }
  }
}
