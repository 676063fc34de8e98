/** Reading requests and writing answers at the gateway's door: bounded, and nothing of a stranger kept. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemOf, type Refusal } from '@atf/core/errors';
import type { EncodedResponse } from './protocols/protocol.ts';

/** Fires when the caller hangs up before it was answered. */
export function goneOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableEnded) gone.abort('gone');
  });
  return gone.signal;
}

export const pathOf = (url: string): string => url.split('?', 1)[0] ?? '/';

export function plain(refused: Refusal, more: Record<string, string> = {}): EncodedResponse {
  const document = problemOf(refused);
  const encoded = text(document.status, 'application/problem+json', JSON.stringify(document));
  return closing({ ...encoded, headers: { ...encoded.headers, ...more } });
}

export function text(status: number, type: string, content: string): EncodedResponse {
  const body = Buffer.from(content);
  return {
    status,
    headers: { 'content-type': type, 'content-length': String(body.byteLength), 'cache-control': 'no-store' },
    body,
  };
}

/** What was not read must not be taken for the next request. */
export const closing = (response: EncodedResponse): EncodedResponse => ({
  ...response,
  headers: { ...response.headers, connection: 'close' },
});

/** The body, bounded while it is read. */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Uint8Array | 'too_large' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return Promise.resolve('too_large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) return void chunks.push(chunk);
      request.pause();
      request.removeAllListeners('data');
      resolve('too_large');
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => resolve('gone'));
    request.once('close', () => resolve('gone'));
  });
}
