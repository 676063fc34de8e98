/**
 * Room: db. Durability of the embedded database: PGlite writes its write-ahead log through the host's file system and never syncs
 * it, so the host does, once for all commits that wait (group commit). PostgreSQL syncs itself and needs nothing of this.
 *
 * A checkpoint of the database moves the point from which the log is replayed, so the data files must reach the disk with it. PGlite
 * makes none on its own while it runs (it is a single session): `open.ts` makes one now and then and syncs every file after it.
 */
import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Name of a write-ahead log segment (PostgreSQL, XLogFileName). */
const segmentPattern = /^[0-9A-F]{24}$/;
/** Growth of the log after which a checkpoint is due: bounds the time of a restart and the space on disk. */
export const checkpointEveryBytes = 64 * 1_048_576;
/** Time stamps of files advance in ticks of some milliseconds: a younger stamp may hide a later write, so such a segment is synced again. */
const settleNs = 2_000_000_000n;

const syncsAtOnce = 8;

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function filesUnder(directory: string): Promise<string[]> {
  const paths: string[] = [];
  for (const item of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, item.name);
    if (item.isDirectory()) paths.push(...(await filesUnder(path)));
    else if (item.isFile()) paths.push(path);
  }
  return [...paths, directory];
}

/** Several at once, so that the file system can join their writes. */
async function syncTree(directory: string): Promise<void> {
  const paths = await filesUnder(directory);
  const work = Array.from({ length: syncsAtOnce }, async () => {
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) await syncFile(path);
  });
  await Promise.all(work);
}

interface Waiter {
  resolve(): void;
  reject(fault: Error): void;
}

export class WalSync {
  private readonly directory: string;
  private waiting: Waiter[] = [];
  private busy = false;
  /** Segments that were synced long enough after their last change that a write since would show in their time stamp. */
  private settled = new Map<string, bigint>();
  private failed: Error | undefined;

  /** `directory`: the data directory of the embedded database. */
  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Resolves when everything that was committed before this call is on disk. @throws when the disk refuses; from then on always, because
   * after a failed sync the kernel may have dropped the pages and a later success would prove nothing.
   */
  join(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      if (!this.busy) void this.drain();
    });
  }

  private async drain(): Promise<void> {
    this.busy = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.syncSegments();
        for (const waiter of batch) waiter.resolve();
      } catch (fault) {
        this.failed ??= fault instanceof Error ? fault : new Error(String(fault));
        for (const waiter of batch) waiter.reject(this.failed);
      }
    }
    this.busy = false;
  }

  private async syncSegments(): Promise<void> {
    if (this.failed !== undefined) throw this.failed;
    const folder = join(this.directory, 'pg_wal');
    const names = (await readdir(folder)).filter((name) => segmentPattern.test(name));
    const settled = new Map<string, bigint>();
    let renamed = false;
    for (const name of names) {
      const { mtimeNs } = await stat(join(folder, name), { bigint: true });
      const known = this.settled.get(name);
      if (known !== mtimeNs) await syncFile(join(folder, name));
      if (known === undefined) renamed = true;
      if (known === mtimeNs || BigInt(Date.now()) * 1_000_000n - mtimeNs > settleNs)
        settled.set(name, mtimeNs);
    }
    if (renamed) await syncFile(folder);
    this.settled = settled;
  }

  /** Syncs every file of the database: after a checkpoint of the database, and after its clean end. */
  async everything(): Promise<void> {
    await syncTree(this.directory);
  }
}
