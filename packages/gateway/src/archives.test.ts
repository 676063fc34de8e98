import { detectors } from '@atf/core/data/detectors/index';
import { sensitiveDefault } from '@atf/core/data/sensitive';
import type { SettingsDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { archiveBounds, opened } from './archives.ts';
import { argumentVerdicts, inspectArguments, inspectResult } from './data-inspection.ts';
import { zipOf } from './zip.fixture.ts';

const asking = { ask: undefined, agentId: 'a' };
// It belongs to nobody.
const key = 'AKIAQYLPMN5HHHFPZAM2';
const noise = Buffer.from(Array.from({ length: 600 }, (_, at) => (at * 7_919 + (at >> 3)) & 0xff));

const pdf = Buffer.from('%PDF-1.7\n(hello) Tj');

function tarOf(name: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write('ustar', 257);
  const body = Buffer.alloc(512 * Math.ceil(content.length / 512));
  body.write(content);
  return Buffer.concat([header, body, Buffer.alloc(1_024)]);
}

const docx = zipOf([
  { name: '[Content_Types].xml', content: '<Types/>' },
  {
    name: 'word/document.xml',
    content: `<w:p><w:r><w:t>key AKIAQYL</w:t></w:r><w:r><w:t>PMN5HHHFPZAM2</w:t></w:r></w:p><w:p><w:t>end</w:t></w:p>`,
  },
]);

describe('an archive', () => {
  it.each([
    ['zip', zipOf([{ name: 'a.txt', content: `key ${key}` }]), ['a.txt', `key ${key}`]],
    ['gzip', gzipSync(`key ${key}`), [`key ${key}`]],
    ['tar', tarOf('a.txt', `key ${key}`), ['a.txt', `key ${key}`]],
    ['tar in gzip in zip', zipOf([{ name: 'x', content: gzipSync(tarOf('b', key)) }]), ['x', 'b', key]],
    ['text', Buffer.from(`\ufefféé ${key}`), [`éé ${key}`]],
    ['text of two bytes', Buffer.from(`\ufeff${key}`, 'utf16le'), [key]],
  ])('is opened: %s', (_what, bytes, texts) => {
    expect(opened(bytes)).toMatchObject({ texts, unread: [], closed: false, cut: false });
  });

  it('of an office document shows what the document shows', () => {
    expect(opened(docx).texts.at(-1)).toBe(`key ${key}\nend\n`);
  });

  it.each([
    ['encrypted', zipOf([{ name: 'a', content: key, encrypted: true }])],
    [
      'more in it than its directory lists',
      zipOf([
        { name: 'a', content: 'x' },
        { name: 'b', content: key, unlisted: true },
      ]),
    ],
    ['cut off', gzipSync(key).subarray(0, 20)],
    ['without a directory', zipOf([{ name: 'a', content: key }]).subarray(0, 60)],
    ['broken', Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18, 0xff)])],
    [
      'a tar of no length',
      (() => {
        const tar = tarOf('a', key);
        tar.write('zzzzzzz', 124);
        return tar;
      })(),
    ],
  ])('that is not all text says so: %s', (_what, bytes) => {
    expect(opened(bytes)).toMatchObject({ closed: true, cut: false });
  });

  it.each([
    ['a picture', noise, noise],
    ['a picture in it', zipOf([{ name: 'a.png', content: noise }]), noise],
    ['a document that is all letters', pdf, pdf],
  ])('says what of it is no text: %s', (_what, bytes, part) => {
    expect(opened(bytes)).toMatchObject({ unread: [part], closed: false, cut: false });
  });

  it.each([
    ['much from little', gzipSync(Buffer.alloc(64 * 1_048_576))],
    [
      'little from very much',
      zipOf(
        Array.from({ length: archiveBounds.entriesMax + 1 }, (_, at) => ({ name: `${at}`, content: '' })),
      ),
    ],
    [
      'one in the other',
      Array.from({ length: 6 }).reduce<Buffer>((inner) => gzipSync(inner), Buffer.from(key)),
    ],
    [
      'many times the same',
      zipOf(Array.from({ length: 10 }, (_, at) => ({ name: `${at}`, content: Buffer.alloc(1_000_000) }))),
    ],
  ])('ends at its bounds: %s', (_what, bytes) => {
    const found = opened(bytes);
    expect(found.cut).toBe(true);
    expect(found.texts.join('').length).toBeLessThanOrEqual(archiveBounds.bytesMax);
  });
});

describe('bytes in arguments', () => {
  const verdicts = async (bytes: Buffer, settings?: SettingsDoc) => {
    const args: JsonObject = { body: `see data:application/zip;base64,${bytes.toString('base64')}` };
    await inspectArguments(args, JSON.stringify(args).length, settings, asking);
    return argumentVerdicts(args, { action: 'send', level: 'senior', settings }).map(
      ({ verdict, labels }) => [verdict, ...labels],
    );
  };

  it('do not carry a secret out, nor what nobody can look into', async () => {
    expect(await verdicts(zipOf([{ name: 'a.txt', content: `key ${key}` }]))).toEqual([['block', 'secret']]);
    expect(await verdicts(docx)).toEqual([['block', 'secret']]);
    expect(await verdicts(zipOf([{ name: 'a.txt', content: key, encrypted: true }]))).toEqual([
      ['block', 'uninspected'],
    ]);
    expect(await verdicts(gzipSync(Buffer.alloc(64 * 1_048_576)))).toEqual([['block', 'unchecked']]);
    expect(await verdicts(zipOf([{ name: 'a.txt', content: 'Your order is on its way.' }]))).toEqual([]);
  });

  it('may be sent unseen where settings say so', async () => {
    const settings = {
      sensitive: { ...sensitiveDefault, uninspected: { withheld: [], sent: 'label' } },
    } as unknown as SettingsDoc;
    const locked = zipOf([{ name: 'a.txt', content: key, encrypted: true }]);
    expect(await verdicts(locked, settings)).toEqual([['label', 'uninspected']]);
  });

  it('that nobody had opened before the decision are unchecked', () => {
    const args: JsonObject = { body: gzipSync('hello hello hello').toString('base64') };
    expect(argumentVerdicts(args, { action: 'write', level: 'senior', settings: undefined })).toMatchObject([
      { verdict: 'block', labels: ['unchecked'] },
    ]);
  });
});

describe('bytes in results', () => {
  const result = (bytes: Buffer) => ({
    content: [{ type: 'resource', resource: { uri: 'file:///a', blob: bytes.toString('base64') } }],
  });
  const given = async (bytes: Buffer, settings?: SettingsDoc) =>
    inspectResult(
      result(bytes) as never,
      { level: 'intern', settings, max: 4_194_304, heard: 'read', asking },
      () => true,
    );

  it('are given when they are harmless, and withheld where something in them should be masked', async () => {
    const harmless = await given(zipOf([{ name: 'a.txt', content: 'hello' }]));
    expect([harmless.result !== undefined, harmless.data]).toEqual([true, undefined]);
    for (const bytes of [docx, Buffer.from(`text with ${key}`), gzipSync(key)]) {
      const found = await given(bytes);
      expect(found.result).toBeUndefined();
      expect(found.data?.labels).toEqual(['secret']);
    }
  });

  it('that nobody can look into are labelled, and withheld where settings say so or a bound was reached', async () => {
    const picture = await given(noise);
    expect([picture.result !== undefined, picture.data?.labels]).toEqual([true, ['uninspected']]);
    const settings = {
      sensitive: { ...sensitiveDefault, uninspected: { withheld: ['intern'], sent: 'refuse' } },
    } as unknown as SettingsDoc;
    expect(await given(noise, settings)).toMatchObject({ result: undefined, why: 'data.uninspected' });
    const bomb = await given(gzipSync(Buffer.alloc(64 * 1_048_576)));
    expect([bomb.result, bomb.data?.labels]).toEqual([undefined, ['unchecked']]);
  });
});

describe('a detector that fails', () => {
  afterEach(() => vi.restoreAllMocks());

  it('throws nothing into the pipeline: changes and sends are refused, a result is labelled', async () => {
    const [first] = detectors;
    if (first === undefined) throw new Error('no detector');
    vi.spyOn(first, 'find').mockImplementation(() => {
      throw new Error(`a fault at ${key}`);
    });
    for (const action of ['write', 'send', 'execute', 'admin'] as const)
      expect(
        argumentVerdicts({ body: 'hello hello' }, { action, level: 'senior', settings: undefined }),
      ).toMatchObject([{ verdict: 'block', labels: ['unchecked'] }]);
    const read = argumentVerdicts(
      { query: 'hello hello' },
      { action: 'read', level: 'senior', settings: undefined },
    );
    expect(read).toMatchObject([{ verdict: 'label', labels: ['unchecked'] }]);
    const { result, data } = await inspectResult(
      { content: [{ type: 'text', text: `hello ${key}` }] },
      { level: 'intern', settings: undefined, max: 1_000, heard: 'read', asking },
      () => true,
    );
    expect(JSON.stringify([result, data])).not.toContain(key);
    expect(data?.labels).toContain('unchecked');
  });
});
