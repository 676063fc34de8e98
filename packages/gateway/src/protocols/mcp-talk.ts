/**
 * What a tool server says and asks of its own accord over one connection: log messages, updates of resources, requests for input (2025-11-25; in
 * 2026-07-28 the last stand in results, see mcp-rounds.ts). None of these names the call that it belongs to. On a connection that agents share it counts only
 * while exactly one call is under way: nothing is put down to a call that may be another agent's. On a connection of one instance it is put down to the one call
 * that runs, those that wait for an answer aside, or to the one that asked last where all wait.
 */
import type { JsonObject } from '@atf/core/wire/json';
import { type AskKind, askKinds } from '@atf/core/wire/words';
import { type Client, ProtocolError } from '@modelcontextprotocol/client';
import { askMethods, inputRequestOf } from './mcp-input.ts';
import { logMessage, paramsOf } from './mcp-log.ts';
import { rpcCodes } from './mcp-wire.ts';
import type { CallInput, CallLog, UpstreamFault } from './protocol.ts';

export interface TalkOfCall {
  readonly input: CallInput | undefined;
  readonly log: CallLog | undefined;
  /** Stops the clock of the call while its agent is asked. */
  readonly outside: <T>(work: () => Promise<T>) => Promise<T>;
  /** Why it got no input that it asked for. */
  refused: UpstreamFault | undefined;
  /** Questions of its server that are open. */
  open: number;
}

export class ServerTalk {
  readonly #calls = new Set<TalkOfCall>();
  readonly #shared: boolean;
  #asked = 0;
  #last: TalkOfCall | undefined;

  constructor(shared: boolean) {
    this.#shared = shared;
  }

  begin(call: TalkOfCall): () => void {
    this.#calls.add(call);
    return () => this.#calls.delete(call);
  }

  /** Before it is connected. `mayAsk`: what its server may ask for; other requests are refused by the client itself. */
  wire(client: Client, mayAsk: readonly AskKind[], onUpdated: ((uri: string) => void) | undefined): void {
    for (const kind of askKinds.filter((each) => mayAsk.includes(each))) {
      client.setRequestHandler(
        askMethods[kind] as 'elicitation/create',
        (async (request: { params?: unknown }) => await this.#ask(kind, request.params)) as never,
      );
    }
    client.setNotificationHandler('notifications/message', ({ params }) => {
      const log = this.#only()?.log;
      const message = log === undefined ? undefined : logMessage(paramsOf(params), log.level);
      if (message !== undefined) log?.onLog(message);
    });
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => onUpdated?.(params.uri));
  }

  #only(): TalkOfCall | undefined {
    const all = [...this.#calls];
    if (this.#shared || all.length === 1) return all.length === 1 ? all[0] : undefined;
    const running = all.filter(({ open }) => open === 0);
    if (running.length > 0) return running.length === 1 ? running[0] : undefined;
    return this.#last !== undefined && this.#calls.has(this.#last) ? this.#last : undefined;
  }

  async #ask(kind: AskKind, params: unknown): Promise<JsonObject> {
    const call = this.#only();
    const request = inputRequestOf(askMethods[kind], params);
    if (call?.input === undefined || request === undefined)
      throw new ProtocolError(rpcCodes.refused, 'There is nobody to ask, or not for this.');
    const { input } = call;
    const key = `asked-${++this.#asked}`;
    call.open++;
    this.#last = call;
    try {
      const outcome = await call.outside(async () => await input.ask({ [key]: request }));
      if (!outcome.ok) call.refused = outcome.fault;
      const answer = outcome.ok ? outcome.answers[key] : undefined;
      if (answer !== undefined) return answer;
    } finally {
      call.open--;
    }
    throw new ProtocolError(rpcCodes.refused, 'This may not be asked for, or was not answered.');
  }
}
