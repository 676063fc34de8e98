/** Room: policy. Long work in slices, so that control goes on answering gateways, which refuse everything when it is silent for 800 ms. */
import { setImmediate } from 'node:timers/promises';

const sliceMs = 8;

/** Runs a generator to its end, letting everything else run in between. */
export async function inSlices<T>(work: Generator<void, T>): Promise<T> {
  let sinceMs = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - sinceMs < sliceMs) continue;
    await setImmediate();
    sinceMs = performance.now();
  }
}
