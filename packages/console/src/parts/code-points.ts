/**
 * Splits text of unknown origin into what may be shown as it stands and what has to be shown as its code point: control characters,
 * bidirectional controls, invisible and unassigned ones, odd spaces. Nothing is dropped, replaced or shortened.
 */

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  /** `label` is `U+202E`; `name` is a word for the common ones. */
  | { readonly kind: 'mark'; readonly label: string; readonly name: string | undefined }
  | { readonly kind: 'newline' };

const hidden =
  /\r\n|[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/** More combining marks on one letter than any living script needs: they paint over neighbouring lines. */
const stacked = /(\p{M}{4})(\p{M}+)/gu;

const names: Record<number, string> = {
  0x00: 'NUL',
  0x07: 'bell',
  0x08: 'backspace',
  0x09: 'tab',
  0x0b: 'vertical tab',
  0x0d: 'carriage return',
  0x1b: 'escape',
  0x7f: 'delete',
  0xa0: 'no-break space',
  0xad: 'soft hyphen',
  0x61c: 'Arabic letter mark',
  0x200b: 'zero-width space',
  0x200c: 'zero-width non-joiner',
  0x200d: 'zero-width joiner',
  0x200e: 'left-to-right mark',
  0x200f: 'right-to-left mark',
  0x2028: 'line separator',
  0x2029: 'paragraph separator',
  0x202a: 'left-to-right embedding',
  0x202b: 'right-to-left embedding',
  0x202c: 'end of embedding',
  0x202d: 'left-to-right override',
  0x202e: 'right-to-left override',
  0x2060: 'word joiner',
  0x2066: 'left-to-right isolate',
  0x2067: 'right-to-left isolate',
  0x2068: 'first strong isolate',
  0x2069: 'end of isolate',
  0xfeff: 'byte-order mark',
};

function mark(codePoint: number): Piece {
  const tag = codePoint >= 0xe0000 && codePoint <= 0xe007f ? 'tag character' : undefined;
  return {
    kind: 'mark',
    label: `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`,
    name: names[codePoint] ?? tag,
  };
}

/** Pieces of a text in order; joined again they are exactly that text. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  const plain = (part: string): void => {
    let from = 0;
    for (const match of part.matchAll(stacked)) {
      const end = match.index + (match[1] ?? '').length;
      if (end > from) pieces.push({ kind: 'text', text: part.slice(from, end) });
      for (const letter of match[2] ?? '') pieces.push(mark(letter.codePointAt(0) ?? 0));
      from = match.index + match[0].length;
    }
    if (from < part.length) pieces.push({ kind: 'text', text: part.slice(from) });
  };
  let at = 0;
  for (const match of text.matchAll(hidden)) {
    plain(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[0] === '\n') pieces.push({ kind: 'newline' });
    else
      for (const letter of match[0])
        pieces.push(letter === '\n' ? { kind: 'newline' } : mark(letter.codePointAt(0) ?? 0));
  }
  plain(text.slice(at));
  return pieces;
}

/** How many characters of a text had to be made visible. */
export function hiddenCount(pieces: readonly Piece[]): number {
  return pieces.filter(({ kind }) => kind === 'mark').length;
}
