/**
 * Room: audit (B-1), command line side: verifies the log that control serves, over the same static paths as in its directory and by the
 * same rules. Control's word counts for nothing here but the files it hands out; what only the host knows (the keys of the gateways)
 * is read from the data directory where it is on this machine.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseGatewayKeys } from '@atf/core/audit/gateway-key';
import type { LogPolicy } from '@atf/core/audit/log-policy';
import { type LogReader, type LogReport, refused, verifyTree } from '@atf/core/audit/verify-log';
import { rawPaths } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import { judge, rememberedOf, type Witnessed } from './audit-policy.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';

export interface VerifyServedOptions {
  readonly dataDir: string;
  /** Under which it must stand; its log's key counts then. */
  readonly policy?: LogPolicy;
  readonly onProgress?: (done: number, total: number) => void;
}

/** @throws ControlUnreachable; CliFailure when control does not hand out its log */
export async function verifyServedLog(
  operator: ControlClient,
  options: VerifyServedOptions,
): Promise<LogReport & { readonly witnessed?: Witnessed }> {
  // What is cosigned is never ahead of what is signed, so it is asked for first.
  const cosigned = await textOf(operator, rawPaths.checkpoint);
  const [newest, served] = await Promise.all([
    textOf(operator, rawPaths.newestCheckpoint),
    textOf(operator, rawPaths.vkey),
  ]);
  const { onProgress, policy } = options;
  const judged = policy === undefined ? undefined : judge(policy, { newest, cosigned }, served, Date.now());
  if (judged?.ok === false) return refused(judged.kind, judged.words);
  const vkey = judged?.vkey ?? served;
  const keys = await gatewayKeys(operator, options.dataDir);
  const report = await verifyTree(servedReader(operator), newest, vkey, keys, {
    remembered: rememberedOf(cosigned, vkey),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  return judged === undefined ? report : { ...report, witnessed: judged.witnessed };
}

/** Over HTTP what `directoryReader` is over a directory. */
function servedReader(operator: ControlClient): LogReader {
  return async (path, bytesMax) => {
    const { status, bytes } = await operator.get(`/${path}`);
    if (status === 404) return undefined;
    if (status !== 200)
      throw new CliFailure(exitCodes.refused, `Control did not hand out ${path} (HTTP ${status})`);
    if (bytes.length > bytesMax) throw new RangeError(`${path} is larger than any file of its kind can be`);
    return bytes;
  };
}

async function textOf(operator: ControlClient, path: string): Promise<string> {
  const { status, bytes } = await operator.get(path);
  if (status !== 200)
    throw new CliFailure(exitCodes.refused, `Control did not hand out ${path} (HTTP ${status})`);
  return Buffer.from(bytes).toString('utf8');
}

async function gatewayKeys(operator: ControlClient, dataDir: string) {
  const served = await operator.get(rawPaths.logGateways);
  const text =
    served.status === 200
      ? Buffer.from(served.bytes).toString('utf8')
      : await readFile(join(dataDir, 'log', 'gateways.json'), 'utf8').catch(() => '');
  const keys = parseGatewayKeys(text);
  if (keys === undefined) {
    throw new CliFailure(
      exitCodes.unverified,
      'The keys of the gateways are not to be had, so their seals cannot be checked',
      {
        help: 'Run this on the host of control with --data, or verify a copy with --offline DIR.',
      },
    );
  }
  return keys;
}
