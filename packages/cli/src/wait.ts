/** Waits for a person's decision by asking control again and again, for as long as the caller said. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cli } from './cli.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';

const pollMs = 500;
const waitSecondsMax = 86_400;

export interface HandOver {
  readonly as?: string;
  readonly simulatePresence?: boolean;
  readonly wait: string;
}

/** Looks at the options before anything is shown or asked. @throws CliFailure (usage) when they cannot mean anything */
export function checkHandOver({ as, simulatePresence, wait }: HandOver): void {
  waitMsOf(wait);
  if (simulatePresence === true && as === undefined)
    throw new CliFailure(exitCodes.usage, '--simulate-presence needs --as EMAIL');
  if (simulatePresence !== true && as !== undefined) {
    throw new CliFailure(exitCodes.usage, '--as works only with --simulate-presence', {
      help: 'Without both, whoever signs in at the console decides.',
    });
  }
}

function waitMsOf(seconds: string): number {
  const wait = Number(seconds);
  if (seconds.trim() === '' || !(wait >= 0 && wait <= waitSecondsMax))
    throw new CliFailure(exitCodes.usage, `--wait takes seconds, 0 to ${waitSecondsMax}`);
  return wait * 1_000;
}

/** `meanwhile` says what holds as long as nobody decides. @throws CliFailure `undecided` when `look` gives nothing within `seconds`; an AbortError on Ctrl-C */
export async function untilDecided<T>(
  cli: Cli,
  seconds: string,
  look: () => Promise<T | undefined>,
  meanwhile = 'it still waits',
): Promise<T> {
  const untilMs = performance.now() + waitMsOf(seconds);
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() >= untilMs) {
      throw new CliFailure(exitCodes.undecided, `Nobody decided in time; ${meanwhile}`, {
        help: 'Give more time with --wait SECONDS.',
      });
    }
    await pause(pollMs, undefined, { signal: cli.interrupted });
  }
}
