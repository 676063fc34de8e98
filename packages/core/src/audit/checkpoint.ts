/**
 * Room: audit (B-1). Log checkpoints: C2SP tlog-checkpoint bodies in C2SP signed notes with Ed25519, and verifier keys in the text
 * form `<name>+<key id>+<base64>`. Keys come from the caller; nothing here makes, keeps or finds one. Parsing is strict: what is not
 * byte for byte the canonical form is refused. Witness cosignatures pass through unverified, as unknown keys must (signed-note).
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { hashBytes } from './merkle.ts';
import {
  decodeBase64,
  ed25519SignatureBytes,
  formatTypedVkey,
  isKeyName,
  type NoteSigner,
  parseNote,
  parseTypedVkey,
  rawPublicKey,
  signatureLine,
  signaturesBy,
  signatureTypes,
  typedKeyId,
  type VerifierKey,
} from './signed-note.ts';

export { noteBytesMax, type VerifierKey } from './signed-note.ts';

/** What a log signs: which log, how many leaves, which root. `extensions` are opaque lines, kept empty by ATF. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly extensions: readonly string[];
}

/** What signs for a log. The name equals the origin (tlog-checkpoint, "Signatures"). */
export type CheckpointSigner = NoteSigner;

/** A signer over a private key held in memory. @throws TypeError for other keys than Ed25519. */
export function checkpointSigner(name: string, privateKey: KeyObject): CheckpointSigner {
  return { name, publicKey: rawPublicKey(privateKey), sign: (text) => sign(null, text, privateKey) };
}

/** Key id of a log's key (signed-note, "Ed25519 signatures"). */
export function keyId(name: string, publicKey: Uint8Array): number {
  return typedKeyId(signatureTypes.note, name, publicKey);
}

/** The verifier key of a log, one line without newline, from its raw 32-byte public key. @throws RangeError on impossible names or keys. */
export function formatVkey(name: string, publicKey: Uint8Array): string {
  return formatTypedVkey(signatureTypes.note, name, publicKey);
}

/** The verifier key of a log; undefined when malformed, of another type, or when the key id does not match. */
export function parseVkey(vkey: string): VerifierKey | undefined {
  return parseTypedVkey(signatureTypes.note, vkey);
}

/** The note text: origin, size, root, each on its line (tlog-checkpoint, "Note text"). @throws RangeError on impossible values. */
export function checkpointBody(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint;
  const lines = [origin, ...extensions];
  if (lines.some((line) => line === '' || /\p{Cc}/u.test(line)))
    throw new RangeError('checkpoint lines hold no control characters');
  if (!Number.isSafeInteger(size) || size < 0 || root.length !== hashBytes)
    throw new RangeError('checkpoint out of range');
  return `${[origin, String(size), Buffer.from(root).toString('base64'), ...extensions].join('\n')}\n`;
}

/** The strict reverse of `checkpointBody`. */
export function parseCheckpointBody(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n')) return undefined;
  const [origin, sizeText, rootText, ...extensions] = text.slice(0, -1).split('\n');
  if (origin === undefined || sizeText === undefined || rootText === undefined) return undefined;
  const root = decodeBase64(rootText);
  const size = Number(sizeText);
  if (!/^(0|[1-9][0-9]{0,15})$/.test(sizeText) || !Number.isSafeInteger(size) || root?.length !== hashBytes)
    return undefined;
  if ([origin, ...extensions].some((line) => line === '' || /\p{Cc}/u.test(line))) return undefined;
  return { origin, size, root, extensions };
}

/** The checkpoint as a signed note with one Ed25519 signature. @throws on a key of another type or impossible values. */
export function signCheckpoint(checkpoint: Checkpoint, signer: CheckpointSigner): string {
  if (!isKeyName(signer.name)) throw new RangeError('key name is not valid in a signed note');
  const body = checkpointBody(checkpoint);
  const signature = signer.sign(Buffer.from(body));
  return `${body}\n${signatureLine(signer.name, keyId(signer.name, signer.publicKey), signature)}\n`;
}

export type CheckpointProblem = 'malformed' | 'wrong_origin' | 'unsigned' | 'signature_invalid';
export type CheckpointVerified =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly problem: CheckpointProblem };

/**
 * Verifies a signed checkpoint with the key of the log. Signatures of unknown keys are ignored; a bad one by the known key refuses
 * the whole note (signed-note, "Signatures"). The origin must equal the key's name.
 */
export function verifyCheckpoint(note: string, key: VerifierKey): CheckpointVerified {
  const parts = parseNote(note);
  if (parts === undefined) return { ok: false, problem: 'malformed' };
  const own = signaturesBy(parts, key);
  if (own.length === 0) return { ok: false, problem: 'unsigned' };
  const text = Buffer.from(parts.text);
  for (const { signature } of own) {
    if (signature.length !== ed25519SignatureBytes || !verify(null, text, key.publicKey, signature)) {
      return { ok: false, problem: 'signature_invalid' };
    }
  }
  const checkpoint = parseCheckpointBody(parts.text);
  if (checkpoint === undefined) return { ok: false, problem: 'malformed' };
  return checkpoint.origin === key.name ? { ok: true, checkpoint } : { ok: false, problem: 'wrong_origin' };
}
