/** How many columns text takes on a terminal, and where to break it. Styles count nothing. */

// biome-ignore lint: the escape character is what styles begin with
const stylePattern = /\u001b\[[0-9;]*m/g;
/** East Asian wide and fullwidth, and emoji (UAX #11); close enough for tables, never used for a decision. */
const widePattern =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

export function textWidth(text: string): number {
  let width = 0;
  for (const character of text.replaceAll(stylePattern, '')) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (/^\p{M}$/u.test(character)) return 0;
  return widePattern.test(character) ? 2 : 1;
}

/** Breaks plain text into lines of at most `columns`, at spaces where there are some, else after punctuation; nothing but those spaces is lost. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (textWidth(joined) <= columns) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = cut(word, columns);
    line = pieces.pop() ?? '';
    lines.push(...pieces);
  }
  lines.push(line);
  return lines;
}

/** Characters after which a long word is broken rather than elsewhere. */
const breakAfter = new Set('-_/.,:@');

function cut(word: string, columns: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const character of word) {
    if (piece !== '' && textWidth(piece) + characterWidth(character) > columns) {
      const at = lastBreak(piece);
      pieces.push(piece.slice(0, at));
      piece = piece.slice(at);
    }
    piece += character;
  }
  return [...pieces, piece];
}

/** Where to break: after the last punctuation, or at the end when there is none. */
function lastBreak(piece: string): number {
  for (let at = piece.length; at > 0; at--) if (breakAfter.has(piece.charAt(at - 1))) return at;
  return piece.length;
}
