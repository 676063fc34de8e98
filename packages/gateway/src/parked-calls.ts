/**
 * Calls of agents of 2026-07-28 that wait for input (multi-round-trip results): the answer to the call is what is asked and a state; the call itself stays under
 * way here until the request comes again with that state and answers. The state is a random name that counts once, for the same caller and the very same request;
 * what it stands for never leaves. Who does not come back in time has given the call up.
 */
import { randomBytes } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { canonicalJson, type Json } from '@atf/core/wire/json';
import type { CredentialFacts } from '@atf/core/world';
import type { AgentSide } from './agent-input.ts';
import type { CallAnswer } from './answers.ts';
import type { OnProgress } from './progress.ts';
import { answersTo } from './protocols/mcp-input.ts';
import type { ActionRequest, InputAnswers, InputRequests } from './protocols/protocol.ts';

export const parkedMax = 1_024;
export const comeBackWithinMs = 120_000;
const gatherMs = 20;
/** How often one question is put again to who answers something else. */
const repeatsMax = 10;

export type Turn =
  | { readonly kind: 'answer'; readonly answer: CallAnswer }
  | { readonly kind: 'asks'; readonly asked: InputRequests; readonly state: string };

/** The request that is open now. */
export interface Door {
  readonly gone: AbortSignal;
  readonly onProgress: OnProgress | undefined;
}

type Start = (side: AgentSide, gone: AbortSignal, onProgress: OnProgress) => Promise<CallAnswer>;

interface Question {
  readonly asked: InputRequests;
  readonly settle: (answers: InputAnswers | undefined) => void;
  repeats: number;
}

interface Parked {
  readonly owner: string;
  readonly digest: string;
  readonly answer: Promise<Turn>;
  readonly given: AbortController;
  readonly questions: Question[];
  onQuestion: (() => void) | undefined;
  door: Door | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class ParkedCalls {
  readonly #parked = new Map<string, Parked>();

  /** Starts a call and follows it to its end, or to the first question. */
  async begin(credential: CredentialFacts, request: ActionRequest, door: Door, start: Start): Promise<Turn> {
    const given = new AbortController();
    const questions: Question[] = [];
    const { offers = { asks: [], url: false }, logLevel } = request;
    // Answers that came ahead of the question are used once, for a question that they answer whole.
    let ahead = request.retry?.answers;
    const side: AgentSide = {
      offers,
      logLevel,
      ask: (asked) =>
        new Promise((resolve) => {
          if (given.signal.aborted || this.#parked.size >= parkedMax) return resolve(undefined);
          const answers = ahead === undefined ? {} : answersTo(asked, ahead);
          ahead = undefined;
          const whole = Object.keys(asked).length > 0 && Object.keys(asked).every((key) => key in answers);
          if (whole) return resolve(answers);
          questions.push({ asked, settle: resolve, repeats: 0 });
          call.onQuestion?.();
        }),
    };
    const answer = start(side, given.signal, (said) => call.door?.onProgress?.(said));
    const call: Parked = {
      owner: ownerOf(credential),
      digest: digestOf(request),
      answer: answer.then((each) => ({ kind: 'answer', answer: each })),
      given,
      questions,
      onQuestion: undefined,
      door: undefined,
      timer: undefined,
    };
    return await this.#follow(call, door);
  }

  /** Goes on with a call that waits for these answers. Undefined: there is none of this caller under this state, for this request. */
  async resume(credential: CredentialFacts, request: ActionRequest, door: Door): Promise<Turn | undefined> {
    const { retry } = request;
    const { state } = retry ?? {};
    const call = state === undefined ? undefined : this.#parked.get(state);
    if (
      retry === undefined ||
      state === undefined ||
      call === undefined ||
      call.owner !== ownerOf(credential)
    )
      return undefined;
    if (call.digest !== digestOf(request)) return undefined;
    this.#parked.delete(state);
    clearTimeout(call.timer);
    // What was not answered, or in no form that counts, is asked again.
    for (const question of [...call.questions]) {
      const answers = answersTo(question.asked, retry.answers);
      const nothing = Object.keys(answers).length === 0;
      if (nothing && ++question.repeats <= repeatsMax) continue;
      call.questions.splice(call.questions.indexOf(question), 1);
      question.settle(nothing ? undefined : answers);
    }
    return await this.#follow(call, door);
  }

  async #follow(call: Parked, door: Door): Promise<Turn> {
    const hungUp = () => this.#giveUp(call);
    call.door = door;
    door.gone.addEventListener('abort', hungUp, { once: true });
    if (door.gone.aborted) hungUp();
    try {
      const asked = new Promise<void>((resolve) => {
        call.onQuestion = resolve;
        if (call.questions.length > 0) resolve();
      });
      const turn = await Promise.race([call.answer, asked]);
      if (turn !== undefined) return turn;
      // A server of the elder revision asks one by one for what it needs at once.
      await new Promise((resolve) => setTimeout(resolve, gatherMs));
      return this.#park(call);
    } finally {
      door.gone.removeEventListener('abort', hungUp);
      call.onQuestion = undefined;
      call.door = undefined;
    }
  }

  #park(call: Parked): Turn {
    const state = randomBytes(32).toString('base64url');
    this.#parked.set(state, call);
    call.timer = setTimeout(() => {
      this.#parked.delete(state);
      this.#giveUp(call);
    }, comeBackWithinMs).unref();
    return { kind: 'asks', asked: Object.assign({}, ...call.questions.map(({ asked }) => asked)), state };
  }

  #giveUp(call: Parked): void {
    call.given.abort();
    for (const { settle } of call.questions.splice(0)) settle(undefined);
  }
}

const ownerOf = ({ agentId, instanceId, sid }: CredentialFacts): string => `${agentId} ${instanceId} ${sid}`;

/** What the request is about, without what changes from round to round. */
export function digestOf(request: ActionRequest): string {
  const { kind, serverName } = request;
  const about: Json =
    kind === 'tools_call'
      ? [request.toolName, request.args]
      : kind === 'resources_read'
        ? [request.uri]
        : kind === 'prompts_get'
          ? [request.prompt, request.args]
          : [{ ...request.of }, request.complete];
  return sha256(canonicalJson([kind, serverName, about]));
}
