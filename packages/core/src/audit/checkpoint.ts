/**
 * Room: audit (B-1). Log checkpoints: C2SP tlog-checkpoint bodies in C2SP signed notes with Ed25519, and verifier keys in the text
 * form `<name>+<key id>+<base64>`. Keys come from the caller; nothing here makes, keeps or finds one. Parsing is strict: what is not
 * byte for byte the canonical form is refused. Witness cosignatures pass through unverified, as unknown keys must (signed-note).
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { hashBytes } from './merkle.ts';

/** signed-note asks verifiers to bound notes and to accept at least 16 signatures; post-quantum ones reach 5 kB each. */
export const noteBytesMax = 131_072;
const signaturesMax = 32;
const keyNameBytesMax = 256;
const ed25519Type = 1;
const ed25519KeyBytes = 32;
const ed25519SignatureBytes = 64;
/** DER of SubjectPublicKeyInfo up to the 32 key bytes (RFC 8410). */
const ed25519SpkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** What a log signs: which log, how many leaves, which root. `extensions` are opaque lines, kept empty by ATF. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly extensions: readonly string[];
}

export interface VerifierKey {
  readonly name: string;
  readonly id: number;
  readonly publicKey: KeyObject;
}

/** What signs for a log. The name equals the origin (tlog-checkpoint, "Signatures"). */
export interface CheckpointSigner {
  readonly name: string;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature of 64 bytes (RFC 8032) by the matching private key. */
  sign(text: Uint8Array): Uint8Array;
}

/** A signer over a private key held in memory. @throws TypeError for other keys than Ed25519. */
export function checkpointSigner(name: string, privateKey: KeyObject): CheckpointSigner {
  return { name, publicKey: rawPublicKey(privateKey), sign: (text) => sign(null, text, privateKey) };
}

function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function isKeyName(name: string): boolean {
  // signed-note: non-empty, no Unicode spaces, no plus; control characters may not stand in a note at all.
  return name !== '' && Buffer.byteLength(name) <= keyNameBytesMax && !/[\s+\p{Cc}\p{Z}]/u.test(name);
}

function rawPublicKey(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('log keys are Ed25519');
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(ed25519SpkiPrefix.length);
}

/** SHA-256(key name || 0x0A || 0x01 || public key)[:4], big-endian (signed-note, "Ed25519 signatures"). */
export function keyId(name: string, publicKey: Uint8Array): number {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Uint8Array.of(ed25519Type))
    .update(publicKey)
    .digest()
    .readUInt32BE(0);
}

/** The verifier key of a log, one line without newline, from its raw 32-byte public key. @throws RangeError on impossible names or keys. */
export function formatVkey(name: string, publicKey: Uint8Array): string {
  if (!isKeyName(name) || publicKey.length !== ed25519KeyBytes)
    throw new RangeError('key or its name is not valid in a signed note');
  const id = keyId(name, publicKey).toString(16).padStart(8, '0');
  return `${name}+${id}+${Buffer.concat([Uint8Array.of(ed25519Type), publicKey]).toString('base64')}`;
}

/** Reads `<name>+<8 hex digits>+<base64>`; undefined when malformed, of another type, or when the key id does not match. */
export function parseVkey(vkey: string): VerifierKey | undefined {
  // The key data may hold a plus itself; the name may not.
  const [, name, hex, data] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  if (name === undefined || hex === undefined || data === undefined || !isKeyName(name)) return undefined;
  const bytes = decodeBase64(data);
  if (bytes?.length !== 1 + ed25519KeyBytes) return undefined;
  const raw = bytes.subarray(1);
  const id = keyId(name, raw);
  if (bytes[0] !== ed25519Type || id !== Number.parseInt(hex, 16)) return undefined;
  const publicKey = createPublicKey({
    key: Buffer.concat([ed25519SpkiPrefix, raw]),
    format: 'der',
    type: 'spki',
  });
  return { name, id, publicKey };
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
  const id = Buffer.alloc(4);
  id.writeUInt32BE(keyId(signer.name, signer.publicKey));
  const signature = signer.sign(Buffer.from(body));
  return `${body}\n— ${signer.name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

export type CheckpointProblem = 'malformed' | 'wrong_origin' | 'unsigned' | 'signature_invalid';
export type CheckpointVerified =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly problem: CheckpointProblem };

interface NoteSignature {
  readonly name: string;
  readonly id: number;
  readonly signature: Buffer;
}

function parseSignature(line: string): NoteSignature | undefined {
  const [dash, name, data, ...rest] = line.split(' ');
  if (dash !== '—' || name === undefined || data === undefined || rest.length > 0 || !isKeyName(name))
    return undefined;
  const bytes = decodeBase64(data);
  if (bytes === undefined || bytes.length < 5) return undefined;
  return { name, id: bytes.readUInt32BE(0), signature: bytes.subarray(4) };
}

function splitNote(
  note: string,
): { readonly text: string; readonly signatures: readonly NoteSignature[] } | undefined {
  // signed-note: no control character but newline, well-formed text, signatures after the last empty line.
  if (Buffer.byteLength(note) > noteBytesMax || !note.isWellFormed() || !note.endsWith('\n'))
    return undefined;
  // biome-ignore lint: control characters are exactly what must not stand in a note
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) return undefined;
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0) return undefined;
  const lines = note.slice(blank + 2, -1).split('\n');
  const signatures = lines.map(parseSignature);
  if (lines.length > signaturesMax || signatures.some((found) => found === undefined)) return undefined;
  return { text: note.slice(0, blank + 1), signatures: signatures as NoteSignature[] };
}

/**
 * Verifies a signed checkpoint with the key of the log. Signatures of unknown keys are ignored; a bad one by the known key refuses
 * the whole note (signed-note, "Signatures"). The origin must equal the key's name.
 */
export function verifyCheckpoint(note: string, key: VerifierKey): CheckpointVerified {
  const parts = splitNote(note);
  if (parts === undefined) return { ok: false, problem: 'malformed' };
  const own = parts.signatures.filter(({ name, id }) => name === key.name && id === key.id);
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
