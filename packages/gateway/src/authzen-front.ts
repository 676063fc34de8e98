/**
 * AuthZEN at the gateway (OpenID Authorization API 1.0): other gateways and applications ask, registered ones only. A question about a call of a registered agent
 * goes through the pipeline (`released.ts`); any other is answered by the application set of the point, and recorded before it is answered. It decides nothing.
 */
import { errors, problemOf, type Refusal, refusal } from '@atf/core/errors';
import {
  agentType,
  callAction,
  type Evaluation,
  type EvaluationAnswer,
  evaluationSchema,
  evaluationsSchema,
  toolType,
} from '@atf/core/wire/authzen';
import type { PointFacts } from '@atf/core/wire/enforcement';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import type { CallAnswer } from './answers.ts';
import type { EnforcementPoints } from './enforcement-points.ts';
import type { Pipeline } from './pipeline.ts';
import type { Ports } from './ports.ts';
import type { Elsewhere } from './protocols/elsewhere.ts';
import { credentialOf, heldAgent, malformed, readQuestion, recordQuestion } from './point-question.ts';
import { askFor } from './released.ts';

/** Characters of the context that are kept beside a question about an agent. */
const contextLengthMax = 16_384;
export interface AuthzenFrontInput {
  readonly ports: Ports;
  readonly pipeline: Pipeline;
  readonly elsewhere: Elsewhere;
  readonly points: EnforcementPoints;
}

export type AuthzenReply =
  | { readonly document: unknown }
  /** No question was answered. */
  | { readonly refusal: Refusal };

type Answered = EvaluationAnswer | { readonly refusal: Refusal };

export class AuthzenFront {
  readonly #input: AuthzenFrontInput;

  constructor(input: AuthzenFrontInput) {
    this.#input = input;
  }

  /** `POST /access/v1/evaluation`. */
  async evaluation(point: PointFacts, body: Uint8Array, gone: AbortSignal): Promise<AuthzenReply> {
    const read = readQuestion(this.#input.ports, body);
    if ('refusal' in read) return read;
    const asked = evaluationSchema.safeParse(read.value);
    if (!asked.success) return { refusal: malformed(asked.error.issues) };
    const answer = await this.#answer(point, asked.data, gone);
    return 'refusal' in answer ? answer : { document: answer };
  }

  /** `POST /access/v1/evaluations`: one after the other, because the first may settle the rest. */
  async evaluations(point: PointFacts, body: Uint8Array, gone: AbortSignal): Promise<AuthzenReply> {
    const read = readQuestion(this.#input.ports, body);
    if ('refusal' in read) return read;
    const asked = evaluationsSchema.safeParse(read.value);
    if (!asked.success) return { refusal: malformed(asked.error.issues) };
    const { evaluations = [], options, ...defaults } = asked.data;
    if (evaluations.length === 0) return this.evaluation(point, body, gone);
    const questions = evaluations.map((own) => evaluationSchema.safeParse({ ...defaults, ...own }));
    const answers: EvaluationAnswer[] = [];
    for (const question of questions) {
      if (gone.aborted) return { refusal: refusal('upstream.aborted') };
      const answer = question.success
        ? await this.#answer(point, question.data, gone)
        : { refusal: malformed(question.error.issues) };
      const said = 'refusal' in answer ? failed(answer.refusal) : answer;
      answers.push(said);
      const semantic = options?.evaluations_semantic ?? 'execute_all';
      if (semantic === (said.decision ? 'permit_on_first_permit' : 'deny_on_first_deny')) break;
    }
    return { document: { evaluations: answers } };
  }

  async #answer(point: PointFacts, question: Evaluation, gone: AbortSignal): Promise<Answered> {
    const tooOften = this.#input.points.ask(point);
    if (tooOften !== undefined) return { refusal: tooOften };
    return question.subject.type === agentType
      ? await this.#ofAgent(point, question, gone)
      : await this.#ofApplication(point, question);
  }

  async #ofAgent(
    point: PointFacts,
    { subject, action, resource, context }: Evaluation,
    gone: AbortSignal,
  ): Promise<Answered> {
    const { snapshot } = this.#input.ports;
    const held = heldAgent(point, subject.id, snapshot);
    if (held === undefined) return { refusal: refusal('identity.point_out_of_scope') };
    const slash = resource.id.indexOf('/');
    if (resource.type !== toolType || action.name !== callAction || slash < 1)
      return {
        refusal: refusal(
          'request.malformed',
          `An agent is asked about with the action ${callAction} on a resource of type ${toolType}, whose id is server/tool.`,
        ),
      };
    const said = context === undefined ? undefined : canonicalJson({ context } as JsonObject);
    if ((said?.length ?? 0) > contextLengthMax)
      return { refusal: refusal('request.malformed', `context: more than ${contextLengthMax} characters`) };
    const credential = credentialOf(this.#input, point, held);
    const verdict = await askFor(
      this.#input,
      credential,
      {
        protocol: 'authzen',
        serverName: resource.id.slice(0, slash),
        toolName: resource.id.slice(slash + 1),
        args: (action.properties ?? {}) as JsonObject,
        ...(said === undefined ? {} : { stated: { text: said, approver: undefined } }),
      },
      gone,
    );
    if ('answer' in verdict) return refusedAnswer(verdict.answer);
    const { actionId, approvalId, effectiveLevel, obligations } = verdict.released;
    return {
      decision: true,
      context: {
        id: actionId,
        outcome: 'allowed',
        ...(approvalId === undefined ? {} : { approval_id: approvalId }),
        ...(effectiveLevel === undefined ? {} : { effective_level: effectiveLevel }),
        obligations: [...obligations],
      },
    };
  }

  async #ofApplication(point: PointFacts, question: Evaluation): Promise<Answered> {
    const found = await this.#input.points.application(point);
    if (!found.ok) return { refusal: found.refusal };
    const answer = found.application.ask(question);
    if (!answer.ok) return { refusal: refusal('request.malformed', answer.problem) };
    const { decision, reasons, errors: faults } = answer;
    const allowed = decision === 'allow';
    const id = this.#input.pipeline.newActionId();
    const { name, version, digest } = found.application;
    const failing = faults.map(({ policyId }) => policyId);
    const unrecorded = await recordQuestion(
      this.#input.ports,
      { id, point, question, allowed },
      {
        application: name,
        version,
        digest,
        policies: [...reasons],
        failed: failing,
      },
    );
    if (unrecorded !== undefined) return { refusal: unrecorded };
    if (allowed) return { decision: true, context: { id, outcome: 'allowed', policies: [...reasons] } };
    const code =
      failing.length > 0
        ? 'policy.evaluation_failed'
        : reasons.length > 0
          ? 'policy.forbidden'
          : 'policy.not_permitted';
    const policies = failing.length > 0 ? failing : [...reasons];
    return denied(refusal(code, undefined, policies.length === 0 ? {} : { policies }), id, 'refused');
  }
}

/** One of several questions that could not be answered. */
function failed(why: Refusal): EvaluationAnswer {
  const { status, title, detail } = problemOf(why);
  const { decision, context } = denied(why, undefined, 'refused');
  return { decision, context: { ...context, error: { status, message: detail ?? title } } };
}

function refusedAnswer(answer: Exclude<CallAnswer, { kind: 'result' }>): EvaluationAnswer {
  if (answer.kind === 'problem') return denied(answer.refusal, undefined, 'refused');
  const { outcome, refusal: why, actionId, approvalId, approvalExpiresAt } = answer.facts;
  const said = denied(why, actionId, outcome === 'waiting' || outcome === 'running' ? 'waiting' : 'refused');
  return {
    decision: false,
    context: {
      ...said.context,
      ...(approvalId === undefined ? {} : { approval_id: approvalId }),
      ...(approvalExpiresAt === undefined ? {} : { approval_expires_at: approvalExpiresAt }),
    },
  };
}

function denied(why: Refusal, id: string | undefined, outcome: 'waiting' | 'refused'): EvaluationAnswer {
  const { title, help, requirement } = errors[why.code] as (typeof errors)['identity.credential_missing'] & {
    requirement?: string;
  };
  return {
    decision: false,
    context: {
      ...(id === undefined ? {} : { id }),
      outcome,
      code: why.code,
      reason: why.detail ?? title,
      help,
      ...(requirement === undefined ? {} : { requirement }),
      ...(why.retryAfterMs === undefined ? {} : { retry_after_ms: why.retryAfterMs }),
      ...(why.policies === undefined ? {} : { policies: [...why.policies] }),
    },
  };
}
