/**
 * The action API's door (wire/action.ts): authenticated, parsed strictly, handed to the pipeline, answered. It decides nothing. An action that is allowed
 * stays in the pipeline until its program has reported, so that everything that holds for a call of a tool server holds for it.
 */
import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { type ErrorCode, type Problem, problemOf, type Refusal, refusal } from '@atf/core/errors';
import { sha256 } from '@atf/core/digest';
import { type PermitSigner, signPermit, verifyPermit } from '@atf/core/identity/permit';
import {
  type ActionOperation,
  type ActionRefusal,
  type ActionState,
  type Allowed,
  actionRequestSchema,
  actionRoutes,
  type ApprovalStanding,
  outcomeReportSchema,
  type OutcomeTaken,
  permitSecondsMax,
  redeemRequestSchema,
  waitQuerySchema,
} from '@atf/core/wire/action';
import type { ApprovalDoc } from '@atf/core/wire/feed';
import { canonicalJson, isJsonObject, type Json, type JsonObject, parseStrict } from '@atf/core/wire/json';
import { spiffeId } from '@atf/core/wire/token';
import { uuidSchema } from '@atf/core/wire/words';
import type { CredentialFacts } from '@atf/core/world';
import type { z } from 'zod';
import type { CallAnswer } from './answers.ts';
import type { Pipeline } from './pipeline.ts';
import type { Ports } from './ports.ts';
import { type Cooperative, type Handed, within } from './protocols/cooperative.ts';
import type { ToolResult } from './protocols/protocol.ts';
import { isoOf, recordLateReport } from './record.ts';

/** Another caller runs the approved call; this one need not wait for the end of it. */
const joinedWaitMs = 10_000;
const statedLengthMax = 16_384;
const watchersMax = 2_048;
const watchersOfAgentMax = 128;
const reportedMax = 16_384;
/** A report that comes later than this is of no use to anybody. */
const lateMsMax = 24 * 3_600_000;
const bounds = { bytesMax: 1_048_576, depthMax: 32, valuesMax: 50_000 };

export interface ActionFrontInput {
  readonly ports: Ports;
  readonly pipeline: Pipeline;
  readonly cooperative: Cooperative;
  readonly gatewayId: string;
  readonly signer: PermitSigner;
  readonly verifyingKey: KeyObject;
}

/** What a refusal says about the action, beside its problem document. */
type About = Pick<Partial<ActionRefusal>, 'outcome' | 'actionId' | 'approvalId'>;

/** What the door answers: a document, or a refusal as a problem document. */
export type ActionReply =
  | { readonly status: 200 | 202; readonly document: unknown }
  | {
      readonly problem: Problem & About;
      readonly refused: Refusal;
      /** A key would open more (RFC 6750, insufficient_scope). */
      readonly stepUp: boolean;
    };

/** A route of the table with the id in its path. */
export interface Matched {
  readonly operation: ActionOperation;
  readonly id: string | undefined;
}

const patterns = Object.entries(actionRoutes).map(([operation, { method, path }]) => ({
  operation: operation as ActionOperation,
  method: method as string,
  pattern: new RegExp(`^${path.replace(':id', '([0-9a-f-]{36})')}$`),
}));

/** The route that a request means; `method_not_allowed` when the path is one of ours with another method. */
export function matchAction(method: string, path: string): Matched | ErrorCode {
  const found = patterns.filter(({ pattern }) => pattern.test(path));
  const route = found.find((each) => each.method === method);
  if (route === undefined) return found.length === 0 ? 'request.not_found' : 'request.method_not_allowed';
  const id = route.pattern.exec(path)?.[1];
  if (id !== undefined && !uuidSchema.safeParse(id).success) return 'request.not_found';
  return { operation: route.operation, id };
}

const outcomeMembers = (answer: Extract<CallAnswer, { kind: 'refused' }>): About => {
  const { outcome, actionId, approvalId } = answer.facts;
  return {
    ...(outcome === 'waiting' ? {} : { outcome }),
    ...(actionId === undefined ? {} : { actionId }),
    ...(approvalId === undefined ? {} : { approvalId }),
  };
};

function problem(refused: Refusal, more: About = {}, stepUp = false): ActionReply {
  return { problem: { ...problemOf(refused), ...more }, refused, stepUp };
}

type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** What is wrong with the shape of a body or query; never what stands in it. */
function read<S extends z.ZodType>(schema: S, given: unknown): Read<z.output<S>> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return { ok: true, value: parsed.data };
  const says = parsed.error.issues
    .slice(0, 5)
    .map(({ path, code }) => `${path.map(String).join('.') || 'body'}: ${code}`);
  return { ok: false, refusal: refusal('request.malformed', says.join('; ').slice(0, 500)) };
}

/** An action in the pipeline, and the permit that was given for it, once there is one. */
interface Running {
  readonly answer: Promise<CallAnswer>;
  readonly instanceId: string;
  permit?: string;
}

export class ActionFront {
  readonly #input: ActionFrontInput;
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #running = new Map<string, Running>();
  /** Actions whose report was taken, newest last. */
  readonly #reported = new Set<string>();
  readonly #watchers = new Map<string, number>();
  #watching = 0;
  #approvalNews = Promise.withResolvers<void>();
  readonly #ending = new AbortController();

  constructor(input: ActionFrontInput) {
    this.#input = input;
    this.#keys = new Map([[input.signer.kid, input.verifyingKey]]);
  }

  /** Something about approvals is new: whoever waits looks again. */
  observe(topic: string): void {
    if (topic !== 'approval') return;
    const news = this.#approvalNews;
    this.#approvalNews = Promise.withResolvers();
    news.resolve();
  }

  /** Ends every wait for news. */
  close(): void {
    this.#ending.abort('closing');
  }

  /** One authenticated request. `gone` fires when the caller hangs up. */
  async serve(
    { operation, id = '' }: Matched,
    credential: CredentialFacts,
    {
      body,
      query,
      gone,
    }: { readonly body: Uint8Array; readonly query: URLSearchParams; readonly gone: AbortSignal },
  ): Promise<ActionReply> {
    const signal = AbortSignal.any([gone, this.#ending.signal]);
    switch (operation) {
      case 'actions.request':
        return this.#withBody(body, (value) => this.#request(credential, value, gone));
      case 'actions.report':
        return this.#withBody(body, (value) => this.#report(credential, id, value));
      case 'approvals.redeem':
        return this.#withBody(body, (value) => this.#redeem(credential, id, value, gone));
      case 'actions.state':
        return this.#withWait(credential, query, (waitMs) => this.#state(credential, id, waitMs, signal));
      case 'approvals.state':
        return this.#withWait(credential, query, (waitMs) => this.#standing(credential, id, waitMs, signal));
      case 'permits.keys':
        return this.keys();
    }
  }

  keys(): ActionReply {
    const { x = '', y = '' } = this.#input.verifyingKey.export({ format: 'jwk' });
    const key = { kid: this.#input.signer.kid, kty: 'EC', crv: 'P-256', x, y, alg: 'ES256', use: 'sig' };
    return { status: 200, document: { keys: [key] } };
  }

  #withBody(body: Uint8Array, act: (value: JsonObject) => Promise<ActionReply>): Promise<ActionReply> {
    const parsed = body.byteLength === 0 ? { ok: true as const, value: {} } : parseStrict(body, bounds);
    if (!parsed.ok)
      return Promise.resolve(problem(refusal('request.malformed', `The body: ${parsed.problem}`)));
    if (!isJsonObject(parsed.value))
      return Promise.resolve(problem(refusal('request.malformed', 'The body is not an object.')));
    return act(parsed.value);
  }

  /** Every wait is a question of its own rate, and only so many wait at once. */
  async #withWait(
    { agentId }: CredentialFacts,
    query: URLSearchParams,
    act: (waitMs: number) => Promise<ActionReply>,
  ): Promise<ActionReply> {
    const wait = read(waitQuerySchema, Object.fromEntries(query));
    if (!wait.ok) return problem(wait.refusal);
    const tooOften = this.#input.pipeline.mayAskNow(agentId);
    if (tooOften !== undefined) return problem(tooOften);
    const ofAgent = this.#watchers.get(agentId) ?? 0;
    if (this.#watching >= watchersMax || ofAgent >= watchersOfAgentMax)
      return problem(refusal('request.overloaded'));
    this.#watching++;
    this.#watchers.set(agentId, ofAgent + 1);
    try {
      return await act(wait.value.waitSeconds * 1000);
    } finally {
      this.#watching--;
      const left = (this.#watchers.get(agentId) ?? 1) - 1;
      if (left > 0) this.#watchers.set(agentId, left);
      else this.#watchers.delete(agentId);
    }
  }

  async #request(credential: CredentialFacts, value: JsonObject, gone: AbortSignal): Promise<ActionReply> {
    const parsed = read(actionRequestSchema, value);
    if (!parsed.ok) return problem(parsed.refusal);
    const asked = parsed.value;
    const { reason, context, approver } = asked;
    const said = {
      ...(context === undefined ? {} : { context: context as JsonObject }),
      ...(reason === undefined ? {} : { reason }),
    };
    const text = Object.keys(said).length === 0 ? undefined : canonicalJson(said);
    if ((text?.length ?? 0) > statedLengthMax)
      return problem(
        refusal('request.malformed', `context: more than ${statedLengthMax} characters with the reason`),
      );
    return this.#ask(
      credential,
      asked.withinSeconds,
      gone,
      { server: asked.server, tool: asked.tool },
      (actionId) =>
        this.#input.pipeline.call(
          credential,
          {
            protocol: 'action',
            actionId,
            serverName: asked.server,
            toolName: asked.tool,
            args: asked.arguments as JsonObject,
            ask: asked.ask,
            stated: { text, approver },
          },
          gone,
        ),
    );
  }

  async #redeem(
    credential: CredentialFacts,
    approvalId: string,
    value: JsonObject,
    gone: AbortSignal,
  ): Promise<ActionReply> {
    const asked = read(redeemRequestSchema, value);
    if (!asked.ok) return problem(asked.refusal);
    const { pipeline, ports } = this.#input;
    const [server = '', ...rest] = ports.snapshot.approval(approvalId)?.tool.split('/') ?? [];
    const of = { server, tool: rest.join('/') };
    return this.#ask(credential, asked.value.withinSeconds, gone, of, (actionId) =>
      pipeline.redeem(credential, { approvalId, actionId, protocol: 'action' }),
    );
  }

  /** Runs the pipeline; answers as soon as the program may run the tool, or when there is an answer without that. */
  async #ask(
    credential: CredentialFacts,
    withinSeconds: number,
    gone: AbortSignal,
    of: { readonly server: string; readonly tool: string },
    begin: (actionId: string) => Promise<CallAnswer>,
  ): Promise<ActionReply> {
    const { cooperative, pipeline } = this.#input;
    const actionId = pipeline.newActionId();
    const handed = cooperative.expect(actionId, credential, withinSeconds * 1000);
    if (handed === undefined)
      return problem(refusal('request.overloaded', 'Too many actions are under way.'));
    const answer = begin(actionId).finally(() => {
      cooperative.end(actionId);
      this.#running.delete(actionId);
    });
    const running: Running = { answer, instanceId: credential.instanceId };
    this.#running.set(actionId, running);
    // Who waits for the same approved call as another one need not wait for its end.
    const joined = new AbortController();
    const late = within(answer, joinedWaitMs, joined.signal).then(() => undefined);
    const first = await Promise.race([
      handed.then((given) => ({ given })),
      answer.then((given) => ({ answer: given })),
      late.then(() => undefined),
    ]);
    joined.abort('answered');
    if (first === undefined) {
      // Nobody waits for it any more: what is released later than this is not carried out, and a person is asked anew.
      cooperative.report(actionId, credential, { status: 'not_executed' });
      cooperative.end(actionId);
      return problem(refusal('maturity.approval_running'), { outcome: 'running', actionId });
    }
    if ('answer' in first) return this.#encode(first.answer);
    if (gone.aborted) {
      // Nobody holds the permit, so nobody runs it.
      cooperative.report(actionId, credential, { status: 'not_executed' });
      return problem(refusal('upstream.aborted'), { outcome: 'refused', actionId });
    }
    const document = this.#allowed(credential, actionId, of, first.given);
    running.permit = document.permit;
    return { status: 200, document };
  }

  #allowed(
    credential: CredentialFacts,
    actionId: string,
    { server, tool }: { readonly server: string; readonly tool: string },
    { args, reportByMs, decided }: Handed,
  ): Allowed {
    const { ports, gatewayId, signer } = this.#input;
    const nowMs = ports.clock.nowMs();
    const iat = Math.floor(nowMs / 1000);
    const permit = signPermit(
      {
        iss: gatewayId,
        sub: spiffeId(
          ports.snapshot.settings()?.trustDomain ?? '',
          credential.agentId,
          credential.instanceId,
        ),
        aud: `${server}/${tool}`,
        iat,
        exp: Math.min(iat + permitSecondsMax, Math.ceil(reportByMs / 1000)),
        jti: actionId,
        agent: credential.agentId,
        inst: credential.instanceId,
        sid: credential.sid,
        // What the tool is given: of a token the value behind it.
        args: sha256(canonicalJson(args)),
      },
      signer,
    );
    const { approvalId, effectiveLevel, obligations } = decided;
    return {
      outcome: 'allowed',
      actionId,
      ...(approvalId === undefined ? {} : { approvalId }),
      server,
      tool,
      arguments: args,
      permit,
      reportBy: isoOf(reportByMs),
      ...(effectiveLevel === undefined ? {} : { effectiveLevel }),
      obligations: [...obligations],
    };
  }

  #encode(answer: CallAnswer): ActionReply {
    if (answer.kind === 'problem') return problem(answer.refusal, {}, answer.stepUp);
    if (answer.kind === 'result') {
      const { actionId, approvalId = '' } = answer.facts;
      const { result } = answer;
      const document = {
        outcome: 'done',
        actionId,
        approvalId,
        failed: result.isError === true,
        result: valueOfResult(result),
      };
      return { status: 200, document };
    }
    const { facts } = answer;
    if (facts.outcome !== 'waiting') return problem(facts.refusal, outcomeMembers(answer));
    const { actionId, approvalId, approvalExpiresAt } = facts;
    const until = approvalExpiresAt === undefined ? {} : { expiresAt: approvalExpiresAt };
    const because = facts.refusal.detail ?? 'A person must approve this call.';
    return { status: 202, document: { outcome: 'waiting', actionId, approvalId, ...until, because } };
  }

  /** The report of the program that runs the action, or one that comes when its outcome is on record already. */
  async #report(credential: CredentialFacts, actionId: string, value: JsonObject): Promise<ActionReply> {
    const parsed = read(outcomeReportSchema, value);
    if (!parsed.ok) return problem(parsed.refusal);
    const given = parsed.value;
    const { ports, pipeline, cooperative } = this.#input;
    const tooOften = this.#isAwaited(credential, actionId, given.permit)
      ? undefined
      : pipeline.mayAskNow(credential.agentId);
    if (tooOften !== undefined) return problem(tooOften);
    const nowMs = ports.clock.nowMs();
    const permit = verifyPermit(given.permit, this.#keys, { nowMs, starting: false });
    if (!permit.ok) return problem(permit.refusal);
    const { jti, agent, inst, iat, aud } = permit.claims;
    if (jti !== actionId || agent !== credential.agentId || inst !== credential.instanceId)
      return problem(
        refusal('execution.permit_invalid', 'It was given for another action or another instance.'),
      );
    if (this.#reported.has(actionId)) return problem(refusal('execution.outcome_settled'));
    const answer = this.#running.get(actionId)?.answer;
    const { status } = given;
    const report =
      status === 'not_executed' ? { status } : { status, result: given.result as Json | undefined };
    if (answer !== undefined && cooperative.report(actionId, credential, report)) {
      this.#remember(actionId);
      const settled = await answer;
      // The tool's own refusal to run is what was reported, not a fault.
      if (settled.kind === 'refused' && settled.facts.refusal.code !== 'upstream.call_refused')
        return this.#encode(settled);
      const shown = settled.kind === 'result' ? valueOfResult(settled.result) : null;
      const reported = ('result' in report ? report.result : undefined) ?? null;
      const differs = settled.kind === 'result' && canonicalJson(shown) !== canonicalJson(reported);
      return taken({ actionId, recorded: 'in_time', ...(differs ? { shown } : {}) });
    }
    if (iat * 1000 + lateMsMax < nowMs)
      return problem(refusal('execution.outcome_settled', 'It is too long ago.'));
    this.#remember(actionId);
    const unrecorded = await recordLateReport(ports, credential, { actionId, tool: aud, status });
    // Nobody looks at it any more: what it was decided by is over.
    const withheld = given.result === undefined ? {} : ({ withheld: true } as const);
    if (unrecorded === undefined) return taken({ actionId, recorded: 'late', ...withheld });
    this.#reported.delete(actionId);
    return problem(unrecorded, { actionId });
  }

  /**
   * Whether this is the first report, under the very permit that was given, of an action that was let through here and is not over. There are only as many of these as
   * actions were let through, so none counts as a question of its agent: an admitted action can always be reported.
   */
  #isAwaited({ instanceId }: CredentialFacts, actionId: string, permit: string): boolean {
    const running = this.#running.get(actionId);
    const issued = Buffer.from(running?.permit ?? '');
    const shown = Buffer.from(permit);
    return (
      running?.instanceId === instanceId &&
      issued.length > 0 &&
      issued.length === shown.length &&
      timingSafeEqual(issued, shown) &&
      !this.#reported.has(actionId)
    );
  }

  #remember(actionId: string): void {
    this.#reported.add(actionId);
    const [oldest] = this.#reported;
    if (this.#reported.size > reportedMax && oldest !== undefined) this.#reported.delete(oldest);
  }

  async #state(
    credential: CredentialFacts,
    actionId: string,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<ActionReply> {
    const document: ActionState = await this.#input.cooperative.watch(actionId, credential, waitMs, signal);
    return { status: 200, document };
  }

  async #standing(
    { agentId }: CredentialFacts,
    approvalId: string,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<ActionReply> {
    const { snapshot, clock } = this.#input.ports;
    const endsMs = clock.monotonicMs() + waitMs;
    for (;;) {
      const doc = snapshot.approval(approvalId);
      if (doc?.agentId !== agentId) return problem(refusal('approvals.not_found'));
      const standing = standingOf(doc, clock.nowMs());
      const leftMs = Math.min(endsMs - clock.monotonicMs(), Date.parse(doc.expiresAt) - clock.nowMs());
      if (standing.state !== 'waiting' || leftMs <= 0 || signal.aborted)
        return { status: 200, document: standing };
      await within(this.#approvalNews.promise, leftMs, signal);
    }
  }
}

const taken = (document: OutcomeTaken): ActionReply => ({ status: 200, document });

function standingOf({ id, state, expiresAt, reason }: ApprovalDoc, nowMs: number): ApprovalStanding {
  const over = (state === 'waiting' || state === 'approved') && Date.parse(expiresAt) <= nowMs;
  return {
    approvalId: id,
    state: over ? 'expired' : state,
    expiresAt,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The value that the program reported, from the form in which results are kept. */
function valueOfResult({ structuredContent, content }: ToolResult): Json {
  if (structuredContent !== undefined) return structuredContent;
  const [block] = content;
  const text = typeof block?.['text'] === 'string' ? block['text'] : 'null';
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
