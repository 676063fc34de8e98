/** Ports under virtual time, for tests of the real pipeline: nothing sleeps, nothing is random, and each port can fail. */
import { Budgets } from './budgets.fixture.ts';
import { ReadLabels } from './labels.fixture.ts';
import { createHash, createSecretKey } from 'node:crypto';
import type { EntryDraft } from '@atf/core/audit/entry';
import type { PayloadFrame } from '@atf/core/audit/spool-frame';
import { refusal } from '@atf/core/errors';
import { policyFactsOf } from '@atf/core/policy/question';
import type { OperationId, ResponseOf } from '@atf/core/wire/api';
import { type ApprovalDoc, leaseMs, type PolicyDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { CredentialFacts, PolicyFacts } from '@atf/core/world';
import { Lease } from '../lease.ts';
import { createPipeline, type Pipeline } from '../pipeline.ts';
import type {
  CallTarget,
  ControlAnswer,
  ControlCall,
  ControlPort,
  LiveDefinition,
  Ports,
  Prepared,
  SpoolPort,
  UpstreamPort,
} from '../ports.ts';
import type { ToolsCallRequest, UpstreamCallOptions, UpstreamCallOutcome } from '../protocols/protocol.ts';
import { Snapshot } from '../snapshot.ts';
import type { AppendResult } from '../spool.ts';
import {
  agentDoc,
  instanceDoc,
  manifestDigest,
  policyDoc,
  serverDoc,
  settingsDoc,
  toolDoc,
  uuid,
} from './documents.fixture.ts';

export class VirtualClock {
  #ms = 0;
  readonly originMs = Date.UTC(2026, 10, 20);
  nowMs(): number {
    return this.originMs + this.#ms;
  }
  monotonicMs(): number {
    return this.#ms;
  }
  advance(ms: number): void {
    this.#ms += ms;
  }
}

/** Holds work back until it is let go. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  closed = false;
  async pass(): Promise<void> {
    if (this.closed) await new Promise<void>((go) => this.#waiting.push(go));
  }
  open(): void {
    this.closed = false;
    for (const go of this.#waiting.splice(0)) go();
  }
  get waiting(): number {
    return this.#waiting.length;
  }
}

export class FakeSpool implements SpoolPort {
  readonly drafts: EntryDraft[] = [];
  readonly gate = new Gate();
  /** Appends from this one on fail (0: all). */
  failsFrom = Number.POSITIVE_INFINITY;
  urgentFails = false;

  async append(draft: EntryDraft, _payload?: PayloadFrame): Promise<AppendResult> {
    await this.gate.pass();
    if (this.drafts.length >= this.failsFrom)
      return { ok: false, refusal: refusal('audit.record_unavailable', 'the disk failed') };
    this.drafts.push(draft);
    return { ok: true, epoch: 1, seq: this.drafts.length };
  }

  async appendUrgent(draft: EntryDraft): Promise<AppendResult> {
    if (this.urgentFails || this.failsFrom === 0)
      return { ok: false, refusal: refusal('audit.record_unavailable') };
    this.drafts.push(draft);
    return { ok: true, epoch: 1, seq: this.drafts.length };
  }

  types(): string[] {
    return this.drafts.map(({ type, outcome }) => `${type} ${outcome ?? ''}`.trim());
  }
}

export class FakeUpstream implements UpstreamPort {
  readonly effects: { readonly tool: string; readonly args: JsonObject; readonly key: string | undefined }[] =
    [];
  readonly gate = new Gate();
  readonly killed: string[] = [];
  outcome: UpstreamCallOutcome = {
    kind: 'result',
    result: { content: [{ type: 'text', text: 'done' }] },
    resultBytes: 40,
  };
  offers = new Map<string, string>();
  prepared: Prepared = { ok: true };
  /** Digests become known only by a listing. */
  listed = true;

  async prepare(): Promise<Prepared> {
    if (this.prepared.ok) this.listed = true;
    return this.prepared;
  }

  live(_server: unknown, _instance: string, tool: string): LiveDefinition {
    if (!this.listed) return { state: 'unknown' };
    const digest = this.offers.get(tool);
    return digest === undefined ? { state: 'absent' } : { state: 'offered', digest };
  }

  async call(
    { tool }: CallTarget,
    args: JsonObject,
    { signal, idempotencyKey }: UpstreamCallOptions,
  ): Promise<UpstreamCallOutcome> {
    this.effects.push({ tool, args, key: idempotencyKey });
    const aborted = new Promise<UpstreamCallOutcome>((resolve) => {
      const cut = {
        kind: 'fault' as const,
        fault: { code: 'upstream.aborted' as const, dispatched: true, detail: 'cut' },
      };
      signal.addEventListener('abort', () => resolve(cut), { once: true });
    });
    return await Promise.race([this.gate.pass().then(() => this.outcome), aborted]);
  }

  async watch(): Promise<undefined> {
    return undefined;
  }

  kill(server: string): void {
    this.killed.push(server);
  }
}

/** Answers approvals with compare-and-set; `lose` drops answers after they took effect. */
export class FakeApprovals implements ControlPort {
  readonly requests: { readonly operation: OperationId; readonly call: ControlCall<OperationId> }[] = [];
  readonly stored = new Map<
    string,
    {
      doc: ApprovalDoc;
      argsText: string;
      outcome: { status: string; resultText?: string } | undefined;
      releases: number;
    }
  >();
  readonly #told: (doc: ApprovalDoc) => void;
  readonly #clock: VirtualClock;
  readonly budgets = new Budgets();
  readonly labels = new ReadLabels();
  /** Tasks of sessions, by id. */
  readonly tasks = new Map<string, ResponseOf<'gateway.task'>>();
  lose = false;
  away = false;

  constructor(clock: VirtualClock, told: (doc: ApprovalDoc) => void) {
    this.#clock = clock;
    this.#told = told;
  }

  async request<K extends OperationId>(
    operation: K,
    call: ControlCall<K>,
  ): Promise<ControlAnswer<ResponseOf<K>>> {
    if (operation !== 'gateway.leaseCalls' && operation !== 'gateway.read')
      this.requests.push({ operation, call });
    await Promise.resolve();
    if (this.away) return { ok: false, refusal: refusal('containment.feed_stale'), sent: false };
    const { id = '' } = (call.params ?? {}) as { id?: string };
    if (operation === 'gateway.leaseCalls')
      return {
        ok: true,
        value: this.budgets.lease(call.body, this.#clock.monotonicMs()) as unknown as ResponseOf<K>,
      };
    const value =
      this.#allocated(operation, call.body) ??
      this.#answer(operation, id, (call.body ?? {}) as Record<string, string>);
    if (this.lose && operation !== 'gateway.read')
      return { ok: false, refusal: refusal('containment.feed_stale'), sent: true };
    if (value === undefined) return { ok: false, refusal: refusal('approvals.not_found'), sent: false };
    return { ok: true, value: value as ResponseOf<K> };
  }

  #allocated(operation: OperationId, body: unknown): object | undefined {
    const nowMs = this.#clock.nowMs();
    if (operation === 'gateway.read') return this.labels.read(body, nowMs);
    if (operation === 'gateway.reserveTotals') return this.budgets.reserve(body, nowMs);
    return operation === 'gateway.settleTotals' ? this.budgets.settle(body, nowMs) : undefined;
  }

  #answer(operation: OperationId, id: string, body: Record<string, string>): object | undefined {
    if (operation === 'gateway.requestApproval') return this.#store(body);
    if (operation === 'gateway.task') return this.tasks.get(id);
    const approval = this.stored.get(id);
    if (operation === 'gateway.notify') return { ok: true };
    if (approval === undefined) return undefined;
    if (operation === 'gateway.finishApproval') {
      approval.outcome = body['outcome'] as unknown as { status: string };
      this.#set(approval, 'done');
      return { ok: true };
    }
    if (operation === 'gateway.withdrawApproval') {
      if (approval.doc.state === 'waiting' || approval.doc.state === 'approved') this.#set(approval, 'void');
      return { state: approval.doc.state };
    }
    const released = approval.doc.state === 'approved';
    if (released) {
      approval.releases++;
      this.#set(approval, 'consumed');
    }
    const { state, tool, argsDigest, definitionDigest, expiresAt } = approval.doc;
    const outcome = approval.outcome === undefined ? {} : { outcome: approval.outcome };
    return {
      state,
      released,
      tool,
      argsDigest,
      definitionDigest,
      expiresAt,
      ...(released ? { argsText: approval.argsText } : {}),
      ...outcome,
    };
  }

  #store(body: Record<string, string>): object {
    const id = uuid(5_000 + this.stored.size);
    const { agentId = '', sid = '', tool = '', argsDigest = '', definitionDigest = '', argsText = '' } = body;
    const expiresAt = new Date(this.#clock.nowMs() + 600_000).toISOString();
    const doc: ApprovalDoc = {
      id,
      agentId,
      sid,
      tool,
      argsDigest,
      definitionDigest,
      state: 'waiting',
      expiresAt,
    };
    this.stored.set(id, { doc, argsText, outcome: undefined, releases: 0 });
    this.#told(doc);
    return { id, state: 'waiting', expiresAt };
  }

  #set(approval: { doc: ApprovalDoc }, state: ApprovalDoc['state']): void {
    approval.doc = { ...approval.doc, state };
    this.#told(approval.doc);
  }

  approve(id: string): void {
    const approval = this.stored.get(id);
    if (approval !== undefined) this.#set(approval, 'approved');
  }
}

export interface Bench {
  readonly clock: VirtualClock;
  /** Before control is told again; closed. */
  readonly pauses: Gate;
  /** What happens while somebody lets time pass. */
  readonly during: { waiting: () => Promise<void> | void };
  readonly lease: Lease;
  readonly snapshot: Snapshot;
  readonly spool: FakeSpool;
  readonly upstream: FakeUpstream;
  readonly control: FakeApprovals;
  readonly ports: Ports;
  readonly pipeline: Pipeline;
  /** Control was heard now. */
  hear(): void;
  call(
    credential: CredentialFacts,
    tool: string,
    args?: JsonObject,
    gone?: AbortSignal,
  ): ReturnType<Pipeline['call']>;
}

export const tools = {
  look: toolDoc('office', { name: 'look', inputSchema: { type: 'object' } }, 'read'),
  pay: toolDoc('office', { name: 'pay', inputSchema: { type: 'object' } }, 'write'),
};
export const [junior, senior] = [2, 3].map((n) => credentialOf(n)) as [CredentialFacts, CredentialFacts];

export function credentialOf(n: number): CredentialFacts {
  return {
    agentId: uuid(n),
    instanceId: uuid(100 + n),
    sid: uuid(200 + n),
    jti: uuid(300 + n),
    expiresAtMs: Date.UTC(2026, 10, 21),
    manifestDigest,
    credentialEpoch: 1,
    proof: 'dpop',
  };
}

/** Bytes that are the same in every run. */
function seeded(seed: string): (bytes: number) => Uint8Array {
  let drawn = 0;
  return (bytes) => {
    const blocks = Array.from({ length: Math.ceil(bytes / 32) }, () =>
      createHash('sha256').update(`${seed} ${drawn++}`).digest(),
    );
    return Buffer.concat(blocks).subarray(0, bytes);
  };
}

const compiled = new Map<string, PolicyFacts | undefined>();

/** Many pipelines of one test have the same policies. */
function compiledOnce(doc: PolicyDoc): PolicyFacts | undefined {
  const text = JSON.stringify(doc);
  if (!compiled.has(text)) {
    const facts = policyFactsOf(doc);
    compiled.set(text, facts.ok ? facts.facts : undefined);
  }
  return compiled.get(text);
}

/** A pipeline with a Junior (2) and a Senior (3) that may use `office/look` (read) and `office/pay` (write). */
export function bench(seed = 'bench'): Bench {
  const clock = new VirtualClock();
  const lease = new Lease(leaseMs);
  const snapshot = new Snapshot({
    clock,
    lease,
    compilePolicy: compiledOnce,
  });
  const spool = new FakeSpool();
  const upstream = new FakeUpstream();
  const control = new FakeApprovals(clock, (doc) => snapshot.apply('approval', doc.id, doc));
  const random = seeded(seed);
  const pauses = new Gate();
  pauses.closed = true;
  const during: Bench['during'] = { waiting: () => undefined };
  const key = { kid: 'payload-1', key: createSecretKey(Buffer.alloc(32, 7)) };
  const ports: Ports = {
    ...{ clock, random, spool, snapshot, upstream, control },
    wrappingKey: () => key,
    pause: async (ms) => {
      clock.advance(ms);
      await during.waiting();
    },
    replicated: async () => !control.away,
  };
  const pipeline = createPipeline(ports, {
    publicUrl: () => 'http://gateway.test',
    upMs: () => 0,
    askJudge: async () => undefined,
    // What control did not take waits until it is connected again, or a test lets it try again.
    pause: async () => await pauses.pass(),
  });
  snapshot.onApplied((topic, docKey, body, before) => pipeline.stopper.observe(topic, docKey, body, before));
  const names = Object.keys(tools).map((name) => `office/${name}`);
  const put = (topic: Parameters<Snapshot['apply']>[0], docKey: string, body: object) => {
    if (!snapshot.apply(topic, docKey, body)) throw new Error(`the ${topic} document is not valid`);
  };
  put('settings', '*', settingsDoc);
  put('policy', '*', policyDoc);
  put('server', 'office', serverDoc('office'));
  for (const tool of Object.values(tools)) {
    put('tool', `office/${tool.name}`, tool);
    upstream.offers.set(tool.name, tool.definitionDigest);
  }
  for (const [n, level] of [
    [2, 'junior'],
    [3, 'senior'],
  ] as const) {
    put('agent', uuid(n), agentDoc(n, level, names));
    put('instance', uuid(100 + n), instanceDoc(100 + n, uuid(n)));
  }
  const hear = () => lease.renew(clock.monotonicMs());
  snapshot.setComplete(true);
  hear();
  let calls = 0;
  const call: Bench['call'] = (credential, tool, args = {}, gone = new AbortController().signal) => {
    const request: ToolsCallRequest = {
      kind: 'tools_call',
      era: '2025-11-25',
      serverName: 'office',
      id: calls++,
      toolName: tool,
      args,
      argsBytes: Buffer.from(JSON.stringify(args)),
    };
    return pipeline.call(credential, request, gone);
  };
  return { clock, lease, snapshot, spool, upstream, control, pauses, during, ports, pipeline, hear, call };
}
