/**
 * Room: data (D-4). Which calls a person looks at afterwards: those of which policy says so, those with something flagged that was let through,
 * those of which nobody can be sure at levels that settings name, and samples for the audit. Which
 * ones are sampled follows from the id that the gateway gave the action: no agent chooses it, and an auditor works it out again.
 */
import { sha256 } from '../../digest.ts';
import type { Level } from '../../wire/words.ts';
import type { Decision, World } from '../../world.ts';
import type { ReviewReason } from '../../wire/review.ts';
import type { Output } from '../../wire/output.ts';
import { wholeOutput } from './defaults.ts';

const bits = 32;
/** Labels of what may not be what it seems: how sure an agent is, it does not say, and nobody would have to believe it. */
const doubtful: ReadonlySet<string> = new Set(['injection', 'hidden', 'unchecked', 'uninspected']);

/** Whether an action is one of the share that is looked at: the first 32 bits of the SHA-256 of its id, as a number below 1, are below the share. */
export function isSampled(actionId: string, share: number): boolean {
  const drawn = Buffer.from(sha256(actionId), 'base64url').readUInt32BE(0) / 2 ** bits;
  return drawn < share;
}

export interface ReviewQuestion {
  readonly actionId: string;
  readonly decision: Pick<Decision, 'obligations' | 'actionClass'>;
  readonly level: Level;
  readonly detectors: World['detectors'];
  /** What was found in the report of a program that runs its own tools. */
  readonly said: readonly string[];
  /** Labels of the result. */
  readonly read: readonly string[];
  /** A person has released exactly this call. */
  readonly released: boolean;
  readonly output: Output | undefined;
}

/** Why a person looks at what came of a call; empty: nobody has to. */
export function reviewReasons(question: ReviewQuestion): ReviewReason[] {
  const { actionId, decision, level, detectors, said, read, released, output } = question;
  const flagged = detectors.some(
    ({ detector, verdict }) => detector.startsWith('output.') && verdict !== 'clear',
  );
  const unsure = [...read, ...detectors.flatMap(({ labels }) => labels)].some((label) => doubtful.has(label));
  const whole = wholeOutput(output);
  const changes = decision.actionClass !== 'read';
  const reasons: ReviewReason[] = [];
  if (decision.obligations.includes('review_output')) reasons.push('policy');
  // Who released it has seen what was flagged in it, but not what was reported.
  if ((flagged && !released) || said.length > 0) reasons.push('flagged');
  if (unsure && whole.unsure.includes(level)) reasons.push('unsure');
  if (changes && isSampled(actionId, whole.sample[level])) reasons.push('sample');
  return reasons;
}
