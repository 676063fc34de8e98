/** The note in the data directory that says what runs there, for other commands. The directory's lock is control's, not this. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { readRunning, type Running, runningFileOf } from '../place.ts';

/** @throws CliFailure when it cannot be written */
export function storeRunning(dataDir: string, running: Running): void {
  const file = runningFileOf(dataDir);
  const draft = `${file}.${process.pid}.draft`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(draft, `${JSON.stringify(running)}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } catch (fault) {
    rmSync(draft, { force: true });
    const { code = 'unknown' } = fault as NodeJS.ErrnoException;
    throw new CliFailure(
      exitCodes.cannotStart,
      `The note of what runs cannot be written (${code}): ${file}`,
      {
        code: 'storage.unwritable',
        help: 'Move away what is in its place, or choose another directory with --data.',
      },
    );
  }
}

/** After a plane was started again. */
export function updateRunning(dataDir: string, planes: Running['planes']): void {
  const running = readRunning(dataDir);
  if (running?.pid === process.pid) storeRunning(dataDir, { ...running, planes });
}

export function removeRunning(dataDir: string): void {
  if (readRunning(dataDir)?.pid === process.pid) rmSync(runningFileOf(dataDir), { force: true });
}
