/** `--limit` of the lists that come by pages. */
import { CliFailure, exitCodes } from './exit-codes.ts';

/** As many as control gives at once. */
export const limitMax = 500;

/** @throws CliFailure when it is no whole number from 1 to 500 */
export function listLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax)
    throw new CliFailure(exitCodes.usage, `--limit takes 1 to ${limitMax}`);
  return limit;
}
