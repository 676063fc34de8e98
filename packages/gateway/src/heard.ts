/**
 * Room: incident (R-2, invariants 3 and 4). What a person released once is not spent on a moment in which control is not heard: it waits until control is heard again, within a bound. Waiting
 * decides nothing: whoever has waited looks anew at everything.
 */
import { leaseMs } from '@atf/core/wire/feed';
import type { Ports } from './ports.ts';

/** A gateway that has not heard from control for so long may not do so for a while. */
export const heardWithinMs = 3 * leaseMs;
const lookEveryMs = 50;

/** Whether control is heard, now or within {@link heardWithinMs}; `ended`: nobody waits any more. */
export async function heard(
  { clock, snapshot, pause }: Pick<Ports, 'clock' | 'snapshot' | 'pause'>,
  ended?: AbortSignal,
): Promise<boolean> {
  const startedMs = clock.monotonicMs();
  while (!snapshot.fresh()) {
    if (ended?.aborted === true || clock.monotonicMs() - startedMs >= heardWithinMs) return false;
    await pause(lookEveryMs);
  }
  return true;
}
