/**
 * Room: audit (B-1). C2SP signed notes: text, an empty line, signature lines; and verifier keys in the text form
 * `<name>+<key id>+<base64>`. Parsing is strict: what is not byte for byte the canonical form is refused. Which signatures count, and what
 * the text says, is the business of checkpoint.ts (logs) and cosignature.ts (witnesses). Keys come from the caller.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

/** signed-note asks verifiers to bound notes and to accept at least 16 signatures; post-quantum ones reach 5 kB each. */
export const noteBytesMax = 131_072;
/** A log's own signatures, and the 32 witnesses that a policy may name, with room for others. */
const signaturesMax = 64;
const keyNameBytesMax = 256;
export const ed25519KeyBytes = 32;
export const ed25519SignatureBytes = 64;
/** DER of SubjectPublicKeyInfo up to the 32 key bytes (RFC 8410). */
const ed25519SpkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** First byte of the key material of a verifier key: what the signature is over. */
export const signatureTypes = {
  /** Ed25519 over the note text (signed-note): what logs sign with. */
  note: 0x01,
  /** Ed25519 over `cosignature/v1`, time and note text (tlog-cosignature): what witnesses sign with. */
  cosignature: 0x04,
} as const;
export type SignatureType = (typeof signatureTypes)[keyof typeof signatureTypes];

export interface VerifierKey {
  readonly name: string;
  readonly id: number;
  readonly publicKey: KeyObject;
}

/** What signs notes under a name. */
export interface NoteSigner {
  readonly name: string;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature of 64 bytes (RFC 8032) by the matching private key. */
  sign(text: Uint8Array): Uint8Array;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: number;
  readonly signature: Buffer;
  /** The line as it stands, without newline. */
  readonly line: string;
}

export interface SignedNote {
  /** With its final newline, without the empty line: what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Standard base64 with padding, canonical; undefined otherwise. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

export function isKeyName(name: string): boolean {
  // signed-note: non-empty, no Unicode spaces, no plus; control characters may not stand in a note at all.
  return (
    name !== '' &&
    Buffer.byteLength(name) <= keyNameBytesMax &&
    name.isWellFormed() &&
    !/[\s+\p{Cc}\p{Z}]/u.test(name)
  );
}

/** The 32 raw bytes of an Ed25519 key, public or private. @throws TypeError for other keys. */
export function rawPublicKey(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('keys of logs and witnesses are Ed25519');
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(ed25519SpkiPrefix.length);
}

/** SHA-256(key name || 0x0A || type || public key)[:4], big-endian (signed-note, "Signatures"; tlog-cosignature, "Format"). */
export function typedKeyId(type: SignatureType, name: string, publicKey: Uint8Array): number {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Uint8Array.of(type))
    .update(publicKey)
    .digest()
    .readUInt32BE(0);
}

/** A verifier key, one line without newline, from its raw 32-byte public key. @throws RangeError on impossible names or keys. */
export function formatTypedVkey(type: SignatureType, name: string, publicKey: Uint8Array): string {
  if (!isKeyName(name) || publicKey.length !== ed25519KeyBytes)
    throw new RangeError('key or its name is not valid in a signed note');
  const id = typedKeyId(type, name, publicKey).toString(16).padStart(8, '0');
  return `${name}+${id}+${Buffer.concat([Uint8Array.of(type), publicKey]).toString('base64')}`;
}

/** Reads `<name>+<8 hex digits>+<base64>`; undefined when malformed, of another type, or when the key id does not match. */
export function parseTypedVkey(type: SignatureType, vkey: string): VerifierKey | undefined {
  // The key data may hold a plus itself; the name may not.
  const [, name, hex, data] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  if (name === undefined || hex === undefined || data === undefined || !isKeyName(name)) return undefined;
  const bytes = decodeBase64(data);
  if (bytes?.length !== 1 + ed25519KeyBytes) return undefined;
  const raw = bytes.subarray(1);
  const id = typedKeyId(type, name, raw);
  if (bytes[0] !== type || id !== Number.parseInt(hex, 16)) return undefined;
  const publicKey = createPublicKey({
    key: Buffer.concat([ed25519SpkiPrefix, raw]),
    format: 'der',
    type: 'spki',
  });
  return { name, id, publicKey };
}

/** One signature line without newline: `— <name> base64(key id || signature)`. */
export function signatureLine(name: string, id: number, signature: Uint8Array): string {
  const idBytes = Buffer.alloc(4);
  idBytes.writeUInt32BE(id);
  return `— ${name} ${Buffer.concat([idBytes, signature]).toString('base64')}`;
}

export function parseSignatureLine(line: string): NoteSignature | undefined {
  const [dash, name, data, ...rest] = line.split(' ');
  if (dash !== '—' || name === undefined || data === undefined || rest.length > 0 || !isKeyName(name))
    return undefined;
  const bytes = decodeBase64(data);
  if (bytes === undefined || bytes.length < 5) return undefined;
  return { name, id: bytes.readUInt32BE(0), signature: bytes.subarray(4), line };
}

/** Splits a note into its text and its signature lines; undefined when it is not a note, or larger than the bounds. */
export function parseNote(note: string): SignedNote | undefined {
  // signed-note: no control character but newline, well-formed text, signatures after the last empty line.
  if (Buffer.byteLength(note) > noteBytesMax || !note.isWellFormed() || !note.endsWith('\n'))
    return undefined;
  // biome-ignore lint: control characters are exactly what must not stand in a note
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) return undefined;
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0) return undefined;
  const lines = note.slice(blank + 2, -1).split('\n');
  if (lines.length > signaturesMax) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (signature === undefined) return undefined;
    signatures.push(signature);
  }
  return { text: note.slice(0, blank + 1), signatures };
}

/** The signatures of a note that name this key. Others are of unknown keys and ignored (signed-note, "Signatures"). */
export function signaturesBy(note: SignedNote, key: VerifierKey): readonly NoteSignature[] {
  return note.signatures.filter(({ name, id }) => name === key.name && id === key.id);
}
