/** Agents that call tools without pause or patience, and people who approve, reject, stop, resume and change what agents may do. */
import type { ApprovalDoc, ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import { levels, type Scope } from '@atf/core/wire/words';
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from '@atf/gateway/answers';
import type { ToolsCallRequest } from '@atf/gateway/protocols/protocol';
import type { Checks } from './checks.ts';
import type { ControlState } from './control-state.ts';
import type { GatewayNode } from './gateway-node.ts';
import type { Random } from './random.ts';
import {
  delegatedDesk,
  hasDesk,
  type Heard,
  heardIn,
  newDesk,
  refundMax,
  refundWidened,
  taskDesk,
  toolNames,
} from './scene.ts';
import { Violation } from './trace.ts';
import type { ToolServers } from './tool-servers.ts';
import type { GivenBy, WorkOf } from './work.ts';
import type { VirtualTime } from './virtual-time.ts';

const outstandingMax = 8;
const burstChance = 0.08;
const rememberedMax = 12;
/** The newest that it was told. */
const heardMax = 6;
const credentialMs = 4_000;

export interface Cast {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly checks: Checks;
  readonly state: ControlState;
  readonly gateways: readonly GatewayNode[];
  readonly servers: ToolServers;
  /** Every agent, as far as they have come. */
  readonly agents: readonly AgentActor[];
  readonly nowMs: () => number;
  /** Everybody acts until then. */
  readonly untilMs: number;
}

interface Ask {
  readonly server: string;
  readonly tool: string;
  readonly args: JsonObject;
}

export class AgentActor {
  readonly agentId: string;
  readonly #cast: Cast;
  readonly #random: Random;
  readonly #past: Ask[] = [];
  #instanceId = '';
  #sid = '';
  #credential: CredentialFacts | undefined;
  #work: WorkOf = {};
  #alone = false;
  #rests = false;
  #heard: Heard = { desks: [], sums: [] };
  outstanding = 0;
  #requests = 0;

  constructor(agentId: string, cast: Cast) {
    this.agentId = agentId;
    this.#cast = cast;
    this.#random = cast.random.fork();
  }

  /** A new instance with its session, when the old one does not count any more. */
  async enrol(): Promise<void> {
    const id = this.#random.uuid();
    if (await this.#cast.state.enrol({ id, agentId: this.agentId, state: 'active' })) {
      this.#instanceId = id;
      this.renew();
    }
  }

  get instanceId(): string {
    return this.#instanceId;
  }
  get sid(): string {
    return this.#sid;
  }

  /** What control would mint now. */
  renew(newSession = true): void {
    const { state, nowMs } = this.#cast;
    const agent = state.doc('agent', this.agentId);
    if (agent === undefined || this.#instanceId === '') return;
    if (newSession || this.#sid === '' || !state.work.holds(this.#work, (id) => state.doc('agent', id))) {
      this.#sid = this.#random.uuid();
      this.#work = this.#newWork();
    }
    this.#credential = {
      agentId: this.agentId,
      instanceId: this.#instanceId,
      sid: this.#sid,
      jti: this.#random.uuid(),
      expiresAtMs: nowMs() + credentialMs,
      manifestDigest: agent.manifestDigest,
      credentialEpoch: agent.credentialEpoch,
      proof: 'dpop',
      ...this.#work,
    };
  }

  /** In a new session, for nobody. */
  renewAlone(): void {
    this.#alone = true;
    this.renew();
  }

  /** As an instance that has read nothing. */
  async renewAnew(): Promise<void> {
    await this.enrol();
    this.renewAlone();
  }

  /** In a new session, on a task that a person gives. */
  renewOnTask(): void {
    this.#renewOn((id, held) => this.#cast.state.work.given(id, held));
  }

  /** In a new session, on a task for a clerk. */
  renewAtDesk(by: GivenBy): void {
    this.#renewOn((id, held) => {
      if (by === 'host') this.#cast.checks.sessions.declared(id);
      return this.#cast.state.work.givenAtDesk(id, held, by);
    });
  }

  #renewOn(given: (id: string, held: Pick<CredentialFacts, 'agentId' | 'sid'>) => WorkOf): void {
    this.renewAlone();
    if (this.#credential === undefined) return;
    this.#work = given(this.#random.uuid(), { agentId: this.agentId, sid: this.#sid });
    this.#credential = { ...this.#credential, ...this.#work };
  }

  /** In a new session, below that of another agent. */
  renewFor(above: AgentActor): void {
    this.renewAlone();
    const { credential: from } = above;
    if (from === undefined || this.#credential === undefined) return;
    const held = { agentId: this.agentId, sid: this.#sid };
    this.#work = this.#cast.state.work.delegated(this.#random.uuid(), from, held) ?? {};
    this.#credential = { ...this.#credential, ...this.#work };
  }

  get credential(): CredentialFacts | undefined {
    return this.#credential;
  }

  /** Most work for themselves; some on a task of a person, some for another agent. */
  #newWork(): WorkOf {
    const { state } = this.#cast;
    const { agentId } = this;
    if (this.#alone) return {};
    const dice = this.#random.next();
    const id = this.#random.uuid();
    if (dice < 0.2) return state.work.given(id, { agentId, sid: this.#sid });
    const above = this.#cast.agents.filter((each) => state.mayDelegate(each.agentId));
    if (dice < 0.4 || above.length === 0) return {};
    const from = this.#random.pick(above).credential;
    return (
      (from === undefined ? undefined : state.work.delegated(id, from, { agentId, sid: this.#sid })) ?? {}
    );
  }

  start(): void {
    const { time, untilMs } = this.#cast;
    const next = (): void => {
      if (time.nowMs > untilMs) return;
      time.after(this.#random.between(20, 300), () => {
        if (time.nowMs > untilMs) return;
        this.#act();
        next();
      });
    };
    next();
  }

  /** One call, or impatiently several at once. */
  #act(): void {
    const gateway = this.#random.pick(this.#cast.gateways);
    const ask = this.#choose();
    for (
      let i = this.#random.chance(burstChance) ? outstandingMax : 1;
      i > 0 && this.outstanding < outstandingMax;
      i--
    ) {
      const again = i === 1 || this.#random.chance(0.3) ? {} : { n: this.#random.int(1, 1_000_000) };
      void this.call(gateway, { ...ask, args: { ...ask.args, ...again } });
    }
  }

  #choose(): Ask {
    if (this.#past.length > 0 && this.#random.chance(0.3)) return this.#random.pick(this.#past);
    const [server, tool] = this.#random.pick(toolNames);
    const odd = this.#random.chance(0.03) ? { unexpected: true } : {};
    return { server, tool, args: { n: this.#random.int(1, 1_000_000), ...this.about(tool), ...odd } };
  }

  /** To whom, and how much: what it was told, by whomever, or what comes to its mind. */
  about(tool: string): JsonObject {
    if (tool === 'refund_order') return { amount: this.#amount(), currency: 'EUR' };
    return hasDesk(tool) && this.#random.chance(0.7) ? { desk: this.#desk() } : {};
  }

  #desk(): string {
    const heard = [...this.#heard.desks];
    if (heard.length > 0 && this.#random.chance(0.5)) return this.#random.pick(heard);
    return this.#random.pick([taskDesk, taskDesk, delegatedDesk, newDesk(this.#random)]);
  }

  #amount(): number {
    if (this.#heard.sums.length > 0 && this.#random.chance(0.3)) return this.#random.pick(this.#heard.sums);
    return this.#random.chance(0.3)
      ? this.#random.int(refundMax + 1, refundWidened)
      : this.#random.int(1, 130);
  }

  /** Calls a tool. Undefined: the gateway is down. */
  async call(gateway: GatewayNode, { server, tool, args }: Ask): Promise<CallAnswer | undefined> {
    if (this.#credential === undefined) this.renew();
    const credential = this.#credential;
    if (credential === undefined) return undefined;
    const request: ToolsCallRequest = {
      kind: 'tools_call',
      era: '2025-11-25',
      serverName: server,
      id: ++this.#requests,
      toolName: tool,
      args,
      argsBytes: Buffer.from(JSON.stringify(args)),
    };
    const gone = new AbortController();
    if (this.#random.chance(0.05)) this.#cast.time.after(this.#random.between(0, 60), () => gone.abort());
    const held: CredentialFacts = this.#random.chance(0.05) ? { ...credential, proof: 'none' } : credential;
    this.#cast.checks.sessions.shown(held);
    this.outstanding++;
    try {
      const answer = await gateway.call(held, request, gone.signal);
      if (answer === undefined) return undefined;
      this.#cast.checks.answered(gateway.id, answer, held);
      this.#learn(answer, { server, tool, args });
      if (answer.kind === 'result') this.#obey(gateway, heardIn(JSON.stringify(answer.result)));
      return answer;
    } catch (fault) {
      // A violation is known already; everything else is one: refusals are values.
      if (!(fault instanceof Violation))
        this.#cast.checks.note('the pipeline answers', String(fault), gateway.id);
      return undefined;
    } finally {
      this.outstanding--;
    }
  }

  /** From now on it calls what it is told to by the run, and nothing else. */
  rest(): void {
    this.#rests = true;
  }

  /** A gateway that died never answers. */
  forget(): void {
    this.outstanding = 0;
  }

  #learn(answer: CallAnswer, ask: Ask): void {
    const code =
      answer.kind === 'problem'
        ? answer.refusal.code
        : answer.kind === 'refused'
          ? answer.facts.refusal.code
          : '';
    if (code === 'identity.instance_unknown') void this.enrol();
    else if (code.startsWith('identity.') || this.#random.chance(0.02))
      this.renew(code === 'identity.session_revoked');
    if (answer.kind !== 'refused' || answer.facts.outcome !== 'waiting') return;
    if (this.#past.length >= rememberedMax) this.#past.shift();
    this.#past.push(ask);
  }

  /** It remembers what it was told, and often does at once what that seems to want. */
  #obey(gateway: GatewayNode, { desks, sums }: Heard): void {
    this.#heard = {
      desks: [...this.#heard.desks, ...desks].slice(-heardMax),
      sums: [...this.#heard.sums, ...sums].slice(-heardMax),
    };
    const [desk] = desks;
    if (desk === undefined || this.#rests || this.outstanding >= outstandingMax) return;
    if (!this.#random.chance(0.4)) return;
    const args = { n: this.#random.int(1, 1_000_000), desk };
    void this.call(gateway, { server: 'wiki', tool: 'run_job', args });
  }

  /** Many at once want what a person has just released: equal retries and the gateway's own tool, at every gateway. */
  storm(doc: ApprovalDoc): void {
    const { time, gateways } = this.#cast;
    const slash = doc.tool.indexOf('/');
    const [server, tool] = [doc.tool.slice(0, slash), doc.tool.slice(slash + 1)];
    const equal = this.#past.filter((ask) => ask.server === server && ask.tool === tool);
    for (let i = this.#random.int(1, 5); i > 0; i--) {
      const gateway = this.#random.pick(gateways);
      const ask =
        equal.length > 0 && this.#random.chance(0.5)
          ? this.#random.pick(equal)
          : { server, tool: 'atf_approval_result', args: { approvalId: doc.id } };
      time.after(this.#random.between(0, 60), () => void this.call(gateway, ask));
    }
  }
}

const paceMs: readonly [number, number] = [80, 450];

export class People {
  readonly #cast: Cast;
  readonly #random: Random;
  readonly #agents: readonly AgentActor[];

  constructor(cast: Cast, agents: readonly AgentActor[]) {
    this.#cast = cast;
    this.#random = cast.random.fork();
    this.#agents = agents;
  }

  /** A call waits: somebody answers, mostly. */
  asked(doc: ApprovalDoc): void {
    const { time, state } = this.#cast;
    if (this.#random.chance(0.15)) return;
    time.after(this.#random.between(10, 400), () => {
      void state.approvals.decide(doc.id, this.#random.chance(0.8)).then((approved) => {
        if (approved) this.#agents.find(({ agentId }) => agentId === doc.agentId)?.storm(doc);
      });
    });
  }

  start(): void {
    const { time, untilMs } = this.#cast;
    const next = (): void => {
      if (time.nowMs > untilMs) return;
      time.after(this.#random.between(...paceMs), () => {
        if (time.nowMs > untilMs) return;
        void this.#act();
        next();
      });
    };
    next();
  }

  /** Everything that can be stopped, once more, and resumed. */
  async stopAndResumeAgain(): Promise<void> {
    const { state } = this.#cast;
    const scopes: Scope[] = [{ kind: 'fleet', id: '*' }];
    for (const { key } of state.docs('server')) scopes.push({ kind: 'tool', id: `${key}/*` });
    for (const { key } of state.docs('tool')) scopes.push({ kind: 'tool', id: key });
    for (const { key, body } of state.docs('agent'))
      scopes.push({ kind: 'agent', id: key }, { kind: 'owner', id: body.ownerId });
    for (const scope of scopes) {
      await state.stop(scope, 'paused');
      await state.resume(`${scope.kind}:${scope.id}`);
    }
  }

  /** Agents want everything once more that was ever released to them, and people look at all that waits. */
  askAgain(): void {
    for (const { body } of this.#cast.state.docs('approval')) {
      if (body.state === 'waiting') this.asked(body);
      else this.#agents.find(({ agentId }) => agentId === body.agentId)?.storm(body);
    }
  }

  async resumeAll(): Promise<void> {
    const { state } = this.#cast;
    for (const { key } of state.docs('containment')) await state.resume(key);
  }

  async #act(): Promise<void> {
    const random = this.#random;
    const { state, servers } = this.#cast;
    const agent = random.pick(this.#agents);
    const [server, tool] = random.pick(toolNames);
    const dice = random.next();
    if (dice < 0.3) await this.#stopAndResume(agent);
    else if (dice < 0.5)
      await state.setLevel(
        agent.agentId,
        random.pick(levels),
        random.chance(0.3) ? random.pick(levels) : undefined,
      );
    else if (dice < 0.62) servers.change(server, tool);
    else if (dice < 0.8) await this.accept(random.pick(state.docs('tool').map(({ key }) => key)));
    else if (dice < 0.86) await state.setPolicy(random.int(0, 1));
    else if (dice < 0.9) await state.revokeSession(agent.sid === '' ? random.uuid() : agent.sid);
    else if (dice < 0.93) await state.revokeInstance(agent.instanceId);
    else if (dice < 0.96) await this.classify(`${server}/${tool}`, random.chance(0.5));
    else
      await state.setSettings((settings) => ({
        ...settings,
        callsDefault: { ...settings.callsDefault, junior: { max: random.int(3, 30), perSeconds: 2 } },
      }));
  }

  async #stopAndResume({ agentId }: AgentActor): Promise<void> {
    const random = this.#random;
    const { state, time } = this.#cast;
    const agent = state.doc('agent', agentId);
    const [server, tool] = random.pick(toolNames);
    const scopes: Scope[] = [
      { kind: 'agent', id: agentId },
      { kind: 'agent', id: agentId },
      { kind: 'agent', id: agentId },
      { kind: 'tool', id: random.chance(0.3) ? `${server}/*` : `${server}/${tool}` },
      { kind: 'owner', id: agent?.ownerId ?? agentId },
      { kind: 'fleet', id: '*' },
    ];
    const scope = random.pick(scopes);
    await state.stop(scope, random.pick(['killed', 'killed', 'paused', 'quarantined'] as const));
    if (random.chance(0.2)) await state.stop(scope, 'killed');
    const key = `${scope.kind}:${scope.id}`;
    time.after(
      random.between(30, scope.kind === 'agent' ? 1_800 : scope.kind === 'fleet' ? 600 : 1_200),
      () => void state.resume(key),
    );
  }

  /** Accepts what a server offers now. */
  async accept(key: string): Promise<void> {
    const { state, servers } = this.#cast;
    const slash = key.indexOf('/');
    const offered = servers.accepted(key.slice(0, slash), key.slice(slash + 1));
    await state.changeTool(key, (doc): Omit<ToolDoc, 'epoch'> => ({ ...doc, ...offered, state: 'active' }));
  }

  /** Says whether a Senior may use a tool alone. */
  async classify(key: string, writeSafe: boolean): Promise<void> {
    await this.#cast.state.changeTool(key, (doc) => ({
      ...doc,
      classification: { ...doc.classification, writeSafe },
    }));
  }
}
