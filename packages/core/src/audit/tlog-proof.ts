/**
 * Room: audit (B-1, B-2). C2SP tlog-proof: one file that proves offline that one record is in the log, under a checkpoint that somebody's
 * policy accepts. The record itself, its exact bytes, travels as the extra data: it counts only because its hash is what is proved.
 */
import type { Checkpoint } from './checkpoint.ts';
import { type LogPolicy, type PolicyVerdict, type QuorumReport, verifyByPolicy } from './log-policy.ts';
import { hashBytes, leafHash, verifyInclusion } from './merkle.ts';
import { decodeBase64, noteBytesMax } from './signed-note.ts';
import { entryBytesMax } from './tiles.ts';

const header = 'c2sp.org/tlog-proof@v1';
export const proofMediaType = 'text/plain; charset=utf-8';
export const proofFileEnding = '.tlog-proof';
/** Hashes of an inclusion proof in a tree of fewer than 2^53 leaves. */
const hashesMax = 53;
/** Header, the largest record in base64, index, hashes, and the largest note. */
export const proofBytesMax = 64 + Math.ceil(entryBytesMax / 3) * 4 + 32 + hashesMax * 45 + noteBytesMax;

export interface TlogProof {
  readonly index: number;
  /** From the leaf's sibling to the root's child (RFC 6962 §2.1.1). */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, as text. */
  readonly checkpoint: string;
  /** Exact bytes of the record; undefined when the file does not carry it. */
  readonly record: Uint8Array | undefined;
}

export function formatTlogProof({ index, proof, checkpoint, record }: TlogProof): string {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const lines = [
    header,
    ...(record === undefined ? [] : [`extra ${base64(record)}`]),
    `index ${index}`,
    ...proof.map(base64),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** The strict reverse of `formatTlogProof`. */
export function parseTlogProof(text: string): TlogProof | undefined {
  const blank = text.indexOf('\n\n');
  if (text.length > proofBytesMax || blank < 0) return undefined;
  const [first, ...lines] = text.slice(0, blank).split('\n');
  if (first !== header) return undefined;
  const extra = lines[0]?.startsWith('extra ') === true ? lines.shift() : undefined;
  const record = extra === undefined ? undefined : decodeBase64(extra.slice('extra '.length));
  if (extra !== undefined && (record === undefined || record.length > entryBytesMax)) return undefined;
  const [, digits] = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? '') ?? [];
  const index = Number(digits);
  if (digits === undefined || !Number.isSafeInteger(index) || lines.length > hashesMax) return undefined;
  const proof: Uint8Array[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash?.length !== hashBytes) return undefined;
    proof.push(hash);
  }
  return { index, proof, checkpoint: text.slice(blank + 2), record };
}

export type ProofVerdict =
  | {
      readonly ok: true;
      readonly index: number;
      readonly record: Uint8Array;
      readonly checkpoint: Checkpoint;
      readonly quorum: QuorumReport;
    }
  | {
      readonly ok: false;
      readonly problem: Extract<PolicyVerdict, { ok: false }>['problem'] | 'record_missing' | 'not_included';
      readonly words: string;
      readonly quorum?: QuorumReport;
    };

/** Verifies a proof file under a policy. `record`: bytes from elsewhere; otherwise those that the file carries. */
export function verifyTlogProof(
  text: string,
  policy: LogPolicy,
  nowMs: number,
  record?: Uint8Array,
): ProofVerdict {
  const read = parseTlogProof(text);
  if (read === undefined) return { ok: false, problem: 'malformed', words: 'this is not a tlog-proof' };
  const verdict = verifyByPolicy(read.checkpoint, policy, nowMs);
  if (!verdict.ok) return verdict;
  const entry = record ?? read.record;
  if (entry === undefined)
    return { ok: false, problem: 'record_missing', words: 'the proof does not carry its record' };
  const { checkpoint, quorum } = verdict;
  const { index, proof } = read;
  const included = verifyInclusion({
    index,
    size: checkpoint.size,
    leaf: leafHash(entry),
    root: checkpoint.root,
    proof,
  });
  if (!included)
    return {
      ok: false,
      problem: 'not_included',
      words: `the record is not entry ${index} of the ${checkpoint.size} entries that were signed`,
    };
  return { ok: true, index, record: entry, checkpoint, quorum };
}
