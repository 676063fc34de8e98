/** The note in the data directory that says what runs there, for other commands. The directory's lock is control's, not this. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readRunning, type Running, runningFileOf } from '../place.ts';

export function storeRunning(dataDir: string, running: Running): void {
  const file = runningFileOf(dataDir);
  const draft = `${file}.${process.pid}.draft`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(draft, `${JSON.stringify(running)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** After a plane was started again. */
export function updateRunning(dataDir: string, planes: Running['planes']): void {
  const running = readRunning(dataDir);
  if (running?.pid === process.pid) storeRunning(dataDir, { ...running, planes });
}

export function removeRunning(dataDir: string): void {
  if (readRunning(dataDir)?.pid === process.pid) rmSync(runningFileOf(dataDir), { force: true });
}
