import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { holdsSecret, secretsOf, SecretWatch } from './http-credential.ts';
import { pump, type StreamSink } from './http-stream.ts';

const bounds = { bytesMax: 100, wholeMs: 10_000, idleMs: 10_000 };
const sourceOf = (...chunks: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(Buffer.from(chunk));
      controller.close();
    },
  });

/** Everything may leave. */
const unlooked = {
  secrets: [],
  look: {
    take: (chunk: Uint8Array) => Promise.resolve(chunk),
    end: () => Promise.resolve(new Uint8Array()),
    data: () => undefined,
  },
};

function collecting(): { readonly sink: StreamSink; readonly got: () => string } {
  const chunks: Uint8Array[] = [];
  return {
    sink: { begin: () => undefined, write: async (chunk) => void chunks.push(chunk) },
    got: () => Buffer.concat(chunks).toString(),
  };
}

describe('a stream that is given on', () => {
  it('leaves whole, with its length and digest', async () => {
    const { sink, got } = collecting();
    const streamed = await pump(sourceOf('one ', 'two'), sink, unlooked, bounds);
    expect(got()).toBe('one two');
    expect(streamed).toEqual({
      bytes: 7,
      sha256: createHash('sha256').update('one two').digest('base64url'),
    });
  });

  it('ends at its bound, before the byte too many', async () => {
    const { sink, got } = collecting();
    await expect(pump(sourceOf('x'.repeat(60), 'y'.repeat(60)), sink, unlooked, bounds)).rejects.toThrow(
      'too long',
    );
    expect(got()).toBe('x'.repeat(60));
  });

  it('ends when nothing comes for too long, and leaves its source', async () => {
    let left = false;
    const silent = new ReadableStream<Uint8Array>({
      cancel: () => {
        left = true;
      },
    });
    await expect(pump(silent, collecting().sink, unlooked, { ...bounds, idleMs: 5 })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect(left).toBe(true);
  });

  it('ends when nobody takes it, or takes it too slowly', async () => {
    const gone: StreamSink = { begin: () => undefined, write: () => Promise.reject(new Error('gone')) };
    await expect(pump(sourceOf('x'), gone, unlooked, bounds)).rejects.toThrow('gone');
    const slow: StreamSink = { begin: () => undefined, write: () => new Promise(() => undefined) };
    await expect(pump(sourceOf('x'), slow, unlooked, { ...bounds, idleMs: 5 })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it.each([1, 2, 3, 5, 8, 13])('gives no secret on, whole or in pieces of %i', async (size) => {
    const text = `a secret: sesame-open, again: sesame-open`;
    const pieces = text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
    const { sink, got } = collecting();
    await expect(
      pump(sourceOf(...pieces), sink, { ...unlooked, secrets: ['sesame-open'] }, bounds),
    ).rejects.toThrow('credential');
    expect('a secret: ').toContain(got().slice(0, 10));
    expect(got()).not.toContain('s-');
    expect(got().length).toBeLessThanOrEqual('a secret: '.length);
  });

  it('what only begins like a secret leaves at the end', () => {
    const watch = new SecretWatch(['sesame-open']);
    expect(watch.take(Buffer.from('a sesame'))?.toString()).toBe('a ');
    expect(watch.take(Buffer.from(' street, ses'))?.toString()).toBe('sesame street, ');
    expect(watch.rest().toString()).toBe('ses');
  });
});

describe('the credential in an answer', () => {
  it.each([
    [{ bearer: 'tok"en-1234' }, '{"got":"tok\\"en-1234"}'],
    [{ basic: { user: 'u', password: 'pass word' } }, 'dTpwYXNzIHdvcmQ='],
    [{ basic: { user: 'u', password: 'pass word' } }, 'pass%20word'],
    [{ header: { name: 'x-api-key', value: 'k-123456' } }, 'your key is k-123456.'],
    [{ query: { name: 'key', value: 'k-123456' } }, '/next?key=k-123456'],
  ])('is found: %j', (credential, told) => {
    const secrets = secretsOf(credential);
    expect(holdsSecret(secrets, Buffer.from(told), {})).toBe(true);
    expect(holdsSecret(secrets, Buffer.from('nothing'), { link: told.replaceAll('\\', '') })).toBe(true);
    expect(holdsSecret(secrets, Buffer.from('nothing'), {})).toBe(false);
  });
});
