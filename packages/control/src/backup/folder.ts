/** Room: backup. The folder of a backup on disk: writes files with their digests, durably, and reads them against those digests. */
import { refuse } from '@atf/core/errors';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

const newline = 0x0a;

const damaged = (detail: string): never => refuse('storage.backup_damaged', detail);

const codeOf = (fault: unknown): string => (fault as NodeJS.ErrnoException).code ?? 'unknown';

/** Entries of a folder; undefined: it is not there. */
export async function entriesOf(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (fault) {
    if (codeOf(fault) === 'ENOENT') return undefined;
    if (codeOf(fault) === 'ENOTDIR') return refuse('storage.not_empty', `${folder} is a file.`);
    throw fault;
  }
}

/** Refuses `storage.not_empty`. */
export async function refuseFilled(folder: string): Promise<void> {
  const found = await entriesOf(folder);
  if (found !== undefined && found.length > 0) refuse('storage.not_empty', `${folder} holds ${found[0]}.`);
}

/** What is written of a backup, with the digest of each file. */
export class Writing {
  readonly sums = new Map<string, string>();
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A file of these pieces, on disk when this returns; for whom digests are kept unless it is one of the three that say what the rest is. */
  async file(path: string, pieces: AsyncIterable<Uint8Array | string>, summed = true): Promise<void> {
    const full = join(this.#folder, ...path.split('/'));
    await mkdir(dirname(full), { recursive: true, mode: 0o700 });
    const handle = await open(full, 'wx', 0o600);
    const hash = createHash('sha256');
    try {
      for await (const piece of pieces) {
        hash.update(piece);
        await handle.writeFile(piece);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (summed) this.sums.set(path, hash.digest('hex'));
  }

  async bytes(path: string, bytes: Uint8Array | string, summed = true): Promise<void> {
    await this.file(path, once(bytes), summed);
  }
}

async function* once(piece: Uint8Array | string): AsyncGenerator<Uint8Array | string> {
  yield piece;
}

/** Gives a finished folder its name, durably. */
export async function finish(from: string, to: string): Promise<void> {
  await rename(from, to);
  if (process.platform === 'win32') return;
  const handle = await open(dirname(to), 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A small file, whole. Refuses `storage.backup_damaged` when it is not there, no plain file, or larger. */
export async function smallFile(folder: string, name: string, bytesMax: number): Promise<Buffer> {
  const full = join(folder, ...name.split('/'));
  const found = await lstat(full).catch(() => undefined);
  if (found?.isFile() !== true) return damaged(`${name} is not there.`);
  if (found.size > bytesMax) return damaged(`${name} is larger than any file of its kind.`);
  return readFile(full);
}

/** Paths of all plain files. A link leads elsewhere and is none of a backup. Refuses `storage.backup_damaged`. */
export async function allFiles(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.flatMap((entry) => {
    const path = relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/');
    if (entry.isDirectory()) return [];
    return entry.isFile() ? [path] : damaged(`${path} is no plain file.`);
  });
}

export async function digestOf(folder: string, path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(join(folder, ...path.split('/')))) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Lines of a file, which is refused (`storage.backup_damaged`) at its end when its bytes are not those of the digest: whoever takes them in can still take all
 * back. Only \n ends a line: rows hold the other line ends of Unicode as they are.
 */
export async function* checkedLines(folder: string, path: string, digest: string): AsyncGenerator<string> {
  const hash = createHash('sha256');
  let parts: Buffer[] = [];
  for await (const piece of createReadStream(join(folder, ...path.split('/')))) {
    let chunk = piece as Buffer;
    hash.update(chunk);
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline)) {
      yield Buffer.concat([...parts, chunk.subarray(0, end)]).toString('utf8');
      parts = [];
      chunk = chunk.subarray(end + 1);
    }
    if (chunk.length > 0) parts.push(chunk);
  }
  if (parts.length > 0 || hash.digest('hex') !== digest) damaged(`${path} does not have its digest.`);
}

/** The bytes of a file, if they are those of the digest. Refuses `storage.backup_damaged`. */
export async function checkedBytes(folder: string, path: string, digest: string): Promise<Buffer> {
  const bytes = await readFile(join(folder, ...path.split('/')));
  if (createHash('sha256').update(bytes).digest('hex') !== digest)
    damaged(`${path} does not have its digest.`);
  return bytes;
}
