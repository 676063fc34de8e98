/**
 * Room: data (D-3). What people could read in bytes: text, what archives hold (zip, and so office documents; gzip; tar), and runs of letters in anything else.
 * Bounded in entries, bytes and depth. Nothing is written anywhere, and what cannot be opened is said to be so.
 */
import { mediaTypeOf } from '@atf/core/data/readers';
import { readableIn } from '@atf/core/data/stream-inspection';
import { TextDecoder } from 'node:util';
import { gunzipSync, inflateRawSync } from 'node:zlib';

export const archiveBounds = { entriesMax: 1_000, bytesMax: 4 * 1_048_576, depthMax: 3 };

export interface Opened {
  readonly texts: readonly string[];
  /** What is no text: pictures, sound, another kind of archive. What people could read in its bytes stands in `texts`. */
  readonly unread: readonly Buffer[];
  /** Some of it could not be opened: encrypted, broken, more in it than it lists. */
  readonly closed: boolean;
  /** Some of it was not looked at, because a bound was reached. */
  readonly cut: boolean;
}

class BoundError extends Error {}

class Opening {
  readonly texts: string[] = [];
  readonly unread: Buffer[] = [];
  closed = false;
  cut = false;
  #entries = 0;
  #bytes = 0;

  take(bytes: Buffer, name = '', depth = 0): void {
    const inner = kindOf(bytes);
    if (inner === undefined) return this.#content(bytes, name);
    if (depth >= archiveBounds.depthMax) throw new BoundError();
    for (const entry of inner(this, bytes)) {
      if (++this.#entries > archiveBounds.entriesMax) throw new BoundError();
      if (entry === undefined) this.closed = true;
      else {
        if (entry.name !== '') this.texts.push(entry.name);
        this.take(entry.bytes, entry.name, depth + 1);
      }
    }
  }

  /** What an unpacker gives within the bound; undefined: it cannot unpack this. */
  unpacked(unpack: (maxOutputLength: number) => Buffer): Buffer | undefined {
    const left = archiveBounds.bytesMax - this.#bytes;
    if (left <= 0) throw new BoundError();
    try {
      const bytes = unpack(left);
      this.#bytes += bytes.byteLength;
      return bytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new BoundError();
      return undefined;
    }
  }

  #content(bytes: Buffer, name: string): void {
    // A document may be all letters and show others.
    const text = mediaTypeOf(bytes) === undefined ? textOf(bytes) : undefined;
    if (text === undefined) {
      this.unread.push(bytes);
      this.texts.push(readableIn(bytes));
    } else {
      this.texts.push(text);
      if (/\.(?:xml|rels)$/i.test(name)) this.texts.push(wordsOf(text));
    }
  }
}

interface Entry {
  readonly name: string;
  readonly bytes: Buffer;
}
type Reader = (opening: Opening, bytes: Buffer) => Generator<Entry | undefined>;

/** What it opens to. Never throws. */
export function opened(bytes: Buffer): Opened {
  const opening = new Opening();
  try {
    opening.take(bytes);
  } catch (error) {
    if (error instanceof BoundError) opening.cut = true;
    else opening.closed = true;
  }
  return opening;
}

function kindOf(bytes: Buffer): Reader | undefined {
  if (bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))) return gzip;
  if (/^PK(?:\x03\x04|\x05\x06)/.test(bytes.subarray(0, 4).toString('latin1'))) return zip;
  return bytes.subarray(257, 262).toString('latin1') === 'ustar' ? tar : undefined;
}

function* gzip(opening: Opening, bytes: Buffer): Generator<Entry | undefined> {
  const content = opening.unpacked((maxOutputLength) => gunzipSync(bytes, { maxOutputLength }));
  yield content === undefined ? undefined : { name: '', bytes: content };
}

const directoryEnd = Buffer.from('PK\x05\x06');
const localHeader = Buffer.from('PK\x03\x04');
const encrypted = 1;

/** APPNOTE 4.3, as its directory lists it. What stands in it beside the directory, other readers may see: then it is not all known. */
function* zip(opening: Opening, bytes: Buffer): Generator<Entry | undefined> {
  const end = bytes.lastIndexOf(directoryEnd);
  if (end < 0) return yield undefined;
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  let listed = 0;
  for (; listed < count && at + 46 <= end && bytes.readUInt32LE(at) === 0x02014b50; listed++) {
    const nameLength = bytes.readUInt16LE(at + 28);
    const name = bytes.subarray(at + 46, at + 46 + nameLength).toString();
    yield zipEntry(opening, bytes, at, name);
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  if (listed < count || at !== end || headersOf(bytes) > count) yield undefined;
}

function zipEntry(opening: Opening, bytes: Buffer, at: number, name: string): Entry | undefined {
  const [flags, method] = [bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10)];
  const [packed, local] = [bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)];
  const isKnown = (flags & encrypted) === 0 && (method === 0 || method === 8);
  if (!isKnown || !bytes.subarray(local, local + 4).equals(localHeader)) return undefined;
  const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const content = bytes.subarray(from, from + packed);
  const unpacked = opening.unpacked((maxOutputLength) =>
    method === 0 ? bounded(content, maxOutputLength) : inflateRawSync(content, { maxOutputLength }),
  );
  return unpacked === undefined ? undefined : { name, bytes: unpacked };
}

function headersOf(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(localHeader); at >= 0; at = bytes.indexOf(localHeader, at + 4)) count++;
  return count;
}

/** POSIX.1 ustar: headers of 512 bytes, each with its content behind it. */
function* tar(opening: Opening, bytes: Buffer): Generator<Entry | undefined> {
  for (let at = 0; at + 512 <= bytes.byteLength; ) {
    const name = fieldOf(bytes, at, 100);
    if (name === '') return;
    const length = Number.parseInt(fieldOf(bytes, at + 124, 12), 8);
    if (!(length >= 0)) return yield undefined;
    const content = bytes.subarray(at + 512, at + 512 + length);
    const copied = opening.unpacked((max) => bounded(content, max));
    yield copied === undefined ? undefined : { name, bytes: copied };
    at += 512 + 512 * Math.ceil(length / 512);
  }
}

const fieldOf = (bytes: Buffer, at: number, length: number): string =>
  bytes
    .subarray(at, at + length)
    .toString('latin1')
    .replace(/\0.*$/s, '')
    .trim();

function bounded(bytes: Buffer, max: number): Buffer {
  if (bytes.byteLength > max) throw new BoundError();
  return bytes;
}

/** Text as UTF-8, or as its mark says; undefined: it is none. */
function textOf(bytes: Buffer): string | undefined {
  const mark = bytes.subarray(0, 2).toString('hex');
  const charset = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8';
  try {
    const text = new TextDecoder(charset, { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** What a document shows: its formats cut words into pieces; paragraphs, cells and rows are apart. */
const wordsOf = (xml: string): string =>
  xml.replace(/<\/(?:[aw]:p|si|c|row)>/g, '\n').replace(/<[^<>]{0,2000}>/g, '');
