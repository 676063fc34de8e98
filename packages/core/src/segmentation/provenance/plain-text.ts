/**
 * Room: segmentation (S-4, D-1). Text as provenance compares it: what a value says, without what can hide it. Compatibility forms are unified (NFKC),
 * invisible and bidirectional characters are dropped, case and punctuation do not count. Pure.
 */

/** Characters that nobody sees: soft hyphen, joiners, bidirectional controls, variation selectors, tag characters (Unicode: Default_Ignorable_Code_Point). */
const invisible = /\p{Default_Ignorable_Code_Point}/gu;
const betweenWords = /[^\p{L}\p{N}]+/gu;
/** How an address may begin without being another one. */
const addressBeginning = /^(?:https? )?(?:www )?/;

/** Words in lower case, one space between them, none around. */
export function plainText(text: string): string {
  return text.normalize('NFKC').replace(invisible, '').toLowerCase().replace(betweenWords, ' ').trim();
}

/** The same of one value: `https://www.example.com/a` and `www.example.com/a` are one address. */
export const plainValue = (text: string): string => plainText(text).replace(addressBeginning, '');

/** Without spaces: a number that is written in groups, an address that is written with blanks. */
export const joined = (plain: string): string => plain.replaceAll(' ', '');

/**
 * What reaches outside wherever it stands in a text: addresses of mail and of the web, account numbers (ISO 13616, in one piece or in groups of four).
 * Linear in the length of the text.
 */
const addresses =
  /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}|(?:https?:\/\/|www\.)[^\s<>"')\]]{1,2000}|[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}\/[^\s<>"')\]]{0,2000}|\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/gu;

/** At most `max` addresses, in the order of the text. */
export function addressesIn(text: string, max: number): string[] {
  const found: string[] = [];
  for (const [address] of text.matchAll(addresses)) {
    if (found.length >= max) break;
    found.push(address.replace(/[.,;:!?]+$/, ''));
  }
  return found;
}

/** Whether a value as a whole is such an address, or a bare host name. */
export function isAddress(value: string): boolean {
  const [only] = addressesIn(value, 1);
  return only === value.trim() || /^[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{2,63}){1,8}$/u.test(value.trim());
}
