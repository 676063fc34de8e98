/** Threads that let others go first. */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Called in the thread that is to give way: Linux gives every thread a priority of its own. Elsewhere, and where it is refused, it stays as it was: a matter of speed
 * only. `niceness`: 0 to 19, as `nice` counts.
 */
export function giveWay(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    const thread = /\/task\/(\d+)$/.exec(readlinkSync('/proc/thread-self'))?.[1];
    if (thread !== undefined) setPriority(Number(thread), niceness);
  } catch {
    // See above.
  }
}
