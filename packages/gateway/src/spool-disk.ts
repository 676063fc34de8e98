/**
 * Room: audit, gateway side (B-1). The few file operations that the spool is built on, with what each promises about durability, so
 * that faults can be put between them in tests. Node has no fallocate: space is reserved by writing it.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const fileMode = 0o600;
const directoryMode = 0o700;

/** An open file. Every call rejects with the error of the operating system (ENOSPC, EIO …). */
export interface SpoolFile {
  /** Writes all bytes at `offset`. Nothing is durable before `sync`. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** When it returns, everything written so far survives power loss (fdatasync, which includes the length). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** One flat directory; names are plain file names. */
export interface SpoolDisk {
  list(): Promise<string[]>;
  size(name: string): Promise<number>;
  /** Up to `length` bytes from `offset`; shorter at the end of the file. */
  read(name: string, offset: number, length: number): Promise<Uint8Array>;
  /** Creates a new file. Rejects with EEXIST when there is one. Its name is durable after `syncDirectory`. */
  create(name: string): Promise<SpoolFile>;
  open(name: string): Promise<SpoolFile>;
  /** When it returns, `name` durably has exactly these bytes; if it rejects, `name` is as before or has exactly these bytes. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** Missing files are no error. */
  remove(name: string): Promise<void>;
  /** When it returns, creations, renames and removals survive power loss. */
  syncDirectory(): Promise<void>;
}

/** Writes that return when they are durable (open(2), O_DSYNC): one trip to the disk where write and fdatasync are two. 0 where there is none. */
const durableWrites: number = constants.O_DSYNC ?? 0;

const creating = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | durableWrites;

function spoolFile(handle: FileHandle): SpoolFile {
  let unsynced = durableWrites === 0;
  return {
    async write(bytes, offset) {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    },
    async sync() {
      if (unsynced) await handle.datasync();
      unsynced = durableWrites === 0;
    },
    async truncate(length) {
      unsynced = true;
      await handle.truncate(length);
    },
    close: () => handle.close(),
  };
}

/** The directory on the local file system; it is made (0700) when it is missing. @throws when it cannot be made. */
export async function openSpoolDisk(directory: string): Promise<SpoolDisk> {
  await mkdir(directory, { recursive: true, mode: directoryMode });
  const path = (name: string): string => join(directory, name);
  const syncDirectory = async (): Promise<void> => {
    // Windows neither needs nor allows the sync of a directory.
    if (process.platform === 'win32') return;
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  return {
    list: () => readdir(directory),
    size: async (name) => (await stat(path(name))).size,
    async read(name, offset, length) {
      const handle = await open(path(name), 'r');
      try {
        const bytes = Buffer.allocUnsafe(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return bytes.subarray(0, done);
      } finally {
        await handle.close();
      }
    },
    create: async (name) => spoolFile(await open(path(name), creating, fileMode)),
    open: async (name) => spoolFile(await open(path(name), constants.O_RDWR | durableWrites)),
    async replace(name, bytes) {
      const temporary = path(`${name}.new`);
      const handle = await open(temporary, 'w', fileMode);
      try {
        await handle.writeFile(bytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(temporary, path(name));
      await syncDirectory();
    },
    remove: (name) => rm(path(name), { force: true }),
    syncDirectory,
  };
}
