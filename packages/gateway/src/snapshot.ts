/**
 * The documents that control has sent, indexed for decisions. Everything is validated before it counts; what cannot be understood is
 * refused by {@link Snapshot.apply}, and the feed then treats the gateway as stale. Pure but for the clock that it is given.
 *
 * A stop that arrives ahead of its document holds until the document has come and gone, so that no order of frames opens a gap.
 */
import { type TokenKeys, tokenKeys } from '@atf/core/identity/access-token';
import {
  type AgentDoc,
  type ApprovalDoc,
  type ContainmentDoc,
  type FeedDoc,
  type FeedTopic,
  feedTopics,
  type InstanceDoc,
  type PolicyDoc,
  type ServerDoc,
  type SettingsDoc,
  type ToolDoc,
} from '@atf/core/wire/feed';
import { trustByIndex } from '@atf/core/segmentation/retrieval';
import type { LabelsDoc } from '@atf/core/wire/labels';
import type { ApprovalState } from '@atf/core/wire/words';
import type { PolicyFacts } from '@atf/core/world';
import type { Lease } from './lease.ts';
import type { ApprovalKey, ClockPort, SnapshotPort } from './ports.ts';

/** Documents of one topic. Beyond it the gateway cannot know that it knows everything. */
export const docsOfTopicMax = 200_000;
const containmentsAheadMax = 10_000;
/** How long after a stop a removal may still be the one of an earlier stop of the same thing. */
const aheadSettleMs = 2_000;

/** Compiles a policy document; undefined when it does not compile: then nothing is permitted. */
export type CompilePolicy = (doc: PolicyDoc) => PolicyFacts | undefined;

export type Applied = (topic: FeedTopic, key: string, body: unknown, before: unknown) => void;

interface Ahead {
  readonly doc: ContainmentDoc;
  readonly receivedMs: number;
  removed: boolean;
}

/** Which approval of the same call says most: one that can be redeemed, then what became of it, then one that still waits. */
const approvalOrder: readonly ApprovalState[] = [
  'approved',
  'consumed',
  'unknown',
  'done',
  'waiting',
  'rejected',
];

const approvalKey = (call: ApprovalKey): string =>
  `${call.agentId} ${call.tool} ${call.argsDigest} ${call.definitionDigest}`;

export class Snapshot implements SnapshotPort {
  readonly #docs: { [T in FeedTopic]: Map<string, FeedDoc<T>> } = {
    settings: new Map(),
    jwks: new Map(),
    agent: new Map(),
    instance: new Map(),
    revoked_session: new Map(),
    server: new Map(),
    tool: new Map(),
    policy: new Map(),
    containment: new Map(),
    approval: new Map(),
    labels: new Map(),
  };
  readonly #clock: ClockPort;
  readonly #lease: Lease;
  readonly #compilePolicy: CompilePolicy;
  readonly #carries: (server: string) => boolean;
  readonly #listeners: Applied[] = [];
  readonly #ahead = new Map<string, Ahead>();
  readonly #toolsOf = new Map<string, Map<string, ToolDoc>>();
  readonly #approvalsByCall = new Map<string, Map<string, ApprovalDoc>>();
  readonly #approvalsByAgent = new Map<string, Map<string, ApprovalDoc>>();
  #stopFile: readonly ContainmentDoc[] = [];
  #containments: readonly ContainmentDoc[] | undefined;
  /** Worked out when it is asked for, again after each change of a tool. */
  #indexTrusts: ReadonlyMap<string, number> | undefined;
  #keys: TokenKeys = new Map();
  #policy: PolicyFacts | undefined;
  #trustGeneration = 0;
  #complete = false;

  constructor(input: {
    readonly clock: ClockPort;
    readonly lease: Lease;
    readonly compilePolicy: CompilePolicy;
    /** Tool servers that this gateway carries; absent: every one. Others are not there for it. */
    readonly carries?: (server: string) => boolean;
  }) {
    this.#clock = input.clock;
    this.#lease = input.lease;
    this.#compilePolicy = input.compilePolicy;
    this.#carries = input.carries ?? (() => true);
  }

  /** Calls `listener` in the tick in which a document came (`body`) or went (null), with what was there before. */
  onApplied(listener: Applied): void {
    this.#listeners.push(listener);
  }

  /** Takes one document; `null`: it is gone. False when it cannot be understood or held: then nothing may be trusted any more. */
  apply(topic: FeedTopic, key: string, body: unknown): boolean {
    if (topic === 'server' && !this.#carries(key)) return true;
    if (body === null) {
      const gone = this.#docs[topic].get(key);
      this.#remove(topic, key);
      for (const listener of this.#listeners) listener(topic, key, null, gone);
      return true;
    }
    const parsed = feedTopics[topic].safeParse(body);
    if (!parsed.success) return false;
    const docs = this.#docs[topic] as Map<string, unknown>;
    if (!docs.has(key) && docs.size >= docsOfTopicMax) return false;
    const before = docs.get(key);
    docs.set(key, parsed.data);
    this.#index(topic, key, parsed.data, before);
    for (const listener of this.#listeners) listener(topic, key, parsed.data, before);
    return true;
  }

  /** The first whole set has arrived (or was given up, with `false`). */
  setComplete(complete: boolean): void {
    this.#complete = complete;
  }

  /** Forgets every document; stops that were heard stay until control says otherwise. */
  clear(): void {
    for (const topic of Object.keys(this.#docs) as FeedTopic[]) {
      if (topic !== 'containment') for (const key of [...this.#docs[topic].keys()]) this.#remove(topic, key);
    }
    // Also those ahead of their documents: a full set has no tombstones, so a stop that was lifted meanwhile would hold for ever. What is
    // still in force comes again with the set, or ahead of it.
    for (const [key, { doc }] of [...this.#ahead]) this.#hold(key, doc, true);
    for (const [key, doc] of this.#docs.containment) this.#hold(key, doc, true);
    this.#docs.containment.clear();
    this.#complete = false;
    this.#containments = undefined;
  }

  /** A stop ahead of its document: in force from this tick. */
  containAhead(key: string, doc: ContainmentDoc): boolean {
    if (!this.#ahead.has(key) && this.#ahead.size >= containmentsAheadMax) return false;
    this.#hold(key, doc, false);
    return true;
  }

  setStopFile(stops: readonly ContainmentDoc[]): void {
    this.#stopFile = stops;
    this.#containments = undefined;
  }

  /** What the stop file of this host stops. */
  stopFile(): readonly ContainmentDoc[] {
    return this.#stopFile;
  }

  fresh(): boolean {
    return this.#complete && this.#lease.fresh(this.#clock.monotonicMs());
  }
  settings(): SettingsDoc | undefined {
    return this.#docs.settings.get('*');
  }
  tokenKeys(): TokenKeys {
    return this.#keys;
  }
  trustGeneration(): number {
    return this.#trustGeneration;
  }
  agent(id: string): AgentDoc | undefined {
    return this.#docs.agent.get(id);
  }
  agentIdOf(name: string): string | undefined {
    for (const agent of this.#docs.agent.values()) if (agent.name === name) return agent.id;
    return undefined;
  }
  instance(id: string): InstanceDoc | undefined {
    return this.#docs.instance.get(id);
  }
  sessionRevoked(sid: string): boolean {
    return this.#docs.revoked_session.has(sid);
  }
  server(name: string): ServerDoc | undefined {
    return this.#docs.server.get(name);
  }
  servers(): readonly ServerDoc[] {
    return [...this.#docs.server.values()];
  }
  tool(server: string, name: string): ToolDoc | undefined {
    return this.#docs.tool.get(`${server}/${name}`);
  }
  toolsOf(server: string): readonly ToolDoc[] {
    return [...(this.#toolsOf.get(server)?.values() ?? [])];
  }
  policy(): PolicyFacts | undefined {
    return this.#policy;
  }
  indexTrusts(): ReadonlyMap<string, number> {
    this.#indexTrusts ??= trustByIndex(this.#docs.tool.values());
    return this.#indexTrusts;
  }
  labels(holder: string): LabelsDoc | undefined {
    return this.#docs.labels.get(holder);
  }
  approval(id: string): ApprovalDoc | undefined {
    return this.#docs.approval.get(id);
  }
  approvalsOf(agentId: string): readonly ApprovalDoc[] {
    return [...(this.#approvalsByAgent.get(agentId)?.values() ?? [])];
  }

  approvalFor(call: ApprovalKey): ApprovalDoc | undefined {
    const nowMs = this.#clock.nowMs();
    const found = [...(this.#approvalsByCall.get(approvalKey(call))?.values() ?? [])].filter(
      ({ state, expiresAt }) => approvalOrder.includes(state) && nowMs < Date.parse(expiresAt),
    );
    found.sort((a, b) => approvalOrder.indexOf(a.state) - approvalOrder.indexOf(b.state));
    return found[0];
  }

  /** Keeps an approval that control confirmed until its document arrives, so that a quick retry does not ask twice. */
  expectApproval(doc: ApprovalDoc): void {
    if (this.#docs.approval.has(doc.id) || this.#docs.approval.size >= docsOfTopicMax) return;
    this.#docs.approval.set(doc.id, doc);
    this.#indexApproval(doc);
  }

  containments(): readonly ContainmentDoc[] {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { removed, receivedMs }] of this.#ahead) {
      if (!removed || nowMs - receivedMs < aheadSettleMs) continue;
      this.#ahead.delete(key);
      this.#containments = undefined;
    }
    this.#containments ??= [
      ...this.#stopFile,
      ...[...this.#ahead.values()].map(({ doc }) => doc),
      ...this.#docs.containment.values(),
    ];
    return this.#containments;
  }

  #hold(key: string, doc: ContainmentDoc, removed: boolean): void {
    this.#ahead.set(key, { doc, receivedMs: this.#clock.monotonicMs(), removed });
    this.#containments = undefined;
  }

  #index(topic: FeedTopic, key: string, doc: unknown, before: unknown): void {
    switch (topic) {
      case 'jwks':
        this.#keys = tokenKeys(doc as FeedDoc<'jwks'>);
        this.#trustGeneration++;
        break;
      case 'settings':
        this.#trustGeneration++;
        break;
      case 'policy':
        this.#policy = this.#compilePolicy(doc as PolicyDoc);
        break;
      case 'tool': {
        const tool = doc as ToolDoc;
        this.#indexTrusts = undefined;
        const tools = this.#toolsOf.get(tool.server) ?? new Map<string, ToolDoc>();
        this.#toolsOf.set(tool.server, tools.set(key, tool));
        break;
      }
      case 'approval':
        if (before !== undefined) this.#unindexApproval(before as ApprovalDoc);
        this.#indexApproval(doc as ApprovalDoc);
        break;
      case 'containment': {
        const { since } = doc as ContainmentDoc;
        const ahead = this.#ahead.get(key);
        if (ahead !== undefined && Date.parse(since) >= Date.parse(ahead.doc.since)) this.#ahead.delete(key);
        this.#containments = undefined;
        break;
      }
      default:
    }
  }

  #remove(topic: FeedTopic, key: string): void {
    const docs = this.#docs[topic] as Map<string, unknown>;
    const before = docs.get(key);
    docs.delete(key);
    if (topic === 'containment') {
      const ahead = this.#ahead.get(key);
      if (ahead !== undefined) ahead.removed = true;
      this.#containments = undefined;
    }
    if (before === undefined) return;
    if (topic === 'jwks') this.#keys = new Map();
    if (topic === 'jwks' || topic === 'settings') this.#trustGeneration++;
    if (topic === 'policy') this.#policy = undefined;
    if (topic === 'tool') {
      this.#indexTrusts = undefined;
      this.#toolsOf.get((before as ToolDoc).server)?.delete(key);
    }
    if (topic === 'approval') this.#unindexApproval(before as ApprovalDoc);
  }

  #indexApproval(doc: ApprovalDoc): void {
    for (const [map, key] of this.#approvalIndexes(doc)) {
      const docs = map.get(key) ?? new Map<string, ApprovalDoc>();
      map.set(key, docs.set(doc.id, doc));
    }
  }

  #unindexApproval(doc: ApprovalDoc): void {
    for (const [map, key] of this.#approvalIndexes(doc)) {
      map.get(key)?.delete(doc.id);
      if (map.get(key)?.size === 0) map.delete(key);
    }
  }

  #approvalIndexes(doc: ApprovalDoc): [Map<string, Map<string, ApprovalDoc>>, string][] {
    return [
      [this.#approvalsByCall, approvalKey(doc)],
      [this.#approvalsByAgent, doc.agentId],
    ];
  }
}
