/**
 * `atf backup` and `atf restore`: the work is the control plane's, which alone opens the database; here is what people are told. Not here: what a backup holds and
 * what a restore voids (control/backup).
 */
import { resolve } from 'node:path';
import type { BackupAnswer, BackupSummary } from '@atf/core/wire/backup';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, type ExitCode, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { counted } from '../words.ts';
import { load } from './planes.ts';

interface BackupOptions {
  readonly keyFile?: string;
  readonly check?: boolean;
}

interface Plane {
  backup(request: object): Promise<BackupAnswer>;
  check(request: object): Promise<BackupAnswer>;
  restore(request: object): Promise<BackupAnswer>;
}

async function ask(cli: Cli, what: keyof Plane, folder: string, keyFile: string | undefined) {
  const plane = await load<Plane>('@atf/control/backup/run');
  const answer = await plane[what]({
    folder: resolve(cli.cwd, folder),
    dataDir: cli.dataDir,
    keyFile: keyFile === undefined ? undefined : resolve(cli.cwd, keyFile),
    environment: cli.env,
  });
  if (answer.ok) return answer;
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
  { keyFile, check },
): Promise<ExitCode> => {
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
  cli.out.say`  The log goes on as ${style('bold', origin)}, and names the one that it continues.`;
  cli.out.say``;
  cli.out
    .say`  Start the product. The fleet is stopped until a person resumes it: what was stopped or revoked after the`;
  cli.out.say`  backup is not known any more. Gateways and agents enrol again.`;
  return exitCodes.ok;
};
