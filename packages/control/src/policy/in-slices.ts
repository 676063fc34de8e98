/** Room: policy. Long work in slices, so that control goes on answering gateways, which refuse everything when it is silent for 800 ms. */
import { refuse } from '@atf/core/errors';
import { setImmediate } from 'node:timers/promises';

const sliceMs = 8;

/** Nothing that a set is compared for takes longer; a set that does would make every decision slow, too. */
const workWithinMs = 60_000;

/** Runs a generator to its end, letting everything else run in between. Refuses `policy.too_costly` after a minute. */
export async function inSlices<T>(work: Generator<void, T>): Promise<T> {
  const untilMs = performance.now() + workWithinMs;
  let sinceMs = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - sinceMs < sliceMs) continue;
    await setImmediate();
    if (performance.now() > untilMs) refuse('policy.too_costly');
    sinceMs = performance.now();
  }
}
