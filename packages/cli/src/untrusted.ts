/**
 * The one renderer of untrusted text on the terminal: arguments, tool descriptions, agents' words, names from servers. What a
 * terminal would act on or hide (control characters, escapes, bidirectional overrides, invisible and private characters, towers of
 * combining marks, odd spaces) becomes visible as `⟨U+XXXX⟩`; nothing is left out, nothing can forge that mark.
 */

/** Combining marks in a row that real writing needs; more only hide what they sit on. */
const marksMax = 4;
const hiddenPattern =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800⟨⟩]|(?! )\p{Zs}/gu;
const markTower = new RegExp(`(\\p{M}{${marksMax}})(\\p{M}+)`, 'gu');

const shown = (character: string) =>
  `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/** One line: line breaks and tabs are shown as marks too. */
export function untrusted(text: string): string {
  return text
    .replace(hiddenPattern, shown)
    .replace(markTower, (_, kept: string, tower: string) => kept + [...tower].map(shown).join(''));
}

/** Several lines, boxed at the left so that they cannot pass for ours; a line break starts a new line, all else as in `untrusted`. */
export function untrustedBlock(text: string): string[] {
  return text.split('\n').map((line) => `│ ${untrusted(line)}`);
}
