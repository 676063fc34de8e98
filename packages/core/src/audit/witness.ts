/**
 * Room: audit (B-1, invariant 8). The rules of a witness (C2SP tlog-witness, `add-checkpoint`): the form of a request, and whether a
 * checkpoint may be cosigned after what was cosigned before. Pure: who keeps the state must make it durable before the cosignature
 * leaves, and decide and store as one step for each log.
 */
import { type Checkpoint, parseCheckpointBody, verifyCheckpoint } from './checkpoint.ts';
import { emptyRoot, hashBytes, hashesEqual, verifyConsistency } from './merkle.ts';
import { decodeBase64, noteBytesMax, parseNote, type VerifierKey } from './signed-note.ts';

/** tlog-witness: clients must not send more. */
export const proofLinesMax = 63;
/** `old` and its size, 63 hashes of 44 characters, an empty line, and the largest note. */
export const addCheckpointBytesMax = 32 + proofLinesMax * 45 + noteBytesMax;
export const addCheckpointPath = '/add-checkpoint';
/** Media type of the body of 409 that tells the size of the latest cosigned checkpoint. */
export const sizeMediaType = 'text/x.tlog.size';

export interface AddCheckpoint {
  readonly oldSize: number;
  /** Consistency proof from `oldSize` (RFC 6962 §2.1.2). */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, as text. */
  readonly note: string;
}

/** Body of a request. @throws RangeError on a proof that no witness may accept. */
export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  if (proof.length > proofLinesMax) throw new RangeError('more proof lines than a witness accepts');
  const hashes = proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('');
  return `old ${oldSize}\n${hashes}\n${note}`;
}

/** A decimal size without leading zeroes; undefined for anything else, and beyond 2^53 - 1. */
export function parseSize(text: string): number | undefined {
  const size = Number(text);
  return /^(0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(size) ? size : undefined;
}

/** The strict reverse of `formatAddCheckpoint`. */
export function parseAddCheckpoint(body: string): AddCheckpoint | undefined {
  const blank = body.indexOf('\n\n');
  if (body.length > addCheckpointBytesMax || blank < 0) return undefined;
  const [first = '', ...lines] = body.slice(0, blank).split('\n');
  const oldSize = first.startsWith('old ') ? parseSize(first.slice(4)) : undefined;
  if (oldSize === undefined || lines.length > proofLinesMax) return undefined;
  const proof: Uint8Array[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash?.length !== hashBytes) return undefined;
    proof.push(hash);
  }
  return { oldSize, proof, note: body.slice(blank + 2) };
}

/** Keys of the logs that a witness knows, by origin. */
export type KnownLogs = ReadonlyMap<string, readonly VerifierKey[]>;

/** What a witness last cosigned of a log. */
export type WitnessedHead = Pick<Checkpoint, 'size' | 'root'>;

export type WitnessDecision =
  | {
      readonly status: 200;
      readonly checkpoint: Checkpoint;
      /** Text to cosign. */
      readonly text: string;
    }
  | {
      readonly status: 409;
      /** Size of the latest cosigned checkpoint. */
      readonly size: number;
      /** The log signed two different trees of one size: both notes together prove it. */
      readonly conflicting: boolean;
      readonly origin: string;
    }
  | {
      /** 400 malformed; 403 no signature of a known key; 404 unknown log; 422 the proof does not verify. */
      readonly status: 400 | 403 | 404 | 422;
      readonly origin?: string;
    };

/** Origin of a signed checkpoint, unverified; undefined when it is none. For finding the state that `decideWitness` needs. */
export function claimedOrigin(note: string): string | undefined {
  const parts = parseNote(note);
  return parts === undefined ? undefined : parseCheckpointBody(parts.text)?.origin;
}

/** The first key under which the note is a checkpoint of the log. */
function verifiedBy(keys: readonly VerifierKey[], note: string): Checkpoint | undefined {
  for (const key of keys) {
    const verified = verifyCheckpoint(note, key);
    if (verified.ok) return verified.checkpoint;
  }
  return undefined;
}

/**
 * tlog-witness, `add-checkpoint`, in the order of the specification. `latest` is what was last cosigned for the origin that the note claims;
 * undefined: nothing ever.
 */
export function decideWitness(
  request: AddCheckpoint,
  logs: KnownLogs,
  latest: WitnessedHead | undefined,
): WitnessDecision {
  const { oldSize, proof, note } = request;
  const parts = parseNote(note);
  const claimed = parts === undefined ? undefined : parseCheckpointBody(parts.text);
  if (parts === undefined || claimed === undefined) return { status: 400 };
  const { origin } = claimed;
  const keys = logs.get(origin);
  if (keys === undefined) return { status: 404 };
  const checkpoint = verifiedBy(keys, note);
  if (checkpoint === undefined) return { status: 403, origin };
  if (oldSize > checkpoint.size) return { status: 400, origin };
  const before: WitnessedHead = latest ?? { size: 0, root: emptyRoot };
  if (oldSize !== before.size) return { status: 409, size: before.size, conflicting: false, origin };
  if (oldSize === checkpoint.size && !hashesEqual(before.root, checkpoint.root))
    return { status: 409, size: before.size, conflicting: true, origin };
  return extendsHead(before, checkpoint, proof)
    ? { status: 200, checkpoint, text: parts.text }
    : { status: 422, origin };
}

function extendsHead(before: WitnessedHead, checkpoint: Checkpoint, proof: readonly Uint8Array[]): boolean {
  // Everything extends the empty tree and a tree extends itself: there is nothing to prove, so the proof must be empty.
  if (before.size === 0 || before.size === checkpoint.size) return proof.length === 0;
  return verifyConsistency({
    olderSize: before.size,
    newerSize: checkpoint.size,
    olderRoot: before.root,
    newerRoot: checkpoint.root,
    proof,
  });
}
