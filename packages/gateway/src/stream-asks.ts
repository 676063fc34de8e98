/**
 * Asking an agent of the elder revisions (MCP 2025-11-25): the question is a request on the stream that answers its call, the answer a message of its own. It
 * counts only from the same instance, session and server, once; its id is random, so nobody answers for another.
 */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@atf/core/wire/json';
import type { CredentialFacts } from '@atf/core/world';
import type { AgentStream } from './agent-stream.ts';
import { askMethods, inputAnswerOf } from './protocols/mcp-input.ts';
import type { AnswerMessage, InputAnswers, InputRequest, InputRequests } from './protocols/protocol.ts';

/** How long one question may stay without an answer. */
export const answerWithinMs = 120_000;
const openMax = 2_048;

interface Open {
  readonly owner: string;
  readonly request: InputRequest;
  readonly settle: (answer: JsonObject | undefined) => void;
}

export class StreamAsks {
  readonly #open = new Map<string, Open>();

  /** Undefined: nobody reads the stream, or nothing was answered. */
  async ask(
    credential: CredentialFacts,
    server: string,
    asked: InputRequests,
    stream: AgentStream,
    gone: AbortSignal,
  ): Promise<InputAnswers | undefined> {
    const owner = ownerOf(credential, server);
    const answers = await Promise.all(
      Object.entries(asked).map(async ([key, request]) => {
        const answer = await this.#one(owner, request, stream, gone);
        return answer === undefined ? [] : [[key, answer] as const];
      }),
    );
    const given = answers.flat();
    return given.length === 0 ? undefined : Object.fromEntries(given);
  }

  /** Takes an answer; false: nothing of this kind was asked of this caller. */
  take(credential: CredentialFacts, { answers, serverName, result }: AnswerMessage): boolean {
    const open = this.#open.get(String(answers));
    if (open === undefined || open.owner !== ownerOf(credential, serverName)) return false;
    // An error and an answer of no known form are no answer.
    open.settle(result === undefined ? undefined : inputAnswerOf(open.request, result));
    return true;
  }

  #one(
    owner: string,
    request: InputRequest,
    stream: AgentStream,
    gone: AbortSignal,
  ): Promise<JsonObject | undefined> {
    if (this.#open.size >= openMax || gone.aborted) return Promise.resolve(undefined);
    const id = randomUUID();
    return new Promise((resolve) => {
      const settle = (answer: JsonObject | undefined) => {
        clearTimeout(timer);
        gone.removeEventListener('abort', onGone);
        this.#open.delete(id);
        resolve(answer);
      };
      const onGone = () => settle(undefined);
      const timer = setTimeout(onGone, answerWithinMs);
      gone.addEventListener('abort', onGone, { once: true });
      this.#open.set(id, { owner, request, settle });
      const { kind, params } = request;
      if (!stream.send({ jsonrpc: '2.0', id, method: askMethods[kind], params })) settle(undefined);
    });
  }
}

const ownerOf = ({ agentId, instanceId, sid }: CredentialFacts, server: string): string =>
  `${agentId} ${instanceId} ${sid} ${server}`;
