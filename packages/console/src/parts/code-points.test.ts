import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hiddenCount, type Piece, piecesOf } from './code-points.ts';

const labels = (text: string): string[] =>
  piecesOf(text).flatMap((piece) => (piece.kind === 'mark' ? [piece.label] : []));

/** The text again, from its pieces. */
const textOf = (pieces: readonly Piece[]): string =>
  pieces
    .map((piece) => {
      if (piece.kind === 'newline') return '\n';
      return piece.kind === 'text'
        ? piece.text
        : String.fromCodePoint(Number.parseInt(piece.label.slice(2), 16));
    })
    .join('');

describe('text of unknown origin', () => {
  it.each([
    ['bidirectional controls', 'a\u202eb\u2066c\u200fd', ['U+202E', 'U+2066', 'U+200F']],
    ['zero-width characters', 'a\u200bb\u200dc\u2060d\ufeffe', ['U+200B', 'U+200D', 'U+2060', 'U+FEFF']],
    [
      'control characters',
      'a\u0000b\u001b[31mc\u0007\u007f\u0085',
      ['U+0000', 'U+001B', 'U+0007', 'U+007F', 'U+0085'],
    ],
    ['tag characters that spell hidden words', 'a\u{e0041}\u{e0042}', ['U+E0041', 'U+E0042']],
    ['variation selectors', 'a\ufe0f\u{e0100}', ['U+FE0F', 'U+E0100']],
    ['spaces that are not the space', 'a\u00a0b\u2003c\u3000d', ['U+00A0', 'U+2003', 'U+3000']],
    ['fillers that look like nothing', 'a\u3164\u115f\u2800b', ['U+3164', 'U+115F', 'U+2800']],
    ['line separators', 'a\u2028b\u2029c', ['U+2028', 'U+2029']],
    ['unpaired surrogates and private use', 'a\ud800b\ue000', ['U+D800', 'U+E000']],
    ['a carriage return that would overwrite a line', 'good\rbad', ['U+000D']],
  ])('shows %s as code points', (_, text, wanted) => {
    expect(labels(text)).toEqual(wanted);
  });

  it.each(['plain words', 'Größe 480 €, „ja“', '日本語', 'שלום', 'e\u0301 with one accent', 'emoji 🙂'])(
    'leaves %s as it is',
    (text) => {
      expect(piecesOf(text)).toEqual([{ kind: 'text', text }]);
    },
  );

  it('breaks lines where the text does, and shows the return before it', () => {
    expect(piecesOf('a\nb\r\nc').map(({ kind }) => kind)).toEqual([
      'text',
      'newline',
      'text',
      'mark',
      'newline',
      'text',
    ]);
  });

  it('shows marks that are stacked higher than any script needs', () => {
    expect(hiddenCount(piecesOf(`a${'\u0301'.repeat(20)}b`))).toBe(16);
  });

  it('drops, replaces and shortens nothing, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(textOf(piecesOf(text))).toBe(text);
      }),
      { numRuns: 500, seed: 20_261_120 },
    );
  });
});
