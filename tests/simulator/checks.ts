/**
 * The invariants, checked as things happen. It watches from outside: frames as they arrive, documents as they are applied, frames of the
 * spool as they become durable, calls as tool servers get them. Nothing here asks the code under test whether it behaved.
 */
import { leasedMsOf } from '@atf/gateway/limiter';
import type { Entry, EntryDraft } from '@atf/core/audit/entry';
import type { SpoolPosition } from '@atf/core/audit/spool-frame';
import { containmentApplies, type Touched } from '@atf/core/incident/containment';
import { containmentKey } from '@atf/core/incident/scope-id';
import type { DecisionRecord, OutcomeRecord } from '@atf/core/record';
import { throttleId } from '@atf/core/segmentation/volume';
import {
  leaseMs,
  type AgentDoc,
  type ContainmentDoc,
  type FeedTopic,
  type InstanceDoc,
  type PolicyDoc,
  type ServerDoc,
  type ToolDoc,
} from '@atf/core/wire/feed';
import type { Json } from '@atf/core/wire/json';
import type { Scope } from '@atf/core/wire/words';
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from '@atf/gateway/answers';
import type { AppendResult } from '@atf/gateway/spool';
import {
  type Acknowledged,
  type DurableIntent,
  type Effect,
  newTold,
  type Running,
  type ShownApproval,
  type Stop,
  type Told,
  touchedBy,
} from './observed.ts';
import { OriginChecks } from './origin-checks.ts';
import { deskNote } from './desk.ts';
import { refunds, refundsAtOnce, refundTotal, searchTotal } from './scene.ts';
import {
  brokenAbove,
  isDoubted,
  levelTold,
  SessionChecks,
  throttlesTold,
  type Wrong,
} from './session-checks.ts';
import { type Trace, Violation } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

const totals: ReadonlyMap<string, number> = new Map([
  [refunds, refundTotal],
  ['wiki/search', searchTotal],
]);

/** Sums of amounts are exact to this. */
const cent = 0.01;
const amountIn = (args: string): number => (JSON.parse(args) as { readonly amount?: number }).amount ?? 0;
const spentBy = (name: string, args: string): number => (name === refunds ? amountIn(args) : 1);
/** The agent, and all for whom it works: what it does is taken out of the totals of each. */
const everybodyOf = ({ agentId, facts }: DecisionRecord): string[] => [
  agentId,
  ...(facts.chain?.links ?? []).map((link) => link.agentId),
];

/** Nothing of what was stopped begins later than this (invariant 2). */
const stopMsMax = 1_000;
/** From dispatch to what a tool server does, at most. */
const onItsWayMs = 60;
/** The gateway looks at its lease every 50 ms. */
const leaseWatchMs = 60;

export class Checks {
  readonly effects: Effect[] = [];
  readonly intents = new Map<string, DurableIntent>();
  readonly acknowledged: Acknowledged[] = [];
  /** Actions whose outcome could not be recorded by a living gateway; it said so. */
  readonly outcomesRefused = new Set<string>();
  readonly approvals = new Map<string, ShownApproval>();
  readonly counts = {
    calls: 0,
    results: 0,
    refusals: 0,
    waits: 0,
    problems: 0,
    dispatched: 0,
    cut: 0,
    stops: 0,
    stopsHeld: 0,
    leads: 0,
    restores: 0,
    refusedBesideRelease: 0,
  };
  readonly sessions = new SessionChecks();
  readonly origins = new OriginChecks();
  readonly #time: VirtualTime;
  readonly #trace: Trace;
  readonly #told = new Map<string, Told>();
  readonly #stops: Stop[] = [];
  readonly #running = new Set<Running>();
  readonly #byKey = new Map<string, Running>();
  readonly #offered = new WeakMap<object, ReadonlyMap<string, string>>();
  readonly #effectsOf = new Map<string, number>();
  readonly #spent = new Map<string, number>();

  readonly #onFound: (violation: Violation) => void;

  /** `onFound` hears of every violation, also of one that is thrown where nobody catches it. */
  constructor(time: VirtualTime, trace: Trace, onFound: (violation: Violation) => void) {
    this.#time = time;
    this.#trace = trace;
    this.#onFound = onFound;
  }

  note(invariant: string, detail: string, ...about: string[]): Violation {
    this.#trace.add(`VIOLATION ${invariant}: ${detail}`, ...about);
    const violation = new Violation(invariant, detail, about);
    this.#onFound(violation);
    return violation;
  }

  fail(invariant: string, detail: string, ...about: string[]): never {
    throw this.note(invariant, detail, ...about);
  }

  #unless(wrong: Wrong | undefined, ...about: string[]): void {
    if (wrong !== undefined) this.fail(...wrong, ...about);
  }

  // What reaches a gateway.

  started(gateway: string): void {
    this.#told.set(gateway, newTold());
    this.origins.started(gateway);
  }

  #of(gateway: string): Told {
    const told = this.#told.get(gateway);
    if (told === undefined) throw new Error('this gateway was never started');
    return told;
  }

  beatSent(gateway: string, nonce: string): void {
    this.#of(gateway).noncesSent.set(nonce, this.#time.nowMs);
  }

  beatAnswered(gateway: string, nonce: string): void {
    const told = this.#of(gateway);
    told.leaseFromMs = Math.max(told.leaseFromMs, told.noncesSent.get(nonce) ?? Number.NEGATIVE_INFINITY);
  }

  /** A whole set follows: what was told before does not count. */
  toldAnew(gateway: string): void {
    const told = this.#of(gateway);
    told.docs.clear();
    told.stops.clear();
  }

  stopHeard(gateway: string, doc: ContainmentDoc): void {
    this.#of(gateway).stops.set(containmentKey(doc.scope), doc);
    this.#mustCut(gateway, `a stop of ${containmentKey(doc.scope)}`, (touched) =>
      containmentApplies(doc.scope, touched),
    );
  }

  /** A document that the gateway has just applied. */
  applied(gateway: string, topic: FeedTopic, key: string, body: unknown): void {
    const told = this.#of(gateway);
    const before = told.docs.get(`${topic} ${key}`);
    if (body === null) told.docs.delete(`${topic} ${key}`);
    else told.docs.set(`${topic} ${key}`, body);
    if (topic === 'containment') {
      if (body === null) told.stops.delete(key);
      else this.stopHeard(gateway, body as ContainmentDoc);
    }
    if (
      topic === 'agent' &&
      before !== undefined &&
      (before as AgentDoc).credentialEpoch !== (body as AgentDoc | null)?.credentialEpoch
    ) {
      this.#mustCut(gateway, 'the revocation of its credentials', (touched) =>
        [touched, ...(touched.above ?? [])].some(({ agentId }) => agentId === key),
      );
    }
    if (topic === 'revoked_session' && body !== null)
      this.#mustCut(gateway, 'the revocation of its session', (touched) =>
        [touched, ...(touched.above ?? [])].some(({ sid }) => sid === key),
      );
    if (topic === 'instance' && (body as InstanceDoc | null)?.state !== 'active') {
      this.#mustCut(
        gateway,
        'the revocation of its instance',
        ({ above = [] }, { record }) =>
          record.instanceId === key || above.some(({ instanceId }) => instanceId === key),
      );
    }
  }

  #mustCut(gateway: string, why: string, fits: (touched: Touched, intent: DurableIntent) => boolean): void {
    for (const running of this.#running) {
      if (
        running.gateway === gateway &&
        running.process.alive &&
        fits(touchedBy(running.intent.record), running.intent)
      )
        running.cutBy ??= why;
    }
  }

  // What people do.

  stopBegins(scope: Scope): Stop {
    const stop = { scope, fromMs: this.#time.nowMs, toMs: Number.POSITIVE_INFINITY };
    this.#stops.push(stop);
    this.counts.stops++;
    return stop;
  }

  stopEnds(scope: Scope): void {
    for (const stop of this.#stops) {
      if (containmentKey(stop.scope) === containmentKey(scope) && stop.toMs === Number.POSITIVE_INFINITY)
        stop.toMs = this.#time.nowMs;
    }
  }

  /** Rate limits over all gateways. */
  readonly #buckets = new Map<string, { readonly tokens: number; readonly atMs: number }>();

  // What a gateway records.

  /** In the tick in which a gateway hands a record to its spool. */
  drafted(gateway: string, draft: EntryDraft): void {
    if (!['action.intent', 'action.asked', 'action.refused'].includes(draft.type)) return;
    const record = draft.body as unknown as DecisionRecord;
    // An approval is asked for, or its outcome waited for, on a decision of before: only what is allowed binds in this tick.
    if (draft.type !== 'action.intent') return;
    const told = this.#of(gateway);
    const level = levelTold(told, record);
    if (level !== record.level) {
      this.fail(
        'the level is read at decision time',
        `decided at ${record.level}, but ${level} had reached the gateway`,
        record.actionId,
        record.agentId,
        gateway,
      );
    }
    this.#unless(this.sessions.decided(told, record), record.actionId, record.agentId, gateway);
    const credential = this.sessions.credentialOf(record);
    if (credential !== undefined) this.origins.decided(gateway, credential, record, isDoubted(told, record));
    for (const { id, max, perSeconds } of record.facts.limits) {
      if (id !== throttleId)
        this.#spend(gateway, `${record.agentId} ${id} ${max} ${perSeconds}`, max, perSeconds, record);
    }
    // All that is done for an agent that is throttled counts together, whoever does it.
    for (const { agentId, throttle } of throttlesTold(told, record)) {
      const { max, perSeconds } = throttle;
      this.#spend(gateway, `${agentId} ${throttleId} ${max} ${perSeconds}`, max, perSeconds, record);
    }
    if (record.facts.limits.length === 0)
      this.fail('rate limits', 'no limit was looked at', record.actionId, gateway);
  }

  /** A token bucket over all gateways: the same rule as GCRA, said otherwise. A call may be made as long after it was counted as a lease lives. */
  #spend(gateway: string, key: string, max: number, perSeconds: number, record: DecisionRecord): void {
    const buckets = this.#buckets;
    const { nowMs } = this.#time;
    const lateMax = (leasedMsOf({ max, perSeconds }) * max) / (perSeconds * 1_000);
    const held = buckets.get(key) ?? { tokens: max, atMs: nowMs };
    const tokens = Math.min(max, held.tokens + ((nowMs - held.atMs) * max) / (perSeconds * 1_000)) - 1;
    if (tokens < -lateMax - 1e-3)
      this.fail(
        'rate limits',
        `${key} admits ${(-tokens).toFixed(3)} too many`,
        record.actionId,
        record.agentId,
        gateway,
      );
    buckets.set(key, { tokens, atMs: nowMs });
  }

  appended(gateway: string, draft: EntryDraft, result: AppendResult): void {
    const { type, action } = draft;
    if (result.ok)
      this.acknowledged.push({
        gateway,
        epoch: result.epoch,
        seq: result.seq,
        type,
        action,
        lost: undefined,
      });
    else if (type === 'action.outcome' && action !== undefined) this.outcomesRefused.add(action);
  }

  /** The disk of a gateway is gone. What control had not heard of by then nobody can miss. */
  diskLost(gateway: string, known: { readonly epoch: number; readonly seq: number }): void {
    for (const record of this.acknowledged) {
      if (record.gateway === gateway)
        record.lost ??= record.epoch === known.epoch && record.seq <= known.seq ? 'reported' : 'unreported';
    }
  }

  /**
   * The product was put back to a backup, which holds what control had taken of each gateway by then, and these stops. Nothing runs from now on before
   * a person resumes the fleet, but for calls that were on their way.
   */
  restored(taken: (gateway: string) => SpoolPosition, held: ReadonlySet<string>): void {
    for (const record of this.acknowledged) {
      const { epoch, seq } = taken(record.gateway);
      if (record.epoch > epoch || (record.epoch === epoch && record.seq > seq)) record.lost = 'unreported';
    }
    for (const stop of this.#stops) {
      if (!held.has(containmentKey(stop.scope))) stop.toMs = Math.min(stop.toMs, this.#time.nowMs);
    }
    this.stopBegins({ kind: 'fleet', id: '*' }).fromMs -= stopMsMax - onItsWayMs;
    this.counts.restores++;
  }

  durable(gateway: string, entry: Entry): void {
    const { source, type } = entry;
    if (type !== 'action.intent' || !('gateway' in source)) return;
    const record = entry.body as unknown as DecisionRecord;
    const intent = { record, gateway, epoch: source.epoch };
    this.intents.set(record.actionId, intent);
    if (record.approvalId !== undefined) this.intents.set(record.approvalId, intent);
  }

  // What tool servers see.

  /** What a connection was last told that it offers; undefined: it was told of a change, and has not listed since. */
  offered(connection: object, digests: ReadonlyMap<string, string> | undefined): void {
    if (digests === undefined) this.#offered.delete(connection);
    else this.#offered.set(connection, digests);
  }

  callBegins(call: Omit<Running, 'intent' | 'cutBy'> & { readonly connection: object }): Running {
    const { gateway, key, server, tool, connection } = call;
    const intent = this.intents.get(key);
    if (intent === undefined)
      this.fail('nothing runs whose record is not durable', `${server}/${tool} was called`, key, gateway);
    const { record } = intent;
    const about = [key, record.actionId, record.agentId, gateway];
    const told = this.#of(gateway);
    const ageMs = this.#time.nowMs - told.leaseFromMs;
    if (ageMs >= leaseMs)
      this.fail(
        'a gateway out of lease executes nothing',
        `${server}/${tool} was called ${ageMs.toFixed(1)} ms after its lease began`,
        ...about,
      );
    this.#lastLook(told, intent, about);
    if (this.#offered.get(connection)?.get(tool) !== record.definitionDigest) {
      this.fail(
        'a tool is pinned',
        `${server}/${tool} was called although its definition had changed`,
        ...about,
      );
    }
    const running: Running = { ...call, intent, cutBy: undefined };
    this.#running.add(running);
    this.#byKey.set(key, running);
    this.counts.dispatched++;
    return running;
  }

  /** Nothing that the decision rested on has changed, as far as this gateway was told. */
  #lastLook({ docs, stops, ...rest }: Told, { record }: DurableIntent, about: string[]): void {
    const { epochs } = record.facts;
    const doc = <T>(key: string) => docs.get(key) as T | undefined;
    const agent = doc<AgentDoc>(`agent ${record.agentId}`);
    const now = {
      agent: agent?.epoch,
      credential: agent?.credentialEpoch,
      tool: doc<ToolDoc>(`tool ${record.server}/${record.tool}`)?.epoch,
      server: doc<ServerDoc>(`server ${record.server}`)?.epoch,
      policy: doc<PolicyDoc>('policy *')?.epoch,
    };
    for (const name of ['agent', 'credential', 'tool', 'server', 'policy'] as const) {
      if (now[name] !== epochs[name])
        this.fail(
          'nothing cached outlives an epoch',
          `${name}: decided under ${epochs[name]}, dispatched under ${now[name]}`,
          ...about,
        );
    }
    if (docs.has(`revoked_session ${record.sid}`))
      this.fail('nothing cached outlives an epoch', 'dispatched in a revoked session', ...about);
    if (doc<InstanceDoc>(`instance ${record.instanceId}`)?.state !== 'active')
      this.fail('nothing cached outlives an epoch', 'dispatched for a revoked instance', ...about);
    const broken = brokenAbove({ docs, stops, ...rest }, record);
    if (broken !== undefined) this.fail('rights never grow along a chain', broken, ...about);
    const stop = [...stops.values()].find(({ scope }) => containmentApplies(scope, touchedBy(record)));
    if (stop !== undefined)
      this.fail('a stop binds at once', `dispatched under ${containmentKey(stop.scope)}`, ...about);
  }

  effect(running: Running): void {
    const { gateway, server, tool, key, args, intent } = running;
    const { record } = intent;
    const about = [key, record.actionId, record.agentId, gateway];
    const { nowMs } = this.#time;
    this.#trace.add(
      `effect ${server}/${tool} of ${record.agent} under ${key.slice(0, 8)}, level ${record.level}`,
      ...about,
    );
    for (const { scope, fromMs, toMs } of this.#stops) {
      if (nowMs - fromMs > stopMsMax && nowMs < toMs && containmentApplies(scope, touchedBy(record))) {
        this.fail(
          'nothing runs one second after a stop',
          `${server}/${tool} ran ${(nowMs - fromMs).toFixed(1)} ms after a stop of ${containmentKey(scope)}`,
          ...about,
          containmentKey(scope),
        );
      }
    }
    this.#authorised(record, key, args, about);
    this.#unless(this.sessions.acted(record, amountIn(args)), ...about);
    this.#unless(this.origins.acted(record, args), ...about);
    this.#withinTotals(running, about);
    const times = (this.#effectsOf.get(key) ?? 0) + 1;
    this.#effectsOf.set(key, times);
    if (times > 1)
      this.fail(
        'an approval releases one call, once; nothing is repeated',
        `${server}/${tool} ran ${times} times`,
        ...about,
      );
    this.effects.push({ gateway, server, tool, key, args, intent, atMs: nowMs });
  }

  /** Invariant 4 for what all calls of an agent together may do: a run is shorter than any period, so nothing of it comes back. */
  #withinTotals({ server, tool, args, intent }: Running, about: string[]): void {
    const name = `${server}/${tool}`;
    const bound = totals.get(name);
    if (bound === undefined) return;
    for (const agentId of everybodyOf(intent.record)) {
      const spent = (this.#spent.get(`${agentId} ${name}`) ?? 0) + spentBy(name, args);
      this.#spent.set(`${agentId} ${name}`, spent);
      if (spent > bound + cent / 2) this.fail('totals', `${name} did ${spent} of ${bound}`, ...about);
      const running = [...this.#running].filter(
        (other) =>
          other.process.alive &&
          everybodyOf(other.intent.record).includes(agentId) &&
          `${other.server}/${other.tool}` === name,
      ).length;
      if (name === refunds && running > refundsAtOnce)
        this.fail('totals', `${name} runs ${running} times at once`, ...about);
    }
  }

  /** A tool that says that it failed has given back what the call would have cost, but not the call. */
  saidFailed({ server, tool, args, intent }: Running): void {
    const name = `${server}/${tool}`;
    if (name !== refunds) return;
    for (const agentId of everybodyOf(intent.record)) {
      const key = `${agentId} ${name}`;
      this.#spent.set(key, (this.#spent.get(key) ?? 0) - spentBy(name, args));
    }
  }

  /** The level table said otherwise, and approvals against what control showed. */
  #authorised(record: DecisionRecord, key: string, args: string, about: string[]): void {
    const { level, facts } = record;
    const { class: kind = 'admin', writeSafe = false, reversible = false } = facts.tool?.classification ?? {};
    if (record.approvalId === undefined) {
      const alone =
        kind === 'read' ||
        (level === 'senior' && kind !== 'admin' && writeSafe && reversible) ||
        (level === 'principal' && kind !== 'admin') ||
        (level === 'senior' &&
          `${record.server}/${record.tool}` === deskNote &&
          this.sessions.askedByPerson(record));
      if (!alone)
        this.fail('what a level may do alone', `a ${level} ran ${kind} without an approval`, ...about);
      return;
    }
    const approval = this.approvals.get(key);
    if (approval === undefined || !approval.approved)
      this.fail('an approval releases exactly the call that was shown', 'nobody had approved it', ...about);
    if (approval.shown !== args)
      this.fail('an approval releases exactly the call that was shown', 'other bytes ran', ...about);
    if (level === 'intern' && kind !== 'read')
      this.fail('what a level may do alone', `an intern ran ${kind}`, ...about);
  }

  callEnds(running: Running): void {
    if (!this.#running.delete(running)) return;
    if (running.cutBy !== undefined) this.counts.cut++;
  }

  // What agents are told.

  answered(gateway: string, answer: CallAnswer, credential: CredentialFacts): void {
    this.counts.calls++;
    if (answer.kind === 'problem') {
      this.counts.problems++;
      return;
    }
    const { actionId, approvalId } = answer.facts;
    const key = approvalId ?? actionId ?? '';
    if (answer.kind === 'result') {
      this.counts.results++;
      const running = this.#byKey.get(key);
      const record = this.intents.get(key)?.record;
      if (record !== undefined) {
        this.sessions.got(credential, record);
        this.origins.got(gateway, credential, record, answer.result as unknown as Json);
      }
      if (running?.cutBy !== undefined)
        this.fail('calls that are cut are told', `a result was given after ${running.cutBy}`, key, gateway);
      return;
    }
    if (answer.facts.outcome === 'waiting') this.counts.waits++;
    else this.counts.refusals++;
    if (answer.facts.outcome !== 'refused' || !this.#effectsOf.has(key)) return;
    const { code } = answer.facts.refusal;
    if (this.intents.get(key)?.record.actionId === actionId)
      this.fail('nobody is told that nothing happened when it did', `told ${code}`, key, gateway);
    // The same approval was released to another call: this one was refused, which says nothing of that one.
    this.counts.refusedBesideRelease++;
  }

  /** After every step. */
  step(): void {
    for (const running of this.#running) {
      const { signal, process, gateway, key, intent } = running;
      if (!process.alive) {
        this.#running.delete(running);
        continue;
      }
      // One that is paused cannot cut; when it goes on it does so with the first thing that it looks at.
      if (signal.aborted || process.frozen || this.#time.nowMs - process.thawedMs < leaseWatchMs) continue;
      const about = [key, intent.record.agentId, gateway];
      if (running.cutBy !== undefined)
        this.fail('calls under way are cut', `it runs on after ${running.cutBy}`, ...about);
      if (this.#time.nowMs - this.#of(gateway).leaseFromMs > leaseMs + leaseWatchMs)
        this.fail('calls under way are cut', 'it runs on without a lease', ...about);
    }
  }

  /** Outcomes that say what did not happen. */
  outcomeRead(outcome: OutcomeRecord): void {
    const key = outcome.approvalId ?? outcome.actionId;
    const ran = this.#effectsOf.has(key) && this.intents.get(key)?.record.actionId === outcome.actionId;
    if (outcome.status === 'not_executed' && ran)
      this.fail('outcomes are true', 'recorded as not executed, but it ran', key, outcome.agentId);
    if (outcome.status === 'done' && !ran)
      this.fail('outcomes are true', 'recorded as done, but nothing ran', key, outcome.agentId);
  }
}
