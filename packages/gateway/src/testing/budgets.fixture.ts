/** The rate limits of a control that tests stand in for, by the same rule as the real one. */
import { grantCalls } from '@atf/core/segmentation/rate';
import { routes } from '@atf/core/wire/api';

export class Budgets {
  readonly #arrivals = new Map<string, number>();

  /** Answers the body of `gateway.leaseCalls`. */
  lease(body: unknown, nowMs: number) {
    const { asks } = routes['gateway.leaseCalls'].body.parse(body);
    const grants = asks.map(({ agentId, limit, max, perSeconds, wanted }) => {
      const key = `${agentId} ${limit} ${max} ${perSeconds}`;
      const rate = { max, perSeconds };
      const grant = grantCalls(this.#arrivals.get(key), nowMs, rate, wanted);
      this.#arrivals.set(key, grant.nextMs);
      return { granted: grant.granted, retryAfterMs: grant.retryAfterMs };
    });
    return { grants };
  }
}
