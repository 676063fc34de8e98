/**
 * Room: db. The exclusive lock of a data directory: two processes on one embedded database lose rows (it has no lock of its own).
 *
 * The lock is a file that names its owner (process id, start time of that process, boot, pid namespace) and appears complete, by `link(2)`.
 * A lock of a dead owner is taken over under a second lock of the same kind, so that of two who see the same corpse only one
 * inherits. A reused process id has another start time. An owner of another boot or pid namespace (container, network disk) cannot be
 * looked up, so it is watched: a living owner touches its file every second.
 */
import { refuse } from '@atf/core/errors';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  linkSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const touchEveryMs = 1_000;
/** A foreign owner that did not touch its lock for this long is dead. */
const watchMs = 3_500;
/** Locks over locks: a takeover that died leaves one level; more than this many means something else is wrong. */
const depthMax = 3;
const attemptsMax = 5;
const psTimeoutMs = 2_000;

interface Owner {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
  readonly nonce: string;
}

export interface DirectoryLock {
  release(): void;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return otherwise;
  }
}

/** Which boot of which machine and which pid namespace a process id belongs to. */
function bootIdentity(): string {
  let namespace = '';
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not Linux: the host's name has to do.
  }
  return `${readOr('/proc/sys/kernel/random/boot_id', hostname())} ${namespace}`.trim();
}

/** States of proc(5) in which a process has ended and only its parent has not looked yet: it holds nothing any more. */
const endedStates: ReadonlySet<string> = new Set(['Z', 'X', 'x']);

/** When a process started, from the text of `/proc/<pid>/stat`; undefined: it has ended. Pure. */
export function startIn(stat: string): string | undefined {
  // Fields 3 and 22 of proc(5); the command name in parentheses may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return endedStates.has(fields[0] ?? '') ? undefined : fields[19];
}

/** When the process started, in the words of the system; undefined: there is no such process, or it has ended. */
function startOf(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`, '');
  if (stat !== '') return startIn(stat);
  if (process.platform === 'linux') return undefined;
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: psTimeoutMs,
    }).trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

function ownerIn(path: string): Owner | undefined {
  const text = readOr(path, '');
  if (text === '') return undefined;
  try {
    const { pid, start, boot, nonce } = JSON.parse(text) as Record<string, unknown>;
    if (
      typeof pid !== 'number' ||
      typeof start !== 'string' ||
      typeof boot !== 'string' ||
      typeof nonce !== 'string'
    )
      return undefined;
    return { pid, start, boot, nonce };
  } catch {
    return undefined;
  }
}

async function lives(path: string, owner: Owner | undefined): Promise<boolean> {
  if (owner !== undefined && owner.boot === bootIdentity()) return startOf(owner.pid) === owner.start;
  // Unreadable, or of another boot or namespace: watch whether it is touched.
  try {
    const before = statSync(path).mtimeMs;
    await delay(watchMs);
    return statSync(path).mtimeMs !== before;
  } catch {
    return false;
  }
}

function claim(path: string, owner: Owner): boolean {
  const mine = `${path}.${owner.nonce}`;
  writeFileSync(mine, JSON.stringify(owner), { mode: 0o600, flag: 'wx' });
  try {
    linkSync(mine, path);
    return true;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fault;
  } finally {
    unlinkSync(mine);
  }
}

function replace(path: string, owner: Owner): void {
  const mine = `${path}.${owner.nonce}`;
  writeFileSync(mine, JSON.stringify(owner), { mode: 0o600, flag: 'wx' });
  renameSync(mine, path);
}

async function acquire(path: string, depth: number): Promise<Owner> {
  const owner: Owner = {
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    boot: bootIdentity(),
    nonce: randomBytes(12).toString('hex'),
  };
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (claim(path, owner)) return owner;
    const seen = ownerIn(path);
    if (await lives(path, seen)) refuse('storage.locked', `process ${seen?.pid ?? 'unknown'} holds ${path}`);
    if (depth >= depthMax)
      refuse('storage.locked', `left-over locks; remove ${path} when no ATF process runs`);
    const guard = await acquire(`${path}.takeover`, depth + 1);
    try {
      // Under the guard nobody else replaces the corpse; if it changed since, look again.
      const now = ownerIn(path);
      if (now?.nonce === seen?.nonce && statSync(path, { throwIfNoEntry: false }) !== undefined) {
        replace(path, owner);
        return owner;
      }
    } finally {
      drop(`${path}.takeover`, guard);
    }
  }
  return refuse('storage.locked', `${path} changes hands too often`);
}

function drop(path: string, owner: Owner): void {
  if (ownerIn(path)?.nonce === owner.nonce) unlinkSync(path);
}

/**
 * Takes the lock of `directory` (which exists) for the life of this process. Refuses `storage.locked` with the owner's process id, and
 * `storage.unwritable` when the file cannot be made.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'lock');
  let owner: Owner;
  try {
    owner = await acquire(path, 0);
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code !== undefined) refuse('storage.unwritable', `${directory}: ${code}`);
    throw fault;
  }
  const touch = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // A removed or unwritable lock shows at the next write; a missed touch matters to foreign watchers only.
    }
  }, touchEveryMs);
  touch.unref();
  return {
    release() {
      clearInterval(touch);
      drop(path, owner);
    },
  };
}
