/** Room: db. Where the build puts the empty database, and how a first start reads it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const snapshotFile = join(import.meta.dirname, '..', 'empty-db.tar');

/**
 * The empty database for a data directory that has none yet. undefined: it has one; or nothing was built (sources run without a build),
 * and the first start makes the database itself.
 */
export function builtSnapshot(dataDir: string): Uint8Array | undefined {
  if (existsSync(join(dataDir, 'db', 'PG_VERSION')) || !existsSync(snapshotFile)) return undefined;
  return readFileSync(snapshotFile);
}
