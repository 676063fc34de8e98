/**
 * Approvals from the gateway's side (invariant 5): a call that needs a person is stored at control exactly as it was decided; once
 * released, the STORED bytes are decided again, recorded, looked at a last time and executed, once. Control consumes the approval by
 * compare-and-set; here everybody who asks meanwhile waits for the one redemption.
 *
 * A redemption whose answer was lost is never tried again as if new. This gateway ran nothing for it, and says so to control as soon as control is back;
 * until then its outcome is unknown. An answer never says that nothing happened to a call that another caller ran or runs.
 */
import { agentsAbove } from '@atf/core/chain';
import { becauseLengthMax, doorsOf, endedBy } from '@atf/core/decide';
import { type Refusal, refusal } from '@atf/core/errors';
import { clean, isWithin } from '@atf/core/segmentation/flow';
import { checkRetrieval } from '@atf/core/segmentation/retrieval';
import type { ResponseOf } from '@atf/core/wire/api';
import type { ApprovalDoc, ToolDoc } from '@atf/core/wire/feed';
import { isJsonObject, type Json, parseStrictText } from '@atf/core/wire/json';
import type { ApprovalState } from '@atf/core/wire/words';
import type { CredentialFacts, Protocol, Received } from '@atf/core/world';
import { aboveOf } from './above.ts';
import { type AnswerIds, answerOf, type CallAnswer, refused, said, waiting } from './answers.ts';
import { type Decider, type ExactCall, exactCall, receivedOf } from './decision.ts';
import type { Ran } from './execute.ts';
import { labelsFound, labelsFoundIn } from './found-labels.ts';
import { heard } from './heard.ts';
import type { OutcomeReports } from './outcome-reports.ts';
import type { ControlAnswer, Ports } from './ports.ts';
import { type Decided, recordDecision } from './record.ts';
import { labelsRead, type SessionLabels } from './session-labels.ts';
import type { SessionMemories } from './session-memories.ts';
import { answerOfStored, type StoredOutcome, storedResult } from './stored-outcome.ts';

const redemptionsMax = 1_024;
const listedMax = 20;

type Redeemed = ResponseOf<'gateway.redeemApproval'>;
type Requested = ControlAnswer<ResponseOf<'gateway.requestApproval'>>;

/** What one redemption came to; shared by everybody who asked for it meanwhile. */
type Settled =
  | { readonly kind: 'ran'; readonly ran: Ran }
  | { readonly kind: 'stored'; readonly outcome: StoredOutcome }
  | { readonly kind: 'waits'; readonly expiresAt: string }
  | { readonly kind: 'running' }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      readonly uncertain: boolean;
      /** How it ended, as control says; undefined: it may yet end otherwise. */
      readonly ended?: ApprovalState;
    };

/** How an approval stands: what may be said about it, and how it ended where that is for good; or why this caller is told nothing of it now. */
export type Standing =
  | { readonly answer: CallAnswer; readonly ended: ApprovalState | undefined }
  | { readonly kept: Refusal };

/** Who asks after an approval, and where; `server` undefined: at a door of all tool servers. */
interface AskedAt {
  readonly actionId: string;
  readonly protocol: Protocol;
  readonly server: string | undefined;
}

export interface ApprovalsInput {
  readonly ports: Ports;
  readonly decider: Decider;
  /** Steps 6 to 9 for a decision that allows. */
  readonly release: (decided: Decided) => Promise<Ran>;
  /** Whether this attempt of an agent gets a record of its own; repeats are counted (refusal-count.ts). */
  readonly single: (agentId: string) => boolean;
  /** Whether this agent may put another new question to people now; refused, that is counted. Asking spends no rate limit, and every question is a record. */
  readonly tooMany: (agentId: string) => Refusal | undefined;
  readonly reports: OutcomeReports;
  readonly labels: SessionLabels;
  readonly memories: SessionMemories;
}

/** `protocol`: the door at which the call itself was asked for again; absent: somebody asked after the approval. */
type AskedFor = Pick<Received, 'credential' | 'actionId'> &
  Partial<Pick<Received, 'protocol'>> & {
    /** The tool as the call that was asked for again reads; absent: nobody knows the arguments yet, so as all that it may read. */
    readonly reads?: Decided['world']['tool'];
  };

const askedAgain = ({ received, world: { tool } }: Decided): AskedFor => ({
  ...received,
  ...(tool === undefined ? {} : { reads: tool }),
});

export class Approvals {
  readonly #input: ApprovalsInput;
  readonly #requests = new Map<string, Promise<Requested>>();
  readonly #redemptions = new Map<string, Promise<Settled>>();

  constructor(input: ApprovalsInput) {
    this.#input = input;
  }

  /** For a decision that asks: an equal call may have been approved already; otherwise a person is asked now. */
  async onAsk(decided: Decided, call: ExactCall): Promise<CallAnswer> {
    const { ports } = this.#input;
    const held = ports.snapshot.approvalFor(keyOf(decided));
    if (held !== undefined && held.state !== 'waiting' && held.state !== 'rejected') {
      const answer = await this.#redeemFor(decided, held.id);
      if (answer !== undefined) return answer;
    } else if (held !== undefined) {
      return await this.#tellState(decided, held);
    }
    return await this.#request(decided, call);
  }

  /** Whether this approval of an agent was released already: then no answer about it may say that nothing happened. */
  spent(agentId: string, approvalId: string | undefined): boolean {
    const doc = approvalId === undefined ? undefined : this.#input.ports.snapshot.approval(approvalId);
    return doc?.agentId === agentId && spentStates.has(doc.state);
  }

  /**
   * For the built-in tool: how an approval of this agent stands; redeems it when it can be. `server`: only approvals of calls to this tool server count,
   * because a token may be for its address alone (RFC 8707) and must reach no other by an approval.
   */
  async result(
    credential: CredentialFacts,
    approvalId: string | undefined,
    { actionId, protocol, server }: AskedAt,
  ): Promise<CallAnswer> {
    const { snapshot } = this.#input.ports;
    const isOfServer = ({ tool }: ApprovalDoc) => server === undefined || tool.startsWith(`${server}/`);
    if (approvalId === undefined)
      return listing(snapshot.approvalsOf(credential.agentId).filter(isOfServer), actionId);
    const doc = snapshot.approval(approvalId);
    if (doc === undefined || doc.agentId !== credential.agentId)
      return refused(refusal('approvals.not_found'), { actionId });
    const ids = { actionId, approvalId };
    // A call is released through the door that can carry it out, or it would be spent on nobody.
    if (!this.#doorsOf(doc.tool).includes(protocol)) return refused(refusal('segmentation.wrong_door'), ids);
    if (!isOfServer(doc))
      return refused(
        refusal('approvals.not_found', 'Ask at the address of the tool server whose call it is.'),
        {
          actionId,
        },
      );
    const standing = await this.standing(credential, doc, actionId);
    return 'kept' in standing
      ? refused(standing.kept, ids, spentStates.has(doc.state) ? 'unknown' : 'refused')
      : standing.answer;
  }

  /** How an approval of this agent stands, for a door that can carry it out; redeems it when it can be. */
  async standing(credential: CredentialFacts, doc: ApprovalDoc, actionId: string): Promise<Standing> {
    const ids = { actionId, approvalId: doc.id };
    if (doc.state === 'waiting')
      return {
        answer: waiting(refusal('maturity.approval_required'), ids, doc.expiresAt),
        ended: undefined,
      };
    const told = stateRefusal(doc);
    if (told !== undefined) return { answer: refused(told, ids), ended: doc.state };
    const kept = this.#keptFrom(credential, doc, actionId);
    if (kept !== undefined) return { kept };
    const settled = await this.#redeem(doc.id, doc.tool, { credential, actionId });
    return { answer: answerOfSettled(settled, ids), ended: endOf(settled) };
  }

  /** What this agent may be told of through this door: an approval of its own, of a tool of this server. */
  of(credential: CredentialFacts, server: string, approvalId: string): ApprovalDoc | undefined {
    const doc = this.#input.ports.snapshot.approval(approvalId);
    const own = doc?.agentId === credential.agentId && doc.tool.startsWith(`${server}/`);
    return own && this.#doorsOf(doc.tool).includes('mcp') ? doc : undefined;
  }

  /** Gives up what was not released yet. */
  async withdraw(
    { agentId }: CredentialFacts,
    { id }: ApprovalDoc,
  ): Promise<ControlAnswer<ResponseOf<'gateway.withdrawApproval'>>> {
    return await this.#input.ports.control.request('gateway.withdrawApproval', {
      params: { id },
      body: { agentId },
    });
  }

  /**
   * Why this caller gets neither the call nor its stored result now, although the approval is its agent's: what it touches is stopped, it has
   * no proof of its key, or it called too often. Such a caller must not spend what a person released.
   */
  #keptFrom(credential: CredentialFacts, doc: ApprovalDoc, actionId: string): Refusal | undefined {
    const slash = doc.tool.indexOf('/');
    const call = exactCall(
      doc.tool.slice(0, slash),
      doc.tool.slice(slash + 1),
      {},
      this.#doorsOf(doc.tool)[0],
    );
    const { decision } = this.#input.decider.peek(receivedOf(actionId, credential, call), call, true);
    const why = decision.outcome === 'refuse' ? decision.refusal : undefined;
    if (why === undefined) return undefined;
    if (endedBy(decision) === 'limit_rate' && credential.proof !== 'none')
      return doc.state === 'approved' ? why : undefined;
    return /^(?:containment|identity)\./.test(why.code) || credential.proof === 'none' ? why : undefined;
  }

  #doorsOf(tool: string): readonly [Protocol, ...Protocol[]] {
    const server = this.#input.ports.snapshot.server(tool.split('/')[0] ?? '');
    return server === undefined ? ['mcp'] : doorsOf(server);
  }

  async #tellState(decided: Decided, held: ApprovalDoc): Promise<CallAnswer> {
    const ids = { actionId: decided.received.actionId, approvalId: held.id };
    const unrecorded = await this.#recordAsked(decided, held.id);
    if (unrecorded !== undefined) return refused(unrecorded, ids);
    const told = stateRefusal(held);
    return told === undefined ? waiting(requiredOf(decided), ids, held.expiresAt) : refused(told, ids);
  }

  /** Somebody asked again for what is known already. */
  async #recordAsked(decided: Decided, approvalId: string): Promise<Refusal | undefined> {
    if (!this.#input.single(decided.received.credential.agentId)) return undefined;
    return await recordDecision(this.#input.ports, 'action.asked', { ...decided, approvalId });
  }

  /** Undefined: it was released once and not executed, so a person may be asked anew. */
  async #redeemFor(decided: Decided, approvalId: string): Promise<CallAnswer | undefined> {
    const { actionId } = decided.received;
    const ids = { actionId, approvalId };
    const joined = this.#redemptions.has(approvalId);
    const settled = await this.#redeem(approvalId, toolOf(decided), askedAgain(decided));
    if (settled.kind === 'stored' && settled.outcome.status === 'not_executed') return undefined;
    // Whoever ran it has intent and outcome on record; everybody else gets a record of having asked.
    if (joined || settled.kind !== 'ran') {
      const unrecorded = await this.#recordAsked(decided, approvalId);
      if (unrecorded !== undefined)
        return refused(unrecorded, ids, mayHaveRun(settled) ? 'unknown' : 'refused');
    }
    return answerOfSettled(settled, ids);
  }

  /** Records that it was asked, then stores the exact call at control. Equal calls at the same time share one request. */
  async #request(decided: Decided, call: ExactCall): Promise<CallAnswer> {
    const { ports } = this.#input;
    const { actionId, credential } = decided.received;
    const tooMany = this.#input.tooMany(credential.agentId);
    if (tooMany !== undefined) return refused(tooMany, { actionId });
    const unrecorded = await recordDecision(ports, 'action.asked', decided);
    if (unrecorded !== undefined) return refused(unrecorded, { actionId });
    const key = Object.values(keyOf(decided)).join(' ');
    const running = this.#requests.get(key);
    const request = running ?? this.#send(decided, call);
    if (running === undefined) {
      this.#requests.set(key, request);
      void request.finally(() => this.#requests.delete(key));
    }
    const answer = await request;
    if (!answer.ok) return refused(answer.refusal, { actionId });
    const { id: approvalId, state, expiresAt } = answer.value;
    const ids = { actionId, approvalId };
    // An equal call was released already, and this gateway had not heard of it.
    if (state === 'approved')
      return answerOfSettled(await this.#redeem(approvalId, toolOf(decided), askedAgain(decided)), ids);
    return waiting(requiredOf(decided), ids, expiresAt);
  }

  async #send(decided: Decided, call: ExactCall): Promise<Requested> {
    const { control, snapshot } = this.#input.ports;
    const { received, decision } = decided;
    const { agentId, instanceId, sid } = received.credential;
    const key = keyOf(decided);
    const answer = await control.request('gateway.requestApproval', {
      body: {
        actionId: received.actionId,
        agentId,
        instanceId,
        sid,
        tool: key.tool,
        argsText: call.argsText,
        argsDigest: key.argsDigest,
        definitionDigest: key.definitionDigest,
        class: decision.actionClass ?? 'admin',
        because: (decision.refusal?.detail ?? 'A person must approve this call.').slice(0, becauseLengthMax),
        ...(decided.stated?.text === undefined ? {} : { statedText: decided.stated.text }),
        ...(decided.stated?.approver === undefined ? {} : { approver: decided.stated.approver }),
      },
    });
    if (answer.ok) {
      const { id, state, expiresAt, requestedAt } = answer.value;
      const asked = requestedAt === undefined ? {} : { requestedAt };
      snapshot.expectApproval({ id, sid, ...key, state, expiresAt, ...asked });
    }
    return answer;
  }

  /** Whoever is given what a call brought back has read it, also when another copy of the agent had it run. */
  async #redeem(approvalId: string, tool: string, asked: AskedFor): Promise<Settled> {
    const { snapshot } = this.#input.ports;
    const [server = ''] = tool.split('/');
    const doc = asked.reads ?? snapshot.tool(server, tool.slice(server.length + 1));
    const unjoined =
      this.#blended(doc, asked.credential) ??
      (await this.#input.labels.join(
        asked.credential,
        tool,
        labelsRead(doc),
        this.#input.labels.facts(asked.credential).indexes,
      ));
    if (unjoined === undefined) {
      const joined = this.#redemptions.has(approvalId);
      const settled = await this.#redeemTogether(approvalId, asked);
      const unfound = await this.#joinFound(settled, tool, asked.credential);
      if (unfound !== undefined) return { kind: 'refused', refusal: unfound, uncertain: true };
      const result = joined || settled.kind === 'stored' ? resultOf(settled) : undefined;
      if (result !== undefined) this.#input.memories.hear(asked.credential, approvalId, tool, result);
      return settled;
    }
    const state = snapshot.approval(approvalId)?.state;
    return {
      kind: 'refused',
      refusal: unjoined,
      uncertain: this.#redemptions.has(approvalId) || (state !== undefined && spentStates.has(state)),
    };
  }

  /** Whoever is given it brings it together with what it has read itself. */
  #blended(doc: ToolDoc | undefined, credential: CredentialFacts): Refusal | undefined {
    const { snapshot, clock } = this.#input.ports;
    const agent = snapshot.agent(credential.agentId);
    if (doc?.sources === undefined || agent === undefined) return undefined;
    const flow = this.#input.labels.facts(credential);
    for (const each of [agent, ...agentsAbove(aboveOf(snapshot, credential))]) {
      const answer = checkRetrieval(doc, each, flow, clock.nowMs());
      if (answer !== undefined && !('pass' in answer)) return refusal(answer.code, answer.detail);
    }
    return undefined;
  }

  /** What was found in the result, too: another copy had it run, or it was kept. */
  async #joinFound(
    settled: Settled,
    tool: string,
    credential: CredentialFacts,
  ): Promise<Refusal | undefined> {
    const settings = this.#input.ports.snapshot.settings();
    const found =
      settled.kind === 'ran' && settled.ran.result !== undefined
        ? labelsFound(settings, settled.ran.data)
        : settled.kind === 'stored'
          ? await labelsFoundIn(settings, settled.outcome.resultText, {
              ask: this.#input.ports.askService,
              agentId: credential.agentId,
            })
          : clean;
    return isWithin(found, clean) ? undefined : await this.#input.labels.join(credential, tool, found);
  }

  #redeemTogether(approvalId: string, { credential, actionId, protocol }: AskedFor): Promise<Settled> {
    const running = this.#redemptions.get(approvalId);
    if (running !== undefined) return running;
    if (this.#redemptions.size >= redemptionsMax) {
      const state = this.#input.ports.snapshot.approval(approvalId)?.state;
      const uncertain = state !== undefined && spentStates.has(state);
      return Promise.resolve({ kind: 'refused', refusal: refusal('request.overloaded'), uncertain });
    }
    const redemption = this.#redeemOnce(approvalId, credential, actionId, protocol).finally(() =>
      this.#redemptions.delete(approvalId),
    );
    this.#redemptions.set(approvalId, redemption);
    return redemption;
  }

  async #redeemOnce(
    id: string,
    credential: CredentialFacts,
    actionId: string,
    protocol: Protocol | undefined,
  ): Promise<Settled> {
    const unready = await this.#prepare(id, credential);
    if (unready !== undefined) return { kind: 'refused', refusal: unready, uncertain: false };
    const { ports, reports } = this.#input;
    // An earlier redemption may have been consumed for another action: asking again would put this one's report in the place of that one's.
    if (!(await reports.settle(id))) {
      const why = refusal('maturity.approval_outcome_unknown', 'Control did not answer.');
      return { kind: 'refused', refusal: why, uncertain: true };
    }
    if (!(await heard(ports))) return this.#unspent(id);
    const answer = await ports.control.request('gateway.redeemApproval', {
      params: { id },
      body: { agentId: credential.agentId, actionId },
    });
    if (!answer.ok) {
      // Control may have consumed it without our hearing so: it is not ours to assume anything.
      const why = answer.sent
        ? refusal('maturity.approval_outcome_unknown', 'Control did not answer.')
        : answer.refusal;
      if (answer.sent) reports.hold(id, actionId, { status: 'not_executed' });
      return { kind: 'refused', refusal: why, uncertain: answer.sent };
    }
    if (!answer.value.released) return unreleased(answer.value);
    const ran = await this.#run(id, answer.value, credential, actionId, protocol);
    // What was not given now is not given by asking again.
    const given = ran.resultText !== undefined && ran.refusal === undefined;
    const text = given ? { resultText: ran.resultText } : {};
    await reports.tell(id, actionId, { status: ran.status, ...text });
    return { kind: 'ran', ran };
  }

  /** What would be cut at once is not released: the approval stays what it is. */
  #unspent(id: string): Settled {
    const state = this.#input.ports.snapshot.approval(id)?.state;
    const uncertain = state !== undefined && spentStates.has(state);
    const why = uncertain ? undefined : 'The approval is not spent: call again once control is heard.';
    return { kind: 'refused', refusal: refusal('containment.feed_stale', why), uncertain };
  }

  /** An approval is not spent on a tool server that cannot be reached. */
  async #prepare(id: string, { instanceId }: CredentialFacts): Promise<Refusal | undefined> {
    const { snapshot, upstream } = this.#input.ports;
    const state = snapshot.approval(id)?.state;
    // Nothing will run: what is stored is told also while the server is away.
    if (state !== undefined && spentStates.has(state)) return undefined;
    const server = snapshot.server(snapshot.approval(id)?.tool.split('/')[0] ?? '');
    if (server === undefined) return refusal('segmentation.server_unknown');
    const prepared = await upstream.prepare(server, instanceId);
    return prepared.ok ? undefined : refusal(prepared.fault.code, prepared.fault.detail);
  }

  /** The stored bytes, decided again with the approval held. */
  async #run(
    id: string,
    redeemed: Redeemed,
    credential: CredentialFacts,
    actionId: string,
    protocol: Protocol | undefined,
  ): Promise<Ran> {
    const { decider, release, ports } = this.#input;
    const call = storedCall(redeemed, protocol ?? this.#doorsOf(redeemed.tool)[0]);
    if (call === undefined) return notExecuted(refusal('approvals.digest_mismatch'));
    const { agentId, sid } = credential;
    const { tool, argsDigest, definitionDigest, expiresAt, decidedBy } = redeemed;
    const by = decidedBy === undefined ? {} : { decidedBy };
    const approval: ApprovalDoc = {
      id,
      agentId,
      sid,
      tool,
      argsDigest,
      definitionDigest,
      expiresAt,
      state: 'consumed',
      ...by,
    };
    const received = receivedOf(actionId, credential, call);
    await decider.prepare(call, agentId);
    const held = await decider.hold(received);
    await heard(ports);
    const decided = decider.decide(received, call, approval, held);
    if (decided.decision.outcome === 'allow') return await release(decided);
    const why = decided.decision.refusal ?? refusal('internal.fault');
    return notExecuted((await recordDecision(ports, 'action.refused', decided)) ?? why);
  }
}

const notExecuted = (why: Refusal): Ran => ({
  status: 'not_executed',
  result: undefined,
  resultText: undefined,
  refusal: why,
});

const requiredOf = ({ decision }: Decided): Refusal =>
  decision.refusal ?? refusal('maturity.approval_required');

const toolOf = ({ received: { server, tool } }: Decided): string => `${server}/${tool}`;

function keyOf({ received, world }: Decided) {
  const { server, tool, argsDigest, credential } = received;
  return {
    agentId: credential.agentId,
    tool: `${server}/${tool}`,
    argsDigest,
    definitionDigest: world.tool?.definitionDigest ?? '',
  };
}

/** The stored call, when it is what its digest says. */
function storedCall({ tool, argsText, argsDigest }: Redeemed, protocol: Protocol): ExactCall | undefined {
  const parsed = argsText === undefined ? undefined : parseStrictText(argsText);
  const slash = tool.indexOf('/');
  if (parsed?.ok !== true || !isJsonObject(parsed.value)) return undefined;
  const call = exactCall(tool.slice(0, slash), tool.slice(slash + 1), parsed.value, protocol);
  return call.argsText === argsText && call.argsDigest === argsDigest ? call : undefined;
}

const rejected = (reason: string | undefined): Refusal =>
  refusal('maturity.approval_rejected', reason === undefined ? undefined : `The person wrote: ${reason}`);

/** What an agent is told about an approval that can neither be redeemed nor waits. */
function stateRefusal({ state, reason }: Pick<ApprovalDoc, 'state' | 'reason'>): Refusal | undefined {
  if (state === 'rejected') return rejected(reason);
  if (state === 'expired') return refusal('maturity.approval_expired');
  if (state === 'void') return refusal('maturity.approval_expired', reason ?? 'A stop voided it.');
  return undefined;
}

function unreleased({ state, reason, expiresAt, outcome }: Redeemed): Settled {
  const told = stateRefusal({ state, reason });
  if (told !== undefined) return { kind: 'refused', refusal: told, uncertain: false, ended: state };
  if (state === 'waiting' || state === 'approved') return { kind: 'waits', expiresAt };
  if (outcome !== undefined && outcome.status !== 'unknown') return { kind: 'stored', outcome };
  if (state === 'consumed') return { kind: 'running' };
  return {
    kind: 'refused',
    refusal: refusal('maturity.approval_outcome_unknown'),
    uncertain: true,
    ended: state,
  };
}

function endOf(settled: Settled): ApprovalState | undefined {
  if (settled.kind === 'ran' || settled.kind === 'stored') return 'done';
  return settled.kind === 'refused' ? settled.ended : undefined;
}

/** Released once: the call ran, runs, or nobody knows. */
const spentStates: ReadonlySet<string> = new Set(['consumed', 'unknown', 'done']);

function mayHaveRun(settled: Settled): boolean {
  if (settled.kind === 'refused') return settled.uncertain;
  return settled.kind !== 'waits';
}

/** What whoever asks is given; undefined: nothing. */
function resultOf(settled: Settled): Json | undefined {
  if (settled.kind === 'ran') return settled.ran.result as unknown as Json | undefined;
  return settled.kind === 'stored' ? storedResult(settled.outcome) : undefined;
}

function answerOfSettled(settled: Settled, ids: AnswerIds): CallAnswer {
  switch (settled.kind) {
    case 'ran':
      return answerOf(settled.ran, ids);
    case 'waits':
      return waiting(refusal('maturity.approval_required'), ids, settled.expiresAt);
    case 'running':
      return refused(refusal('maturity.approval_running'), ids, 'running');
    case 'refused':
      return refused(settled.refusal, ids, settled.uncertain ? 'unknown' : 'refused');
    case 'stored':
      return answerOfStored(settled.outcome, ids);
  }
}

function listing(docs: readonly ApprovalDoc[], actionId: string): CallAnswer {
  const open = docs.filter(({ state }) => state === 'waiting' || state === 'approved').slice(0, listedMax);
  const approvals = open.map(({ id, tool, state, expiresAt }) => ({ id, tool, state, expiresAt }));
  const lines = approvals.map(
    ({ id, tool, state, expiresAt }) => `${id}: ${tool}, ${state}, until ${expiresAt}`,
  );
  return said(
    lines.length === 0 ? 'No call of yours waits for a person.' : lines.join('\n'),
    { approvals },
    { actionId },
  );
}
