/**
 * Tools that the agent's own program runs (S-2, R-2): for the pipeline they look like a tool server. A call is handed to the program that asked for the
 * action, and its report is the result; a stop cuts it like any other call, and the program is told. What is not reported in time is unknown.
 *
 * Nothing is handed to anybody but the instance that waits for exactly this action: a call that nobody expects was not dispatched.
 */
import type { Json, JsonObject } from '@atf/core/wire/json';
import type { ActionState } from '@atf/core/wire/action';
import type { CallTarget, DispatchedAction } from '../ports.ts';
import type { UpstreamCallOptions, UpstreamCallOutcome, UpstreamFault } from './protocol.ts';

export const actionsMax = 1_024;
export const actionsOfAgentMax = 64;

/** The instance that asked. */
export interface Asker {
  readonly agentId: string;
  readonly instanceId: string;
}

export interface Handed {
  readonly args: JsonObject;
  /** Unix milliseconds until which the outcome counts. */
  readonly reportByMs: number;
  readonly decided: DispatchedAction;
}

export type Report =
  | { readonly status: 'done' | 'failed'; readonly result: Json | undefined }
  | { readonly status: 'not_executed' };

interface Action {
  readonly asker: Asker;
  readonly withinMs: number;
  readonly handed: PromiseWithResolvers<Handed>;
  readonly over: PromiseWithResolvers<void>;
  settle: ((outcome: UpstreamCallOutcome) => void) | undefined;
  ended: boolean;
  code: string | undefined;
}

const fault = (code: UpstreamFault['code'], dispatched: boolean, detail: string): UpstreamCallOutcome => ({
  kind: 'fault',
  fault: { code, dispatched, detail },
});

/** The result of a program as the pipeline knows results of tools. */
function resultOf(report: Extract<Report, { result: unknown }>): UpstreamCallOutcome {
  const { result, status } = report;
  const text = JSON.stringify(result ?? null);
  const isObject = typeof result === 'object' && result !== null && !Array.isArray(result);
  return {
    kind: 'result',
    resultBytes: Buffer.byteLength(text),
    result: {
      content: [{ type: 'text', text }],
      ...(isObject ? { structuredContent: result } : {}),
      ...(status === 'failed' ? { isError: true } : {}),
    },
  };
}

export class Cooperative {
  readonly #nowMs: () => number;
  readonly #actions = new Map<string, Action>();
  /** Actions that were cut or ran out of time, newest last: whoever asks a moment later is told why. */
  readonly #ended = new Map<string, Action>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Announces that an instance waits for this action. Resolves when the program may run it; undefined: too many are under way. */
  expect(actionId: string, asker: Asker, withinMs: number): Promise<Handed> | undefined {
    if (this.#actions.size >= actionsMax || this.#ofAgent(asker.agentId) >= actionsOfAgentMax)
      return undefined;
    const action: Action = {
      asker,
      withinMs,
      handed: Promise.withResolvers(),
      over: Promise.withResolvers(),
      settle: undefined,
      ended: false,
      code: undefined,
    };
    this.#actions.set(actionId, action);
    return action.handed.promise;
  }

  /** The pipeline has let the action through: hands it to the program, and resolves with its report. Never throws. */
  call(
    { action: decided, instanceId }: CallTarget,
    args: JsonObject,
    { signal }: UpstreamCallOptions,
  ): Promise<UpstreamCallOutcome> {
    const action = this.#actions.get(decided.actionId);
    if (action === undefined || action.settle !== undefined || action.asker.instanceId !== instanceId)
      return Promise.resolve(fault('upstream.unavailable', false, 'No program waits for this action.'));
    if (signal.aborted)
      return Promise.resolve(fault('upstream.aborted', false, 'It was stopped before it began.'));
    return new Promise((resolve) => {
      const settle = (outcome: UpstreamCallOutcome) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', cut);
        resolve(outcome);
      };
      const cut = () => {
        action.code = 'containment.call_aborted';
        action.over.resolve();
        settle(fault('upstream.aborted', true, 'It was stopped while the program ran it.'));
      };
      const timer = setTimeout(() => {
        action.code = 'upstream.timeout';
        action.over.resolve();
        settle(fault('upstream.timeout', true, 'The program did not report what came of it in time.'));
      }, action.withinMs);
      signal.addEventListener('abort', cut, { once: true });
      action.settle = settle;
      action.handed.resolve({ args, reportByMs: this.#nowMs() + action.withinMs, decided });
    });
  }

  /** Takes the report of a program; false when the action is not one that this instance runs now. */
  report(actionId: string, asker: Asker, report: Report): boolean {
    const action = this.#mine(actionId, asker);
    if (action?.settle === undefined || action.ended || action.code !== undefined) return false;
    action.ended = true;
    action.settle(
      report.status === 'not_executed'
        ? fault('upstream.call_refused', false, 'The program says that it did not run it.')
        : resultOf(report),
    );
    return true;
  }

  /** The pipeline is done with the action, however that came. */
  end(actionId: string): void {
    const action = this.#actions.get(actionId);
    action?.over.resolve();
    this.#actions.delete(actionId);
    if (action?.code === undefined) return;
    this.#ended.set(actionId, action);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > actionsMax && oldest !== undefined) this.#ended.delete(oldest);
  }

  /** How an action of this instance stands; waits until it is over, the signal fires, or `waitMs` have passed. */
  async watch(actionId: string, asker: Asker, waitMs: number, signal: AbortSignal): Promise<ActionState> {
    const action = this.#mine(actionId, asker);
    if (action === undefined) return { actionId, state: 'over' };
    await within(action.over.promise, waitMs, signal);
    const running = this.#actions.get(actionId) === action && action.code === undefined && !action.ended;
    if (running) return { actionId, state: 'running' };
    return { actionId, state: 'over', ...(action.code === undefined ? {} : { code: action.code }) };
  }

  #mine(actionId: string, { agentId, instanceId }: Asker): Action | undefined {
    const action = this.#actions.get(actionId) ?? this.#ended.get(actionId);
    return action?.asker.agentId === agentId && action.asker.instanceId === instanceId ? action : undefined;
  }

  #ofAgent(agentId: string): number {
    let count = 0;
    for (const { asker } of this.#actions.values()) if (asker.agentId === agentId) count++;
    return count;
  }
}

/** Resolves with the promise, when the time is over, or when the signal fires; says nothing about which. */
export async function within(promise: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  const ended = Promise.withResolvers<void>();
  const end = () => ended.resolve();
  const timer = setTimeout(end, ms);
  signal.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([promise, ended.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
