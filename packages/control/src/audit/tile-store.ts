/**
 * Room: audit (B-1, invariant 8). Where the static files of the log are kept: tiles, bundles, checkpoint, keys, and the sequencer's
 * staging. The interface says what each promise is worth; the order in which the sequencer calls it is proved in sequencer.ts.
 */
import type { LogFile } from '@atf/core/audit/tree-edge';
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export const fileBytesMax = 256 * 1_048_576;
const parallelMax = 8;
/** Names that a log directory may hold. Nothing else is ever opened: no name comes from outside unchecked. */
const pathPattern =
  /^(?:checkpoint(?:\.cosigned)?|log\.vkey|gateways\.json|staging\/[0-9]{1,16}-[0-9a-f]{64}|tile\/(?:entries|[0-9])\/(?:x[0-9]{3}\/)*[0-9]{3}(?:\.p\/[0-9]{1,3})?)$/;

/** Errors of the storage reject; they carry no path in their message to the outside. */
export interface TileStore {
  /** The exact bytes, or undefined when there is no such file. Never a part of a file. */
  get(path: string): Promise<Uint8Array | undefined>;
  /**
   * When it returns, every file is persisted with exactly these bytes: it survives loss of power, and `get` returns it. When it
   * rejects, any of the files may have been replaced and any may be as before, but none is ever in between. Files of one call have no
   * order among themselves; a file of a later call is never persisted in place of an earlier call's.
   */
  put(files: readonly LogFile[]): Promise<void>;
  /** Missing files are no error. What is removed may come back after loss of power. */
  remove(paths: readonly string[]): Promise<void>;
  /** Names of the files directly in a folder of the log (`staging`, `tile/0/000.p`); empty when it is not there. */
  list(folder: string): Promise<readonly string[]>;
}

export function checkedPath(path: string): string {
  if (!pathPattern.test(path)) throw new RangeError('not a file of a log');
  return path;
}

export function checkedFolder(folder: string): string {
  if (!/^(?:staging|tile\/(?:entries|[0-9])\/(?:x[0-9]{3}\/)*[0-9]{3}\.p)$/.test(folder))
    throw new RangeError('not a folder of a log');
  return folder;
}

async function syncPath(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) await work(items[i] as T);
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(parallelMax, items.length) }, lane));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const handle: FileHandle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** A log directory on the local file system: files 0600, folders 0700. One process writes (the data directory is locked). */
export class FileTileStore implements TileStore {
  private readonly directory: string;
  /** Folders known to exist durably. */
  private readonly folders = new Set<string>();

  constructor(directory: string) {
    this.directory = directory;
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const full = join(this.directory, checkedPath(path));
    try {
      if ((await stat(full)).size > fileBytesMax)
        throw new RangeError('a file of the log is larger than allowed');
      return await readFile(full);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  async put(files: readonly LogFile[]): Promise<void> {
    const placed = files.map(({ path, bytes }) => {
      const target = join(this.directory, checkedPath(path));
      return { target, temporary: `${target}.${randomUUID()}.new`, bytes };
    });
    const folders = [...new Set(placed.map(({ target }) => dirname(target)))];
    for (const folder of folders) await this.ensureFolder(folder);
    try {
      // The bytes of all files are durable before any of them gets its name, the names before we return.
      await inParallel(placed, ({ temporary, bytes }) => writeSynced(temporary, bytes));
      await inParallel(placed, ({ temporary, target }) => rename(temporary, target));
      await inParallel(folders, syncPath);
    } catch (error) {
      await Promise.allSettled(placed.map(({ temporary }) => rm(temporary, { force: true })));
      throw error;
    }
  }

  /** Makes a folder and everything above it durable before a file in it counts as such. */
  private async ensureFolder(folder: string): Promise<void> {
    if (this.folders.has(folder)) return;
    if (folder !== this.directory) await this.ensureFolder(dirname(folder));
    // Recursive for its indifference to a folder that is there; what is above was made durable one by one.
    await mkdir(folder, { mode: 0o700, recursive: true });
    await syncPath(dirname(folder));
    // What a crash left half written never had its name.
    const unnamed = (await readdir(folder)).filter((name) => name.endsWith('.new'));
    await Promise.all(unnamed.map((name) => rm(join(folder, name), { force: true })));
    this.folders.add(folder);
  }

  async remove(paths: readonly string[]): Promise<void> {
    await inParallel(paths, (path) => rm(join(this.directory, checkedPath(path)), { force: true }));
  }

  /** Paths of all files, the checkpoint last: what it promises is there before it. */
  async everything(): Promise<readonly string[]> {
    const names = await readdir(this.directory, { recursive: true }).catch((fault: NodeJS.ErrnoException) => {
      if (fault.code === 'ENOENT') return [];
      throw fault;
    });
    const paths = names.map((name) => name.replaceAll('\\', '/')).filter((name) => pathPattern.test(name));
    return paths.sort().reverse();
  }

  async list(folder: string): Promise<readonly string[]> {
    try {
      return (await readdir(join(this.directory, checkedFolder(folder)))).filter((name) =>
        pathPattern.test(`${folder}/${name}`),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }
}
