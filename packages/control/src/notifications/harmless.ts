/**
 * Room: notifications. The one renderer of text that is not ATF's own, for mail, chat and webhooks alike: plain text in which nothing acts and nothing
 * hides. Control, bidirectional and invisible characters stand as code points; what a reader's program would turn into a link or a mention
 * is spelled so that it does not; what does not fit is said to be cut. The same marks as in the console and on the command line.
 */

const hiddenPattern =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800⟨⟩]|(?! )\p{Zs}/gu;
/** Combining marks in a row that real writing needs. */
const marksMax = 4;
const markTower = new RegExp(`(\\p{M}{${marksMax}})(\\p{M}+)`, 'gu');

const shown = (character: string) =>
  `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/** One line of plain text: no breaks, so that a mail's header or a line of ours cannot be forged. */
export function visible(text: string): string {
  return text
    .replace(hiddenPattern, shown)
    .replace(markTower, (_, kept: string, tower: string) => kept + [...tower].map(shown).join(''));
}

/**
 * `visible`, and without what mail and chat programs make links or mentions of: schemes, host names, addresses, `@` and `<…>` of chat markup. Spelled
 * out, not taken away, in brackets as reports of incidents do it.
 */
export function harmless(text: string): string {
  return visible(text)
    .replace(/:(?=\/\/)/g, '[:]')
    .replace(/\b(mailto|tel|data|javascript|file|sms|slack):/gi, '$1[:]')
    .replace(/(?<=[\p{L}\p{N}_-])[.\u3002\uff0e\uff61](?=\p{L})/gu, '[.]')
    .replace(/@/g, '[at]');
}

/** At most `lengthMax` characters; what is missing is counted, and where it can be read is said. */
export function bounded(text: string, lengthMax: number): string {
  const characters = [...text];
  if (characters.length <= lengthMax) return text;
  const more = characters.length - lengthMax;
  return `${characters.slice(0, lengthMax).join('')} ⟨cut here: ${more} more characters, in the console⟩`;
}
