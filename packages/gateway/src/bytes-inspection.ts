/**
 * Room: data (D-3). Bytes that stand in a value as base64: members that hold bytes by their protocol, and whatever begins as an archive does. They are opened, and what
 * people could read in them is looked at. Nothing in them can be masked.
 */
import { inspectInParts, type InspectOptions } from '@atf/core/data/inspect';
import { Tally } from '@atf/core/data/tally';
import { isJsonObject, type Json } from '@atf/core/wire/json';
import { sha256 } from '@atf/core/digest';
import { opened } from './archives.ts';
import type { Readings } from './readers.ts';

/** The first bytes of a zip and of a gzip file, as base64. Tar begins with a name: its text is seen as any text in base64. */
const archive = 'UEsDB|UEsFB|H4sI';
/** The same of pictures, sound and documents (core/data/readers.ts). */
const media =
  'iVBORw0KGgo|/9j/[24567]|R0lGOD[dl]h|UklGR|SUkqA|TU0AK|T2dnUw|ZkxhQ[w4]|SUQz[AB][AgQw]A|AAAA.GZ0eX|GkXfo|JVBERi0';
const of64 = '[A-Za-z0-9+/_-]';
/** No picture and no document has less than twelve bytes. */
const begins = new RegExp(
  `(?<!${of64})(?:(?:${archive})${of64}{12,}|(?=${of64}{16})(?:${media})${of64}*)`,
  'g',
);
const blobsMax = 200;

/** What a member that holds bytes is called (a media type, or nothing); undefined: it holds none. */
type BytesType = (key: string, within: Record<string, Json>) => string | undefined;

export interface Blob {
  readonly base64: string;
  /** As whoever sends it calls it. */
  readonly type?: string;
}

/** Every such text once, the longest first. */
export function bytesIn(value: Json, typeOf: BytesType = () => undefined): Blob[] {
  const found = new Map<string, string>();
  collect(value, typeOf, found);
  return [...found]
    .map(([base64, type]) => ({ base64, ...(type === '' ? {} : { type }) }))
    .toSorted((a, b) => b.base64.length - a.base64.length);
}

function collect(value: Json, typeOf: BytesType, found: Map<string, string>): void {
  if (typeof value === 'string') {
    for (const [run] of value.matchAll(begins))
      if (found.size <= blobsMax && !found.has(run)) found.set(run, '');
  } else if (Array.isArray(value)) for (const item of value) collect(item as Json, typeOf, found);
  else if (isJsonObject(value))
    for (const [key, item] of Object.entries(value)) {
      const type = typeof item === 'string' ? typeOf(key, value) : undefined;
      if (type === undefined) collect(item, typeOf, found);
      else found.set(String(item).replace(/=+$/, ''), type);
      collect(key, typeOf, found);
    }
}

/** Looks into them, and at what somebody has read in them. `masked` of the tally: places that should be masked and cannot be. */
export function* inspectBytes(
  found: readonly Blob[],
  options: InspectOptions,
  readings: Readings,
): Generator<void, Tally> {
  const tally = new Tally();
  for (const [at, { base64 }] of found.entries()) {
    const { texts, unread, closed, cut } = opened(Buffer.from(base64, 'base64'));
    const read = unread.map((part) => readings.get(sha256(part)));
    tally.uninspected ||= closed || read.includes(undefined);
    tally.unchecked ||= cut || at >= blobsMax;
    if (at >= blobsMax) return tally;
    const said = read.filter((text) => text !== undefined);
    tally.add((yield* inspectInParts([...texts, ...said], options)).inspection);
    yield;
  }
  if (tally.unchecked) tally.whole = false;
  return tally;
}
