/**
 * Room: audit (B-1, invariant 8), command line side: reads a copied log directory and verifies all of it offline. The directory holds
 * `checkpoint`, `log.vkey`, `gateways.json` and `tile/…` as control keeps them. A directory can prove what it says only against a key
 * that came another way: give `vkey` (and a checkpoint seen earlier) to resist somebody who rewrote the copy as a whole.
 */
import { parseVkey, verifyCheckpoint } from '@atf/core/audit/checkpoint';
import { type GatewayKeys, parseGatewayKeys } from '@atf/core/audit/gateway-key';
import type { LogPolicy } from '@atf/core/audit/log-policy';
import {
  type LogProblem,
  type LogReader,
  type LogReport,
  refused,
  verifyTree,
} from '@atf/core/audit/verify-log';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cosignedName, judge, rememberedOf, type Witnessed } from './audit-policy.ts';

const noteBytesMax = 131_072;
const gatewaysBytesMax = 64 * 1_048_576;

/** A reader over a log directory. Paths come from the verifier alone, never from what it reads. */
export function directoryReader(directory: string): LogReader {
  return async (path, bytesMax) => {
    const full = join(directory, ...path.split('/'));
    try {
      const { size } = await stat(full);
      if (size > bytesMax) throw new RangeError(`${path} is larger than any file of its kind can be`);
      return await readFile(full);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  };
}

export interface VerifyDirectoryOptions {
  /** Verifier key of the log from a source that is not the directory; its own `log.vkey` otherwise. */
  readonly vkey?: string;
  /** Text of a checkpoint that was seen earlier or elsewhere: the log must contain its tree. */
  readonly remembered?: string;
  /** Under which it must stand; its log's key counts then. */
  readonly policy?: LogPolicy;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What the command prints. `ok` false goes with at least one problem. */
export type DirectoryReport = LogReport & {
  /** The key that signed was given from outside and not read from the directory. */
  readonly keyPinned: boolean;
  /** With a policy that is fulfilled: what the witnesses vouch for. */
  readonly witnessed?: Witnessed;
};

/** Verifies a log directory. Everything wrong with its contents is a problem in the report. @throws when the directory cannot be read. */
export async function verifyLogDirectory(
  directory: string,
  options: VerifyDirectoryOptions = {},
): Promise<DirectoryReport> {
  if (!(await stat(directory)).isDirectory()) throw new Error('not a directory');
  const read = directoryReader(directory);
  const text = async (path: string, bytesMax: number): Promise<string> =>
    Buffer.from((await read(path, bytesMax)) ?? []).toString('utf8');
  const named = options.vkey ?? (await text('log.vkey', noteBytesMax));
  const notes = {
    newest: await text('checkpoint', noteBytesMax),
    cosigned: await text(cosignedName, noteBytesMax),
  };
  const judged = options.policy === undefined ? undefined : judge(options.policy, notes, named, Date.now());
  const keyPinned = options.vkey !== undefined || (options.policy?.logs.length ?? 0) > 0;
  if (judged?.ok === false) return { ...refused(judged.kind, judged.words), keyPinned };
  const vkey = judged?.vkey ?? named;
  const extra: LogProblem[] = [];
  let keys: GatewayKeys | undefined = parseGatewayKeys(await text('gateways.json', gatewaysBytesMax));
  if (keys === undefined) {
    keys = new Map();
    extra.push({
      kind: 'gateway_unknown',
      message: 'gateways.json is missing or malformed: seals of gateways cannot be checked',
    });
  }
  const key = parseVkey(vkey.trim());
  const earlier =
    options.remembered === undefined || key === undefined
      ? undefined
      : verifyCheckpoint(options.remembered, key);
  if (earlier?.ok === false)
    extra.push({
      kind: 'checkpoint_invalid',
      message: 'the remembered checkpoint is not signed by the key of this log',
    });
  const report = await verifyTree(read, notes.newest, vkey, keys, {
    remembered: [
      ...(earlier?.ok === true ? [earlier.checkpoint] : []),
      ...rememberedOf(notes.cosigned, vkey),
    ],
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  return {
    ...report,
    ok: report.ok && extra.length === 0,
    problems: [...extra, ...report.problems],
    keyPinned,
    ...(judged === undefined ? {} : { witnessed: judged.witnessed }),
  };
}
