/**
 * Room: audit (invariant 8), witness side: what was last cosigned of each log, one file a log, and what a log signed that contradicts it. A file is
 * replaced whole and is durable before anything else happens: after `kill -9` or a loss of power it holds the old or the new head. A head that cannot be
 * read is never taken for one that was never there.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, parseCheckpointBody } from '@atf/core/audit/checkpoint';
import { noteBytesMax, parseNote } from '@atf/core/audit/signed-note';
import { readBoundedFile } from './bounded-file.ts';

const headsFolder = 'heads';
const evidenceFolder = 'evidence';
/** Contradictions kept. The first ones tell all; a log, or whoever replays its notes, must not fill the disk. */
const evidenceFilesMax = 100;

export const headsOf = (directory: string): string => join(directory, headsFolder);

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const nameOf = (text: string): string => createHash('sha256').update(text).digest('hex');

export class WitnessState {
  private readonly directory: string;
  private evidence: number;

  /** `directory` holds `heads` already. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(join(directory, evidenceFolder), { recursive: true, mode: 0o700 });
    this.evidence = readdirSync(join(directory, evidenceFolder)).length;
  }

  /** The note that was last cosigned for `origin`, with what it says; undefined when none ever was. @throws when there is one that cannot be read */
  async latest(
    origin: string,
  ): Promise<{ readonly note: string; readonly checkpoint: Checkpoint } | undefined> {
    const bytes = await readBoundedFile(join(headsOf(this.directory), nameOf(origin)), noteBytesMax);
    if (bytes === undefined) return undefined;
    const note = bytes.toString('utf8');
    const checkpoint = parseCheckpointBody(parseNote(note)?.text ?? '');
    if (checkpoint?.origin !== origin) throw new Error('the stored head of a log is damaged');
    return { note, checkpoint };
  }

  /** When it resolves, `note` is the latest for `origin` and survives a loss of power. */
  async advance(origin: string, note: string): Promise<void> {
    const folder = headsOf(this.directory);
    const path = join(folder, nameOf(origin));
    const draft = `${path}.new`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(note);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
    await syncFolder(folder);
  }

  /** Keeps a signed note that was refused beside the one it does not follow; false when it is kept already, or the bound is reached. */
  async keepEvidence(refusedBody: string, refusedNote: string, cosignedNote: string): Promise<boolean> {
    if (this.evidence >= evidenceFilesMax) return false;
    const path = join(this.directory, evidenceFolder, `${nameOf(refusedNote)}.txt`);
    const text = `# Refused request\n${refusedBody}\n# Latest cosigned checkpoint\n${cosignedNote}`;
    try {
      const handle = await open(path, 'wx', 0o600);
      try {
        await handle.writeFile(text);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw fault;
    }
    this.evidence += 1;
    return true;
  }
}
