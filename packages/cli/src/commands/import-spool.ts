/**
 * `atf gateways import` (B-1): brings the frames in the directory of a revoked gateway to control, as they were sealed. Control checks them as if the gateway shipped
 * them, keeps what it does not have yet, and records a gap where some are missing. Safe to repeat.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rawPaths } from '@atf/core/wire/api';
import { type ControlClient, problemSchema } from '@atf/sdk/client';
import { z } from 'zod';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { counted } from '../words.ts';
import { load } from './planes.ts';

interface Frame {
  readonly gateway: string;
  readonly frame: Uint8Array<ArrayBuffer>;
  readonly firstSeq: number;
  readonly lastSeq: number;
}
interface Exporter {
  exportSpool(directory: string): AsyncIterable<Frame | { readonly damaged: string }>;
}

const takenSchema = z.object({ fresh: z.int().min(0) });

/** Sends one frame; gives how many of its records control did not have. @throws CliFailure */
async function send(operator: ControlClient, found: Frame, gap = false): Promise<number> {
  const headers = {
    'content-type': 'application/vnd.atf.spool-frame',
    ...(gap ? { 'atf-gap': 'declared' } : {}),
  };
  const path = `${rawPaths.importedSpool}${encodeURIComponent(found.gateway)}`;
  const { status, bytes } = await operator.post(path, found.frame, { headers });
  const answer: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (status === 200) return takenSchema.parse(answer).fresh;
  const { code, title, detail, help } = problemSchema.parse(answer);
  // Records before these had been shipped and are not on the disk any more, or are lost: the log says so.
  if (code === 'audit.batch_out_of_order' && !gap) return await send(operator, found, true);
  throw new CliFailure(exitCodes.refused, detail === undefined ? title : `${title}: ${detail}`, {
    code,
    help,
  });
}

export const importSpool: Command = async (cli, [given = '']) => {
  const directory = resolve(cli.cwd, given);
  const spool = existsSync(join(directory, 'spool')) ? join(directory, 'spool') : directory;
  if (!existsSync(spool)) throw new CliFailure(exitCodes.usage, `There is no directory ${directory}`);
  const operator = await cli.operator();
  const { exportSpool } = await load<Exporter>('@atf/gateway/spool-export');
  let [records, fresh] = [0, 0];
  const damaged: string[] = [];
  for await (const found of exportSpool(spool)) {
    if ('damaged' in found) {
      damaged.push(found.damaged);
      continue;
    }
    fresh += await send(operator, found);
    records += found.lastSeq - found.firstSeq + 1;
  }
  cli.out.document({ imported: fresh, records, damaged });
  if (records === 0 && damaged.length === 0)
    throw new CliFailure(exitCodes.refused, `There are no records in ${spool}`, {
      help: 'Name the directory of a gateway, or the spool in it.',
    });
  cli.out
    .say`${style('green', '✓')} ${counted(fresh, 'record')} taken in, of ${String(records)} that are there.`;
  for (const name of damaged)
    cli.out.note`${style('red', '✗')} ${name} is damaged: what follows in it could not be read.`;
  return damaged.length === 0 ? exitCodes.ok : exitCodes.unverified;
};
