/** Room: backup. `atf backup` and `atf restore` as the command line asks for them: values in, an answer or a problem out, nothing printed. */
import { problemOf, RefusalError } from '@atf/core/errors';
import type { BackupAnswer, BackupSummary, MarkAnswer, Refused } from '@atf/core/wire/backup';
import { productVersion } from '../compose.ts';
import { databaseUrlIn } from '../serve.ts';
import type { Manifest } from './format.ts';
import { markRestored } from './mark.ts';
import { checkAt, restoreBackup } from './restore.ts';
import { takeBackup } from './take.ts';

export interface BackupRequest {
  readonly folder: string;
  readonly dataDir: string | undefined;
  readonly keyFile: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
}

function summaryOf({ id, at, version, log, tables }: Manifest): BackupSummary {
  const rows = Object.values(tables).reduce((sum, count) => sum + count, 0);
  return { id, at, version, origin: log.origin, size: log.size, rows };
}

async function answered<A extends { readonly ok: true }>(work: () => Promise<A>): Promise<A | Refused> {
  try {
    return await work();
  } catch (fault) {
    if (fault instanceof RefusalError) return { ok: false, problem: problemOf(fault.refusal) };
    throw fault;
  }
}

const placeOf = ({ dataDir, keyFile, environment }: Omit<BackupRequest, 'folder'>) => ({
  dataDir,
  databaseUrl: databaseUrlIn(environment),
  keyFile,
  keyFromEnvironment: environment['ATF_KEY'],
  version: productVersion,
  nowMs: Date.now(),
});

export const backup = (request: BackupRequest): Promise<BackupAnswer> =>
  answered(async () => {
    const { manifest } = await takeBackup(request.folder, placeOf(request));
    return { ok: true, backup: summaryOf(manifest) };
  });

export const check = (request: BackupRequest): Promise<BackupAnswer> =>
  answered(async () => {
    const { manifest } = await checkAt(request.folder, placeOf(request));
    return { ok: true, backup: summaryOf(manifest) };
  });

export const restore = (request: BackupRequest): Promise<BackupAnswer> =>
  answered(async () => {
    const { from, origin } = await restoreBackup(request.folder, placeOf(request));
    return { ok: true, backup: summaryOf(from), origin };
  });

export const mark = (request: Omit<BackupRequest, 'folder'>): Promise<MarkAnswer> =>
  answered(async () => {
    const { log, at, origin } = await markRestored(placeOf(request));
    return { ok: true, from: { origin: log.origin, size: log.size, at: new Date(at).toISOString() }, origin };
  });
