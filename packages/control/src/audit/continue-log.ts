/**
 * Room: audit (invariant 8). The first start of a log after a restore. Its entries are those of the backup, checked under the old origin as at any start; from
 * here on it is signed under the new one, so that nobody who saw more of the old log finds two histories under one name.
 */
import { type CheckpointSigner, parseCheckpointBody, signCheckpoint } from '@atf/core/audit/checkpoint';
import { parseNote } from '@atf/core/audit/signed-note';
import { refuse } from '@atf/core/errors';
import { checkedLog, checkpointPath, cosignedPath, type LogPlace } from './open-check.ts';
import { insertLogHead, logHead } from './store.ts';

/**
 * Signs the tree of the old origin under the name of `place.signer`, once: a log that is signed under it already is left alone. Refuses what the old log refuses
 * (`audit.log_shorter`, `audit.log_damaged`). A crash in between leaves the old checkpoint, and the next start does it again.
 */
export async function continueLog(place: LogPlace, before: CheckpointSigner): Promise<void> {
  const { db, change, store, tenant, signer } = place;
  const note = await store.get(checkpointPath);
  const signed = parseCheckpointBody(
    parseNote(note === undefined ? '' : Buffer.from(note).toString('utf8'))?.text ?? '',
  );
  if (signed?.origin !== before.name) return;
  const old =
    (await logHead(db, tenant, before.name)) ??
    refuse('audit.log_damaged', `The database does not know the log ${before.name}.`);
  const { head } = await checkedLog({ ...place, signer: before }, old);
  const { size, root } = head;
  if ((await logHead(db, tenant, signer.name)) === undefined)
    await change((tx) => insertLogHead(tx, { tenant, origin: signer.name, size, root, fence: 1 }));
  await store.remove([cosignedPath]);
  const checkpoint = signCheckpoint({ origin: signer.name, size, root, extensions: [] }, signer);
  await store.put([{ path: checkpointPath, bytes: Buffer.from(checkpoint) }]);
}
