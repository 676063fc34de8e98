/**
 * Room: maturity (approvals as tasks, MCP 2025-11-25 and 2026-07-28). A call that waits for a person is a task: its id is the approval's, and how it stands is read
 * from the approval each time, so that it outlives this gateway and is the same at every other. Nothing is released by asking: whoever asks redeems what a person
 * released, as everybody else does, once.
 */
import { refusal } from '@atf/core/errors';
import { isWithin } from '@atf/core/segmentation/flow';
import type { ApprovalDoc } from '@atf/core/wire/feed';
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from './answers.ts';
import { type ApprovalAsks, heldMsMax } from './approval-asks.ts';
import type { Standing } from './approvals.ts';
import { isBuiltIn } from './built-in-tools.ts';
import { type Kept, KeptAnswers, keptMs } from './kept-answers.ts';
import type { McpDoor, McpProblem } from './mcp-front.ts';
import type { Pipeline } from './pipeline.ts';
import {
  encodeEmpty,
  inputRequestsAs,
  refusalWords,
  toolRefusalOf,
  toolResultOf,
} from './protocols/mcp-encode.ts';
import {
  encodeTask,
  encodeTaskCreated,
  encodeTaskPending,
  encodeTaskRefusal,
  encodeTaskResult,
  encodeTasksMissing,
  type TaskDetail,
  type TaskView,
} from './protocols/mcp-encode-tasks.ts';
import { modernVersion, rpcCodes } from './protocols/mcp-wire.ts';
import type { EncodedResponse, Era, TaskRequest, ToolsCallRequest } from './protocols/protocol.ts';

/** A released call that takes longer than this is said to run; the next poll tells its end. */
const getHeldMs = 1_000;
/** How long a cancellation waits to be heard of here. */
const cancelHeldMs = 2_000;
const answeredMax = 4_096;

type Reply = EncodedResponse | McpProblem;
type Told = Exclude<CallAnswer, { kind: 'problem' }>;

export class ApprovalTasks {
  readonly #pipeline: Pipeline;
  readonly #asks: ApprovalAsks;
  readonly #kept = new KeptAnswers();
  /** Whose client was shown the page already, as far as this gateway knows. */
  readonly #answered = new Set<string>();

  constructor(pipeline: Pipeline, asks: ApprovalAsks) {
    this.#pipeline = pipeline;
    this.#asks = asks;
  }

  /** The task that answers this call instead of its answer; undefined: its client did not declare tasks, or none is needed. */
  create(
    credential: CredentialFacts,
    request: ToolsCallRequest,
    answer: CallAnswer,
  ): EncodedResponse | undefined {
    const { era, serverName, asTask, offers } = request;
    if (answer.kind === 'problem') return undefined;
    if (era === modernVersion ? offers?.tasks !== true : asTask !== true) return undefined;
    const doc = this.#openOf(credential, request, answer);
    if (doc !== undefined && answer.kind === 'refused') {
      const { lines, atf } = refusalWords(answer.facts);
      return encodeTaskCreated(request, this.#viewOf(era, doc, answer, undefined), lines.join(' '), atf);
    }
    if (era === modernVersion) return undefined;
    const taskId = this.#pipeline.newActionId();
    const createdAt = new Date(this.#pipeline.nowMs()).toISOString();
    const kept: Kept = { answer, createdAt, read: this.#pipeline.labelsOf(credential) };
    if (!this.#kept.keep(credential, serverName, taskId, kept)) {
      const { lines, atf } = wordsOf(answer);
      return encodeTaskPending(request, `The result could not be kept as a task. ${lines}`, atf);
    }
    const { lines, atf } = wordsOf(answer);
    return encodeTaskCreated(request, keptView(taskId, kept), lines, atf);
  }

  /** The approval that an answer waits for. Questions about approvals do not wait. */
  #openOf(
    credential: CredentialFacts,
    { serverName, toolName }: ToolsCallRequest,
    answer: Told,
  ): ApprovalDoc | undefined {
    if (answer.kind !== 'refused' || isBuiltIn(toolName)) return undefined;
    const { outcome, approvalId } = answer.facts;
    if (approvalId === undefined || (outcome !== 'waiting' && outcome !== 'running')) return undefined;
    return this.#pipeline.approvalOf(credential, serverName, approvalId);
  }

  async serve(credential: CredentialFacts, request: TaskRequest, door: McpDoor): Promise<Reply> {
    const { id, era, serverName, taskId, operation } = request;
    const stopped = this.#pipeline.admit(credential, serverName);
    if (stopped !== undefined) return { id, refusal: stopped };
    if (era === modernVersion && request.offers?.tasks !== true) return encodeTasksMissing(request);
    const kept = this.#kept.of(credential, serverName, taskId);
    // What a person declared harmless is what was read until then, not what is fetched only now.
    if (kept !== undefined && isWithin(kept.read, this.#pipeline.labelsOf(credential)))
      return serveKept(request, kept);
    const doc = this.#pipeline.approvalOf(credential, serverName, taskId);
    if (doc === undefined) return encodeTaskRefusal(request, refusal('request.task_unknown'));
    switch (operation) {
      case 'get':
        return await this.#get(credential, request, doc);
      case 'result':
        return await this.#result(credential, request, doc, door);
      case 'cancel':
        return await this.#cancel(credential, request, doc, door);
      case 'update': {
        // What a client answers releases nothing: it says that its person has the page.
        if (this.#asks.answered(request.answers)) this.#noteAnswered(keyOf(credential, doc));
        return encodeEmpty(request);
      }
    }
  }

  async #get(credential: CredentialFacts, request: TaskRequest, doc: ApprovalDoc): Promise<Reply> {
    const { id, era } = request;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), getHeldMs);
    });
    const standing = await Promise.race([this.#pipeline.standing(credential, doc), late]);
    clearTimeout(timer);
    if (standing === undefined) return encodeTask(request, this.#viewOf(era, doc, undefined, undefined));
    if ('kept' in standing) return { id, refusal: standing.kept };
    const { answer, ended } = standing;
    if (answer.kind === 'problem') return { id, refusal: answer.refusal };
    const view = this.#viewOf(era, doc, answer, ended);
    const asked = view.status === 'working' ? this.#question(credential, request, doc, answer) : undefined;
    return asked === undefined
      ? encodeTask(request, view, detailOf(era, answer, view))
      : encodeTask(request, { ...view, status: 'input_required' }, asked);
  }

  /** The page, for a client of 2026-07-28 that opens addresses and was not asked yet. */
  #question(
    credential: CredentialFacts,
    { era, offers }: TaskRequest,
    doc: ApprovalDoc,
    answer: Told,
  ): TaskDetail | undefined {
    if (era !== modernVersion || offers?.url !== true || this.#answered.has(keyOf(credential, doc)))
      return undefined;
    if (answer.kind !== 'refused' || answer.facts.outcome !== 'waiting') return undefined;
    const asked = this.#asks.asked(answer.facts);
    return asked === undefined ? undefined : { inputRequests: inputRequestsAs(asked) };
  }

  /** 2025-11-25: held until it has ended, within bounds. */
  async #result(
    credential: CredentialFacts,
    request: TaskRequest,
    doc: ApprovalDoc,
    { gone, stream }: McpDoor,
  ): Promise<Reply> {
    const { id, era, serverName } = request;
    const heldMs = stream === undefined ? heldMsMax.round : heldMsMax.stream;
    const over = AbortSignal.any([gone, AbortSignal.timeout(heldMs)]);
    const stateNow = () => this.#pipeline.approvalOf(credential, serverName, doc.id);
    for (;;) {
      const now = stateNow() ?? doc;
      const standing: Standing = await this.#pipeline.standing(credential, now);
      if ('kept' in standing) return { id, refusal: standing.kept };
      const { answer, ended } = standing;
      if (answer.kind === 'problem') return { id, refusal: answer.refusal };
      if (answer.kind === 'result' || ended !== undefined)
        return encodeTaskResult(request, plainOf(era, answer));
      await this.#asks.until(credential, over, () => stateNow()?.state === now.state);
      // Nobody is there to be given what would run, or nothing is new.
      const { lines, atf } = refusalWords(answer.facts);
      if (over.aborted || stateNow()?.state === now.state)
        return encodeTaskPending(request, `The task has not ended. ${lines.join(' ')}`, atf);
    }
  }

  async #cancel(
    credential: CredentialFacts,
    request: TaskRequest,
    doc: ApprovalDoc,
    { gone }: McpDoor,
  ): Promise<Reply> {
    const { id, era, serverName } = request;
    const answer = await this.#pipeline.withdraw(credential, doc);
    if (!answer.ok) return { id, refusal: answer.refusal };
    const stateNow = () => this.#pipeline.approvalOf(credential, serverName, doc.id) ?? doc;
    const { state } = answer.value;
    const over = AbortSignal.any([gone, AbortSignal.timeout(cancelHeldMs)]);
    await this.#asks.until(credential, over, () => state === 'void' && stateNow().state !== 'void');
    // 2026-07-28 acknowledges, whatever comes of it.
    if (era === modernVersion) return encodeEmpty(request);
    if (state !== 'void' || doc.state === 'void')
      return encodeTaskRefusal(request, refusal('request.task_ended', `It is ${state}.`));
    return encodeTask(request, {
      ...this.#viewOf(era, stateNow(), undefined, undefined),
      status: 'cancelled',
    });
  }

  #noteAnswered(key: string): void {
    this.#answered.add(key);
    const [oldest] = this.#answered;
    if (this.#answered.size > answeredMax && oldest !== undefined) this.#answered.delete(oldest);
  }

  /** `ended`: how the approval ended, where that is known for good. */
  #viewOf(era: Era, doc: ApprovalDoc, answer: Told | undefined, ended: string | undefined): TaskView {
    const createdAt = doc.requestedAt ?? doc.changedAt ?? doc.expiresAt;
    return {
      taskId: doc.id,
      status: statusOf(era, answer, ended),
      message: this.#messageOf(doc, answer),
      createdAt,
      changedAt: doc.changedAt ?? createdAt,
      ttlMs: Math.max(0, Date.parse(doc.expiresAt) - Date.parse(createdAt)),
    };
  }

  #messageOf({ id, expiresAt }: ApprovalDoc, answer: Told | undefined): string | undefined {
    if (answer === undefined) return undefined;
    if (answer.kind === 'result') return undefined;
    if (answer.facts.outcome !== 'waiting') return refusalWords(answer.facts).lines.join(' ');
    const url = this.#pipeline.approvalUrl(id);
    return `Waits for a person until ${expiresAt}${url === undefined ? '.' : `: ${url}`}`;
  }
}

const keyOf = ({ agentId }: CredentialFacts, { id }: ApprovalDoc): string => `${agentId} ${id}`;

function statusOf(era: Era, answer: Told | undefined, ended: string | undefined): TaskView['status'] {
  if (answer === undefined) return 'working';
  // 2025-11-25 calls a task failed whose tool says that it failed.
  if (answer.kind === 'result')
    return era !== modernVersion && answer.result.isError === true ? 'failed' : 'completed';
  if (ended === undefined) return 'working';
  return ended === 'void' ? 'cancelled' : 'failed';
}

/** What the call would have been answered with. */
const plainOf = (era: Era, answer: Told) =>
  answer.kind === 'result' ? toolResultOf(era, answer.result, answer.facts) : toolRefusalOf(answer.facts);

function detailOf(era: Era, answer: Told, { status }: TaskView): TaskDetail {
  if (answer.kind === 'result') return { result: { ...plainOf(era, answer), resultType: 'complete' } };
  if (status !== 'failed') return {};
  const { lines, atf } = refusalWords(answer.facts);
  return { error: { code: rpcCodes.refused, message: lines.join(' '), data: { atf } } };
}

function wordsOf(answer: Told): { readonly lines: string; readonly atf: RefusalFactsJson } {
  if (answer.kind === 'result')
    return { lines: 'The call has run.', atf: { actionId: answer.facts.actionId } };
  const { lines, atf } = refusalWords(answer.facts);
  return { lines: lines.join(' '), atf };
}
type RefusalFactsJson = ReturnType<typeof refusalWords>['atf'];

function keptView(taskId: string, { answer, createdAt }: Kept): TaskView {
  return {
    taskId,
    status: answer.kind === 'result' && answer.result.isError !== true ? 'completed' : 'failed',
    message: answer.kind === 'result' ? undefined : wordsOf(answer).lines,
    createdAt,
    changedAt: createdAt,
    ttlMs: keptMs,
  };
}

function serveKept(request: TaskRequest, kept: Kept): EncodedResponse {
  if (request.operation === 'cancel') return encodeTaskRefusal(request, refusal('request.task_ended'));
  return request.operation === 'result'
    ? encodeTaskResult(request, plainOf(request.era, kept.answer))
    : encodeTask(request, keptView(request.taskId, kept));
}
