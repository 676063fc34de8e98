/**
 * Room: backup. Whether a backup is whole, unchanged, and one that this version can restore: the key, the MAC over the manifest, the digest of every file, no
 * file too many, and the signed log in it, verified by the same rules as any outsider's copy.
 */
import { checkpointBody, type Checkpoint, parseVkey, verifyCheckpoint } from '@atf/core/audit/checkpoint';
import { parseGatewayKeys } from '@atf/core/audit/gateway-key';
import { verifyTree } from '@atf/core/audit/verify-log';
import { refuse } from '@atf/core/errors';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { FileTileStore } from '../audit/tile-store.ts';
import { migrations } from '../db/migrations.ts';
import { refuseUnknown } from '../db/migrate.ts';
import { allFiles, digestOf, smallFile } from './folder.ts';
import {
  formatVersion,
  keyIdOf,
  macFits,
  type Manifest,
  manifestBytesMax,
  manifestSchema,
  names,
  parseSums,
  sumsBytesMax,
} from './format.ts';

export interface CheckedBackup {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly sums: ReadonlyMap<string, string>;
  /** Text of the last signed checkpoint of its log. */
  readonly checkpoint: string;
}

export const logFolder = 'log';
const macBytesMax = 128;

const damaged = (detail: string): never => refuse('storage.backup_damaged', detail);

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return damaged(`${names.manifest} is not JSON.`);
  }
}

/** The manifest, not yet believed. Refuses `storage.backup_damaged`; `storage.newer` for a format of a later version. */
export async function readManifest(folder: string): Promise<{ manifest: Manifest; bytes: Buffer }> {
  const bytes = await smallFile(folder, names.manifest, manifestBytesMax);
  const value = parsed(bytes);
  const { format } = (value ?? {}) as { format?: unknown };
  if (typeof format === 'number' && format > formatVersion)
    refuse('storage.newer', `The backup has format ${format}, and this version reads ${formatVersion}.`);
  const read = manifestSchema.safeParse(value);
  return read.success
    ? { manifest: read.data, bytes }
    : damaged(`${names.manifest} does not say what it must.`);
}

/** The log of the backup. Refuses `storage.backup_damaged` with the first thing that does not fit. Gives its checkpoint. */
async function checkLog(folder: string, { log }: Manifest): Promise<string> {
  const store = new FileTileStore(join(folder, logFolder));
  const text = async (path: string) => Buffer.from((await store.get(path)) ?? []).toString('utf8');
  const [checkpoint, vkey, keys] = [
    await text('checkpoint'),
    (await text('log.vkey')).trim(),
    parseGatewayKeys(await text('gateways.json')),
  ];
  const key = parseVkey(vkey);
  const head = key === undefined ? undefined : verifyCheckpoint(checkpoint, key);
  if (head?.ok !== true || keys === undefined || vkey !== log.vkey || !isHead(head.checkpoint, log))
    return damaged('Its log is not the one that the manifest names.');
  const report = await verifyTree((path) => store.get(path), checkpoint, vkey, keys);
  if (!report.ok) damaged(`Its log does not verify: ${report.problems[0]?.message ?? 'unknown'}.`);
  return checkpoint;
}

function isHead(head: Checkpoint, { origin, size, root }: Manifest['log']): boolean {
  return (
    checkpointBody(head) ===
    checkpointBody({ origin, size, root: Buffer.from(root, 'base64'), extensions: [] })
  );
}

/** Digests of all files that the manifest stands for. Refuses `storage.backup_damaged`. */
async function checkFiles(folder: string, manifest: Manifest): Promise<Map<string, string>> {
  const bytes = await smallFile(folder, names.sums, sumsBytesMax);
  if (createHash('sha256').update(bytes).digest('hex') !== manifest.sums)
    damaged(`${names.sums} does not have its digest.`);
  const sums = parseSums(bytes.toString('utf8')) ?? damaged(`${names.sums} is malformed.`);
  const known = new Set<string>([...sums.keys(), ...Object.values(names)]);
  const found = new Set(await allFiles(folder));
  for (const path of found) if (!known.has(path)) damaged(`${path} is none of its files.`);
  for (const [path, digest] of sums) {
    if (!found.has(path)) damaged(`${path} is missing.`);
    if ((await digestOf(folder, path)) !== digest) damaged(`${path} does not have its digest.`);
  }
  for (const table of Object.keys(manifest.tables))
    if (!sums.has(`tables/${table}.jsonl`)) damaged(`tables/${table}.jsonl is missing.`);
  return sums;
}

/** Checks all of it. Refuses `storage.key_missing` for another key, `storage.newer`, `storage.backup_damaged`. @throws when the disk cannot be read. */
export async function checkBackup(folder: string, kek: Uint8Array): Promise<CheckedBackup> {
  const { manifest, bytes } = await readManifest(folder);
  if (keyIdOf(kek) !== manifest.keyId)
    refuse('storage.key_missing', 'The backup was taken under another key than this one.');
  const mac = await smallFile(folder, names.mac, macBytesMax);
  if (!macFits(kek, bytes, mac.toString('utf8').trim()))
    damaged(`${names.manifest} was changed: it does not have its MAC.`);
  refuseUnknown(manifest.migrations, migrations);
  const sums = await checkFiles(folder, manifest);
  return { folder, manifest, sums, checkpoint: await checkLog(folder, manifest) };
}
