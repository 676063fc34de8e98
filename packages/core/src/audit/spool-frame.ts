/**
 * Room: audit (B-1, invariant 1). The binary form of a gateway's spool: a segment header, then frames, one per group commit. A frame
 * holds consecutive records (the exact leaf, and the encrypted payload that it commits to, so that one durable write covers both),
 * the seal over its last record, and a SHA-256 over all of it, which tells a torn write from a whole one. The same frame is what a
 * gateway ships to control. Pure: files are gateway/spool.ts, acceptance is control/audit/intake.ts.
 *
 * Frame, integers big-endian:
 *   "ASB1" · u32 length of the whole frame · text gateway · u64 epoch · u64 first seq · u16 count · 32 bytes prev ·
 *   count × (u16 length, leaf, u32 length, payload or nothing) · text seal · 32 bytes SHA-256 of all before
 * Header: "ASG1" · u32 length of the whole header · JSON · 32 bytes SHA-256 of all before. A text is u8 length and UTF-8.
 * Payload: text id · text kid · u8 length, salt · u8 length, wrapped data key · the rest is ciphertext.
 */
import { hash } from 'node:crypto';
import { decodeEntry, type Entry, isGatewaySource, payloadMatches, saltBytes } from './entry.ts';
import { type GatewayKey, verifySeal } from './gateway-key.ts';
import { hashBytes, hashesEqual, leafHash } from './merkle.ts';
import type { SealedPayload } from './payload.ts';
import { entryBytesMax } from './tiles.ts';

export const payloadBytesMax = 8 * 1_048_576;
/** Records in one group commit, which takes everything that waits: the bound of the waiting queue too. */
export const batchRecordsMax = 4_096;
/** Leaves and payloads in one group commit; a record that would cross it is refused. */
export const batchBytesMax = 32 * 1_048_576;
/** Largest frame: a full batch with the framing of its records. */
export const frameBytesMax = batchBytesMax + batchRecordsMax * 8 + 4_096;
export const framePrefixBytes = 8;
/** A gateway ships several frames at once when they have gathered: one transaction of control for all of them. */
export const shipmentFramesMax = 64;
export const shipmentBytesMax = frameBytesMax + 4 * 1_048_576;
const idCharsMax = 128;
const headerBytesMax = 4_096;
const frameMagic = Buffer.from('ASB1');
const headerMagic = Buffer.from('ASG1');

/** `prev` of the first record that a gateway ever writes. */
export const genesisHash: Uint8Array = new Uint8Array(hashBytes);

/** A place in a gateway's chain. */
export interface SpoolPosition {
  readonly epoch: number;
  readonly seq: number;
}

/**
 * Encrypted content of a record; its commitment stands in the leaf. The caller encrypted it (payload.ts); nothing here can read it.
 * A `SealedPayload` is one.
 */
export type PayloadFrame = Omit<SealedPayload, 'commitment'>;

export interface SpoolRecord {
  readonly entry: Uint8Array;
  readonly payload: Uint8Array | undefined;
}

export interface SpoolBatch {
  readonly gateway: string;
  readonly epoch: number;
  readonly firstSeq: number;
  /** Leaf hash of the record before the first. */
  readonly prev: Uint8Array;
  readonly records: readonly SpoolRecord[];
  /** Over the last record (gateway-key.ts). */
  readonly seal: string;
}

/** What a segment continues: the chain survives when older segments are shipped and deleted. */
export interface SegmentHeader {
  readonly v: 1;
  readonly gateway: string;
  readonly epoch: number;
  readonly firstSeq: number;
  /** base64url. */
  readonly prev: string;
  /** Seal over the record `firstSeq - 1`. */
  readonly seal?: string;
}

/** Bytes of an encrypted payload inside a frame. @throws RangeError for ids, salts or keys of impossible length. */
export function encodePayload(payload: PayloadFrame): Uint8Array {
  const salt = Buffer.from(payload.salt, 'base64url');
  const wrappedKey = Buffer.from(payload.wrappedKey, 'base64url');
  if (payload.id === '' || payload.id.length > idCharsMax || payload.kid.length > idCharsMax)
    throw new RangeError('payload id');
  if (salt.length !== saltBytes || wrappedKey.length > 255) throw new RangeError('payload salt or key');
  const lengths = [Uint8Array.of(salt.length), Uint8Array.of(wrappedKey.length)] as const;
  const head = [text(payload.id), text(payload.kid), lengths[0], salt, lengths[1], wrappedKey];
  return Buffer.concat([...head, payload.ciphertext]);
}

/** Reads from bytes and remembers whether it ran past their end. */
class Cursor {
  readonly bytes: Buffer;
  at = 0;
  overrun = false;
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  take(length: number): Buffer {
    if (length > this.bytes.length - this.at) {
      this.overrun = true;
      return Buffer.alloc(0);
    }
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  uint(width: 1 | 2 | 4): number {
    const bytes = this.take(width);
    return bytes.length === width ? bytes.readUIntBE(0, width) : 0;
  }
  /** u64 that must be a safe integer. */
  count(): number {
    const bytes = this.take(8);
    const value = bytes.length === 8 ? Number(bytes.readBigUInt64BE()) : 0;
    if (!Number.isSafeInteger(value) || value < 1) this.overrun = true;
    return value;
  }
  text(): string {
    return this.take(this.uint(1)).toString('utf8');
  }
}

export function decodePayload(bytes: Uint8Array): PayloadFrame | undefined {
  const cursor = new Cursor(bytes);
  const id = cursor.text();
  const kid = cursor.text();
  const salt = cursor.take(cursor.uint(1));
  const wrappedKey = cursor.take(cursor.uint(1)).toString('base64url');
  const ciphertext = cursor.take(cursor.bytes.length - cursor.at);
  if (cursor.overrun || id === '' || salt.length !== saltBytes) return undefined;
  return { id, kid, salt: salt.toString('base64url'), wrappedKey, ciphertext };
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length > 255) throw new RangeError('text too long for a frame');
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

/** Length prefix in, digest out: both kinds of block are closed alike. */
function closeBlock(parts: readonly Uint8Array[], lengthMax: number): Uint8Array {
  const total = parts.reduce((sum, part) => sum + part.length, 0) + hashBytes;
  if (total > lengthMax) throw new RangeError('spool block too large');
  const block = Buffer.concat(parts as Uint8Array[], total);
  block.writeUInt32BE(total, 4);
  hash('sha256', block.subarray(0, total - hashBytes), 'buffer').copy(block, total - hashBytes);
  return block;
}

/** Whole length of the block that starts with these 8 bytes; undefined when they do not start one. */
export function blockLength(prefix: Uint8Array, kind: 'frame' | 'header'): number | undefined {
  const [magic, max] = kind === 'frame' ? [frameMagic, frameBytesMax] : [headerMagic, headerBytesMax];
  if (prefix.length < framePrefixBytes || Buffer.compare(prefix.subarray(0, 4), magic) !== 0)
    return undefined;
  const length = Buffer.from(prefix.subarray(4, 8)).readUInt32BE();
  return length >= framePrefixBytes + hashBytes && length <= max ? length : undefined;
}

/** The frames of one shipment, one after the other; undefined when the bytes are not exactly whole frames, or more than `framesMax`. */
export function splitFrames(bytes: Uint8Array, framesMax: number): Uint8Array[] | undefined {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = blockLength(bytes.subarray(at, at + framePrefixBytes), 'frame');
    if (length === undefined || at + length > bytes.length || frames.length === framesMax) return undefined;
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
}

/** The inside of a whole block, or undefined when the bytes are torn, altered or something else. */
function openBlock(bytes: Uint8Array, kind: 'frame' | 'header'): Uint8Array | undefined {
  if (blockLength(bytes, kind) !== bytes.length) return undefined;
  const end = bytes.length - hashBytes;
  const digest = hash('sha256', bytes.subarray(0, end), 'buffer');
  return hashesEqual(digest, bytes.subarray(end)) ? bytes.subarray(framePrefixBytes, end) : undefined;
}

export function encodeHeader(header: SegmentHeader): Uint8Array {
  return closeBlock([headerMagic, Buffer.alloc(4), Buffer.from(JSON.stringify(header))], headerBytesMax);
}

export function decodeHeader(bytes: Uint8Array): SegmentHeader | undefined {
  const inside = openBlock(bytes, 'header');
  if (inside === undefined) return undefined;
  const header = JSON.parse(Buffer.from(inside).toString('utf8')) as SegmentHeader;
  return header.v === 1 && Buffer.from(header.prev, 'base64url').length === hashBytes ? header : undefined;
}

/** One frame. @throws RangeError beyond the bounds, which the spool keeps. */
export function encodeBatch(batch: SpoolBatch): Uint8Array {
  const { records } = batch;
  if (records.length < 1 || records.length > batchRecordsMax) throw new RangeError('batch record count');
  const place = Buffer.alloc(18);
  place.writeBigUInt64BE(BigInt(batch.epoch), 0);
  place.writeBigUInt64BE(BigInt(batch.firstSeq), 8);
  place.writeUInt16BE(records.length, 16);
  const parts: Uint8Array[] = [frameMagic, Buffer.alloc(4), text(batch.gateway), place, batch.prev];
  for (const { entry, payload } of records) {
    if (entry.length > entryBytesMax || (payload?.length ?? 0) > payloadBytesMax)
      throw new RangeError('record too large');
    const entryLength = Buffer.alloc(2);
    entryLength.writeUInt16BE(entry.length);
    const payloadLength = Buffer.alloc(4);
    payloadLength.writeUInt32BE(payload?.length ?? 0);
    parts.push(entryLength, entry, payloadLength);
    if (payload !== undefined) parts.push(payload);
  }
  parts.push(text(batch.seal));
  return closeBlock(parts, frameBytesMax);
}

/** Reads one whole frame; undefined when it is torn, altered or malformed. Says nothing about chain and seal. */
export function decodeBatch(bytes: Uint8Array): SpoolBatch | undefined {
  const inside = openBlock(bytes, 'frame');
  if (inside === undefined) return undefined;
  const cursor = new Cursor(inside);
  const gateway = cursor.text();
  const epoch = cursor.count();
  const firstSeq = cursor.count();
  const count = cursor.uint(2);
  const prev = cursor.take(hashBytes);
  const records: SpoolRecord[] = [];
  for (let i = 0; i < count && !cursor.overrun; i++) {
    const entry = cursor.take(cursor.uint(2));
    const payloadLength = cursor.uint(4);
    const payload = payloadLength === 0 ? undefined : cursor.take(payloadLength);
    records.push({ entry, payload });
  }
  const seal = cursor.text();
  if (cursor.overrun || cursor.at !== inside.length || count < 1 || count > batchRecordsMax) return undefined;
  return { gateway, epoch, firstSeq, prev, records, seal };
}

/** A record of a verified batch, decoded once for everybody after. */
export interface VerifiedRecord {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly seq: number;
  readonly payload: PayloadFrame | undefined;
}

export type BatchProblem =
  | 'entry_malformed'
  | 'place_wrong'
  | 'chain_broken'
  | 'payload_missing'
  | 'payload_mismatch'
  | 'seal_invalid';

export type BatchVerified =
  | { readonly ok: true; readonly records: readonly VerifiedRecord[]; readonly head: Uint8Array }
  | { readonly ok: false; readonly problem: BatchProblem; readonly seq: number };

function verifyPayload(entry: Entry, bytes: Uint8Array | undefined): PayloadFrame | BatchProblem | undefined {
  if (entry.payload === undefined) return bytes === undefined ? undefined : 'payload_mismatch';
  if (bytes === undefined) return 'payload_missing';
  const payload = decodePayload(bytes);
  if (payload?.id !== entry.payload.id) return 'payload_mismatch';
  return payloadMatches(entry.payload.commitment, Buffer.from(payload.salt, 'base64url'), payload.ciphertext)
    ? payload
    : 'payload_mismatch';
}

/**
 * Verifies a decoded batch by itself: every leaf well formed and saying the place it stands at, chained from `prev`, payloads equal to
 * their commitments, and the seal over the last record by a key of that gateway. Whether `prev` is the right one is for the caller.
 */
export function verifyBatch(batch: SpoolBatch, keys: readonly GatewayKey[]): BatchVerified {
  const records: VerifiedRecord[] = [];
  let prev = Buffer.from(batch.prev);
  for (const [i, record] of batch.records.entries()) {
    const seq = batch.firstSeq + i;
    const entry = decodeEntry(record.entry);
    if (entry === undefined) return { ok: false, problem: 'entry_malformed', seq };
    const { source } = entry;
    if (
      !isGatewaySource(source) ||
      source.gateway !== batch.gateway ||
      source.epoch !== batch.epoch ||
      source.seq !== seq
    ) {
      return { ok: false, problem: 'place_wrong', seq };
    }
    if (source.prev !== prev.toString('base64url')) return { ok: false, problem: 'chain_broken', seq };
    const payload = verifyPayload(entry, record.payload);
    if (typeof payload === 'string') return { ok: false, problem: payload, seq };
    const hash = Buffer.from(leafHash(record.entry));
    records.push({ entry, bytes: record.entry, hash, seq, payload });
    prev = hash;
  }
  const lastSeq = batch.firstSeq + batch.records.length - 1;
  if (!verifySeal(batch.seal, { gateway: batch.gateway, seq: lastSeq, hash: prev }, keys)) {
    return { ok: false, problem: 'seal_invalid', seq: lastSeq };
  }
  return { ok: true, records, head: prev };
}
