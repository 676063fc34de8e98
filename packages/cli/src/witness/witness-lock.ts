/**
 * Room: audit (invariant 8), witness side: one process per directory, or two could cosign two histories. The lock appears complete, by link(2), and
 * names its process by id and start time, so that one left by `kill -9` or a reboot never stops a restart. It resists accidents. That two who find
 * the same left-over lock do not both go on is decided by `holds`, which is asked before every cosignature.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliFailure, exitCodes } from '../exit-codes.ts';

const attemptsMax = 3;

export interface WitnessLock {
  /** The lock is still this process's. */
  holds(): boolean;
  release(): void;
}

/** Start time of a process in clock ticks since boot (proc(5), field 22), with the boot; empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}:${fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return '';
  }
}

function lives(owner: string): boolean {
  const [pid = '', start = ''] = owner.split(' ');
  if (!/^[1-9][0-9]*$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (fault) {
    // EPERM: it runs, under another user.
    if ((fault as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return start === '' || startOf(Number(pid)) === start;
}

function ownerIn(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** @throws CliFailure while another living process holds the directory */
export function lockWitness(directory: string): WitnessLock {
  const path = join(directory, 'lock');
  const nonce = randomBytes(12).toString('hex');
  const mine = `${process.pid} ${startOf(process.pid)} ${nonce}`;
  const draft = `${path}.${nonce}`;
  writeFileSync(draft, mine, { flag: 'wx', mode: 0o600 });
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      try {
        linkSync(draft, path);
        return {
          holds: () => ownerIn(path) === mine,
          release: () => {
            if (ownerIn(path) === mine) rmSync(path, { force: true });
          },
        };
      } catch (fault) {
        if ((fault as NodeJS.ErrnoException).code !== 'EEXIST') throw fault;
      }
      if (lives(ownerIn(path))) break;
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new CliFailure(exitCodes.cannotStart, `Another witness runs in ${directory}`, {
    code: 'storage.locked',
  });
}
