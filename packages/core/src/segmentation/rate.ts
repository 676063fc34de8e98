/**
 * Rate limits (S-3) by GCRA, the generic cell rate algorithm (ITU-T I.371): one number per limit, the theoretical arrival time.
 * `max` calls may come at once; they refill evenly over `perSeconds`. Looking and reserving are apart, so that the decision
 * looks, and the caller reserves in the same tick only when the action is allowed.
 */

export interface Rate {
  readonly max: number;
  readonly perSeconds: number;
}

export interface RateLook {
  readonly ok: boolean;
  readonly retryAfterMs: number;
  /** Theoretical arrival time to store when the call is admitted. */
  readonly nextMs: number;
}

export function lookAtRate(storedMs: number | undefined, nowMs: number, rate: Rate): RateLook {
  const emissionMs = (rate.perSeconds * 1000) / rate.max;
  const burstMs = rate.perSeconds * 1000 - emissionMs;
  const arrivalMs = Math.max(storedMs ?? 0, nowMs);
  const earliestMs = arrivalMs - burstMs;
  // Half a microsecond of slack: the sum of `max` emission intervals must fit the period despite floating point.
  const ok = nowMs + 0.0005 >= earliestMs;
  return {
    ok,
    retryAfterMs: ok ? 0 : Math.ceil(earliestMs - nowMs),
    nextMs: ok ? arrivalMs + emissionMs : arrivalMs,
  };
}
