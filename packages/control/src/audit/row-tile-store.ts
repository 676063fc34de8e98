/**
 * Room: audit (B-1, invariant 8). The files of the log as rows of the database, so that every replica serves the same. Each write is one transaction that
 * also holds the writer's right to write: one that lost the lead while it was paused changes nothing when it wakes up.
 */
import type { LogFile } from '@atf/core/audit/tree-edge';
import { sql } from 'kysely';
import type { Control, Db } from '../context.ts';
import { checkedFolder, checkedPath, fileBytesMax, type TileStore } from './tile-store.ts';

export interface RowTileStoreInput {
  readonly db: Db;
  /** Of whoever may write; refuses for everybody else. */
  readonly change: Control['change'];
  readonly tenant: string;
}

export class RowTileStore implements TileStore {
  readonly #input: RowTileStoreInput;

  constructor(input: RowTileStoreInput) {
    this.#input = input;
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const { db, tenant } = this.#input;
    const row = await db
      .selectFrom('log_file')
      .select('bytes')
      .where('tenant', '=', tenant)
      .where('path', '=', checkedPath(path))
      .executeTakeFirst();
    return row?.bytes;
  }

  async put(files: readonly LogFile[]): Promise<void> {
    const { change, tenant } = this.#input;
    const rows = files.map(({ path, bytes }) => {
      if (bytes.length > fileBytesMax) throw new RangeError('a file of the log is larger than allowed');
      return { tenant, path: checkedPath(path), bytes: Buffer.from(bytes) };
    });
    if (rows.length === 0) return;
    await change(async (tx) => {
      for (const row of rows)
        await tx
          .insertInto('log_file')
          .values(row)
          .onConflict((conflict) => conflict.constraint('log_file_pk').doUpdateSet({ bytes: row.bytes }))
          .execute();
    });
  }

  async remove(paths: readonly string[]): Promise<void> {
    const { change, tenant } = this.#input;
    if (paths.length === 0) return;
    const checked = paths.map(checkedPath);
    await change(async (tx) => {
      await tx
        .deleteFrom('log_file')
        .where('tenant', '=', tenant)
        .where(sql<boolean>`path = any(${checked}::text[])`)
        .execute();
    });
  }

  async list(folder: string): Promise<readonly string[]> {
    const { db, tenant } = this.#input;
    const prefix = `${checkedFolder(folder)}/`;
    const rows = await db
      .selectFrom('log_file')
      .select('path')
      .where('tenant', '=', tenant)
      .where('path', '>=', prefix)
      // The character after `/`.
      .where('path', '<', `${checkedFolder(folder)}0`)
      .execute();
    return rows.map(({ path }) => path.slice(prefix.length)).filter((name) => !name.includes('/'));
  }
}
