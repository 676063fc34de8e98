/**
 * One set-up (install, build) at a time per clone. A lock file holds the process id of its owner; a lock whose owner is gone is
 * broken, and breaking is itself exclusive, so that two waiting processes never both take it.
 */
import { readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { root } from './root.mjs';

const lockFile = join(root, '.setup.lock');
const breakerFile = `${lockFile}.breaker`;
const pollMs = 100;
const waitMsMax = 15 * 60_000;
const tellAfterMs = 2_000;
const breakerAgeMsMax = 10_000;

/** Runs `work` alone. @throws when the lock is not free within 15 minutes */
export async function withSetupLock(work) {
  await acquire();
  const release = () => unlinkIfOwn();
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

async function acquire() {
  const startMs = Date.now();
  let told = false;
  while (!tryTake(lockFile)) {
    const waitedMs = Date.now() - startMs;
    const owner = ownerOf();
    if (owner !== undefined && !isAlive(owner)) breakLock(owner);
    if (waitedMs > tellAfterMs && !told) {
      told = true;
      process.stderr.write(
        `Another process (${owner ?? 'unknown'}) is installing or building here; waiting for it …\n`,
      );
    }
    if (waitedMs > waitMsMax)
      throw new Error(`the set-up lock is still held; delete ${lockFile} if no other set-up runs`);
    await pause(pollMs);
  }
}

function tryTake(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function ownerOf() {
  try {
    const pid = Number(readFileSync(lockFile, 'utf8'));
    // An empty file is a lock that is being written; when it stays empty, its writer died in between.
    if (pid > 0) return pid;
    return Date.now() - statSync(lockFile).mtimeMs > breakerAgeMsMax ? 0 : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function breakLock(deadOwner) {
  if (!tryTake(breakerFile)) {
    try {
      if (Date.now() - statSync(breakerFile).mtimeMs > breakerAgeMsMax) unlinkSync(breakerFile);
    } catch {
      // The other breaker has just finished.
    }
    return;
  }
  try {
    if (ownerOf() === deadOwner) unlinkSync(lockFile);
  } finally {
    unlinkSync(breakerFile);
  }
}

function unlinkIfOwn() {
  try {
    if (ownerOf() === process.pid) unlinkSync(lockFile);
  } catch {
    // Somebody tidied up; nothing is held any more.
  }
}
