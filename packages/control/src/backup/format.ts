/**
 * Room: backup. What a backup looks like on disk, the same for both databases: a folder with
 *
 *   manifest.json   what it is: when, of which version, which migrations, how many rows, the head of the log
 *   manifest.mac    HMAC-SHA256 over its bytes, under a key that follows from the product's key (ATF_KEY, key file)
 *   SHA256SUMS      digest of every other file, as `sha256sum` reads and writes it; the manifest holds its digest
 *   tables/*.jsonl  rows, one JSON object a line, in the database's own words
 *   log/…           the signed log as static files (C2SP tlog-tiles); `atf audit verify --offline` reads this folder
 *
 * Digests tell what was damaged; the MAC tells what was changed, because whoever can write where backups lie can compute digests, too.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

export const formatVersion = 1;
export const names = { manifest: 'manifest.json', mac: 'manifest.mac', sums: 'SHA256SUMS' } as const;
export const manifestBytesMax = 1_048_576;
export const sumsBytesMax = 512 * 1_048_576;
const macBytes = 32;

const count = z.int().min(0);
const tableName = z.string().regex(/^[a-z][a-z_]{0,62}$/);

export const manifestSchema = z.strictObject({
  format: z.literal(formatVersion),
  id: z.uuid(),
  at: z.iso.datetime(),
  /** Version of the program that made it. */
  version: z.string().max(64),
  database: z.enum(['embedded', 'postgresql']),
  /** Names the default key file. */
  workspaceId: z.uuid().optional(),
  /** Which key it was made under: tells a wrong key from a changed backup. */
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  tenant: z.string().regex(/^[a-z0-9-]{1,64}$/),
  migrations: z.array(z.string().regex(/^[0-9]{4}_[a-z_]{1,60}$/)).max(1_000),
  log: z.strictObject({
    origin: z.string().min(1).max(512),
    vkey: z.string().max(1_024),
    size: count,
    root: z.string().max(64),
  }),
  /** Rows of each table. */
  tables: z.record(tableName, count),
  /** SHA-256 of SHA256SUMS, hexadecimal. */
  sums: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Manifest = z.infer<typeof manifestSchema>;

const filePattern =
  /^(?:tables\/[a-z][a-z_]{0,62}\.jsonl|log\/(?:checkpoint(?:\.cosigned)?|log\.vkey|gateways\.json|staging\/[0-9]{1,16}-[0-9a-f]{64}|tile\/(?:entries|[0-9])\/(?:x[0-9]{3}\/)*[0-9]{3}(?:\.p\/[0-9]{1,3})?))$/;
const sumPattern = /^([0-9a-f]{64}) {2}([^\n]{1,200})$/;

/** Digests by path; undefined: a line is not what it must be, or names a path that is none of a backup, or one twice. */
export function parseSums(text: string): Map<string, string> | undefined {
  if (!text.endsWith('\n')) return undefined;
  const sums = new Map<string, string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const [, digest, path] = sumPattern.exec(line) ?? [];
    if (digest === undefined || path === undefined || !filePattern.test(path) || sums.has(path))
      return undefined;
    sums.set(path, digest);
  }
  return sums;
}

export function formatSums(sums: ReadonlyMap<string, string>): string {
  return [...sums].map(([path, digest]) => `${digest}  ${path}\n`).join('');
}

/** Keys that follow from the product's key cannot be turned back into it. */
function derived(kek: Uint8Array, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', kek, Buffer.alloc(0), `atf backup ${purpose}`, bytes));
}

export function keyIdOf(kek: Uint8Array): string {
  return derived(kek, 'key id', 8).toString('hex');
}

export function macOf(kek: Uint8Array, manifest: Uint8Array): string {
  return createHmac('sha256', derived(kek, 'manifest', macBytes))
    .update(manifest)
    .digest('base64url');
}

export function macFits(kek: Uint8Array, manifest: Uint8Array, mac: string): boolean {
  const [computed, given] = [Buffer.from(macOf(kek, manifest)), Buffer.from(mac)];
  return computed.length === given.length && timingSafeEqual(computed, given);
}
