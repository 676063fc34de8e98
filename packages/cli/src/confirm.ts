/** Asks the person at the terminal; without a terminal nobody is asked and the answer is an error, never a silent yes. */
import { createInterface } from 'node:readline/promises';
import type { Cli } from './cli.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';

/** Resolves when the person typed yes. @throws CliFailure otherwise */
export async function confirm(cli: Cli, question: string): Promise<void> {
  if (process.stdin.isTTY !== true || cli.out.json) {
    throw new CliFailure(exitCodes.usage, `${question} Nobody can be asked here`, {
      help: 'Say --yes to confirm.',
    });
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`${question} [y/N] `, { signal: cli.interrupted });
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliFailure(exitCodes.refused, 'Nothing was done');
  } finally {
    prompt.close();
  }
}
