/**
 * Room: audit (B-1, invariant 8). C2SP tlog-cosignature, type Ed25519 `cosignature/v1`: a witness's statement that, as of a time, the
 * checkpoint is the largest consistent tree it has seen of that log. Not here: whether a witness may sign (witness.ts), how many
 * cosignatures somebody wants (log-policy.ts).
 */
import { verify } from 'node:crypto';
import {
  ed25519SignatureBytes,
  formatTypedVkey,
  type NoteSigner,
  parseTypedVkey,
  signatureLine,
  signaturesBy,
  signatureTypes,
  type SignedNote,
  typedKeyId,
  type VerifierKey,
} from './signed-note.ts';

const timestampBytes = 8;

/** The verifier key of a witness. @throws RangeError on impossible names or keys. */
export function formatWitnessVkey(name: string, publicKey: Uint8Array): string {
  return formatTypedVkey(signatureTypes.cosignature, name, publicKey);
}

/** Reads the verifier key of a witness; undefined when malformed, or a key of another kind (a log's, ML-DSA). */
export function parseWitnessVkey(vkey: string): VerifierKey | undefined {
  return parseTypedVkey(signatureTypes.cosignature, vkey);
}

/** tlog-cosignature, "Ed25519 signed message". `text` is the note's, with its final newline. */
function signedMessage(text: string, timeSeconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${timeSeconds}\n${text}`);
}

/** A cosignature line without newline over a note's text, made at `timeSeconds` (Unix). @throws RangeError on an impossible time. */
export function cosign(text: string, signer: NoteSigner, timeSeconds: number): string {
  if (!Number.isSafeInteger(timeSeconds) || timeSeconds < 0)
    throw new RangeError('time of a cosignature out of range');
  const time = Buffer.alloc(timestampBytes);
  time.writeBigUInt64BE(BigInt(timeSeconds));
  const signature = signer.sign(signedMessage(text, timeSeconds));
  const id = typedKeyId(signatureTypes.cosignature, signer.name, signer.publicKey);
  return signatureLine(signer.name, id, Buffer.concat([time, signature]));
}

export interface Cosignature {
  /** When the witness says it signed, Unix seconds. */
  readonly timeSeconds: number;
  /** The line as it stands in the note, without newline. */
  readonly line: string;
}

/**
 * The newest cosignature by `key` on the note. Undefined when there is none; also when there is a bad one under the name and id of the key, which
 * refuses all of this key's (signed-note, "Signatures"), and when it was made after `notAfterSeconds`.
 */
export function cosignatureBy(
  note: SignedNote,
  key: VerifierKey,
  notAfterSeconds: number = Number.MAX_SAFE_INTEGER,
): Cosignature | undefined {
  let newest: Cosignature | undefined;
  for (const { signature, line } of signaturesBy(note, key)) {
    if (signature.length !== timestampBytes + ed25519SignatureBytes) return undefined;
    const time = signature.readBigUInt64BE(0);
    if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
    const timeSeconds = Number(time);
    const message = signedMessage(note.text, timeSeconds);
    if (!verify(null, message, key.publicKey, signature.subarray(timestampBytes))) return undefined;
    if (timeSeconds > notAfterSeconds) return undefined;
    if (newest === undefined || timeSeconds > newest.timeSeconds) newest = { timeSeconds, line };
  }
  return newest;
}
