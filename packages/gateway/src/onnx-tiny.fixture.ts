/**
 * A text classifier in ONNX form, small enough to be written down: each word of its vocabulary has one number for each of two classes, and the text has the highest of them. It
 * tells texts with the word from texts without.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Protocol buffers: a number, and bytes with their length. */
function varint(number: number): number[] {
  const low = number & 127;
  return number > 127 ? [low | 128, ...varint(number >>> 7)] : [low];
}
const int = (field: number, number: number): number[] => [...varint(field * 8), ...varint(number)];
const bytes = (field: number, content: Iterable<number>): number[] => {
  const all = [...content];
  return [...varint(field * 8 + 2), ...varint(all.length), ...all];
};
const text = (field: number, words: string): number[] => bytes(field, Buffer.from(words));

const float = 1;
const int64 = 7;
const valueInfo = (name: string, type: number, dims: readonly (string | number)[]): number[] => {
  const shape = dims.flatMap((dim) => bytes(1, typeof dim === 'string' ? text(2, dim) : int(1, dim)));
  return [...text(1, name), ...bytes(2, bytes(1, [...int(1, type), ...bytes(2, shape)]))];
};
const attribute = (name: string, numbers: number | readonly number[]): number[] => [
  ...text(1, name),
  ...(typeof numbers === 'number'
    ? [...int(3, numbers), ...int(20, 2)]
    : [...numbers.flatMap((number) => int(8, number)), ...int(20, 7)]),
];
const node = (type: string, inputs: readonly string[], output: string, attributes: number[][]): number[] => [
  ...inputs.flatMap((name) => text(1, name)),
  ...text(2, output),
  ...text(4, type),
  ...attributes.flatMap((each) => bytes(5, each)),
];

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];

/** `more`: an input beside those of a tokenizer. */
export function tinyModel({ more }: { more?: string } = {}): Uint8Array {
  const weights = new Float32Array([...special.flatMap(() => [0, -8]), 0, 8]);
  const tensor = [
    ...[...int(1, special.length + 1), ...int(1, 2), ...int(2, float), ...text(8, 'weights')],
    ...bytes(9, new Uint8Array(weights.buffer)),
  ];
  const inputs = ['input_ids', 'attention_mask', 'token_type_ids', ...(more === undefined ? [] : [more])];
  const graph = [
    ...bytes(1, node('Gather', ['weights', 'input_ids'], 'each', [attribute('axis', 0)])),
    ...bytes(1, node('ReduceMax', ['each'], 'logits', [attribute('axes', [1]), attribute('keepdims', 0)])),
    ...text(2, 'tiny'),
    ...bytes(5, tensor),
    ...inputs.flatMap((name) => bytes(11, valueInfo(name, int64, ['batch', 'length']))),
    ...bytes(12, valueInfo('logits', float, ['batch', 2])),
  ];
  // The version of the form, and of its operators.
  return Uint8Array.from([...int(1, 8), ...bytes(8, int(2, 13)), ...bytes(7, graph)]);
}

const tokenizer = (word: string): string => {
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const known = (id: string) => ({ id, ids: [special.indexOf(id)], tokens: [id] });
  return JSON.stringify({
    ...{ version: '1.0', truncation: null, padding: null },
    added_tokens: special.map((content, id) => ({
      ...{ id, content, special: true, normalized: false },
      ...{ single_word: false, lstrip: false, rstrip: false },
    })),
    normalizer: {
      type: 'BertNormalizer',
      ...{ clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [token('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]')],
      pair: [],
      special_tokens: { '[CLS]': known('[CLS]'), '[SEP]': known('[SEP]') },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##' },
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries([...special, word].map((each, id) => [each, id])),
    },
  });
};

/** Writes both files, and says what their digests are. */
export function writeTinyModel(
  folder: string,
  word: string,
  model: Uint8Array = tinyModel(),
): { model: string; tokenizer: string } {
  mkdirSync(folder, { recursive: true });
  const words = tokenizer(word);
  writeFileSync(join(folder, 'model.onnx'), model);
  writeFileSync(join(folder, 'tokenizer.json'), words);
  const digest = (of: string | Uint8Array) => `sha256:${createHash('sha256').update(of).digest('hex')}`;
  return { model: digest(model), tokenizer: digest(words) };
}
