/** The audit log as an outsider has it: a copy of the directory of a product that runs, verified, and its entries. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyLog } from '@atf/cli/audit-copy';
import { type DirectoryReport, directoryReader, verifyLogDirectory } from '@atf/cli/audit-dir';
import { decodeEntry, type Entry } from '@atf/core/audit/entry';
import { bundleBytesMax, decodeBundle, tilePath, tileWidth, widthAt } from '@atf/core/audit/tiles';
import { type Product, until } from './product.ts';

export interface CopiedLog {
  readonly report: DirectoryReport;
  readonly entries: readonly Entry[];
}

/** Text of the newest checkpoint, to be held against later ones. */
export const checkpointOf = (product: Product): string =>
  readFileSync(join(product.dataDir, 'log', 'checkpoint'), 'utf8');

/** After a restart of control a gateway ships again within its longest pause between tries, which is ten seconds. */
const settledWithinMs = 60_000;

/** Everything that gateways have recorded until now is in the log, and signed. */
export async function logSettled(product: Product): Promise<void> {
  const operator = await product.operator();
  const sinceMs = performance.now();
  let last: unknown;
  const look = async (): Promise<true | undefined> => {
    const { gateways } = await operator.call('overview');
    const { pending } = await operator.call('audit.status');
    last = { gateways, pending };
    // What control knows of a spool is as old as the last beat: only one that came after we began to wait counts.
    const heard = gateways.every(
      ({ connected, lastBeatMsAgo }) =>
        connected && (lastBeatMsAgo ?? Infinity) < performance.now() - sinceMs,
    );
    return heard && pending === 0 && gateways.every(({ spoolBehind }) => spoolBehind === 0)
      ? true
      : undefined;
  };
  const settle = () =>
    until('every record to be in the log', look, settledWithinMs).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}`);
    });
  await settle();
  // What is not pending any more may not be signed yet. Steps of the log follow each other: behind one more record, it is.
  await operator.call('people.add', {
    body: { name: 'Marker', email: `marker-${randomUUID()}@example.com`, roles: [] },
  });
  await settle();
}

/** Every entry of a log in a directory. */
export async function entriesIn(folder: string, size: number): Promise<Entry[]> {
  const read = directoryReader(folder);
  const entries: Entry[] = [];
  for (let index = 0; index * tileWidth < size; index++) {
    const width = widthAt(0, index, size);
    const bytes =
      (await read(tilePath({ level: 'entries', index, width }), bundleBytesMax)) ??
      (await read(tilePath({ level: 'entries', index, width: tileWidth }), bundleBytesMax));
    if (bytes === undefined) throw new Error(`bundle ${index} of the log is missing`);
    for (const each of decodeBundle(bytes, width).entries) {
      const entry = decodeEntry(each);
      if (entry === undefined) throw new Error(`an entry of bundle ${index} cannot be read`);
      entries.push(entry);
    }
  }
  return entries;
}

/** Copies the log directory, verifies the copy against a checkpoint that was seen earlier, and reads all of its entries. */
export async function readLog(product: Product, remembered?: string): Promise<CopiedLog> {
  const folder = mkdtempSync(join(tmpdir(), 'atf-log-'));
  try {
    const target = join(folder, 'log');
    const size = copyLog(join(product.dataDir, 'log'), target);
    const report = await verifyLogDirectory(target, remembered === undefined ? {} : { remembered });
    const entries = await entriesIn(target, size);
    return { report, entries };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
