/**
 * MCP at the front door: one parsed request to one answer in the form of its era. It decides nothing: whatever moves data goes through the pipeline, and
 * what is not governed is recorded and refused. It remembers only what a protocol needs between requests: what clients declared, and what they were asked.
 */
import { type Refusal, refusal } from '@atf/core/errors';
import type { FeedTopic } from '@atf/core/wire/feed';
import type { CredentialFacts } from '@atf/core/world';
import type { AgentSide } from './agent-input.ts';
import type { AgentStream } from './agent-stream.ts';
import type { CallAnswer } from './answers.ts';
import { ApprovalAsks, heldMsMax, waitsFor } from './approval-asks.ts';
import { ApprovalTasks } from './approval-tasks.ts';
import { ClientFacts } from './client-facts.ts';
import { Listeners } from './listeners.ts';
import { digestOf, ParkedCalls, type Turn } from './parked-calls.ts';
import type { Pipeline } from './pipeline.ts';
import type { OnProgress } from './progress.ts';
import {
  encodeAccepted,
  encodeCapabilityMissing,
  encodeDiscover,
  encodeEmpty,
  encodeInitialize,
  encodeInputRequired,
  encodeListened,
  encodeProtocolRefusal,
  encodeToolRefusal,
  encodeToolResult,
} from './protocols/mcp-encode.ts';
import { encodeList, encodeOfferRefusal, encodeOfferResult } from './protocols/mcp-encode-offers.ts';
import { metaKeys, modernVersion, rpcCodes } from './protocols/mcp-wire.ts';
import type {
  ActionRequest,
  AnswerMessage,
  EncodedResponse,
  ListenRequest,
  ParsedRequest,
  RequestId,
  SubscribeRequest,
} from './protocols/protocol.ts';
import { StreamAsks } from './stream-asks.ts';

/** Not about one call: the HTTP status says it. */
export interface McpProblem {
  readonly id: RequestId | null;
  readonly refusal: Refusal;
  readonly stepUp?: boolean;
}

/** The HTTP request that is being answered. */
export interface McpDoor {
  readonly gone: AbortSignal;
  /** Undefined: this client reads no streams. */
  readonly stream: AgentStream | undefined;
  readonly onProgress: OnProgress | undefined;
}

export class McpFront {
  readonly #pipeline: Pipeline;
  readonly #clients = new ClientFacts();
  readonly #asks = new StreamAsks();
  readonly #parked = new ParkedCalls();
  readonly #listeners: Listeners;
  readonly #approvals: ApprovalAsks;
  readonly #tasks: ApprovalTasks;

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
    this.#approvals = new ApprovalAsks(pipeline);
    this.#tasks = new ApprovalTasks(pipeline, this.#approvals);
    this.#listeners = new Listeners({
      offered: pipeline.offered,
      served: pipeline.served,
      mayRead: pipeline.mayRead,
      onUnwatched: pipeline.unsubscribe,
    });
  }

  async answer(
    credential: CredentialFacts,
    parsed: ParsedRequest,
    door: McpDoor,
  ): Promise<EncodedResponse | McpProblem> {
    const pipeline = this.#pipeline;
    switch (parsed.kind) {
      case 'tools_call':
      case 'resources_read':
      case 'prompts_get':
      case 'complete':
        return parsed.era === modernVersion
          ? await this.#inRounds(credential, parsed, door)
          : this.#finish(credential, parsed, await this.#onStream(credential, parsed, door), door);
      case 'task':
        return await this.#tasks.serve(credential, parsed, door);
      case 'list': {
        const listed = pipeline.list(credential, parsed.serverName, parsed.offered);
        return 'refusal' in listed
          ? { id: parsed.id, refusal: listed.refusal }
          : encodeList(parsed, listed.offers);
      }
      case 'cancelled':
        pipeline.cancel(credential, parsed);
        return encodeAccepted();
      case 'subscribe':
      case 'unsubscribe':
        return await this.#subscribe(credential, parsed);
      case 'listen':
        return await this.#listen(credential, parsed, door);
      case 'answer':
        return this.#take(credential, parsed);
      case 'notification':
        return encodeAccepted();
      case 'unsupported': {
        const unrecorded = await pipeline.unsupported(credential, parsed);
        return unrecorded === undefined
          ? encodeProtocolRefusal(parsed.problem)
          : { id: parsed.id, refusal: unrecorded };
      }
      default:
        return this.#shake(credential, parsed);
    }
  }

  /** What concerns the conversation itself, and no tool. */
  #shake(
    credential: CredentialFacts,
    parsed: Extract<ParsedRequest, { kind: 'initialize' | 'discover' | 'ping' | 'set_level' }>,
  ): EncodedResponse | McpProblem {
    const { serverName: server } = parsed;
    const stopped = this.#pipeline.admit(credential, server);
    if (stopped !== undefined) return { id: parsed.id, refusal: stopped };
    switch (parsed.kind) {
      case 'initialize':
        this.#clients.note(credential, server, { offers: parsed.offers, logLevel: undefined });
        return encodeInitialize(parsed);
      case 'set_level':
        this.#clients.note(credential, server, { logLevel: parsed.level });
        return encodeEmpty(parsed);
      case 'discover':
        return encodeDiscover(parsed);
      case 'ping':
        return encodeEmpty(parsed);
    }
  }

  /** 2025-11-25: what is asked goes out on the stream of the call, which stays open. */
  async #onStream(
    credential: CredentialFacts,
    parsed: ActionRequest,
    { gone, stream, onProgress }: McpDoor,
  ): Promise<CallAnswer> {
    const { serverName: server } = parsed;
    const side: AgentSide | undefined =
      stream === undefined
        ? undefined
        : {
            ...this.#clients.of(credential, server),
            ask: async (asked) => await this.#asks.ask(credential, server, asked, stream, gone),
          };
    const answer = await this.#pipeline.act(credential, parsed, gone, onProgress, side);
    const approvalId = waitsFor(parsed, answer);
    if (answer.kind !== 'refused' || approvalId === undefined || stream === undefined) return answer;
    // It is given a task instead of waiting here.
    if (parsed.kind === 'tools_call' && parsed.asTask === true) return answer;
    const asked = side?.offers.url === true ? this.#approvals.asked(answer.facts) : undefined;
    if (asked === undefined) return answer;
    const given = await this.#asks.ask(credential, server, asked, stream, gone);
    if (!this.#approvals.accepted(given)) return answer;
    await this.#approvals.decided(credential, approvalId, heldMsMax.stream, gone);
    // Nobody is there to be given what would run.
    if (gone.aborted || this.#pipeline.waits(credential, approvalId)) return answer;
    const params = { elicitationId: approvalId };
    stream.send({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params });
    return await this.#approvals.redeem(credential, approvalId);
  }

  /** 2026-07-28: the page is asked for as input, and the request comes again until it is decided. */
  #askToApprove(
    { agentId }: CredentialFacts,
    parsed: ActionRequest,
    answer: CallAnswer,
  ): EncodedResponse | undefined {
    const approval = waitsFor(parsed, answer);
    if (answer.kind !== 'refused' || approval === undefined || parsed.offers?.url !== true) return undefined;
    if (parsed.kind === 'tools_call' && parsed.offers.tasks === true) return undefined;
    const asked = this.#approvals.asked(answer.facts);
    const state = this.#pipeline.states.seal({ approval, agent: agentId, request: digestOf(parsed) });
    return asked === undefined || state === undefined ? undefined : encodeInputRequired(parsed, asked, state);
  }

  /** The request came again, with the state of an approval. Undefined: its state is of none. */
  async #whenApproved(
    credential: CredentialFacts,
    parsed: ActionRequest,
    door: McpDoor,
  ): Promise<EncodedResponse | McpProblem | undefined> {
    const { state, answers } = parsed.retry ?? {};
    const sealed = state === undefined ? undefined : this.#pipeline.states.open(state);
    if (sealed?.agent !== credential.agentId || sealed.request !== digestOf(parsed)) return undefined;
    const { approval: approvalId } = sealed;
    const waits = this.#approvals.accepted(answers);
    if (waits) await this.#approvals.decided(credential, approvalId, heldMsMax.round, door.gone);
    // Nobody is there to be given what would run.
    if (door.gone.aborted) return { id: parsed.id, refusal: refusal('upstream.aborted') };
    const answer = await this.#approvals.redeem(credential, approvalId);
    // Who does not wait is told how it stands, as clients without pages are.
    const again = waits ? this.#askToApprove(credential, parsed, answer) : undefined;
    return again ?? this.#finish(credential, parsed, answer, door);
  }

  /** 2026-07-28: what is asked is the answer, and the request comes again. */
  async #inRounds(
    credential: CredentialFacts,
    parsed: ActionRequest,
    door: McpDoor,
  ): Promise<EncodedResponse | McpProblem> {
    const { retry } = parsed;
    if (retry?.state === undefined) {
      const begun = await this.#parked.begin(credential, parsed, door, (side, gone, onProgress) =>
        this.#pipeline.act(credential, parsed, gone, onProgress, side),
      );
      return this.#turned(credential, parsed, begun, door);
    }
    const approved = await this.#whenApproved(credential, parsed, door);
    if (approved !== undefined) return approved;
    const turn = await this.#parked.resume(credential, parsed, door);
    return turn === undefined
      ? encodeProtocolRefusal(unknownState(parsed.id))
      : this.#turned(credential, parsed, turn, door);
  }

  #turned(
    credential: CredentialFacts,
    parsed: ActionRequest,
    turn: Turn,
    door: McpDoor,
  ): EncodedResponse | McpProblem {
    if (turn.kind === 'asks') return encodeInputRequired(parsed, turn.asked, turn.state);
    const asked = this.#askToApprove(credential, parsed, turn.answer);
    return asked ?? this.#finish(credential, parsed, turn.answer, door);
  }

  async #subscribe(
    credential: CredentialFacts,
    parsed: SubscribeRequest,
  ): Promise<EncodedResponse | McpProblem> {
    const { serverName: server, uri, id } = parsed;
    if (parsed.kind === 'unsubscribe') {
      const stopped = this.#pipeline.admit(credential, server);
      if (stopped !== undefined) return { id, refusal: stopped };
      this.#listeners.unsubscribe(credential, server, uri);
      return encodeEmpty(parsed);
    }
    const refused = await this.#pipeline.subscribe(credential, server, uri);
    if (refused !== undefined) return encodeOfferRefusal(parsed, { outcome: 'refused', refusal: refused });
    if (this.#listeners.subscribe(credential, server, uri)) return encodeEmpty(parsed);
    this.#pipeline.unsubscribe(server, credential.instanceId, uri);
    return { id, refusal: refusal('request.overloaded', 'Too many resources are subscribed to.') };
  }

  /** `subscriptions/listen`: first what is honoured, then what changes, at the end a result. */
  async #listen(
    credential: CredentialFacts,
    parsed: ListenRequest,
    { gone, stream }: McpDoor,
  ): Promise<EncodedResponse | McpProblem> {
    const { id, serverName: server, lists } = parsed;
    const stopped = this.#pipeline.admit(credential, server);
    if (stopped !== undefined) return { id, refusal: stopped };
    if (stream === undefined) return { id, refusal: refusal('request.media_type_unsupported') };
    if (!this.#listeners.hasRoom(credential)) return { id, refusal: refusal('request.overloaded') };
    const uris: string[] = [];
    for (const uri of parsed.uris)
      if ((await this.#pipeline.subscribe(credential, server, uri)) === undefined) uris.push(uri);
    const meta = { [metaKeys.subscriptionId]: id };
    const notifications = {
      ...Object.fromEntries(lists.map((list) => [`${list}ListChanged`, true])),
      ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }),
    };
    const method = 'notifications/subscriptions/acknowledged';
    stream.send({ jsonrpc: '2.0', method, params: { notifications, _meta: meta } });
    if (Object.keys(notifications).length > 0)
      await this.#listeners.listen({ credential, server, lists, uris, meta, stream }, gone);
    return encodeListened(parsed);
  }

  /** GET of the elder revisions: whatever changes, until the client goes. A refusal, or undefined at its end. */
  async standing(
    credential: CredentialFacts,
    server: string,
    open: () => AgentStream,
    gone: AbortSignal,
  ): Promise<Refusal | undefined> {
    const stopped = this.#pipeline.admit(credential, server);
    if (stopped !== undefined) return stopped;
    if (!this.#listeners.hasRoom(credential)) return refusal('request.overloaded');
    const lists = ['tools', 'resources', 'prompts'] as const;
    await this.#listeners.listen(
      { credential, server, lists, uris: undefined, meta: undefined, stream: open() },
      gone,
    );
    return undefined;
  }

  /** A document came or went. */
  observe(topic: FeedTopic, key: string): void {
    if (topic === 'approval') this.#approvals.observe();
    this.#listeners.observe(topic, key);
  }

  get listeners(): Listeners {
    return this.#listeners;
  }

  #take(credential: CredentialFacts, parsed: AnswerMessage): EncodedResponse | McpProblem {
    return this.#asks.take(credential, parsed)
      ? encodeAccepted()
      : {
          id: null,
          refusal: refusal('request.state_unknown', 'Nothing of this id was asked of this caller.'),
        };
  }

  /** What the server logged goes first: the answer ends the stream. */
  #finish(
    credential: CredentialFacts,
    parsed: ActionRequest,
    answer: CallAnswer,
    { stream }: McpDoor,
  ): EncodedResponse | McpProblem {
    if (answer.kind === 'result')
      for (const params of answer.facts.log ?? [])
        stream?.send({ jsonrpc: '2.0', method: 'notifications/message', params });
    const task = parsed.kind === 'tools_call' ? this.#tasks.create(credential, parsed, answer) : undefined;
    return task ?? encodeAction(parsed, answer);
  }
}

const unknownState = (id: RequestId) =>
  ({
    kind: 'refusal',
    code: 'request.state_unknown',
    httpStatus: 200,
    rpcCode: rpcCodes.invalidParams,
    id,
    detail: 'This requestState is not of a call of yours that waits, or not of this one.',
  }) as const;

function encodeAction(request: ActionRequest, answer: CallAnswer): EncodedResponse | McpProblem {
  if (answer.kind === 'problem')
    return { id: request.id, refusal: answer.refusal, stepUp: answer.stepUp === true };
  if (answer.kind === 'refused') {
    if (answer.facts.missing !== undefined && request.era === modernVersion)
      return encodeCapabilityMissing(request, answer.facts, answer.facts.missing);
    return request.kind === 'tools_call'
      ? encodeToolRefusal(request, answer.facts)
      : encodeOfferRefusal(request, answer.facts);
  }
  return request.kind === 'tools_call'
    ? encodeToolResult(request, answer.result, answer.facts)
    : encodeOfferResult(request, answer.result, answer.facts);
}
