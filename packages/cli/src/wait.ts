/** Waits for a person's decision by asking control again and again, for as long as the caller said. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cli } from './cli.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';

const pollMs = 500;
const waitSecondsMax = 86_400;

/** @throws CliFailure `undecided` when `look` gives nothing within `seconds`; an AbortError on Ctrl-C */
export async function untilDecided<T>(
  cli: Cli,
  seconds: string,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const wait = Number(seconds);
  if (!(wait >= 0 && wait <= waitSecondsMax)) {
    throw new CliFailure(exitCodes.usage, `--wait takes seconds, 0 to ${waitSecondsMax}`);
  }
  const untilMs = performance.now() + wait * 1_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() >= untilMs) {
      throw new CliFailure(exitCodes.undecided, 'Nobody decided in time; it still waits', {
        help: 'Give more time with --wait SECONDS.',
      });
    }
    await pause(pollMs, undefined, { signal: cli.interrupted });
  }
}
