/** Room: feed. Documents cut into frames that stay below the bound of the wire. Pure. */
import { feedFrameBytesMax } from '@atf/core/wire/feed';
import type { StoredDoc } from './store.ts';

/** Room for the frame's own words around the documents. */
const envelopeBytes = 1_024;
/** Aim of one frame; a single larger document has a frame of its own. */
export const frameBytesAim = 1_048_576;
/** Largest JSON text of one document. */
export const docBytesMax = feedFrameBytesMax - envelopeBytes;

function docText(doc: StoredDoc): string {
  const { topic, key, version, body } = doc;
  return `{"topic":${JSON.stringify(topic)},"key":${JSON.stringify(key)},"version":${version},"body":${body ?? 'null'}}`;
}

/**
 * Texts of `docs` frames, in order. Bodies are JSON text from the database and are not parsed again. `version` is what the receiver holds
 * after the last frame; earlier frames say the version of their last document.
 */
export function docsFrames(
  docs: readonly StoredDoc[],
  version: number,
  more: boolean,
  full: boolean,
): string[] {
  const groups: { texts: string[]; version: number }[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const doc of docs) {
    const text = docText(doc);
    const size = Buffer.byteLength(text);
    if (bytes + size > frameBytesAim) {
      groups.push({ texts: [], version: doc.version });
      bytes = 0;
    }
    const group = groups.at(-1);
    if (group === undefined) throw new Error('unreachable: a group was just begun');
    group.texts.push(text);
    group.version = doc.version;
    bytes += size;
  }
  if (groups.length === 0) groups.push({ texts: [], version });
  return groups.map((group, at) => {
    const last = at === groups.length - 1;
    const mark = full && at === 0 ? '"full":true,' : '';
    return `{"t":"docs","version":${last ? version : group.version},"more":${!last || more},${mark}"docs":[${group.texts.join(',')}]}`;
  });
}
