/**
 * Room: audit (B-1), command line side: a copy of the log that control serves, as a directory that can be verified offline: for deployments whose log
 * stands in a database. The checkpoint is read first: what it covers is there already, and only grows.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseCheckpointBody } from '@atf/core/audit/checkpoint';
import { parseNote } from '@atf/core/audit/signed-note';
import { type TileId, tilePath, tilesForGrowth, tileWidth } from '@atf/core/audit/tiles';
import { rawPaths } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import { cosignedName } from './audit-policy.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';

/** Copies the served log into `target`, which must be absent or empty; returns its size. @throws CliFailure, ControlUnreachable */
export async function copyServedLog(operator: ControlClient, target: string): Promise<number> {
  if (existsSync(target) && readdirSync(target).length > 0)
    throw new CliFailure(exitCodes.usage, `${target} is not empty`);
  // What is cosigned is never ahead of what is signed, so it is asked for first.
  const cosigned = await fetched(operator, rawPaths.checkpoint);
  const newest = await fetched(operator, rawPaths.newestCheckpoint);
  const note = Buffer.from(newest).toString('utf8');
  const size = parseCheckpointBody(parseNote(note)?.text ?? '')?.size;
  if (size === undefined)
    throw new CliFailure(exitCodes.unverified, 'The checkpoint of the log cannot be read');
  for (const id of tilesForGrowth(0, size)) await copyTile(operator, target, id);
  const gateways = await operator.get(rawPaths.logGateways);
  if (gateways.status === 200) write(target, 'gateways.json', gateways.bytes);
  write(target, 'log.vkey', await fetched(operator, rawPaths.vkey));
  if (!Buffer.from(cosigned).equals(Buffer.from(newest))) write(target, cosignedName, cosigned);
  write(target, 'checkpoint', newest);
  return size;
}

/** A partial tile that was replaced by its full one meanwhile is found there: what it held is the beginning of that. */
async function copyTile(operator: ControlClient, target: string, id: TileId): Promise<void> {
  for (const width of id.width === tileWidth ? [tileWidth] : [id.width, tileWidth]) {
    const path = tilePath({ ...id, width });
    const { status, bytes } = await operator.get(`/${path}`);
    if (status === 200) return write(target, path, bytes);
    if (status !== 404) throw notHandedOut(path, status);
  }
  throw notHandedOut(tilePath(id), 404);
}

async function fetched(operator: ControlClient, path: string): Promise<Uint8Array> {
  const { status, bytes } = await operator.get(path);
  if (status !== 200) throw notHandedOut(path, status);
  return bytes;
}

const notHandedOut = (path: string, status: number): CliFailure =>
  new CliFailure(exitCodes.refused, `Control did not hand out ${path} (HTTP ${status})`);

function write(folder: string, path: string, bytes: Uint8Array): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, bytes, { mode: 0o600 });
}
