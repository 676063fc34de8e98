/**
 * Room: audit (B-1), command line side: a consistent copy of a log directory that grows while it is copied. The checkpoint is read
 * first: all tiles under it are there already and only more come, so a copy with that checkpoint is whole. The one exception, a
 * partial tile that is tidied away meanwhile, is found by looking, and the copy is taken again.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCheckpointBody } from '@atf/core/audit/checkpoint';
import { tilePath, tileWidth, widthAt } from '@atf/core/audit/tiles';
import { cosignedName } from './audit-policy.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';

const attemptsMax = 10;
/** Ending of a file that control has not given its name yet. */
const unfinished = '.new';

/** Copies the log into `target`, which must be absent or empty; returns its size. @throws CliFailure when there is none, or it changes too fast */
export function copyLog(source: string, target: string): number {
  if (existsSync(target) && readdirSync(target).length > 0)
    throw new CliFailure(exitCodes.usage, `${target} is not empty`);
  if (!existsSync(join(source, 'checkpoint')))
    throw new CliFailure(exitCodes.refused, `There is no log in ${source}`);
  mkdirSync(target, { recursive: true });
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    // What is cosigned is never ahead of what is signed, so it is read first.
    const cosigned = existsSync(join(source, cosignedName))
      ? readFileSync(join(source, cosignedName))
      : undefined;
    const checkpoint = readFileSync(join(source, 'checkpoint'));
    if (!copied(source, target)) continue;
    writeFileSync(join(target, 'checkpoint'), checkpoint);
    if (cosigned === undefined) rmSync(join(target, cosignedName), { force: true });
    else writeFileSync(join(target, cosignedName), cosigned);
    const size = sizeOf(checkpoint.toString('utf8'));
    if (isWhole(target, size)) return size;
  }
  throw new CliFailure(exitCodes.refused, 'The log changes faster than it can be copied', {
    help: 'Try again when less happens.',
  });
}

/** False when a file went away meanwhile: one that was being written under another name first, or a partial tile. */
function copied(source: string, target: string): boolean {
  const staging = join(source, 'staging');
  try {
    cpSync(source, target, {
      recursive: true,
      filter: (path) => !path.startsWith(staging) && !path.endsWith(unfinished),
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function sizeOf(note: string): number {
  const body = parseCheckpointBody(note.slice(0, note.lastIndexOf('\n\n') + 1));
  if (body === undefined)
    throw new CliFailure(exitCodes.unverified, 'The checkpoint of the log cannot be read');
  return body.size;
}

/** Only the last bundle and its tile can be missing; everything else is verified by those who verify. */
function isWhole(folder: string, size: number): boolean {
  if (size === 0) return true;
  const index = Math.floor((size - 1) / tileWidth);
  const width = widthAt(0, index, size);
  const has = (level: 'entries' | 0) =>
    existsSync(join(folder, tilePath({ level, index, width }))) ||
    existsSync(join(folder, tilePath({ level, index, width: tileWidth })));
  return has('entries') && has(0);
}
