/**
 * Room: audit (B-1, invariant 8), command line side: reads a policy file, and judges under it what a log offers: its newest checkpoint and the one that
 * witnesses cosigned. What fulfils a policy is decided in core (audit/log-policy.ts).
 */
import { type Checkpoint, parseVkey, verifyCheckpoint } from '@atf/core/audit/checkpoint';
import {
  type LogPolicy,
  parseLogPolicy,
  policyBytesMax,
  type PolicyVerdict,
  verifyByPolicy,
} from '@atf/core/audit/log-policy';
import { CliFailure, exitCodes } from './exit-codes.ts';
import { readBoundedFile } from './witness/bounded-file.ts';

/** File of a log directory with the newest checkpoint that a quorum cosigned. */
export const cosignedName = 'checkpoint.cosigned';

/** @throws CliFailure (usage) with what is wrong with the file */
export async function readPolicy(file: string): Promise<LogPolicy> {
  const bytes = await readBoundedFile(file, policyBytesMax).catch((fault: unknown) => {
    throw new CliFailure(exitCodes.usage, `The policy cannot be read: ${(fault as Error).message}`);
  });
  if (bytes === undefined) throw new CliFailure(exitCodes.usage, `There is no policy ${file}`);
  const read = parseLogPolicy(bytes);
  if (read.ok) return read.policy;
  throw new CliFailure(exitCodes.usage, `${file}: ${read.problem}`, {
    help: 'The form is C2SP tlog-policy; docs/how-to/witness-the-log.md has an example.',
  });
}

/** What the witnesses of a policy vouch for. */
export interface Witnessed {
  /** Entries under the checkpoint that fulfils the policy. */
  readonly size: number;
  readonly cosigned: readonly string[];
  readonly missing: readonly string[];
  /** Newest cosignature. */
  readonly at?: string;
}

export function witnessedOf({
  checkpoint,
  quorum,
}: Pick<Extract<PolicyVerdict, { ok: true }>, 'checkpoint' | 'quorum'>): Witnessed {
  const { cosigned, missing } = quorum;
  const newest = Math.max(...cosigned.map(({ timeSeconds }) => timeSeconds));
  return {
    size: checkpoint.size,
    cosigned: cosigned.map(({ name }) => name),
    missing,
    ...(cosigned.length === 0 ? {} : { at: new Date(newest * 1_000).toISOString() }),
  };
}

export type Judged =
  | { readonly ok: true; readonly vkey: string; readonly witnessed: Witnessed }
  | { readonly ok: false; readonly kind: 'no_quorum' | 'checkpoint_invalid'; readonly words: string };

/**
 * The largest checkpoint on offer that fulfils the policy. `vkey` is the key that the log names itself: it counts only where the policy names no log.
 */
export function judge(
  policy: LogPolicy,
  notes: { readonly newest: string; readonly cosigned: string },
  vkey: string,
  nowMs: number,
): Judged {
  const own = policy.logs.length === 0 ? parseVkey(vkey.trim()) : undefined;
  const logs = own === undefined ? policy.logs : [{ key: own, vkey: vkey.trim(), url: undefined }];
  const offered = [notes.newest, notes.cosigned].filter((note) => note !== '');
  const verdicts = offered.map((note) => verifyByPolicy(note, { ...policy, logs }, nowMs));
  const good = verdicts
    .filter((verdict) => verdict.ok)
    .sort((a, b) => b.checkpoint.size - a.checkpoint.size)[0];
  if (good !== undefined) return { ok: true, vkey: good.log.vkey, witnessed: witnessedOf(good) };
  // What is nearest to fulfilling it says best what is missing.
  const bad = verdicts
    .filter((verdict) => !verdict.ok)
    .sort((a, b) => (b.quorum?.cosigned.length ?? -1) - (a.quorum?.cosigned.length ?? -1))[0];
  const kind = bad?.problem === 'no_quorum' ? 'no_quorum' : 'checkpoint_invalid';
  return { ok: false, kind, words: bad?.words ?? 'there is no checkpoint' };
}

/** A cosigned checkpoint binds the log also where nobody asks for a quorum. */
export function rememberedOf(note: string, vkey: string): Checkpoint[] {
  const key = parseVkey(vkey.trim());
  const verified = key === undefined || note === '' ? undefined : verifyCheckpoint(note, key);
  return verified?.ok === true ? [verified.checkpoint] : [];
}
