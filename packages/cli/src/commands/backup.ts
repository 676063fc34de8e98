/**
 * `atf backup` and `atf restore`: the work is the control plane's, which alone opens the database; here is what people are told. Not here: what a backup holds and
 * what a restore voids (control/backup).
 */
import { resolve } from 'node:path';
import type { BackupAnswer, BackupSummary, MarkAnswer } from '@atf/core/wire/backup';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, type ExitCode, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { counted } from '../words.ts';
import { load } from './planes.ts';

interface BackupOptions {
  readonly keyFile?: string;
  readonly check?: boolean;
  readonly mark?: boolean;
}

interface Plane {
  backup(request: object): Promise<BackupAnswer>;
  check(request: object): Promise<BackupAnswer>;
  restore(request: object): Promise<BackupAnswer>;
  mark(request: object): Promise<MarkAnswer>;
}

/** What it answers when it is done. */
type Given<W extends keyof Plane> = Extract<Awaited<ReturnType<Plane[W]>>, { readonly ok: true }>;

async function ask<W extends keyof Plane>(
  cli: Cli,
  what: W,
  folder: string,
  keyFile: string | undefined,
): Promise<Given<W>> {
  const plane = await load<Plane>('@atf/control/backup/run');
  const answer: BackupAnswer | MarkAnswer = await plane[what]({
    folder: resolve(cli.cwd, folder),
    dataDir: cli.dataDir,
    keyFile: keyFile === undefined ? undefined : resolve(cli.cwd, keyFile),
    environment: cli.env,
  });
  if (answer.ok) return answer as Given<W>;
  const { code, title, detail, help } = answer.problem;
  throw new CliFailure(
    code === 'storage.backup_damaged' ? exitCodes.unverified : exitCodes.refused,
    detail === undefined ? title : `${title}: ${detail}`,
    { code, help },
  );
}

function tell({ out }: Cli, { id, at, rows, size, origin }: BackupSummary): void {
  out.say`  ${counted(rows, 'row')}, and the log ${origin} with ${size} entries`;
  out.say`  taken at ${at}, id ${id}`;
}

export const backup: Command<BackupOptions> = async (cli, [folder = ''], { keyFile }): Promise<ExitCode> => {
  const { backup: taken } = await ask(cli, 'backup', folder, keyFile);
  cli.out.document({ backup: resolve(cli.cwd, folder), ...taken });
  cli.out.say`${style('green', '✓')} The backup is in ${resolve(cli.cwd, folder)}, and verifies.`;
  tell(cli, taken);
  cli.out
    .say`  It does not hold the key (ATF_KEY or the key file): without that it cannot be restored. Keep both, apart.`;
  return exitCodes.ok;
};

export const restore: Command<BackupOptions> = async (
  cli,
  [folder = ''],
  { keyFile, check, mark },
): Promise<ExitCode> => {
  if ((folder === '') !== (mark === true) || (check === true && mark === true))
    throw new CliFailure(exitCodes.usage, 'atf restore takes the folder of a backup, or --mark', {
      help: '--mark is for a database that was brought back by its own means.',
    });
  if (mark === true) return await markRestored(cli, keyFile);
  if (check === true) {
    const { backup: found } = await ask(cli, 'check', folder, keyFile);
    cli.out.document({ verified: resolve(cli.cwd, folder), ...found });
    cli.out.say`${style('green', '✓')} The backup is whole and unchanged, and its log verifies.`;
    tell(cli, found);
    return exitCodes.ok;
  }
  const { backup: from, origin = '' } = await ask(cli, 'restore', folder, keyFile);
  cli.out.document({ restored: resolve(cli.cwd, folder), ...from, continuesAs: origin });
  cli.out.say`${style('green', '✓')} Restored.`;
  tell(cli, from);
  tellNext(cli, origin);
  return exitCodes.ok;
};

function tellNext({ out }: Cli, origin: string): void {
  out.say`  The log goes on as ${style('bold', origin)}, and names the one that it continues.`;
  out.say``;
  out.say`  Start the product. The fleet is stopped until a person resumes it: what was stopped or revoked after`;
  out.say`  that is not known any more. Gateways and agents enrol again.`;
}

async function markRestored(cli: Cli, keyFile: string | undefined): Promise<ExitCode> {
  const { from, origin } = await ask(cli, 'mark', '', keyFile);
  cli.out.document({ marked: true, ...from, continuesAs: origin });
  cli.out.say`${style('green', '✓')} Marked as restored.`;
  cli.out.say`  its newest record is of ${from.at}, and the log ${from.origin} has ${from.size} entries`;
  tellNext(cli, origin);
  return exitCodes.ok;
}
