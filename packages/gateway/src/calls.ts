/**
 * Room: incident. The calls under way, so that a stop can cut them in the tick in which it is heard. A call is here from
 * its decision to its outcome; `dispatched` says whether the tool server may have seen it.
 */
import type { Refusal } from '@atf/core/errors';
import type { Touched } from '@atf/core/incident/containment';
import type { ActionClass } from '@atf/core/wire/words';
import type { AgentSide } from './agent-input.ts';
import type { OnProgress } from './progress.ts';
import type { RequestId } from './protocols/protocol.ts';

export const callsUnderWayMax = 2_048;
export const callsOfAgentMax = 256;

export interface CallUnderWay extends Touched {
  readonly actionId: string;
  readonly instanceId: string;
  readonly actionClass: ActionClass;
  /** The caller's own id of the request, for `notifications/cancelled`; absent for calls that nobody may cancel. */
  readonly requestId: RequestId | undefined;
  /** Tells the caller how far it is, where it asked. */
  readonly onProgress?: OnProgress | undefined;
  /** Who can be asked, and told what the server logs. */
  readonly side?: AgentSide | undefined;
  readonly signal: AbortSignal;
  /** Why it was cut, once it was. */
  readonly cut: Refusal | undefined;
  dispatched: boolean;
}

interface Held extends CallUnderWay {
  cut: Refusal | undefined;
  readonly controller: AbortController;
}

export type CallStart = Omit<CallUnderWay, 'signal' | 'cut' | 'dispatched'>;

export class CallsUnderWay {
  readonly #calls = new Map<string, Held>();
  readonly #ofAgent = new Map<string, number>();

  hasRoom(agentId: string): boolean {
    return this.#calls.size < callsUnderWayMax && (this.#ofAgent.get(agentId) ?? 0) < callsOfAgentMax;
  }

  /** Undefined when too many are under way, of all agents or of this one. */
  begin(start: CallStart): CallUnderWay | undefined {
    if (!this.hasRoom(start.agentId)) return undefined;
    const ofAgent = this.#ofAgent.get(start.agentId) ?? 0;
    const controller = new AbortController();
    const call: Held = { ...start, controller, signal: controller.signal, cut: undefined, dispatched: false };
    this.#calls.set(start.actionId, call);
    this.#ofAgent.set(start.agentId, ofAgent + 1);
    return call;
  }

  end({ actionId, agentId }: CallUnderWay): void {
    if (!this.#calls.delete(actionId)) return;
    const left = (this.#ofAgent.get(agentId) ?? 1) - 1;
    if (left > 0) this.#ofAgent.set(agentId, left);
    else this.#ofAgent.delete(agentId);
  }

  /** Cuts every call that fits, in this tick; returns those that were cut by this very stop and had been dispatched. */
  cut(fits: (call: CallUnderWay) => boolean, why: Refusal): CallUnderWay[] {
    const dispatched: CallUnderWay[] = [];
    for (const call of this.#calls.values()) {
      if (call.cut !== undefined || !fits(call)) continue;
      call.cut = why;
      if (call.dispatched) dispatched.push(call);
      call.controller.abort();
    }
    return dispatched;
  }

  /** How many that were sent fit and have not been cut. */
  running(fits: (call: CallUnderWay) => boolean): number {
    let running = 0;
    for (const call of this.#calls.values()) {
      if (call.dispatched && call.cut === undefined && fits(call)) running++;
    }
    return running;
  }

  /** The caller's own call: same instance, same session, same id, same server. */
  find(of: {
    readonly instanceId: string;
    readonly sid: string;
    readonly server: string;
    readonly requestId: RequestId;
  }): CallUnderWay | undefined {
    for (const call of this.#calls.values()) {
      if (
        call.requestId === of.requestId &&
        call.instanceId === of.instanceId &&
        call.sid === of.sid &&
        call.server === of.server
      )
        return call;
    }
    return undefined;
  }

  get size(): number {
    return this.#calls.size;
  }
}
