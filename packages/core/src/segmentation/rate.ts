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
  // Nothing admitted is stored further ahead than a period: what is, was stored before the clock was set back, and counts as used up.
  const arrivalMs = Math.min(Math.max(storedMs ?? 0, nowMs), nowMs + rate.perSeconds * 1000);
  const earliestMs = arrivalMs - burstMs;
  // Half a microsecond of slack: the sum of `max` emission intervals must fit the period despite floating point.
  const ok = nowMs + 0.0005 >= earliestMs;
  return {
    ok,
    retryAfterMs: ok ? 0 : Math.ceil(earliestMs - nowMs),
    nextMs: ok ? arrivalMs + emissionMs : arrivalMs,
  };
}

export interface Grant {
  /** Calls that may be made now. */
  readonly granted: number;
  /** Until one more may be; 0 when something was granted. */
  readonly retryAfterMs: number;
  /** Theoretical arrival time to store. */
  readonly nextMs: number;
}

/** As many of `wanted` calls (1 or more) as the rate allows at once, all counted now. Granting one by one gives the same as looking one by one. */
export function grantCalls(storedMs: number | undefined, nowMs: number, rate: Rate, wanted: number): Grant {
  const { ok, retryAfterMs, nextMs } = lookAtRate(storedMs, nowMs, rate);
  if (!ok) return { granted: 0, retryAfterMs, nextMs };
  const periodMs = rate.perSeconds * 1000;
  const emissionMs = periodMs / rate.max;
  const arrivalMs = nextMs - emissionMs;
  const free = Math.floor((nowMs + periodMs - arrivalMs + 0.0005) / emissionMs);
  const granted = Math.min(wanted, Math.max(1, free));
  return { granted, retryAfterMs: 0, nextMs: arrivalMs + granted * emissionMs };
}
