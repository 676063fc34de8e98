/**
 * Room: audit, gateway side (B-1). What stands in the spool directory of a gateway that is gone: its frames as they were sealed, in their order, for somebody who brings
 * them to control. It only reads; a torn or damaged rest of a segment is passed over, and what is missing shows as a gap.
 */
import { existsSync } from 'node:fs';
import { openSpoolDisk } from './spool-disk.ts';
import { readFrame, readHeader, segmentsIn } from './spool-recovery.ts';

export interface ExportedFrame {
  readonly gateway: string;
  readonly frame: Uint8Array;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface ExportedDamage {
  /** Segment in which the rest cannot be read. */
  readonly damaged: string;
}

/** `directory`: the spool. Nothing when there is no such directory. @throws when it cannot be read */
export async function* exportSpool(directory: string): AsyncGenerator<ExportedFrame | ExportedDamage> {
  if (!existsSync(directory)) return;
  const disk = await openSpoolDisk(directory);
  for (const name of segmentsIn(await disk.list())) {
    const size = await disk.size(name);
    const found = await readHeader(disk, name);
    let offset = found?.bytes ?? 0;
    while (found !== undefined && offset < size) {
      const read = await readFrame(disk, name, offset);
      if (read === undefined) break;
      const { frame, batch } = read;
      offset += frame.length;
      const { gateway, firstSeq } = batch;
      yield { gateway, frame, firstSeq, lastSeq: firstSeq + batch.records.length - 1 };
    }
    // Space that was reserved ahead is no record.
    if (found === undefined || (offset < size && !(await isBlank(disk, name, offset))))
      yield { damaged: name };
  }
}

async function isBlank(
  disk: Awaited<ReturnType<typeof openSpoolDisk>>,
  name: string,
  offset: number,
): Promise<boolean> {
  return (await disk.read(name, offset, 4_096)).every((byte) => byte === 0);
}
