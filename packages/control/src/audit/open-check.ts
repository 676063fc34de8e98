/**
 * Room: audit (invariant 8). Opens a log: takes over its fence, finishes what a crash left unpublished, and refuses to go on with a log
 * that is shorter than, or different from, what was signed. A signed checkpoint is a promise to everybody who saw it; going on behind
 * it would break that promise, so a person must bring the missing part back.
 */
import {
  type Checkpoint,
  formatVkey,
  parseVkey,
  verifyCheckpoint,
  type CheckpointSigner,
  type VerifierKey,
} from '@atf/core/audit/checkpoint';
import { emptyRoot, hashesEqual } from '@atf/core/audit/merkle';
import { edgeRoot, emptyEdge, type LogFile, readEdge, type TreeEdge } from '@atf/core/audit/tree-edge';
import { refuse } from '@atf/core/errors';
import type { Clock, Control, Db } from '../context.ts';
import { rootAt } from './log-files.ts';
import { enqueue } from './outbox.ts';
import { decodeStaging, stagingPath } from './staging.ts';
import { insertLogHead, logHead, type LogHeadRow, raiseFence } from './store.ts';
import type { TileStore } from './tile-store.ts';

export const checkpointPath = 'checkpoint';
/** The newest checkpoint that a quorum of witnesses has cosigned, with their cosignatures. */
export const cosignedPath = 'checkpoint.cosigned';
export const vkeyPath = 'log.vkey';
export const gatewayKeysPath = 'gateways.json';
/** The head may move between check and takeover only while another sequencer is still at work. */
const attemptsMax = 5;

export interface LogPlace {
  readonly db: Db;
  readonly change: Control['change'];
  readonly store: TileStore;
  readonly clock: Clock;
  readonly tenant: string;
  /** Its name is the origin of the log. */
  readonly signer: CheckpointSigner;
}

export interface OpenedLog {
  /** With our fence. */
  readonly head: LogHeadRow;
  readonly edge: TreeEdge;
  /** The newest signed checkpoint; undefined for a log that never had one. */
  readonly signed: Checkpoint | undefined;
}

/** The stored checkpoint, verified. Refuses `audit.log_damaged` when there is one that this log's key did not sign. */
export async function storedCheckpoint(store: TileStore, key: VerifierKey): Promise<Checkpoint | undefined> {
  const note = await store.get(checkpointPath);
  if (note === undefined) return undefined;
  const verified = verifyCheckpoint(Buffer.from(note).toString('utf8'), key);
  if (!verified.ok)
    return refuse('audit.log_damaged', `The stored checkpoint is not one of this log (${verified.problem}).`);
  return verified.checkpoint;
}

/** What a quorum cosigned, if it is of this log: a log that began anew under another name may have an older one beside it. */
async function cosignedCheckpoint(store: TileStore, key: VerifierKey): Promise<Checkpoint | undefined> {
  const note = await store.get(cosignedPath);
  const verified = note === undefined ? undefined : verifyCheckpoint(Buffer.from(note).toString('utf8'), key);
  return verified?.ok === true ? verified.checkpoint : undefined;
}

const shorter = (detail: string): never => refuse('audit.log_shorter', detail);

/** Copies staged files to their places: the commit happened, the crash came before they were published. */
async function publishStaged(store: TileStore, head: LogHeadRow): Promise<void> {
  const staged = await store.get(stagingPath(head.size, head.root));
  const files: LogFile[] | undefined = staged === undefined ? undefined : decodeStaging(staged);
  if (files !== undefined) await store.put(files);
}

async function checkedEdge(store: TileStore, head: LogHeadRow): Promise<TreeEdge> {
  if (head.size === 0) return emptyEdge;
  const edge = await readEdge((path) => store.get(path), head.size);
  if (edge === undefined) {
    return shorter(
      `The database says ${head.size} entries, but the newest files of the log are missing or cut.`,
    );
  }
  if (!hashesEqual(edgeRoot(edge), head.root)) {
    return refuse(
      'audit.log_damaged',
      `The files of the log do not have the root that the database holds at ${head.size} entries.`,
    );
  }
  return edge;
}

async function checkAgainstSigned(
  store: TileStore,
  head: LogHeadRow,
  signed: Checkpoint | undefined,
): Promise<void> {
  if (signed === undefined) {
    if (head.size > 0)
      shorter(`The database says ${head.size} entries, but the log directory holds no checkpoint.`);
    return;
  }
  if (signed.size > head.size) {
    shorter(
      `${signed.size} entries were signed, but the database holds ${head.size}: it was restored from an older copy.`,
    );
  }
  const root = await rootAt(store, signed.size, head.size);
  if (root === undefined || !hashesEqual(root, signed.root)) {
    refuse('audit.log_damaged', `The log does not contain the ${signed.size} entries that were signed.`);
  }
}

/** Everything that must hold before anybody writes: returns the edge of the log at `head`. */
export async function checkedLog(place: LogPlace, head: LogHeadRow): Promise<OpenedLog> {
  const { store, signer } = place;
  const key = parseVkey(formatVkey(signer.name, signer.publicKey)) as VerifierKey;
  const signed = await storedCheckpoint(store, key);
  if (head.fence === 0 && signed !== undefined && signed.size > 0) {
    shorter(`${signed.size} entries were signed, but the database does not know this log.`);
  }
  await publishStaged(store, head);
  const edge = await checkedEdge(store, head);
  if (signed !== undefined || head.size > 0) await checkAgainstSigned(store, head, signed);
  // Others hold us to it, whatever became of our own copy of what we signed.
  const cosigned = await cosignedCheckpoint(store, key);
  if (cosigned !== undefined && cosigned.size > 0) await checkAgainstSigned(store, head, cosigned);
  return { head, edge, signed };
}

/** Raises the fence if the head is still the one that was checked; undefined when another sequencer moved it in between. */
async function takeOver(place: LogPlace, checked: LogHeadRow): Promise<LogHeadRow | undefined> {
  const { change, clock, tenant } = place;
  const { origin } = checked;
  return change(async (tx) => {
    if (checked.fence === 0) await insertLogHead(tx, checked);
    const raised = await raiseFence(tx, tenant, origin);
    if (raised.size !== checked.size || !hashesEqual(raised.root, checked.root)) return undefined;
    const at = new Date(clock.nowMs()).toISOString();
    const body = { origin, size: raised.size, fence: raised.fence };
    await enqueue(tx, { type: 'audit.log_opened', at, tenant, body });
    return raised;
  });
}

/**
 * Opens the log and takes over its fence. Refuses by throwing: `audit.log_shorter`, `audit.log_damaged`; each says what is missing.
 * Nothing is written before the checks have passed, except files that a committed head already stands for, so that a start that is
 * refused does not disturb whoever writes this log.
 */
export async function openLog(place: LogPlace): Promise<OpenedLog> {
  const { db, tenant, signer } = place;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const fresh: LogHeadRow = { tenant, origin: signer.name, size: 0, root: emptyRoot, fence: 0 };
    const opened = await checkedLog(place, (await logHead(db, tenant, signer.name)) ?? fresh);
    const head = await takeOver(place, opened.head);
    if (head !== undefined) return { ...opened, head };
  }
  return refuse('audit.sequencer_fenced', 'Another control plane keeps writing this log.');
}
