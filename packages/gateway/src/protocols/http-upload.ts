/**
 * Bytes that go to a service while they come (D-1): the decision and the record are about their length and digest, so they are held to both on the way. The last piece
 * leaves only when everything fits; until then the service has a request that is not complete, which it must not act on (RFC 9112 §8).
 */
import { createHash } from 'node:crypto';
import type { Upload } from '@atf/core/segmentation/http-operation';

export class UploadMismatchError extends Error {}

/** @throws UploadMismatchError before the last piece, when the bytes are not those that were announced */
export async function* heldTo(
  { sha256, bytes }: Upload,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = createHash('sha256');
  let seen = 0;
  let kept: Uint8Array | undefined;
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    seen += chunk.byteLength;
    if (seen > bytes) break;
    digest.update(chunk);
    if (kept !== undefined) yield kept;
    kept = chunk;
  }
  if (kept === undefined || seen !== bytes || digest.digest('base64url') !== sha256)
    throw new UploadMismatchError('the bytes are not those that were decided on');
  yield kept;
}

/** What a request says that its bytes are: `Content-Digest: sha-256=:…:` and `Content-Length`; undefined: not both, in one reading. */
export function announced(contentDigest: string, contentLength: string | undefined): Upload | undefined {
  const [, base64 = ''] = /^sha-256=:([A-Za-z0-9+/]{43}=):$/.exec(contentDigest.trim()) ?? [];
  const bytes = /^[1-9]\d{0,15}$/.test(contentLength ?? '') ? Number(contentLength) : undefined;
  return base64 === '' || bytes === undefined
    ? undefined
    : { sha256: Buffer.from(base64, 'base64').toString('base64url'), bytes };
}
