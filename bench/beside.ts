/** How control answers while it works on something long: gateways refuse when it is silent for longer than a lease. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ControlClient } from '@atf/sdk/client';

export const leaseMs = 800;
const askEveryMs = 50;

/** Does the work, with a small question to control every 50 ms; the longest time that an answer took. */
export async function askedBeside<T>(
  operator: ControlClient,
  work: () => Promise<T>,
): Promise<{ readonly answer: T; readonly slowestMs: number }> {
  let slowestMs = 0;
  let over = false;
  const asking = (async () => {
    while (!over) {
      const askedMs = performance.now();
      await operator.call('people.list');
      slowestMs = Math.max(slowestMs, performance.now() - askedMs);
      await pause(askEveryMs);
    }
  })();
  let answer: T;
  try {
    answer = await work();
  } finally {
    over = true;
    await asking;
  }
  return { answer, slowestMs };
}
