/**
 * Room: db. Run by the build: writes the tar of an embedded database with all migrations and no rows, from which the first start of a data
 * directory begins (0.6 s instead of 3 to 4 s). A directory made from it is migrated forward like any other.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { openDb } from './open.ts';
import { snapshotFile } from './snapshot-file.ts';

const database = await openDb({});
const tar = await database.dump();
await database.close();
const draft = `${snapshotFile}.${process.pid}.draft`;
writeFileSync(draft, tar);
renameSync(draft, snapshotFile);
