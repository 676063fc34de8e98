/**
 * Room: audit, gateway side. Reads durable batches for shipping, in order, from wherever control stands. It keeps its place in the
 * file, so that steady shipping reads every byte once. A damaged segment is skipped and the loss declared, never hidden.
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

export class SpoolReader {
  private readonly disk: SpoolDisk;
  private readonly segments: readonly Segment[];
  private readonly durableSeq: () => number;
  private place: { readonly name: string; readonly offset: number; readonly seq: number } | undefined;

  /** `segments` is the spool's own list, which it keeps current. */
  constructor(disk: SpoolDisk, segments: readonly Segment[], durableSeq: () => number) {
    this.disk = disk;
    this.segments = segments;
    this.durableSeq = durableSeq;
  }

  async readFrom(position: SpoolPosition | undefined): Promise<Shipment | undefined> {
    const after = position?.seq ?? 0;
    if (after >= this.durableSeq()) return undefined;
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
