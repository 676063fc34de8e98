/**
 * Room: audit (B-1, invariant 8). A log that was restored from a backup goes on under a new origin, because under the old one others may have seen more than
 * the backup holds: two histories under one name would be a fork. The new log keeps every entry of the backup in its place, and its first own entry
 * (`audit.log_restored`) names the log that it continues, that log's key, and its last checkpoint. Here is what makes such an entry true.
 */
import { type Checkpoint, parseVkey, type VerifierKey, verifyCheckpoint } from './checkpoint.ts';
import type { Entry } from './entry.ts';
import { emptyRoot, hashesEqual } from './merkle.ts';

/** Restores of one log that are followed. */
export const continuationsMax = 1_000;

/** Body of `audit.log_restored`, as far as it is about the log. */
export interface RestoredBody {
  readonly restoreId: string;
  /** When the backup was taken, UTC. */
  readonly backupAt: string;
  /** The log that is continued: origin, verifier key, and its last signed checkpoint. */
  readonly from: { readonly origin: string; readonly vkey: string; readonly checkpoint: string };
  /** Origin of the log that continues it. */
  readonly to: string;
}

/** What an entry says about a restore; undefined when it says nothing, or was not written by control. */
export function restoredOf(entry: Entry): RestoredBody | undefined {
  if (entry.type !== 'audit.log_restored' || !('control' in entry.source)) return undefined;
  const { restoreId, backupAt, from, to } = entry.body as unknown as Partial<RestoredBody>;
  if (typeof restoreId !== 'string' || typeof backupAt !== 'string' || typeof to !== 'string')
    return undefined;
  if (typeof from !== 'object' || from === null) return undefined;
  const parts = [from.origin, from.vkey, from.checkpoint];
  return parts.every((part) => typeof part === 'string')
    ? (entry.body as unknown as RestoredBody)
    : undefined;
}

/** A log that this one continues: the first `size` entries are its. */
export interface Continued {
  readonly origin: string;
  readonly size: number;
  readonly backupAt: string;
}

export interface RestoredAt {
  readonly index: number;
  /** undefined: an entry of this kind that does not say what it must. */
  readonly body: RestoredBody | undefined;
}

const sameKey = (one: VerifierKey, other: VerifierKey): boolean => one.publicKey.equals(other.publicKey);

function lastOf({ from }: RestoredBody, key: VerifierKey): Checkpoint | string {
  const before = parseVkey(from.vkey.trim());
  if (before === undefined || before.name !== from.origin) return 'its verifier key is malformed';
  if (!sameKey(before, key)) return 'that log was signed with another key';
  const verified = verifyCheckpoint(from.checkpoint, before);
  return verified.ok ? verified.checkpoint : `its last checkpoint does not count (${verified.problem})`;
}

/**
 * Checks every restore that the log of `head` tells of: each names a checkpoint that the same key signed, over exactly the entries that stand here, and each
 * goes on where the one before ended, up to the origin of `head`. `rootAt` gives the root at a smaller size, from tiles that were verified.
 */
export async function checkContinuations(
  found: readonly RestoredAt[],
  head: Checkpoint,
  key: VerifierKey,
  rootAt: (size: number) => Promise<Uint8Array | undefined>,
): Promise<{ readonly continues: Continued[]; readonly problems: { index: number; message: string }[] }> {
  const continues: Continued[] = [];
  const problems: { index: number; message: string }[] = [];
  let origin: string | undefined;
  let sizeBefore = 0;
  for (const { index, body } of found) {
    const wrong = (why: string) =>
      problems.push({ index, message: `entry ${index}: the log does not continue the one it names: ${why}` });
    const last = body === undefined ? 'it names none' : lastOf(body, key);
    if (body === undefined || typeof last === 'string') {
      wrong(String(last));
      continue;
    }
    if (origin !== undefined && body.from.origin !== origin) wrong('another one was continued before');
    if (last.size > index || last.size < sizeBefore) wrong('its checkpoint is of another time');
    else {
      const root = last.size === 0 ? emptyRoot : await rootAt(last.size);
      if (root === undefined || !hashesEqual(root, last.root))
        wrong(`the first ${last.size} entries are not those that it signed`);
    }
    origin = body.to;
    sizeBefore = last.size;
    continues.push({ origin: body.from.origin, size: last.size, backupAt: body.backupAt });
  }
  const end = found.at(-1);
  if (end !== undefined && origin !== undefined && origin !== head.origin)
    problems.push({ index: end.index, message: `the log goes on as ${origin}, and not as ${head.origin}` });
  return { continues, problems };
}
