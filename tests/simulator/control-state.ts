/**
 * What people and agents change at control: stops, levels, tools, policies, sessions, approvals. A model, as small as the feed allows: each
 * change is one transaction that also writes the documents. Rooms of control have their own tests.
 */
import type { Tx } from '@atf/control/context';
import { containmentKey } from '@atf/core/incident/scope-id';
import type { DecidingManifest } from '@atf/core/replay';
import { definitionDigest } from '@atf/core/segmentation/definition';
import { afterReading, afterRetrieving, unread, worst } from '@atf/core/segmentation/flow';
import type { BodyIn, OperationId } from '@atf/core/wire/api';
import {
  type AgentDoc,
  type ContainmentDoc,
  type FeedDoc,
  type FeedTopic,
  type InstanceDoc,
  leaseMs,
  type PolicyDoc,
  type ServerDoc,
  type SettingsDoc,
  type ToolDoc,
} from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { LabelsDoc } from '@atf/core/wire/labels';
import type { Level, Scope } from '@atf/core/wire/words';
import type { ControlAnswer, ControlCall } from '@atf/gateway/ports';
import { Budgets } from '@atf/gateway/testing/budgets.fixture';
import {
  type ApprovalRequest,
  Approvals,
  type ApprovalsInput,
  type Change,
  type Put,
  type StoredOutcome,
} from './control-approvals.ts';
import type { ControlNode } from './control-node.ts';
import { docsTable } from './feed-rows.ts';
import type { View, WritableView } from './rows.ts';
import { type FirstAgent, firstAgents, firstServers, firstTools, type Policies } from './scene.ts';
import type { Trace } from './trace.ts';
import { Work } from './work.ts';

const confirmMs = 500;
const stopAttemptsMax = 40;
const stopAgainMs = 60;
const acceptedMsMax = 900;
/** A gateway that was not told of a document by then refuses everything (invariant 3). */
const knownEverywhereMs = leaseMs + 200;

export interface StateInput extends ApprovalsInput {
  readonly control: ControlNode;
  readonly trace: Trace;
  readonly policies: Policies;
  readonly pause: (ms: number) => Promise<void>;
  readonly after: (ms: number, run: () => void) => void;
  readonly payloadKey: { readonly kid: string; readonly key: Uint8Array };
}

const docOf = <T extends FeedTopic>(rows: View, topic: T, key: string): FeedDoc<T> | undefined => {
  const body = rows.get<{ body: string | null }>(docsTable, `${topic} ${key}`)?.body ?? null;
  return body === null ? undefined : (JSON.parse(body) as FeedDoc<T>);
};

function docsOf<T extends FeedTopic>(rows: View, topic: T): { key: string; body: FeedDoc<T> }[] {
  return rows
    .values<{ topic: string; key: string; body: string | null }>(docsTable)
    .filter((row) => row.topic === topic && row.body !== null)
    .map(({ key, body }) => ({ key, body: JSON.parse(body ?? 'null') as FeedDoc<T> }));
}

interface Registered {
  readonly server: ServerDoc;
  readonly tools: readonly ToolDoc[];
  readonly agents: readonly FirstAgent[];
}

export class ControlState {
  readonly manifests = new Map<string, DecidingManifest>();
  readonly definitions = new Map<string, JsonObject>();
  readonly policyDocs = new Map<string, Omit<PolicyDoc, 'epoch'>>();
  readonly agentIds: string[] = [];
  readonly approvals: Approvals;
  readonly work = new Work();
  readonly #input: StateInput;
  readonly #budgets = new Map<string, Budgets>();

  constructor(input: StateInput) {
    this.#input = input;
    this.approvals = new Approvals(input, (...change) => this.#change(...change));
    for (const set of input.policies.sets) this.policyDocs.set(set.digest, set);
  }

  /** What is committed now. */
  doc<T extends FeedTopic>(topic: T, key: string): FeedDoc<T> | undefined {
    return docOf(this.#input.control.database.committed, topic, key);
  }

  docs<T extends FeedTopic>(topic: T): { key: string; body: FeedDoc<T> }[] {
    return docsOf(this.#input.control.database.committed, topic);
  }

  /** One change by somebody; false when it was not heard to succeed. */
  async #change(...[what, about, work, applied]: Parameters<Change>): Promise<boolean> {
    const { control, trace } = this.#input;
    const { running } = control;
    if (running === undefined) return false;
    try {
      await control.replicaOf(running.process)?.changeOf(running.process)(
        async (tx) => {
          const puts: (() => Promise<void>)[] = [];
          work(tx, (topic, key, body) =>
            puts.push(() => running.hub.put(tx as unknown as Tx, topic, key, body)),
          );
          for (const put of puts) await put();
        },
        () => {
          trace.add(`control: ${what}`, ...about);
          applied?.();
        },
      );
      return true;
    } catch {
      return false;
    }
  }

  async setUp(): Promise<void> {
    const { random, policies } = this.#input;
    const agents = firstAgents(random);
    await this.#change('set up', [], (_, put) => {
      put('settings', '*', policies.settings);
      this.#putPolicy(put, 0, 1);
      for (const server of firstServers) put('server', server.name, server);
      for (const tool of firstTools()) {
        this.definitions.set(tool.definitionDigest, tool.definition as JsonObject);
        put('tool', `${tool.server}/${tool.name}`, tool);
      }
      for (const { doc, manifest } of agents) {
        this.agentIds.push(doc.id);
        this.manifests.set(doc.manifestDigest, manifest);
        put('agent', doc.id, doc);
      }
    });
  }

  #putPolicy(put: Put, index: number, epoch: number): void {
    const { sets } = this.#input.policies;
    const set = sets[index % sets.length];
    if (set !== undefined) put('policy', '*', { ...set, epoch });
  }

  /** Somebody stops something, and does not give up before it is on record: a stop that was only sent holds where it was heard. */
  async stop(scope: Scope, state: ContainmentDoc['state']): Promise<void> {
    for (let attempt = 0; attempt < stopAttemptsMax; attempt++) {
      if (await this.#stopOnce(scope, state)) return;
      await this.#input.pause(stopAgainMs);
    }
  }

  /** A stop is sent ahead of its record, and its second runs from now. A control that dies before the commit has not accepted it. */
  async #stopOnce(scope: Scope, state: ContainmentDoc['state']): Promise<boolean> {
    const { control, checks, nowMs, trace } = this.#input;
    const { running } = control;
    if (running === undefined) return false;
    const key = containmentKey(scope);
    const doc: ContainmentDoc = {
      scope,
      state,
      since: new Date(nowMs()).toISOString(),
      reason: 'simulated',
      by: 'a person',
    };
    trace.add(`control: ${state} ${key}`);
    const begun = checks.stopBegins(scope);
    running.process.enter(() => void running.hub.contain(key, doc, confirmMs));
    let recorded = false;
    // A stop that is not on record by then was not accepted yet; its second runs from when it is.
    this.#input.after(acceptedMsMax, () => {
      if (!recorded) begun.toMs = begun.fromMs;
    });
    const done = await this.#change(
      `${key} is ${state} on record`,
      [],
      (tx, put) => {
        put('containment', key, doc);
        if (state !== 'killed') return;
        for (const agent of this.agentIds
          .map((id) => docOf(tx, 'agent', id))
          .filter((each) => each !== undefined)) {
          if (stops(scope, agent)) this.#void(tx, put, agent);
        }
      },
      () => {
        recorded = true;
        if (begun.toMs === begun.fromMs) checks.stopBegins(scope);
      },
    );
    if (!done && this.doc('containment', key)?.since !== doc.since) begun.toMs = begun.fromMs;
    return done;
  }

  /** A kill voids the credentials of an agent, and what waits for a person. */
  #void(tx: WritableView, put: Put, agent: AgentDoc): void {
    put('agent', agent.id, { ...agent, epoch: agent.epoch + 1, credentialEpoch: agent.credentialEpoch + 1 });
    this.approvals.voidAll(tx, put, agent.id);
  }

  /** What a restore voids before anything is served: nothing that acted at the time of the backup acts by itself. */
  settle(tx: WritableView, put: Put): void {
    const { faults, nowMs } = this.#input;
    const scope: Scope = { kind: 'fleet', id: '*' };
    if (faults.restoresRunning !== true)
      put('containment', containmentKey(scope), {
        ...{ scope, state: 'killed', since: new Date(nowMs()).toISOString() },
        ...{ reason: 'restored', by: 'restore' },
      });
    this.work.restored();
    this.#supposeWorst(tx, put);
    if (faults.restoresOpen === true) return;
    for (const id of this.agentIds) {
      const agent = docOf(tx, 'agent', id);
      if (agent !== undefined) this.#void(tx, put, agent);
    }
  }

  /** What instances have read since the backup nobody knows. */
  #supposeWorst(tx: WritableView, put: Put): void {
    const since = new Date(this.#input.nowMs()).toISOString();
    for (const { key } of docsOf(tx, 'instance')) {
      const source = { tool: 'unknown since a restore', ...worst, since };
      put('labels', key, afterReading(docOf(tx, 'labels', key) ?? unread(key), source));
    }
  }

  /** Who may start others. */
  mayDelegate(agentId: string): boolean {
    const level = this.doc('agent', agentId)?.level;
    return level === 'senior' || level === 'principal';
  }

  /** What control adapts of an agent is no other agent: its epoch stays. */
  async adapt(agentId: string, change: (agent: AgentDoc) => AgentDoc): Promise<void> {
    await this.#change(`agent ${agentId.slice(0, 8)} is adapted`, [agentId], (tx, put) => {
      const agent = docOf(tx, 'agent', agentId);
      if (agent !== undefined) put('agent', agentId, change(agent));
    });
  }

  async resume(key: string): Promise<void> {
    const held = this.doc('containment', key);
    if (held === undefined) return;
    await this.#change(
      `${key} is resumed`,
      [],
      (_, put) => put('containment', key, null),
      () => this.#input.checks.stopEnds(held.scope),
    );
  }

  async setLevel(agentId: string, level: Level, ceiling: Level | undefined): Promise<void> {
    await this.#change(
      `agent ${agentId.slice(0, 8)} is ${level}, ceiling ${ceiling ?? 'none'}`,
      [agentId],
      (tx, put) => {
        const agent = docOf(tx, 'agent', agentId);
        if (agent === undefined) return;
        const { ceiling: _, ...rest } = agent;
        put('agent', agentId, {
          ...rest,
          level,
          ...(ceiling === undefined ? {} : { ceiling }),
          epoch: agent.epoch + 1,
        });
      },
    );
  }

  async setPolicy(index: number): Promise<void> {
    await this.#change(`policy set ${index}`, [], (tx, put) =>
      this.#putPolicy(put, index, (docOf(tx, 'policy', '*')?.epoch ?? 0) + 1),
    );
  }

  async setSettings(change: (settings: SettingsDoc) => SettingsDoc): Promise<void> {
    await this.#change('settings', [], (tx, put) => {
      const settings = docOf(tx, 'settings', '*');
      if (settings !== undefined) put('settings', '*', change(settings));
    });
  }

  async changeTool(key: string, change: (tool: ToolDoc) => Omit<ToolDoc, 'epoch'>): Promise<void> {
    await this.#change(`tool ${key}`, [], (tx, put) => {
      const tool = docOf(tx, 'tool', key);
      if (tool === undefined) return;
      const next: ToolDoc = { ...change(tool), epoch: tool.epoch + 1 };
      this.definitions.set(next.definitionDigest, next.definition as JsonObject);
      put('tool', key, next);
    });
  }

  /** People register a server with its tools, and agents that use them. */
  async register({ server, tools, agents }: Registered): Promise<void> {
    for (const { definitionDigest: digest, definition } of tools)
      this.definitions.set(digest, definition as JsonObject);
    for (const { doc, manifest } of agents) this.manifests.set(doc.manifestDigest, manifest);
    await this.#change(`${server.name} is registered`, [], (_, put) => {
      put('server', server.name, server);
      for (const tool of tools) put('tool', `${tool.server}/${tool.name}`, tool);
      for (const { doc } of agents) put('agent', doc.id, doc);
    });
  }

  /** What is seen of a source changes how far it is trusted; the tool is no other one. */
  async setSources(key: string, sources: NonNullable<ToolDoc['sources']>): Promise<void> {
    await this.#change(`sources of ${key}`, [], (tx, put) => {
      const tool = docOf(tx, 'tool', key);
      if (tool !== undefined) put('tool', key, { ...tool, sources });
    });
  }

  async enrol(instance: InstanceDoc): Promise<boolean> {
    return await this.#change('an instance is enrolled', [instance.agentId], (_, put) =>
      put('instance', instance.id, instance),
    );
  }

  async revokeInstance(id: string): Promise<void> {
    const held = this.doc('instance', id);
    if (held !== undefined)
      await this.#change('an instance is revoked', [held.agentId], (_, put) =>
        put('instance', id, { ...held, state: 'revoked' }),
      );
  }

  async revokeSession(sid: string): Promise<void> {
    const until = new Date(this.#input.nowMs() + 3_600_000).toISOString();
    await this.#change('a session is revoked', [], (_, put) => put('revoked_session', sid, { sid, until }));
  }

  /** What a session is about to read joins its labels, and is answered when every gateway knows it or refuses. */
  async #read({
    instanceId,
    task,
    tool,
    confidentiality,
    integrity,
    indexes,
  }: BodyIn<'gateway.read'>): Promise<ControlAnswer<unknown> | undefined> {
    const since = new Date(this.#input.nowMs()).toISOString();
    const labels: LabelsDoc[] = [];
    const done = await this.#change('a session reads', [], (tx, put) => {
      for (const holder of task === undefined ? [instanceId] : [instanceId, task]) {
        const before = docOf(tx, 'labels', holder) ?? unread(holder);
        const after = (indexes?.read ?? []).reduce(
          (labels, read) => afterRetrieving(labels, read) ?? labels,
          afterReading(before, { tool, confidentiality, integrity, since }),
        );
        if (after !== before) put('labels', holder, after);
        labels.push(after);
      }
    });
    if (!done) return undefined;
    await this.#input.pause(knownEverywhereMs);
    return { ok: true, value: { labels } };
  }

  /** Answers a request of a gateway. Undefined: it failed without an answer. */
  async answer<K extends OperationId>(
    operation: K,
    call: ControlCall<K>,
    gateway: string,
  ): Promise<ControlAnswer<unknown> | undefined> {
    const params = (call.params ?? {}) as { id?: string; name?: string };
    switch (operation) {
      case 'gateway.requestApproval':
        return await this.approvals.request(call.body as ApprovalRequest);
      case 'gateway.redeemApproval':
        return await this.approvals.redeem(
          params.id ?? '',
          call.body as { agentId: string; actionId: string },
        );
      case 'gateway.finishApproval':
        return await this.approvals.finish(
          params.id ?? '',
          call.body as { actionId: string; outcome: StoredOutcome },
        );
      case 'gateway.discovered':
        await this.#discovered(
          params.name ?? '',
          (call.body as { definitions?: JsonObject[] }).definitions ?? [],
        );
        return { ok: true, value: { ok: true } };
      case 'gateway.payloadKey': {
        const { kid, key } = this.#input.payloadKey;
        return { ok: true, value: { kid, key: Buffer.from(key).toString('base64url') } };
      }
      case 'gateway.leaseCalls':
        if (this.#input.control.database.down) return undefined;
        return { ok: true, value: this.#budgetsFor(gateway).lease(call.body, this.#input.nowMs()) };
      case 'gateway.task':
      case 'gateway.delegated':
        return this.work.answer(params.id ?? '');
      case 'gateway.read':
        return await this.#read(call.body as BodyIn<'gateway.read'>);
      case 'gateway.reserveTotals':
        if (this.#input.control.database.down) return undefined;
        return {
          ok: true,
          value: this.#budgetsFor(gateway).reserve(call.body, this.#input.nowMs(), gateway),
        };
      case 'gateway.settleTotals':
        if (this.#input.control.database.down) return undefined;
        return { ok: true, value: this.#budgetsFor(gateway).settle(call.body, this.#input.nowMs()) };
      case 'gateway.started':
        this.#budgetsFor(gateway).started(gateway, (call.body as { upMs: number }).upMs, this.#input.nowMs());
        return { ok: true, value: { ok: true } };
      case 'gateway.notify':
        return { ok: true, value: { ok: true } };
      default:
        throw new Error(`${operation} is not simulated`);
    }
  }

  /** One allocator for all gateways. */
  #budgetsFor(gateway: string): Budgets {
    const key = this.#input.faults.ownBudgets ? gateway : '*';
    const budgets = this.#budgets.get(key) ?? new Budgets();
    this.#budgets.set(key, budgets);
    return budgets;
  }

  /** A definition that differs from the accepted one quarantines the tool. */
  async #discovered(server: string, definitions: readonly JsonObject[]): Promise<void> {
    const offered = new Map(
      definitions.map((definition) => [String(definition['name']), definitionDigest(definition)]),
    );
    await this.#change(`the tools of ${server} were reported`, [], (tx, put) => {
      for (const [name, digest] of offered) {
        const tool = docOf(tx, 'tool', `${server}/${name}`);
        if (tool?.state === 'active' && tool.definitionDigest !== digest)
          put('tool', `${server}/${name}`, { ...tool, state: 'quarantined', epoch: tool.epoch + 1 });
      }
    });
  }
}

function stops(scope: Scope, agent: AgentDoc): boolean {
  if (scope.kind === 'fleet') return true;
  return scope.kind === 'agent'
    ? scope.id === agent.id
    : scope.kind === 'owner' && [agent.ownerId, agent.technicalOwnerId].includes(scope.id);
}
