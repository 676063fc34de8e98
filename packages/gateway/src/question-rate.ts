/**
 * Room: segmentation (S-3). The rate of what an agent asks without running a tool: lists, pings, handshakes, questions about approvals, methods that
 * are not served. Limits of the manifest count calls of tools only, so these have a bound of their own, for each agent over all its instances.
 */
import { type ErrorCode, type Refusal, refusal } from '@atf/core/errors';
import { lookAtRate } from '@atf/core/segmentation/rate';

export const questionsRate = { max: 1_200, perSeconds: 60 } as const;
/** New questions of one agent to people. Refilled evenly: an agent that asked in vain while control was away is heard soon after it is back. */
export const newQuestionsRate = { max: 60, perSeconds: 60 } as const;
const agentsMax = 50_000;

type Rate = Parameters<typeof lookAtRate>[2];

export class QuestionRate {
  readonly #rate: Rate;
  readonly #code: ErrorCode;

  constructor(rate: Rate = questionsRate, code: ErrorCode = 'segmentation.rate_exceeded') {
    this.#rate = rate;
    this.#code = code;
  }

  readonly #arrivals = new Map<string, number>();

  /** Spends one question of this agent. Refuses with the code that it was given. */
  ask(agentId: string, monotonicMs: number): Refusal | undefined {
    const look = lookAtRate(this.#arrivals.get(agentId), monotonicMs, this.#rate);
    if (!look.ok) {
      return refusal(this.#code, 'Too many questions in a short time.', {
        retryAfterMs: look.retryAfterMs,
      });
    }
    this.#arrivals.delete(agentId);
    this.#arrivals.set(agentId, look.nextMs);
    const [oldest] = this.#arrivals.keys();
    if (this.#arrivals.size > agentsMax && oldest !== undefined) this.#arrivals.delete(oldest);
    return undefined;
  }
}
