/**
 * The life of one action, in the order of ARCHITECTURE.md. Everything that an agent does passes this page, and nothing else
 * does. It takes ports only, so that the simulator runs this very code under virtual time.
 */
import { aboveTouched } from '@atf/core/chain';
import { endedBy } from '@atf/core/decide';
import { sha256 } from '@atf/core/digest';
import { type Refusal, refusal } from '@atf/core/errors';
import { touchedBy } from '@atf/core/incident/containment';
import { type Kind, kindOf } from '@atf/core/segmentation/offer';
import type { ApprovalDoc, ToolDoc } from '@atf/core/wire/feed';
import type { Json, JsonObject } from '@atf/core/wire/json';
import type { Labels } from '@atf/core/wire/labels';
import type { CheckName, CredentialFacts, Decision, Protocol, Received } from '@atf/core/world';
import type { AgentSide } from './agent-input.ts';
import { answerOf, type CallAnswer, refused } from './answers.ts';
import { Approvals, type Standing } from './approvals.ts';
import { type Authenticated, Authenticator } from './authenticate.ts';
import { BuiltInAnswers, RecentDecisions } from './built-in-answers.ts';
import { approvalResultName, builtInTools, isBuiltIn, readApprovalQuestion } from './built-in-tools.ts';
import { CallsUnderWay } from './calls.ts';
import { isDoubtful, maskedStated } from './data-inspection.ts';
import { createDecider, type ExactCall, exactCall, receivedOf } from './decision.ts';
import { execute, type Ran } from './execute.ts';
import { type AskJudge, Judge, type Verdict } from './judge.ts';
import { Limiter } from './limiter.ts';
import type { Offered } from './listeners.ts';
import { namedAction } from './named-action.ts';
import { Notifier } from './notify.ts';
import { OutcomeReports } from './outcome-reports.ts';
import type { Ports } from './ports.ts';
import type { OnProgress } from './progress.ts';
import { wantsKey } from './protected-resource.ts';
import type {
  ActionRequest,
  CancelledRequest,
  OfferedList,
  RawRequest,
  RequestId,
  ToolDefinition,
  UnsupportedRequest,
} from './protocols/protocol.ts';
import { newQuestionsRate, QuestionRate } from './question-rate.ts';
import { type Decided, recordDecision, recordSubscribed, type Stated } from './record.ts';
import { RefusalCount } from './refusal-count.ts';
import { RequestStates } from './request-state.ts';
import { SchemaCheck } from './schema-check.ts';
import { labelsRead, SessionLabels } from './session-labels.ts';
import { SessionMemories } from './session-memories.ts';
import { Stopper } from './stop.ts';
import { Totals } from './totals.ts';

/** What the pipeline reports for metrics: no names of people, no arguments. */
export interface Observed {
  readonly outcome: Decision['outcome'];
  readonly code: string | undefined;
  readonly status: Ran['status'] | undefined;
  readonly tookMs: number;
}

export interface PipelineOptions {
  /** Address by which agents know this gateway, without a trailing slash: what `htu` of their proofs names. */
  readonly publicUrl: () => string;
  readonly onObserved?: (observed: Observed) => void;
  /** Each decision that was made, once, when it counts no more what anybody does with it. */
  readonly onDecision?: (decided: Decided) => void;
  /** Each call that ran, and what came of it. */
  readonly onRan?: (decided: Decided, ran: Ran) => void;
  /** Milliseconds that each decision took. */
  readonly onDecided?: (ms: number) => void;
  /** Milliseconds since this process could have been given anything. */
  readonly upMs: () => number;
  /** Pause before an approval's outcome is sent to control again. */
  readonly pause: (attempt: number) => Promise<void>;
  readonly askJudge: AskJudge;
}

/** What is asked of the pipeline, whichever door it came through. */
export interface CallRequest {
  readonly protocol?: Protocol;
  /** Made here unless the door has made it (`newActionId`). */
  readonly actionId?: string;
  readonly serverName: string;
  readonly toolName: string;
  readonly args: JsonObject;
  /** For a cancellation by the caller. */
  readonly id?: RequestId;
  /** Ask a person even where the level may do it alone. */
  readonly ask?: boolean;
  readonly stated?: Stated;
  readonly onProgress?: OnProgress | undefined;
  /** Who can be asked while it runs, and told what the server logs; absent: nobody. */
  readonly side?: AgentSide | undefined;
}

export interface Redemption {
  readonly approvalId: string;
  readonly actionId: string;
  readonly protocol: Protocol;
}

export interface Pipeline {
  authenticate(
    raw: Pick<RawRequest, 'headers' | 'method' | 'url'>,
    source: string,
    at?: string,
  ): Authenticated;
  /** `gone` fires when the client hangs up: reads are cut, writes that were sent go on. */
  call(credential: CredentialFacts, request: CallRequest, gone: AbortSignal): Promise<CallAnswer>;
  /** Redeems an approval of this agent through this door, or says how it stands. */
  redeem(credential: CredentialFacts, redemption: Redemption): Promise<CallAnswer>;
  newActionId(): string;
  /** The time of this gateway. */
  nowMs(): number;
  /** An approval of this agent for a tool of this server, if it is carried out through MCP. */
  approvalOf(credential: CredentialFacts, server: string, approvalId: string): ApprovalDoc | undefined;
  /** What the session has read. */
  labelsOf(credential: CredentialFacts): Labels;
  /** How it stands, for a caller that was admitted; redeems it when it can be. */
  standing(credential: CredentialFacts, doc: ApprovalDoc): Promise<Standing>;
  /** Gives up a call of this agent that was not released yet, for a caller that was admitted. */
  withdraw: Approvals['withdraw'];
  /** Whether this approval of this agent still waits for a person, and its time is not over. */
  waits(credential: CredentialFacts, approvalId: string): boolean;
  /** Where people decide about it; undefined while control has not said where it is. */
  approvalUrl(approvalId: string): string | undefined;
  /** The state of requests that wait for a person. */
  readonly states: RequestStates;
  /** Spends one question of this agent (question-rate.ts). */
  mayAskNow(agentId: string): Refusal | undefined;
  /** {@link Pipeline.call} for a request of MCP: it may be about a resource or a prompt. */
  act(
    credential: CredentialFacts,
    request: ActionRequest,
    gone: AbortSignal,
    onProgress?: OnProgress,
    side?: AgentSide,
  ): Promise<CallAnswer>;
  /** The accepted definitions of one kind that this credential may see. */
  list(
    credential: CredentialFacts,
    server: string,
    kind: Kind,
  ): { readonly offers: readonly ToolDefinition[] } | { readonly refusal: Refusal };
  /** Digests of what this credential would be listed now, without spending a question; undefined: it is not served. */
  offered(credential: CredentialFacts, server: string): Offered | undefined;
  /** The same without the lists: whether it is served now. */
  served(credential: CredentialFacts, server: string): boolean;
  /** Whether a read of this resource would be allowed now. */
  mayRead(credential: CredentialFacts, server: string, uri: string): boolean;
  /** Whether exactly this call would be allowed now, asked by an enforcement point; nothing is spent or recorded. */
  mayCall(credential: CredentialFacts, call: Pick<CallRequest, 'serverName' | 'toolName' | 'args'>): boolean;
  /** Has the server tell when a resource changes that this credential may read; a refusal otherwise. */
  subscribe(credential: CredentialFacts, server: string, uri: string): Promise<Refusal | undefined>;
  /** Nobody wants to be told of it any more. */
  unsubscribe(server: string, instanceId: string, uri: string): void;
  /** Whether this caller may be served at all: known, not stopped, feed fresh, server known. */
  admit(credential: CredentialFacts, server: string, protocol?: Protocol): Refusal | undefined;
  unsupported(credential: CredentialFacts, request: UnsupportedRequest): Promise<Refusal | undefined>;
  cancel(credential: CredentialFacts, request: CancelledRequest): void;
  /** What came of released calls, on its way to control. */
  readonly reports: OutcomeReports;
  readonly stopper: Stopper;
  readonly calls: CallsUnderWay;
  readonly refusals: RefusalCount;
  readonly notifier: Notifier;
  readonly schemas: SchemaCheck;
  readonly limiter: Limiter;
}

export function createPipeline(ports: Ports, options: PipelineOptions): Pipeline {
  const { clock, snapshot, upstream } = ports;
  const authenticator = new Authenticator({ clock, snapshot, publicUrl: options.publicUrl });
  const schemas = new SchemaCheck();
  const limiter = new Limiter({ control: ports.control, monotonicMs: () => clock.monotonicMs() });
  const totals = new Totals({
    control: ports.control,
    newId: () => newActionId(ports),
    pause: options.pause,
    monotonicMs: () => clock.monotonicMs(),
  });
  const memories = new SessionMemories(ports);
  const labels = new SessionLabels(ports);
  const judge = new Judge({
    ports,
    ask: options.askJudge,
    taskOf: (credential) => memories.wordsOf(credential),
    tell: (decided) => notifier.doubted(decided),
  });
  const decider = createDecider(
    ports,
    { limiter, totals },
    schemas,
    { memories, labels, judge },
    options.onDecided,
  );
  const questions = new QuestionRate();
  const newQuestions = new QuestionRate(newQuestionsRate, 'approvals.queue_full');
  const calls = new CallsUnderWay();
  const stopper = new Stopper(calls, upstream);
  const notifier = new Notifier(ports.control, options.pause);
  const refusals = new RefusalCount({
    clock,
    spool: ports.spool,
    tenant: () => snapshot.settings()?.tenant,
    salt: ports.random(32),
  });
  const reports = new OutcomeReports({ control: ports.control, upMs: options.upMs, pause: options.pause });
  const approvals = new Approvals({
    ports,
    decider,
    release: (decided) => run(decided),
    single: (agentId) => refusals.single(agentId, 'maturity.approval_required'),
    tooMany: (agentId) => {
      const refused = newQuestions.ask(agentId, clock.monotonicMs());
      if (refused !== undefined) refusals.counted(agentId, refused.code);
      return refused;
    },
    reports,
    labels,
    memories,
  });

  const recent = new RecentDecisions();
  const answers = new BuiltInAnswers(ports, decider, recent);

  /** Steps 2 to 9; step 1 was {@link Pipeline.authenticate}, at the edge, before the request was read. */
  async function call(
    credential: CredentialFacts,
    request: CallRequest,
    gone: AbortSignal,
  ): Promise<CallAnswer> {
    const { actionId = newActionId(ports), protocol = 'mcp', ask: asks = false } = request;
    if (isBuiltIn(request.toolName) && protocol === 'mcp')
      return await callBuiltIn(credential, request, actionId);
    const exact = exactCall(request.serverName, request.toolName, request.args, protocol);
    const received = receivedOf(actionId, credential, exact);
    const stated = maskedStated(request.stated, snapshot.settings());
    if (!calls.hasRoom(credential.agentId)) return busy(credential);
    await memories.prepare(credential);
    await decider.prepare(exact, credential.agentId);
    await prepare(credential, exact, actionId);
    // What is asked about anyway spends no limit before it is released.
    const first = asks ? decider.peek(received, exact) : await decide(received, exact, stated);
    // The person may have said by now what their task did not say when it was read.
    const again = first.decision.outcome === 'ask' && !asks && (await memories.reread(credential));
    const decision = again ? await decide(received, exact, stated) : first;
    recent.keep(decision);
    const decided = { ...decision, stated }; //                              2 contain, 3 authorise, 4 govern data, 5 gate by maturity
    if (decided.decision.outcome === 'refuse') return await refuse(decided); // 6 record: refusals too
    if (asks || decided.decision.outcome === 'ask') return await ask(decided, exact);
    return answerOf(await run(decided, request, gone), { actionId }); //      6 to 9
  }

  /** What is refused or asked about spends nothing of a rate limit, so control is asked for a lease only for what may run. */
  async function decide(received: Received, exact: ExactCall, stated: Stated | undefined): Promise<Decided> {
    const verdict = await judged(received, exact, stated);
    const held = decider.holdNow(received);
    if (held !== undefined) return decider.decide(received, exact, undefined, held, verdict);
    const first = decider.first(received, exact);
    if (first.decision.outcome !== 'allow') return first;
    return decider.decide(received, exact, undefined, await decider.hold(received), verdict);
  }

  /** The judge is asked about what would be done but for it; the decision is made anew when it has answered. */
  async function judged(
    received: Received,
    exact: ExactCall,
    stated: Stated | undefined,
  ): Promise<Verdict | undefined> {
    if (snapshot.settings()?.judge === undefined) return undefined;
    const looked = decider.peek(received, exact);
    return looked.decision.outcome === 'allow' ? await judge.before({ ...looked, stated }) : undefined;
  }

  const act: Pipeline['act'] = async (credential, request, gone, onProgress, side) => {
    const { id, serverName } = request;
    const { tool, args } = namedAction(snapshot, credential.agentId, request);
    return await call(credential, { id, serverName, toolName: tool, args, onProgress, side }, gone);
  };

  /** Lists a server's tools before the first decision about them, unless the caller would be refused anyway. */
  async function prepare(credential: CredentialFacts, exact: ExactCall, actionId: string): Promise<void> {
    const server = snapshot.server(exact.server);
    if (server === undefined || upstream.live(server, credential.instanceId, exact.tool).state !== 'unknown')
      return;
    if (decider.peek(receivedOf(actionId, credential, exact), exact).decision.outcome === 'refuse') return;
    await upstream.prepare(server, credential.instanceId);
  }

  async function refuse(decided: Decided): Promise<CallAnswer> {
    const { received, decision, world } = decided;
    const why = decision.refusal ?? refusal('internal.fault');
    observe(decided, undefined);
    if (world.agent === undefined) {
      refusals.unauthenticated(received.credential.agentId, why.code);
      return { kind: 'problem', refusal: why };
    }
    if (refusals.single(world.agent.id, why.code)) {
      const unrecorded = await recordDecision(ports, 'action.refused', decided);
      if (unrecorded !== undefined) return refused(unrecorded, received);
    }
    if (wantsKey(decided, why)) return { kind: 'problem', refusal: why, stepUp: true };
    return why.code.startsWith('identity.') ? { kind: 'problem', refusal: why } : refused(why, received);
  }

  async function ask(decided: Decided, exact: ExactCall): Promise<CallAnswer> {
    observe(decided, undefined);
    const answer = await approvals.onAsk(decided, exact);
    if (decided.world.judged?.verdict === 'doubted' && answer.kind !== 'problem')
      judge.shown(decided, answer.facts.approvalId);
    return answer;
  }

  /** Steps 6 to 9 for a decision that allows: record intent, last look, execute, inspect output, record outcome, observe. */
  async function run(decided: Decided, request?: CallRequest, gone?: AbortSignal): Promise<Ran> {
    const { received, world, decision } = decided;
    const { agent } = world;
    judge.released(decided);
    const underWay =
      agent === undefined
        ? undefined
        : calls.begin({
            actionId: received.actionId,
            ...touchedBy(agent, {
              sid: received.credential.sid,
              server: received.server,
              tool: received.tool,
              ...aboveTouched(received.credential, world),
            }),
            instanceId: received.credential.instanceId,
            actionClass: decision.actionClass ?? 'admin',
            requestId: request?.id,
            onProgress: request?.onProgress,
            side: request?.side,
          });
    if (underWay === undefined) {
      totals.end(received.actionId);
      return {
        status: 'not_executed',
        result: undefined,
        resultText: undefined,
        refusal: refusal('request.overloaded'),
      };
    }
    const hungUp = () => {
      if (!underWay.dispatched || underWay.actionClass === 'read') stopper.cancel(underWay);
    };
    gone?.addEventListener('abort', hungUp, { once: true });
    if (gone?.aborted === true) hungUp();
    try {
      const ran = await execute(ports, { schemas, totals, labels, hear }, decided, underWay);
      if (ran.result !== undefined) {
        const { log = [] } = ran;
        const said = log.length === 0 ? ran.result : { ...ran.result, log };
        hear(decided, said as unknown as Json, isDoubtful(ran.data));
      }
      observe(decided, ran);
      if (ran.status !== 'not_executed') options.onRan?.(decided, ran);
      notifier.after(decided, ran);
      if (ran.status !== 'not_executed') judge.after(decided);
      return ran;
    } finally {
      gone?.removeEventListener('abort', hungUp);
      totals.end(received.actionId, underWay.dispatched);
      calls.end(underWay);
    }
  }

  /** What is read from now on is known by where it came from. */
  function hear({ received, world: { tool } }: Decided, said: Json, doubtful: boolean): void {
    if (tool !== undefined) memories.observe(received, { tool, isDoubtful: doubtful }, said);
  }

  /** Step 9. Baselines and anomalies hang here later. */
  function observe(decided: Decided, ran: Ran | undefined): void {
    const { decision, world } = decided;
    options.onDecision?.(decided);
    const code = ran === undefined ? decision.refusal?.code : ran.refusal?.code;
    options.onObserved?.({
      outcome: decision.outcome,
      code,
      status: ran?.status,
      tookMs: clock.nowMs() - world.nowMs,
    });
  }

  async function callBuiltIn(
    credential: CredentialFacts,
    request: CallRequest,
    actionId: string,
  ): Promise<CallAnswer> {
    const { serverName: server, toolName: tool, args } = request;
    const stopped = admit(credential, server);
    if (tool !== approvalResultName)
      return stopped === undefined
        ? await answers.answer(credential, { actionId, server, tool, args })
        : notAdmitted(credential, stopped, actionId, 'refused');
    const question = readApprovalQuestion(args);
    if (stopped !== undefined) {
      const spent = question.ok && approvals.spent(credential.agentId, question.approvalId);
      return notAdmitted(credential, stopped, actionId, spent ? 'unknown' : 'refused');
    }
    if (!question.ok) return refused(refusal('data.schema_invalid', question.problem), { actionId });
    return await approvals.result(credential, question.approvalId, { actionId, protocol: 'mcp', server });
  }

  async function redeem(
    credential: CredentialFacts,
    { approvalId, actionId, protocol }: Redemption,
  ): Promise<CallAnswer> {
    const [server = ''] = snapshot.approval(approvalId)?.tool.split('/') ?? [];
    const stopped =
      server === ''
        ? questions.ask(credential.agentId, clock.monotonicMs())
        : admit(credential, server, protocol);
    if (stopped !== undefined) {
      const spent = approvals.spent(credential.agentId, approvalId);
      return notAdmitted(credential, stopped, actionId, spent ? 'unknown' : 'refused');
    }
    return await approvals.result(credential, approvalId, { actionId, protocol, server: undefined });
  }

  function notAdmitted(
    credential: CredentialFacts,
    why: Refusal,
    actionId: string,
    outcome: 'refused' | 'unknown',
  ): CallAnswer {
    refusals.unauthenticated(credential.agentId, why.code);
    return why.code.startsWith('identity.')
      ? { kind: 'problem', refusal: why }
      : refused(why, { actionId }, outcome);
  }

  /**
   * Asks `decide()` about a tool that no server has: it says who may not even ask for one. What runs no tool is bounded here, because no limit of
   * the manifest counts it.
   */
  function admit(
    credential: CredentialFacts,
    server: string,
    protocol: Protocol = 'mcp',
  ): Refusal | undefined {
    return notServed(credential, server, protocol) ?? questions.ask(credential.agentId, clock.monotonicMs());
  }

  function notServed(credential: CredentialFacts, server: string, protocol: Protocol): Refusal | undefined {
    const exact = exactCall(server, approvalResultName, {}, protocol);
    const { decision } = decider.peek(receivedOf('admission', credential, exact), exact);
    return decision.refusal?.code === 'segmentation.tool_unknown'
      ? undefined
      : (decision.refusal ?? refusal('internal.fault'));
  }

  const list: Pipeline['list'] = (credential, server, kind) => {
    const stopped = admit(credential, server);
    if (stopped !== undefined) return { refusal: stopped };
    const offers = visible(credential, server, kind).map(
      ({ definition }) => definition as unknown as ToolDefinition,
    );
    return { offers: kind === 'tool' ? [...offers, ...builtInTools] : offers };
  };

  function visible(credential: CredentialFacts, server: string, kind: Kind | undefined): readonly ToolDoc[] {
    return snapshot.toolsOf(server).filter((tool) => {
      if (tool.state !== 'active' || isBuiltIn(tool.name)) return false;
      if (kind !== undefined && kindOf(tool.name) !== kind) return false;
      const exact = exactCall(server, tool.name, {});
      const { decision } = decider.peek(receivedOf('listing', credential, exact), exact, true);
      return decision.outcome !== 'refuse' || isMomentary(decision);
    });
  }

  const offered: Pipeline['offered'] = (credential, server) => {
    if (notServed(credential, server, 'mcp') !== undefined) return undefined;
    const lists: Record<OfferedList, string[]> = { tools: [], resources: [], prompts: [] };
    for (const { name, definitionDigest } of visible(credential, server, undefined))
      lists[listOf[kindOf(name)]].push(`${name} ${definitionDigest}`);
    const digest = (names: readonly string[]) => sha256([...names].sort().join('\n'));
    return {
      tools: digest(lists.tools),
      resources: digest(lists.resources),
      prompts: digest(lists.prompts),
    };
  };

  function readOf(
    credential: CredentialFacts,
    server: string,
    uri: string,
  ): { decided: Decided; exact: ExactCall } {
    const request = { kind: 'resources_read', serverName: server, uri } as const;
    const { tool, args } = namedAction(snapshot, credential.agentId, request);
    const exact = exactCall(server, tool, args);
    return { exact, decided: decider.peek(receivedOf(newActionId(ports), credential, exact), exact) };
  }

  const subscribe: Pipeline['subscribe'] = async (credential, server, uri) => {
    const stopped = admit(credential, server);
    if (stopped !== undefined) return stopped;
    const { exact } = readOf(credential, server, uri);
    await prepare(credential, exact, 'subscription');
    const { decided } = readOf(credential, server, uri);
    const { decision } = decided;
    const serverDoc = snapshot.server(server);
    if (decision.outcome !== 'allow' || serverDoc === undefined) {
      // Nobody is asked to approve this: who may not read it now is not told of it.
      const why = decision.refusal ?? refusal('maturity.approval_required');
      if (refusals.single(credential.agentId, why.code))
        await recordDecision(ports, 'action.refused', decided);
      return why;
    }
    const unrecorded = await recordSubscribed(ports, decided);
    if (unrecorded !== undefined) return unrecorded;
    // What it is told from now on are words of the server.
    const { received, world } = decided;
    const unjoined = await labels.join(
      credential,
      `${server}/${received.tool}`,
      labelsRead(world.tool),
      world.flow.indexes,
    );
    if (unjoined !== undefined) return unjoined;
    const fault = await upstream.watch(serverDoc, credential.instanceId, uri, true);
    return fault === undefined ? undefined : refusal(fault.code, fault.detail);
  };

  const unsubscribe: Pipeline['unsubscribe'] = (server, instanceId, uri) => {
    const serverDoc = snapshot.server(server);
    if (serverDoc !== undefined) void upstream.watch(serverDoc, instanceId, uri, false);
  };

  async function unsupported(
    credential: CredentialFacts,
    request: UnsupportedRequest,
  ): Promise<Refusal | undefined> {
    const stopped = admit(credential, request.serverName);
    if (stopped !== undefined) return stopped;
    // No tool can have such a name, so the record shows a method and nothing that could have been lawful.
    const exact = exactCall(request.serverName, `method:${request.method}`, {});
    const decided = decider.peek(receivedOf(newActionId(ports), credential, exact), exact);
    if (!refusals.single(credential.agentId, request.problem.code)) return undefined;
    return await recordDecision(ports, 'action.refused', decided);
  }

  function cancel({ instanceId, sid }: CredentialFacts, { serverName, requestId }: CancelledRequest): void {
    const found = calls.find({ instanceId, sid, server: serverName, requestId });
    if (found !== undefined) stopper.cancel(found);
  }

  function busy(credential: CredentialFacts): CallAnswer {
    refusals.unauthenticated(credential.agentId, 'request.overloaded');
    return { kind: 'problem', refusal: refusal('request.overloaded') };
  }

  const authenticate: Pipeline['authenticate'] = (raw, source, at) => {
    const verdict = authenticator.authenticate(raw, source, at);
    if (!verdict.ok) refusals.unauthenticated(source, verdict.refusal.code);
    return verdict;
  };
  return {
    authenticate,
    call,
    redeem,
    newActionId: () => newActionId(ports),
    nowMs: () => clock.nowMs(),
    approvalOf: (credential, server, approvalId) => approvals.of(credential, server, approvalId),
    labelsOf: (credential) => labels.facts(credential),
    standing: async (credential, doc) => await approvals.standing(credential, doc, newActionId(ports)),
    withdraw: async (credential, doc) => await approvals.withdraw(credential, doc),
    waits: (credential, approvalId) => {
      const doc = snapshot.approval(approvalId);
      const waiting = doc?.agentId === credential.agentId && doc.state === 'waiting';
      return waiting && Date.parse(doc.expiresAt) > clock.nowMs();
    },
    approvalUrl: (approvalId) => {
      const issuer = snapshot.settings()?.issuer;
      return issuer !== undefined && URL.canParse(issuer)
        ? new URL(`/approvals/${approvalId}`, issuer).href
        : undefined;
    },
    states: new RequestStates(ports.wrappingKey),
    mayAskNow: (agentId) => questions.ask(agentId, clock.monotonicMs()),
    act,
    list,
    offered,
    served: (credential, server) => notServed(credential, server, 'mcp') === undefined,
    mayRead: (credential, server, uri) =>
      readOf(credential, server, uri).decided.decision.outcome === 'allow',
    mayCall: (credential, { serverName, toolName, args }) => {
      const exact = exactCall(serverName, toolName, args, 'authzen');
      return decider.peek(receivedOf('search', credential, exact), exact).decision.outcome === 'allow';
    },
    subscribe,
    unsubscribe,
    admit,
    unsupported,
    cancel,
    reports,
    stopper,
    calls,
    refusals,
    notifier,
    schemas,
    limiter,
  };
}

const momentary: ReadonlySet<CheckName> = new Set([
  'govern_retrieval',
  'limit_time',
  'limit_rate',
  'limit_transaction',
  'limit_total',
]);

/** A refusal that depends on the arguments or the moment does not hide a tool. */
function isMomentary(decision: Decision): boolean {
  const ended = endedBy(decision);
  return ended !== undefined && momentary.has(ended);
}

const listOf: Readonly<Record<Kind, OfferedList>> = {
  tool: 'tools',
  resource: 'resources',
  template: 'resources',
  prompt: 'prompts',
};

/** A random UUID (RFC 9562, version 4) from the port's bytes. */
function newActionId(ports: Ports): string {
  const bytes = Buffer.from(ports.random(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
