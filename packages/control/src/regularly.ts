/** Work that is done again and again, by a timer. */
import type { Control } from './context.ts';

/** Repeats bounded work until it is ended; faults are logged and never end it. */
export function regularly(
  control: Control,
  everyMs: number,
  what: string,
  work: () => Promise<unknown>,
): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = work()
      .catch((fault: unknown) => control.log.error({ err: fault }, what))
      .finally(() => {
        busy = false;
      });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
