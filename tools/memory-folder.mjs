/**
 * A folder in memory for what tests write: databases, logs, profiles of browsers, by the gigabyte and soon gone. On a disk, every sync of one test waits for what the others
 * have written, and a product that waits is one that stands still. What the disk has to do with it is measured in bench/, and the crash tests kill processes, whose writes the system keeps.
 */
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const shared = '/dev/shm';
const tmpfsType = 0x01021994;
const freeBytesMin = 6 * 1024 ** 3;

/** undefined: this machine has none, too little of it, or one from which no program may be run. */
export function memoryFolder() {
  try {
    const { type, bavail, bsize } = statfsSync(shared);
    if (type !== tmpfsType || bavail * bsize < freeBytesMin) return undefined;
    const folder = mkdtempSync(join(shared, 'atf-test-'));
    // Servers that tests start as another user come through here, as through any folder for temporary files.
    chmodSync(folder, 0o1777);
    const script = join(folder, 'runs');
    writeFileSync(script, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const runs = spawnSync(script).status === 0;
    rmSync(runs ? script : folder, { recursive: true });
    return runs ? folder : undefined;
  } catch {
    return undefined;
  }
}
