/** Polls until something is so, for a bounded time. */
import { setTimeout as pause } from 'node:timers/promises';

/** For a machine that does much else. */
const withinMsDefault = 30_000;
const pollMs = 25;

/** @throws when `look` gives nothing in time */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  withinMs = withinMsDefault,
): Promise<T> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > untilMs) throw new Error(`waited ${withinMs / 1_000} s in vain for ${what}`);
    await pause(pollMs);
  }
}
