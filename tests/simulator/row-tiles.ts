/** In place of control's `audit/row-tile-store.ts`: the files of the log as virtual rows, each write in one transaction of whoever may write. */
import type { TileStore } from '@atf/control/audit/tile-store';
import type { Handle, View, WritableView } from './rows.ts';

export const logFileTable = 'log_file';
interface Row {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Every file of the log as it is committed. */
export const logFiles = (rows: View): Map<string, Uint8Array> =>
  new Map(rows.values<Row>(logFileTable).map(({ path, bytes }) => [path, bytes]));

/** `beforePut` is awaited with the paths of what is about to be sent. */
export function rowTiles(
  handle: Handle,
  change: (work: (tx: WritableView) => Promise<void>) => Promise<void>,
  beforePut: (paths: readonly string[]) => Promise<void>,
): TileStore {
  return {
    get: (path) => handle.read((rows) => rows.get<Row>(logFileTable, path)?.bytes),
    put: async (files) => {
      await beforePut(files.map(({ path }) => path));
      await change(async (tx) => {
        for (const { path, bytes } of files) tx.set(logFileTable, path, { path, bytes: Buffer.from(bytes) });
      });
    },
    remove: (paths) =>
      change(async (tx) => {
        for (const path of paths) tx.delete(logFileTable, path);
      }),
    list: (folder) =>
      handle.read((rows) =>
        rows
          .values<Row>(logFileTable)
          .filter(({ path }) => path.startsWith(`${folder}/`))
          .map(({ path }) => path.slice(folder.length + 1)),
      ),
  };
}
