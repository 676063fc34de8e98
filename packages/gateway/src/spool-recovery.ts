/**
 * Room: audit, gateway side (invariant 1). What a spool directory holds when it is opened: its segments, and the head of the chain
 * after the last whole frame. A torn tail is cut off: it was never acknowledged. Damage before whole frames is not a torn tail:
 * those records were acknowledged, so the damaged segment is kept aside under another name and reported.
 */
import { hashesEqual, leafHash } from '@atf/core/audit/merkle';
import {
  blockLength,
  decodeBatch,
  decodeHeader,
  framePrefixBytes,
  genesisHash,
  type SegmentHeader,
  type SpoolBatch,
} from '@atf/core/audit/spool-frame';
import type { SpoolDisk } from './spool-disk.ts';

export const epochName = 'epoch';
export const reserveName = 'reserve';
export const probeName = 'probe';
const segmentPattern = /^seg-([0-9]{10})-([0-9]{16})\.spool$/;

/** A segment file. `lastSeq` is `firstSeq - 1` while it holds no record. */
export interface Segment {
  readonly name: string;
  readonly epoch: number;
  readonly firstSeq: number;
  lastSeq: number;
  /** Durable length. */
  bytes: number;
}

/** The last durable record of the chain. `seal` is absent before the first record. */
export interface ChainHead {
  readonly epoch: number;
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly seal: string | undefined;
}

export interface Recovered {
  readonly segments: Segment[];
  readonly head: ChainHead;
  /** Highest epoch ever used here; 0 for a new directory. */
  readonly epoch: number;
  readonly truncatedBytes: number;
  /** Copies of segments that were damaged before their end. */
  readonly damaged: readonly string[];
}

/** Names of segments among these, in the order of their records. */
export const segmentsIn = (names: readonly string[]): string[] =>
  names.filter((name) => segmentPattern.test(name)).sort();

export function segmentName(epoch: number, firstSeq: number): string {
  return `seg-${String(epoch).padStart(10, '0')}-${String(firstSeq).padStart(16, '0')}.spool`;
}

/** Reads the block that starts at `offset`; undefined when there is no whole one. */
async function readBlock(
  disk: SpoolDisk,
  name: string,
  offset: number,
  kind: 'frame' | 'header',
): Promise<Uint8Array | undefined> {
  const length = blockLength(await disk.read(name, offset, framePrefixBytes), kind);
  if (length === undefined) return undefined;
  const bytes = await disk.read(name, offset, length);
  return bytes.length === length ? bytes : undefined;
}

export async function readHeader(
  disk: SpoolDisk,
  name: string,
): Promise<{ header: SegmentHeader; bytes: number } | undefined> {
  const block = await readBlock(disk, name, 0, 'header');
  const header = block === undefined ? undefined : decodeHeader(block);
  return header === undefined || block === undefined ? undefined : { header, bytes: block.length };
}

/** One whole frame at `offset`, decoded; undefined when torn or damaged. */
export async function readFrame(
  disk: SpoolDisk,
  name: string,
  offset: number,
): Promise<{ frame: Uint8Array; batch: SpoolBatch } | undefined> {
  const frame = await readBlock(disk, name, offset, 'frame');
  const batch = frame === undefined ? undefined : decodeBatch(frame);
  return batch === undefined || frame === undefined ? undefined : { frame, batch };
}

export function headAfter(batch: SpoolBatch): ChainHead {
  const last = batch.records.at(-1) as SpoolBatch['records'][number];
  return {
    epoch: batch.epoch,
    seq: batch.firstSeq + batch.records.length - 1,
    hash: leafHash(last.entry),
    seal: batch.seal,
  };
}

export function headOfHeader(header: SegmentHeader): ChainHead {
  const hash = Buffer.from(header.prev, 'base64url');
  return { epoch: header.epoch, seq: header.firstSeq - 1, hash, seal: header.seal };
}

interface Scan {
  readonly head: ChainHead;
  readonly bytes: number;
}

/** Walks the frames of a segment as long as they are whole and continue the chain. */
async function scanSegment(
  disk: SpoolDisk,
  name: string,
  header: SegmentHeader,
  from: number,
): Promise<Scan> {
  let head = headOfHeader(header);
  let offset = from;
  for (;;) {
    const found = await readFrame(disk, name, offset);
    if (found === undefined) return { head, bytes: offset };
    const { batch, frame } = found;
    const continues =
      batch.epoch === header.epoch && batch.firstSeq === head.seq + 1 && hashesEqual(batch.prev, head.hash);
    if (!continues || batch.gateway !== header.gateway) return { head, bytes: offset };
    head = headAfter(batch);
    offset += frame.length;
  }
}

/** Whether a whole frame stands anywhere behind the first fault: then this is damage and no torn tail. */
async function hasFrameBehind(disk: SpoolDisk, name: string, offset: number, size: number): Promise<boolean> {
  const rest = Buffer.from(await disk.read(name, offset, size - offset));
  for (let at = rest.indexOf('ASB1', 1); at >= 0; at = rest.indexOf('ASB1', at + 1)) {
    const length = blockLength(rest.subarray(at, at + framePrefixBytes), 'frame');
    if (
      length !== undefined &&
      at + length <= rest.length &&
      decodeBatch(rest.subarray(at, at + length)) !== undefined
    )
      return true;
  }
  return false;
}

async function readEpoch(disk: SpoolDisk, names: readonly string[]): Promise<number> {
  if (!names.includes(epochName)) return 0;
  const epoch = Number(Buffer.from(await disk.read(epochName, 0, 32)).toString('utf8'));
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw new Error('the epoch file of the spool is damaged');
  return epoch;
}

/** Truncates a torn tail, durably; keeps a copy first when whole frames stand behind the fault. */
async function cutTail(
  disk: SpoolDisk,
  name: string,
  keep: number,
  size: number,
): Promise<string | undefined> {
  let copy: string | undefined;
  if (await hasFrameBehind(disk, name, keep, size)) {
    copy = `damaged-${name}`;
    await disk.replace(copy, await disk.read(name, 0, size));
  }
  const file = await disk.open(name);
  try {
    if (size > keep) await file.truncate(keep);
    // Also without a tail: what a killed process wrote may still be in memory only, and it is about to be shipped.
    await file.sync();
  } finally {
    await file.close();
  }
  return copy;
}

/** Keeps a copy of a segment whose header is gone although frames follow it, and removes the file. */
async function dropHeadless(disk: SpoolDisk, name: string, size: number): Promise<string | undefined> {
  let copy: string | undefined;
  if (size > 0 && (await hasFrameBehind(disk, name, 0, size))) {
    copy = `damaged-${name}`;
    await disk.replace(copy, await disk.read(name, 0, size));
  }
  await disk.remove(name);
  await disk.syncDirectory();
  return copy;
}

/** Recovers the directory. @throws on unreadable storage, on a damaged epoch file, and when the spool belongs to another gateway. */
export async function recoverSpool(disk: SpoolDisk, gateway: string): Promise<Recovered> {
  const names = await disk.list();
  let epoch = await readEpoch(disk, names);
  let truncatedBytes = 0;
  const damaged: string[] = [];
  const segments: Segment[] = [];
  let youngest: { header: SegmentHeader; bytes: number } | undefined;
  for (const name of segmentsIn(names)) {
    const size = await disk.size(name);
    const opened = await readHeader(disk, name);
    if (opened === undefined) {
      // A crash while a segment was begun leaves part of a header, in which nothing was acknowledged.
      const copy = await dropHeadless(disk, name, size);
      if (copy !== undefined) damaged.push(copy);
      truncatedBytes += size;
      continue;
    }
    const { header } = opened;
    if (header.gateway !== gateway) throw new Error('the spool belongs to another gateway');
    const before = segments.at(-1);
    if (before !== undefined) before.lastSeq = header.firstSeq - 1;
    epoch = Math.max(epoch, header.epoch);
    segments.push({
      name,
      epoch: header.epoch,
      firstSeq: header.firstSeq,
      lastSeq: header.firstSeq - 1,
      bytes: size,
    });
    youngest = opened;
  }
  const last = segments.at(-1);
  if (last === undefined || youngest === undefined) {
    return {
      segments,
      head: { epoch: 0, seq: 0, hash: genesisHash, seal: undefined },
      epoch,
      truncatedBytes,
      damaged,
    };
  }
  const scan = await scanSegment(disk, last.name, youngest.header, youngest.bytes);
  const copy = await cutTail(disk, last.name, scan.bytes, last.bytes);
  if (copy !== undefined) damaged.push(copy);
  truncatedBytes += last.bytes - scan.bytes;
  last.bytes = scan.bytes;
  last.lastSeq = scan.head.seq;
  return { segments, head: scan.head, epoch, truncatedBytes, damaged };
}
