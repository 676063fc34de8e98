/**
 * Room: audit, gateway side. Gives durable batches for shipping, in order, from wherever control stands. The youngest frames are kept
 * in memory until control has them, so that steady shipping reads nothing; what is older comes from the disk, from the place where
 * the last one ended. A damaged segment is skipped and the loss declared, never hidden.
 */
import type { SpoolPosition } from '@atf/core/audit/spool-frame';
import type { SpoolDisk } from './spool-disk.ts';
import { readFrame, readHeader, type Segment } from './spool-recovery.ts';

/** One batch to ship. */
export interface Shipment {
  /** The exact signed frame (core/audit/spool-frame.ts). */
  readonly frame: Uint8Array;
  /** Its last record. */
  readonly position: SpoolPosition;
  /** Records between the asked position and this batch are not here any more: control records a gap. */
  readonly gap: boolean;
}

/** Frames kept in memory, in bytes; older ones are read from the disk when control comes back. */
const recentBytesMax = 8 * 1_048_576;

/** A frame that was just made durable. */
export interface DurableFrame {
  readonly frame: Uint8Array;
  readonly epoch: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Segment in which it stands, and where it ends there. */
  readonly name: string;
  readonly end: number;
}

export class SpoolReader {
  private readonly disk: SpoolDisk;
  private readonly segments: readonly Segment[];
  private readonly durableSeq: () => number;
  /** One after the other, without a gap. */
  private recent: DurableFrame[] = [];
  private recentBytes = 0;
  private place: { readonly name: string; readonly offset: number; readonly seq: number } | undefined;

  /** `segments` is the spool's own list, which it keeps current. */
  constructor(disk: SpoolDisk, segments: readonly Segment[], durableSeq: () => number) {
    this.disk = disk;
    this.segments = segments;
    this.durableSeq = durableSeq;
  }

  /** Called after the sync of a commit, in order. */
  remember(frame: DurableFrame): void {
    if (this.recent.at(-1)?.lastSeq !== frame.firstSeq - 1) this.forget(Number.POSITIVE_INFINITY);
    this.recent.push(frame);
    this.recentBytes += frame.frame.length;
    while (this.recentBytes > recentBytesMax) this.dropOldest();
  }

  /** Control has everything up to `seq`. */
  forget(seq: number): void {
    for (let [oldest] = this.recent; oldest !== undefined && oldest.lastSeq <= seq; [oldest] = this.recent)
      this.dropOldest();
  }

  private dropOldest(): void {
    this.recentBytes -= this.recent.shift()?.frame.length ?? 0;
  }

  private remembered(after: number): Shipment | undefined {
    const found = this.recent.find(({ lastSeq }) => lastSeq > after);
    if (found === undefined || found.firstSeq > after + 1) return undefined;
    const { frame, epoch, lastSeq, name, end } = found;
    this.place = { name, offset: end, seq: lastSeq };
    return { frame, position: { epoch, seq: lastSeq }, gap: false };
  }

  async readFrom(position: SpoolPosition | undefined): Promise<Shipment | undefined> {
    const after = position?.seq ?? 0;
    if (after >= this.durableSeq()) return undefined;
    const remembered = this.remembered(after);
    if (remembered !== undefined) return remembered;
    for (const segment of [...this.segments]) {
      if (segment.lastSeq <= after || segment.lastSeq < segment.firstSeq) continue;
      const found = await this.readIn(segment, after);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The first batch of a segment that reaches behind `after`; undefined when damage comes before it. */
  private async readIn(segment: Segment, after: number): Promise<Shipment | undefined> {
    let offset = this.place?.name === segment.name && this.place.seq <= after ? this.place.offset : undefined;
    if (offset === undefined) offset = (await readHeader(this.disk, segment.name))?.bytes;
    // `bytes` grows only after the sync of a commit: nothing behind it is durable.
    while (offset !== undefined && offset < segment.bytes) {
      const found = await readFrame(this.disk, segment.name, offset);
      if (found === undefined) return undefined;
      const { batch, frame } = found;
      const lastSeq = batch.firstSeq + batch.records.length - 1;
      offset += frame.length;
      if (lastSeq <= after) continue;
      this.place = { name: segment.name, offset, seq: lastSeq };
      return { frame, position: { epoch: batch.epoch, seq: lastSeq }, gap: batch.firstSeq > after + 1 };
    }
    return undefined;
  }
}
