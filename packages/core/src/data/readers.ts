/**
 * Room: data (D-3). Bytes that are no text (pictures, sound, documents) and the services that read them: which reader takes what, what it is sent, what its answer must be,
 * and which settings read less than others. What bytes are they say themselves, where their form is known; whoever sends them may call them anything. Pure.
 */
import { z } from 'zod';
import { canonicalJson, type Json } from '../wire/json.ts';
import type { Reader } from '../wire/readers.ts';

/** What of one value is given to readers; what is more nobody has read. */
export const readPartsMax = 20;
export const readBytesMax = 4 * 1_048_576;
export const readAnswerBytesMax = 1_048_576;

/** How files begin. What is not here may be called by whoever sends it. */
const beginnings: readonly (readonly [type: string, begins: RegExp])[] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[\s\S]{4}WEBP/],
  ['image/tiff', /^(?:II\*\0|MM\0\*)/],
  ['audio/wav', /^RIFF[\s\S]{4}WAVE/],
  ['audio/ogg', /^OggS/],
  ['audio/flac', /^fLaC/],
  ['audio/mpeg', /^ID3[\x02-\x04]\0/],
  ['audio/mp4', /^\0\0\0[\s\S]ftypM4A/],
  ['video/mp4', /^\0\0\0[\s\S]ftyp/],
  ['video/webm', /^\x1a\x45\xdf\xa3/],
  ['application/pdf', /^%PDF-/],
];

/** Of bytes whose form is known. */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  return beginnings.find(([, begins]) => begins.test(head))?.[0];
}

/** The first that takes this type. */
export function readerOf(readers: readonly Reader[] | undefined, type: string): Reader | undefined {
  const plain = type.toLowerCase().split(';')[0]?.trim() ?? '';
  const family = `${plain.split('/')[0]}/*`;
  return readers?.find(({ types }) => types.includes(plain) || types.includes(family));
}

export interface ReadPart {
  readonly type: string;
  readonly base64: string;
}

/** What is posted. */
export const readerQuestion = (parts: readonly ReadPart[]): string => JSON.stringify({ parts });

const answerSchema = z.object({ texts: z.array(z.string().nullable()) });

/** What stands in each part, in words; undefined: it could not be read. An answer about fewer or more is about none. */
export function textsRead(answer: Json | undefined, parts: number): readonly (string | undefined)[] {
  const read = answerSchema.safeParse(answer);
  return read.success && read.data.texts.length === parts
    ? read.data.texts.map((text) => text ?? undefined)
    : Array.from({ length: parts }, () => undefined);
}

/** Bytes that go to somebody else, and bytes that are not read as before: one plain sentence each. */
export function looserReaders(before: readonly Reader[] = [], after: readonly Reader[] = []): string[] {
  const essence = (reader: Reader) => canonicalJson(JSON.parse(JSON.stringify(reader)) as Json);
  const gone = before
    .filter((was, at) => after[at] === undefined || essence(was) !== essence(after[at]))
    .map(
      ({ types, service }) => `settings readers: ${types.join(', ')} are not read as before by ${service}`,
    );
  const told = after.flatMap(({ types, service }) => {
    const known = before.filter((was) => was.service === service).flatMap((was) => was.types);
    const more = types.filter((type) => !known.includes(type));
    return more.length === 0
      ? []
      : [
          `settings readers: ${more.join(', ')} of calls go to the service ${service}, and may be sent when it has read them`,
        ];
  });
  return [...gone, ...told];
}
