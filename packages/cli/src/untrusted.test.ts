import { describe, expect, it } from 'vitest';
import { untrusted, untrustedBlock } from './untrusted.ts';

describe('the renderer of untrusted text', () => {
  it.each([
    ['an escape that would clear the screen', 'a\u001b[2Jb', 'a⟨U+001B⟩[2Jb'],
    ['a carriage return that would overwrite the line', 'delete\rread', 'delete⟨U+000D⟩read'],
    ['a line break in one line', 'a\nb', 'a⟨U+000A⟩b'],
    ['a bidirectional override', 'refund\u202e001\u202c EUR', 'refund⟨U+202E⟩001⟨U+202C⟩ EUR'],
    ['isolates', '\u2066x\u2069', '⟨U+2066⟩x⟨U+2069⟩'],
    ['zero width and soft hyphen', 'pay\u200b\u00adpal', 'pay⟨U+200B⟩⟨U+00AD⟩pal'],
    ['tag characters that hide a message', 'hi\u{e0068}\u{e0069}', 'hi⟨U+E0068⟩⟨U+E0069⟩'],
    ['a variation selector', 'x\ufe0f', 'x⟨U+FE0F⟩'],
    ['fillers that look empty', 'a\u3164b\u2800', 'a⟨U+3164⟩b⟨U+2800⟩'],
    ['spaces that are not the space', 'a\u00a0b\u2003c', 'a⟨U+00A0⟩b⟨U+2003⟩c'],
    ['C1 controls, which some terminals obey', '\u009b31m', '⟨U+009B⟩31m'],
    ['a lone surrogate', 'a\ud800b', 'a⟨U+D800⟩b'],
    ['a private character', '\ue000', '⟨U+E000⟩'],
    ['a forged mark', '⟨U+0020⟩', '⟨U+27E8⟩U+0020⟨U+27E9⟩'],
  ])('shows %s', (_, text, shown) => {
    expect(untrusted(text)).toBe(shown);
  });

  it('leaves real writing as it is', () => {
    for (const text of [
      'Käse für Zoë',
      '日本語のテキスト',
      'שלום עולם',
      'مرحبا',
      'Việt Nam',
      'e\u0301te\u0301',
      '🙂 1.234,56 €',
    ])
      expect(untrusted(text)).toBe(text);
  });

  it('shows marks that are piled up beyond what writing needs', () => {
    expect(untrusted(`a${'\u0301'.repeat(6)}`)).toBe(`a${'\u0301'.repeat(4)}⟨U+0301⟩⟨U+0301⟩`);
  });

  it('boxes every line of a block, so that none passes for ours', () => {
    expect(untrustedBlock('one\n✓ approved by nobody\r\n')).toEqual([
      '│ one',
      '│ ✓ approved by nobody⟨U+000D⟩',
      '│ ',
    ]);
  });
});
