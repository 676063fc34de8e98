/** A real model, run by a real runtime in the process that runs it: what it answers, and what is said of one that cannot be asked. */
import { ownDetectorSchema } from '@atf/core/wire/own-detectors';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxModels } from './onnx-models.ts';
import { tinyModel, writeTinyModel } from './onnx-tiny.fixture.ts';
import { parseServersFile } from './servers-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'atf-onnx-'));
const installedIn = fileURLToPath(new URL('../../..', import.meta.url));
const open: OnnxModels[] = [];
afterAll(() => {
  for (const models of open) models.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Given {
  readonly settings?: object;
  readonly host?: string;
  readonly model?: Uint8Array;
}

let count = 0;
/** The first news of a model, and a way to ask it. */
async function started({ settings = {}, host, model }: Given) {
  const files = join(folder, String(count++));
  const digests = writeTinyModel(files, 'heliotrope', model);
  const detector = ownDetectorSchema.parse({
    ...{ id: 'own.flowers', summary: 'Flowers', category: 'secret', model: 'flowers', digests },
    ...{ classes: ['none', 'flower'], labels: ['flower'], tokens: 16 },
    ...settings,
  });
  if (!('model' in detector)) throw new Error('no model');
  const where = `{ files: ${files}, runtime: onnxruntime-web, installedIn: ${installedIn} }`;
  const read = () => parseServersFile(host ?? `atf-model-flowers: ${where}`);
  const news = Promise.withResolvers<string>();
  const models = new OnnxModels({
    file: { read },
    monotonicMs: () => 0,
    onReady: () => news.resolve('ready'),
    onProblem: (_model, why) => news.resolve(why),
  });
  open.push(models);
  models.tick([detector]);
  const ask = async (...texts: string[]) =>
    await models.ask(
      {
        ...{ entry: 'atf-model-flowers', model: detector, answerBytesMax: 1, timeoutMs: 60_000 },
        signal: AbortSignal.timeout(60_000),
      },
      JSON.stringify({ texts }),
    );
  return { news: await news.promise, ask };
}

describe('a model of the host', () => {
  it('says in which part of which text it found something, however long that is', async () => {
    const { news, ask } = await started({});
    expect(news).toBe('ready');
    const long = `${'🙂 calm words of a garden '.repeat(40)}and a Heliotrope here${' and more calm words'.repeat(40)}`;
    const answer = (await ask('a rose', 'one heliotrope', long)) as {
      found: { text: number; start: number; end: number; label: string }[];
    };
    expect(answer.found.map(({ text, label }) => [text, label])).toEqual([
      [1, 'flower'],
      [2, 'flower'],
    ]);
    const [first, second] = answer.found;
    expect([first?.start, first?.end]).toEqual([0, 14]);
    const part = [...long].slice(second?.start, second?.end).join('');
    expect(part).toContain('Heliotrope');
    expect(part.length).toBeLessThan(300);
  });

  const other = `sha256:${'0'.repeat(64)}`;
  it.each<[string, Given, RegExp]>([
    [
      'the host does not say where it is',
      { host: '{}' },
      /servers\.yaml of this host does not say where it is/,
    ],
    [
      'no runtime was installed',
      {
        host: `atf-model-flowers: { files: ${folder}, runtime: onnxruntime-node, installedIn: ${folder} }`,
      },
      /onnxruntime-node is not installed in .*: run npm install --prefix /,
    ],
    [
      'its file is another one',
      { settings: { digests: { model: other, tokenizer: other } } },
      /model\.onnx is not the one that the settings pin: it is sha256:[0-9a-f]{64}\. /,
    ],
    [
      'it tells something else apart',
      { settings: { classes: ['none', 'flower', 'tree'] } },
      /answers with 2 numbers, and the settings name 3 classes/,
    ],
    [
      'it wants more than texts',
      { model: tinyModel({ more: 'pixel_values' }) },
      /model\.onnx wants .*pixel_values: a text classifier wants/,
    ],
    ['it is no model', { model: Uint8Array.from([1, 2, 3]) }, /model\.onnx cannot be loaded/],
  ])('is not asked where %s, which is said', async (_what, given, says) => {
    const { news, ask } = await started(given);
    expect(news).toMatch(says);
    expect(await ask('one heliotrope')).toBeUndefined();
  });
});
