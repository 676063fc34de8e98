/** Reads a file up to a bound: what is measured is what is read. */
import { open } from 'node:fs/promises';

/** The bytes, or undefined when there is no such file. @throws RangeError when it is longer than `bytesMax` */
export async function readBoundedFile(path: string, bytesMax: number): Promise<Buffer | undefined> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'r');
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw fault;
  }
  try {
    const { size } = await handle.stat();
    if (size > bytesMax) throw new RangeError(`${path} is longer than ${bytesMax} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
