/**
 * Room: audit. What the sequencer persists before it commits: all new tiles and bundles of one step, in one file that is named after the
 * head that they lead to. Two sequencers can never stage different bytes under one name, and published files are only ever copied
 * from here, so that a tile path never shows anything but what the committed head says.
 */
import { createHash } from 'node:crypto';
import type { LogFile } from '@atf/core/audit/tree-edge';

const magic = Buffer.from('ASTG');
const digestBytes = 32;

export function stagingPath(size: number, root: Uint8Array): string {
  return `staging/${size}-${Buffer.from(root).toString('hex')}`;
}

export function encodeStaging(files: readonly LogFile[]): Uint8Array {
  const parts: Uint8Array[] = [magic];
  for (const { path, bytes } of files) {
    const name = Buffer.from(path);
    const head = Buffer.alloc(6);
    head.writeUInt16BE(name.length, 0);
    head.writeUInt32BE(bytes.length, 2);
    parts.push(head, name, bytes);
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

/** Undefined when it is not whole. */
export function decodeStaging(stored: Uint8Array): LogFile[] | undefined {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const end = bytes.length - digestBytes;
  if (end < magic.length || !bytes.subarray(0, magic.length).equals(magic)) return undefined;
  if (!createHash('sha256').update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end)))
    return undefined;
  const files: LogFile[] = [];
  for (let at = magic.length; at < end; ) {
    const nameLength = bytes.readUInt16BE(at);
    const length = bytes.readUInt32BE(at + 2);
    const from = at + 6 + nameLength;
    files.push({ path: bytes.toString('utf8', at + 6, from), bytes: bytes.subarray(from, from + length) });
    at = from + length;
  }
  return files;
}
