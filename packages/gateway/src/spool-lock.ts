/**
 * Room: audit, gateway side. One process per spool directory: two would fork the chain. The lock names the process by id and start
 * time, so that a lock left by `kill -9` or a reboot never stops a restart. It resists accidents, not another program of the same user.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refuse } from '@atf/core/errors';

const lockName = 'lock';
const attemptsMax = 3;

/** Start time of a process in clock ticks since boot (proc(5), field 22), with the boot id; empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}:${line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return '';
  }
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return start === '' || startOf(pid) === start;
}

/** Takes the lock and returns what gives it back. @throws RefusalError `storage.locked` while another living process holds it. */
export function lockSpool(directory: string): () => void {
  const path = join(directory, lockName);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      writeFileSync(path, `${process.pid} ${startOf(process.pid)}`, { flag: 'wx', mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    let held = '';
    try {
      held = readFileSync(path, 'utf8');
    } catch {
      continue;
    }
    const [pid, start] = held.split(' ');
    if (/^[0-9]+$/.test(pid ?? '') && isAlive(Number(pid), start ?? '')) {
      refuse('storage.locked', 'The spool of the gateway is in use by another process.');
    }
    rmSync(path, { force: true });
  }
  return refuse('storage.locked', 'The lock of the spool changes hands too fast.');
}
