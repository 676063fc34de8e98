/**
 * Room: data (D-3). Bytes that stand in a value as base64: members that hold bytes by their protocol, and whatever begins as an archive does. They are opened, and what
 * people could read in them is looked at. Nothing in them can be masked.
 */
import { inspectInParts, type InspectOptions } from '@atf/core/data/inspect';
import { Tally } from '@atf/core/data/tally';
import { isJsonObject, type Json } from '@atf/core/wire/json';
import { opened } from './archives.ts';

/** The first bytes of a zip and of a gzip file, as base64. Tar begins with a name: its text is seen as any text in base64. */
const archive = /(?<![A-Za-z0-9+/_-])(?:UEsDB|UEsFB|H4sI)[A-Za-z0-9+/_-]{12,}/g;
const blobsMax = 200;

type IsBytes = (key: string, within: Record<string, Json>) => boolean;

/** Every such text once, the longest first. */
export function bytesIn(value: Json, isBytes: IsBytes = () => false): string[] {
  const found = new Set<string>();
  collect(value, isBytes, found);
  return [...found].toSorted((a, b) => b.length - a.length);
}

function collect(value: Json, isBytes: IsBytes, found: Set<string>): void {
  if (typeof value === 'string') {
    for (const [run] of value.matchAll(archive)) if (found.size <= blobsMax) found.add(run);
  } else if (Array.isArray(value)) for (const item of value) collect(item as Json, isBytes, found);
  else if (isJsonObject(value))
    for (const [key, item] of Object.entries(value)) {
      if (typeof item === 'string' && isBytes(key, value)) found.add(item.replace(/=+$/, ''));
      else collect(item, isBytes, found);
      collect(key, isBytes, found);
    }
}

/** Looks into them. `masked` of the tally: places that should be masked and cannot be. */
export function* inspectBytes(found: readonly string[], options: InspectOptions): Generator<void, Tally> {
  const tally = new Tally();
  for (const [at, base64] of found.entries()) {
    const { texts, other, cut } = opened(Buffer.from(base64, 'base64'));
    tally.uninspected ||= other;
    tally.unchecked ||= cut || at >= blobsMax;
    if (at >= blobsMax) return tally;
    tally.add((yield* inspectInParts([...texts], options)).inspection);
    yield;
  }
  if (tally.unchecked) tally.whole = false;
  return tally;
}
