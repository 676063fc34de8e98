import { describe, expect, it } from 'vitest';
import { readerSchema } from '../wire/readers.ts';
import { looserReaders, mediaTypeOf, readerOf, readerQuestion, textsRead } from './readers.ts';

const reader = (types: string[], service = 'ocr') => readerSchema.parse({ types, service });
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

describe('what bytes are', () => {
  it.each([
    ['89504e470d0a1a0a00', 'image/png'],
    ['ffd8ffe000104a46', 'image/jpeg'],
    ['524946460000000057454250', 'image/webp'],
    ['524946460000000057415645', 'audio/wav'],
    ['00000018667479704d344120', 'audio/mp4'],
    ['255044462d312e37', 'application/pdf'],
    ['68656c6c6f', undefined],
  ])('they say themselves: %s', (hex, type) => {
    expect(mediaTypeOf(bytes(hex))).toBe(type);
  });
});

it('the first reader that takes a type reads it, whatever follows the type', () => {
  const readers = [reader(['image/png'], 'one'), reader(['image/*'], 'two')];
  expect(readerOf(readers, 'image/png')?.service).toBe('one');
  expect(readerOf(readers, 'IMAGE/Gif; a=b')?.service).toBe('two');
  expect(readerOf(readers, 'audio/wav')).toBeUndefined();
  expect(readerOf(undefined, 'image/png')).toBeUndefined();
});

describe('the answer of a reader', () => {
  it('says what stands in each part, or that it could not be read', () => {
    expect(JSON.parse(readerQuestion([{ type: 'image/png', base64: 'AA' }]))).toEqual({
      parts: [{ type: 'image/png', base64: 'AA' }],
    });
    expect(textsRead({ texts: ['hello', null, ''] }, 3)).toEqual(['hello', undefined, '']);
  });

  it.each([
    ['silence', undefined],
    ['rubbish', { text: 'hello' }],
    ['about fewer', { texts: ['hello'] }],
    ['about more', { texts: ['hello', '', ''] }],
    ['no words', { texts: ['hello', 7] }],
  ])('is none: %s', (_what, answer) => {
    expect(textsRead(answer as never, 2)).toEqual([undefined, undefined]);
  });
});

it('loosens where bytes go to somebody else, and where they are not read as before', () => {
  const [was, is] = [reader(['image/png']), reader(['image/png', 'audio/wav'])];
  expect(looserReaders([was], [was])).toEqual([]);
  expect(looserReaders(undefined, [was])[0]).toContain('image/png of calls go to the service ocr');
  expect(looserReaders([was], [is]).join()).toContain('audio/wav of calls go to the service ocr');
  expect(looserReaders([was], [])[0]).toContain('not read as before');
  expect(looserReaders([was], [{ ...was, timeoutMs: 50 }])[0]).toContain('not read as before');
});

it('takes no word that is no media type', () => {
  for (const type of ['*/*', 'text', 'image/', 'application/*'])
    expect(readerSchema.safeParse({ types: [type], service: 'ocr' }).success).toBe(false);
});
