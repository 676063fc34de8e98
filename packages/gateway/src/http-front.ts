/**
 * The door for agents that speak a service's own HTTP (`/http/<server>/…`): an existing program comes in by changing its base address. It finds the operation,
 * reads the arguments and hands them to the pipeline; it decides nothing. What matches no operation is refused on record, under a name that nothing can have.
 */
import { setTimeout as passed } from 'node:timers/promises';
import { type Refusal } from '@atf/core/errors';
import { OperationIndex } from '@atf/core/segmentation/http-match';
import { operationOf } from '@atf/core/segmentation/http-operation';
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from './answers.ts';
import type { Pipeline } from './pipeline.ts';
import type { SnapshotPort } from './ports.ts';
import {
  argumentsOf,
  type Asked,
  encodeAnswer,
  encodeHead,
  understand,
  type Understanding,
} from './protocols/http-door.ts';
import type { HttpServices } from './protocols/http-service.ts';
import type { EncodedResponse } from './protocols/protocol.ts';

/** Stands in records for requests that no operation covers: a path may hold personal data, and records hold none in clear. */
export const unknownOperation = 'operation:*';

/** For whoever does not take its last event. */
const toldMs = 1_000;

/** Not about one call: the HTTP status says it. */
export interface HttpProblem {
  readonly refusal: Refusal;
  readonly stepUp: boolean;
}

/** What comes with a request besides its head, and where an answer can be streamed to. */
export interface Sent {
  /** Whole, or while it comes. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly gone: AbortSignal;
  readonly stream: AnswerStream;
}

export interface AnswerStream {
  begin(head: Pick<EncodedResponse, 'status' | 'headers'>): void;
  write(chunk: Uint8Array): Promise<void>;
}

export interface HttpFrontInput {
  readonly pipeline: Pipeline;
  readonly services: Pick<HttpServices, 'streamTo' | 'uploadFrom'>;
  readonly snapshot: Pick<SnapshotPort, 'server' | 'toolsOf'>;
}

export class HttpFront {
  readonly #input: HttpFrontInput;
  readonly #indexes = new Map<string, OperationIndex>();

  constructor(input: HttpFrontInput) {
    this.#input = input;
  }

  /** Something about the tools of a server is new. `key`: `server/tool`, or the server's name. */
  observe(topic: string, key: string): void {
    if (topic === 'tool' || topic === 'server') this.#indexes.delete(key.split('/', 1)[0] ?? '');
  }

  /** One authenticated request, before its body is read: the operation that it means, or the answer. */
  async begin(
    credential: CredentialFacts,
    asked: Asked,
    gone: AbortSignal,
  ): Promise<Understanding | EncodedResponse | HttpProblem> {
    const { pipeline } = this.#input;
    const { server } = asked.address;
    const understood = understand(this.indexOf(server), asked);
    if (!understood.ok) return this.#malformed(credential, understood.refusal);
    if (understood.value !== undefined) return understood.value;
    const call = { protocol: 'http', serverName: server, toolName: unknownOperation, args: {} } as const;
    return encoded(server, await pipeline.call(credential, call, gone));
  }

  /** The same request with its body. */
  async finish(
    credential: CredentialFacts,
    understanding: Understanding,
    asked: Asked,
    { body, gone, stream }: Sent,
  ): Promise<EncodedResponse | HttpProblem> {
    const { server } = asked.address;
    const isWhole = body instanceof Uint8Array;
    const args = argumentsOf(understanding, asked, isWhole ? body : 'upload');
    if (!args.ok) return this.#malformed(credential, args.refusal);
    const { tool } = understanding.operation;
    const { pipeline, services } = this.#input;
    const actionId = pipeline.newActionId();
    const call = {
      protocol: 'http',
      actionId,
      serverName: server,
      toolName: tool,
      args: args.value,
    } as const;
    let begun: Pick<EncodedResponse, 'status' | 'headers'> | undefined;
    let life: NodeJS.Timeout | undefined;
    const uploaded = isWhole ? undefined : services.uploadFrom(actionId, body);
    const over = services.streamTo(actionId, {
      begin: (head) => {
        begun = encodeHead(server, actionId, head);
        stream.begin(begun);
        // What leaves while it comes stops with the credential that it leaves for.
        const leftMs = Math.max(0, credential.expiresAtMs - pipeline.nowMs());
        life = setTimeout(() => pipeline.stopper.expire(actionId), leftMs).unref();
      },
      write: (chunk) => stream.write(chunk),
    });
    try {
      const answer = await pipeline.call(credential, call, gone);
      // All of it has left already, as it came.
      if (begun !== undefined && answer.kind === 'result') return begun;
      const why = encoded(server, answer);
      if (begun !== undefined) await toldInStream(begun, why, stream);
      return why;
    } finally {
      clearTimeout(life);
      over();
      uploaded?.();
    }
  }

  #malformed({ agentId }: CredentialFacts, refusal: Refusal): HttpProblem {
    this.#input.pipeline.refusals.unauthenticated(agentId, refusal.code);
    return { refusal, stepUp: false };
  }

  /** The operations of a service; none of what is no service. */
  indexOf(server: string): OperationIndex {
    const held = this.#indexes.get(server);
    if (held !== undefined) return held;
    const { snapshot } = this.#input;
    const doc = snapshot.server(server);
    const tools = doc?.transport.kind === 'openapi' ? snapshot.toolsOf(server) : [];
    const made = new OperationIndex(
      tools.flatMap(({ name, state, definition }) => {
        const http = state === 'removed' ? undefined : operationOf(definition);
        return http === undefined ? [] : [{ tool: name, http }];
      }),
    );
    if (doc !== undefined) this.#indexes.set(server, made);
    return made;
  }
}

/** A stream of events ends with an event that says why; others only break off. */
async function toldInStream(
  { headers }: Pick<EncodedResponse, 'headers'>,
  why: EncodedResponse | HttpProblem,
  stream: AnswerStream,
): Promise<void> {
  if (!headers['content-type']?.startsWith('text/event-stream') || !('body' in why) || why.body === undefined)
    return;
  const event = Buffer.from(`event: atf-refusal\ndata: ${Buffer.from(why.body).toString()}\n\n`);
  await Promise.race([stream.write(event).catch(() => undefined), passed(toldMs, undefined, { ref: false })]);
}

const encoded = (server: string, answer: CallAnswer): EncodedResponse | HttpProblem =>
  answer.kind === 'problem'
    ? { refusal: answer.refusal, stepUp: answer.stepUp === true }
    : encodeAnswer(server, answer);
