/**
 * Services that read bytes for this gateway (D-3): pictures, sound, documents. Asked before anything is looked at, because that is synchronous; what they say stands in the
 * bytes is then looked at like text. It is kept as long as the call is looked at, and stands in no record.
 */
import { sha256 } from '@atf/core/digest';
import {
  mediaTypeOf,
  readAnswerBytesMax,
  readBytesMax,
  readerOf,
  readerQuestion,
  readPartsMax,
  textsRead,
} from '@atf/core/data/readers';
import type { Reader } from '@atf/core/wire/readers';
import { setImmediate } from 'node:timers/promises';
import { opened } from './archives.ts';
import { serviceEntry } from './asked-services.ts';
import type { Blob } from './bytes-inspection.ts';
import type { Asking } from './service-detectors.ts';

/** What stands in bytes, in words, by their digest. */
export type Readings = ReadonlyMap<string, string>;

interface Part {
  readonly digest: string;
  readonly type: string;
  readonly bytes: Buffer;
}

/** Asks about everything in these bytes that has a reader, within bounds. */
export async function readingsOf(
  blobs: readonly Blob[],
  readers: readonly Reader[] | undefined,
  { ask, agentId }: Asking,
): Promise<Readings> {
  const readings = new Map<string, string>();
  if (readers === undefined || ask === undefined || blobs.length === 0) return readings;
  const wanted = await partsOf(blobs, readers);
  await Promise.all(
    [...wanted].map(async ([{ service, timeoutMs }, parts]) => {
      const answer = await ask({
        ...{ entry: serviceEntry(service), agentId, timeoutMs, answerBytesMax: readAnswerBytesMax },
        question: readerQuestion(
          parts.map(({ type, bytes }) => ({ type, base64: bytes.toString('base64') })),
        ),
      });
      for (const [at, text] of textsRead(answer, parts.length).entries())
        if (text !== undefined) readings.set(parts[at]?.digest ?? '', text);
    }),
  );
  return readings;
}

async function partsOf(blobs: readonly Blob[], readers: readonly Reader[]): Promise<Map<Reader, Part[]>> {
  const wanted = new Map<Reader, Part[]>();
  const seen = new Set<string>();
  let bytesLeft = readBytesMax;
  for (const { base64, type: called = '' } of blobs) {
    const whole = Buffer.from(base64, 'base64');
    for (const bytes of opened(whole).unread) {
      // What is in an archive nobody calls anything.
      const type = mediaTypeOf(bytes) ?? (bytes === whole ? called : '');
      const reader = readerOf(readers, type);
      const digest = sha256(bytes);
      if (reader === undefined || seen.has(digest)) continue;
      if (seen.size >= readPartsMax || bytes.byteLength > bytesLeft) continue;
      seen.add(digest);
      bytesLeft -= bytes.byteLength;
      wanted.set(reader, [...(wanted.get(reader) ?? []), { digest, type, bytes }]);
    }
    await setImmediate();
  }
  return wanted;
}
