/** What a result says of its own level: wherever it says it, however it is written, and never what it says less. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../wire/json.ts';
import { levelClaimed } from './claimed-level.ts';

const deep = (levels: number): Json => (levels === 0 ? 'x' : [deep(levels - 1)]);

describe('a result claims', () => {
  it.each<[string, Json[], string | undefined]>([
    ['nothing', [{ text: 'restricted area' }, null, 7], undefined],
    ['its level in metadata', [{ 'example.com/classification': 'Confidential' }], 'confidential'],
    [
      'the highest of several',
      [{ sensitivity: 'internal' }, [{ confidentiality: 'RESTRICTED' }]],
      'restricted',
    ],
    ['it deep inside', [{ hits: [{ document: { security_level: 'internal' } }] }], 'internal'],
    [
      'it in a text that is JSON',
      [[{ type: 'text', text: ' {"classification":"restricted"}' }]],
      'restricted',
    ],
    [
      'it in JSON inside of JSON',
      [{ text: JSON.stringify([JSON.stringify({ sensitivity: 'confidential' })]) }],
      'confidential',
    ],
    ['it with other words', [{ classification: 'Top-Secret' }], 'restricted'],
    ['it in letters that only look alike', [{ classification: 'ｒｅｓｔｒｉｃｔｅｄ' }], 'restricted'],
    [
      'nothing by a word of another kind',
      [{ classification: 'bug report', reclassification: 'restricted' }],
      undefined,
    ],
    ['the highest where it is too deep to be looked at', [deep(60)], 'restricted'],
    [
      'the highest where it is too much to be looked at',
      [Array.from({ length: 120_000 }, () => 0)],
      'restricted',
    ],
  ])('%s', (_, values, level) => {
    expect(levelClaimed(values)).toBe(level);
  });
});
