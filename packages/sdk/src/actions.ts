/**
 * The action API for programs that run their own tools (wire/action.ts): ask before, run, report after. `guard` does all of it around one tool. The program
 * is trusted to ask; whoever wants more puts the permit's check into the tool itself, or the tool behind the gateway.
 *
 * The calls bear the names that the framework's guides use: `registerAgent`, `verifyAction`, `logAction`, `requestApproval`.
 */
import {
  type ActionAnswer,
  type ActionOperation,
  type ActionRefusal,
  actionRefusalSchema,
  type ActionRequest,
  actionRoutes,
  type ActionState,
  type Allowed,
  type ApprovalStanding,
  type OutcomeReport,
  type OutcomeTaken,
  waitSecondsMax,
} from '@atf/core/wire/action';
import type { Agent, BodyIn } from '@atf/core/wire/api';
import type { Json, JsonObject } from '@atf/core/wire/json';
import type { z } from 'zod';
import type { AgentFetch } from './agent-fetch.ts';
import { readBounded } from './bounded-body.ts';
import type { ControlClient } from './client.ts';

const answerBytesMax = 8 * 1_048_576;
const reportAttemptsMax = 5;
const reportPauseMs = 200;

/** The gateway said no, in the words of its catalogue. `outcome` says whether anything may have happened. */
export class ActionRefused extends Error {
  override readonly name = 'ActionRefused';
  readonly status: number;
  readonly refusal: ActionRefusal;
  constructor(status: number, refusal: ActionRefusal) {
    const { title, detail, help } = refusal;
    super([title, detail, help].filter((part) => part !== undefined).join('. '));
    this.status = status;
    this.refusal = refusal;
  }
}

/** A person has to decide first; `Actions.waitForApproval` and `Actions.redeem` go on from here. */
export class ApprovalPending extends Error {
  override readonly name = 'ApprovalPending';
  readonly approvalId: string;
  readonly expiresAt: string | undefined;
  constructor({ approvalId, expiresAt, because }: Extract<ActionAnswer, { outcome: 'waiting' }>) {
    super(`It waits for a person: ${because}`);
    this.approvalId = approvalId;
    this.expiresAt = expiresAt;
  }
}

/** The approved call ran before, under another request, and failed. */
export class ActionFailedBefore extends Error {
  override readonly name = 'ActionFailedBefore';
  readonly result: unknown;
  constructor(result: unknown) {
    super('The approved call was carried out before, and failed.');
    this.result = result;
  }
}

/** The tool ran, and its model is given nothing of the result: nobody has looked at it. That it ran is on record. */
export class ResultWithheld extends Error {
  override readonly name = 'ResultWithheld';
  readonly actionId: string;
  constructor({ actionId, recorded }: OutcomeTaken) {
    const why =
      recorded === 'late'
        ? 'It was reported later than its time (withinSeconds), so nobody has looked at it.'
        : 'The gateway took the report, and its answer was lost.';
    super(`The tool ran, and its result is withheld. ${why} Ask again for what only reads.`);
    this.actionId = actionId;
  }
}

export interface ActionsOptions {
  /** `agentFetch` of an enrolled instance. */
  readonly fetch: AgentFetch;
  /** The cooperative server whose tools these are. */
  readonly server: string;
  /** Resolves after that many milliseconds. */
  readonly pause?: (ms: number) => Promise<void>;
}

/** What a guarded tool is given beside its arguments. */
export interface Run {
  readonly actionId: string;
  /** For a tool that checks by itself that its caller asked first. */
  readonly permit: string;
  /** Fires when a person stops the agent, its owner, the tool or the fleet, when the session is revoked, and when the time is over. */
  readonly signal: AbortSignal;
}

export interface GuardedTool<A extends JsonObject, R extends Json> {
  readonly name: string;
  readonly run: (args: A, run: Run) => Promise<R> | R;
}

export interface GuardOptions {
  /** Seconds to wait for a person; without, a call that needs one throws {@link ApprovalPending}. */
  readonly waitSeconds?: number;
  readonly approver?: ActionRequest['approver'];
  readonly withinSeconds?: number;
}

/** What the agent says about a call: claimed, and shown as such. */
export type Saying = Pick<ActionRequest, 'reason' | 'context'>;

/** Registers an agent from its manifest and makes the join token for its first instance. Needs a person’s or the host operator’s client. */
export async function registerAgent(
  control: ControlClient,
  manifest: BodyIn<'agents.register'>,
): Promise<{ readonly agent: Agent; readonly joinToken: string }> {
  const agent = await control.call('agents.register', { body: manifest });
  const { joinToken } = await control.call('agents.joinToken', { params: { id: agent.id } });
  return { agent, joinToken };
}

export class Actions {
  readonly #options: ActionsOptions;
  readonly #pause: (ms: number) => Promise<void>;

  constructor(options: ActionsOptions) {
    this.#options = options;
    this.#pause = options.pause ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /** Asks for one action. @throws ActionRefused */
  verifyAction(request: Omit<ActionRequest, 'server'>, signal?: AbortSignal): Promise<ActionAnswer> {
    return this.#call('actions.request', { body: { ...request, server: this.#options.server }, signal });
  }

  /** Asks a person, by name or role if wanted, even where the level may do it alone. @throws ActionRefused */
  requestApproval(
    request: Omit<ActionRequest, 'server' | 'ask'>,
    signal?: AbortSignal,
  ): Promise<ActionAnswer> {
    return this.verifyAction({ ...request, ask: true }, signal);
  }

  /**
   * Reports what came of an allowed action. A report whose answer was lost is sent again; that it was taken before is then no fault, and what was said of its result is lost:
   * it is `withheld`, as that of a late report is.
   * @throws ActionRefused
   */
  async logAction(
    { actionId, permit }: Pick<Allowed, 'actionId' | 'permit'>,
    report: Omit<OutcomeReport, 'permit'>,
  ): Promise<OutcomeTaken> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#call('actions.report', { id: actionId, body: { ...report, permit } });
      } catch (fault) {
        const refused = fault instanceof ActionRefused ? fault : undefined;
        if (attempt > 1 && refused?.refusal.code === 'execution.outcome_settled')
          return {
            actionId,
            recorded: 'in_time',
            ...(report.result === undefined ? {} : { withheld: true }),
          };
        // What names an outcome is an answer about the action; all else may pass.
        const passing =
          refused === undefined ||
          (refused.refusal.outcome === undefined && (refused.status >= 500 || refused.status === 429));
        if (!passing || attempt >= reportAttemptsMax) throw fault;
        await this.#pause(reportPauseMs * 2 ** attempt);
      }
    }
  }

  /** How an approval stands; waits up to `waitSeconds` while nobody has decided. @throws ActionRefused `approvals.not_found` */
  async waitForApproval(
    approvalId: string,
    { waitSeconds, signal }: { readonly waitSeconds: number; readonly signal?: AbortSignal | undefined },
  ): Promise<ApprovalStanding> {
    const endsMs = performance.now() + waitSeconds * 1000;
    for (;;) {
      const leftSeconds = Math.max(0, Math.ceil((endsMs - performance.now()) / 1000));
      const wait = Math.min(leftSeconds, waitSecondsMax);
      const standing = await this.#call('approvals.state', { id: approvalId, waitSeconds: wait, signal });
      if (standing.state !== 'waiting' || leftSeconds === 0) return standing;
    }
  }

  /** Releases an approved call, once: a permit for exactly the stored arguments, or what came of it before. @throws ActionRefused */
  redeem(
    approvalId: string,
    {
      withinSeconds,
      signal,
    }: { readonly withinSeconds?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ActionAnswer> {
    const body = withinSeconds === undefined ? {} : { withinSeconds };
    return this.#call('approvals.redeem', { id: approvalId, body, signal });
  }

  /** Whether an action of this instance still runs; waits up to `waitSeconds` for its end. */
  actionState(actionId: string, waitSeconds: number, signal?: AbortSignal): Promise<ActionState> {
    return this.#call('actions.state', { id: actionId, waitSeconds, signal });
  }

  /**
   * The tool, governed: each call is asked for, run with a signal that a stop fires, and reported with its result. Gives what the agent may read of it: masked where
   * its level does not read something. What is refused throws {@link ActionRefused} and runs nothing; what nobody has looked at throws {@link ResultWithheld}.
   */
  guard<A extends JsonObject, R extends Json>(
    tool: GuardedTool<A, R>,
    options: GuardOptions = {},
  ): (args: A, saying?: Saying) => Promise<R> {
    const { approver, withinSeconds } = options;
    return async (args, saying = {}) => {
      const answer = await this.verifyAction({
        tool: tool.name,
        arguments: args,
        ...saying,
        ...(approver === undefined ? {} : { approver }),
        ...(withinSeconds === undefined ? {} : { withinSeconds }),
      });
      const released = answer.outcome === 'waiting' ? await this.#decided(answer, options) : answer;
      if (released.outcome === 'allowed') return await this.#run(tool, released);
      if (released.outcome === 'waiting') throw new ApprovalPending(released);
      if (released.failed) throw new ActionFailedBefore(released.result);
      return released.result as R;
    };
  }

  async #decided(
    waiting: Extract<ActionAnswer, { outcome: 'waiting' }>,
    { waitSeconds, withinSeconds }: GuardOptions,
  ): Promise<ActionAnswer> {
    if (waitSeconds === undefined) return waiting;
    const { state } = await this.waitForApproval(waiting.approvalId, { waitSeconds });
    if (state === 'waiting') return waiting;
    return await this.redeem(waiting.approvalId, withinSeconds === undefined ? {} : { withinSeconds });
  }

  async #run<A extends JsonObject, R extends Json>(tool: GuardedTool<A, R>, allowed: Allowed): Promise<R> {
    const stop = new AbortController();
    const finished = new AbortController();
    const watching = this.#watch(allowed.actionId, stop, finished.signal);
    const { actionId, permit } = allowed;
    let result: R;
    try {
      result = await tool.run(allowed.arguments as A, { actionId, permit, signal: stop.signal });
    } catch (fault) {
      finished.abort();
      await watching;
      // Only that it failed: what an error says may hold anything.
      await this.logAction(allowed, { status: 'failed' });
      throw fault;
    }
    finished.abort();
    await watching;
    const taken = await this.logAction(allowed, { status: 'done', result });
    if (taken.withheld === true || taken.recorded === 'late') throw new ResultWithheld(taken);
    return taken.shown === undefined ? result : (taken.shown as R);
  }

  /** Fires `stop` when the gateway says that the action is over while the tool still runs. */
  async #watch(actionId: string, stop: AbortController, finished: AbortSignal): Promise<void> {
    while (!finished.aborted) {
      try {
        const { state, code } = await this.actionState(actionId, waitSecondsMax, finished);
        if (state === 'over' && !finished.aborted) return stop.abort(code ?? 'over');
      } catch {
        if (finished.aborted) return;
        // The gateway is not heard: it looks again, and the outcome counts for as long as it was given.
        await this.#pause(reportPauseMs);
      }
    }
  }

  async #call<K extends ActionOperation>(
    operation: K,
    {
      id = '',
      body,
      waitSeconds,
      signal,
    }: {
      readonly id?: string;
      readonly body?: unknown;
      readonly waitSeconds?: number;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<z.output<(typeof actionRoutes)[K]['response']>> {
    const { method, path, response } = actionRoutes[operation];
    const { fetch } = this.#options;
    const query = waitSeconds === undefined ? '' : `?waitSeconds=${waitSeconds}`;
    const url = `${fetch.credential().gatewayUrl}${path.replace(':id', encodeURIComponent(id))}${query}`;
    const answer = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const value: unknown = JSON.parse(new TextDecoder().decode(await readBounded(answer, answerBytesMax)));
    if (!answer.ok) throw new ActionRefused(answer.status, actionRefusalSchema.parse(value));
    return response.parse(value) as z.output<(typeof actionRoutes)[K]['response']>;
  }
}
