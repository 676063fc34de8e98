/**
 * Room: segmentation (S-4, D-1). Text as provenance compares it: what a value says, without what can hide it. Compatibility forms are unified (NFKC),
 * invisible and bidirectional characters are dropped, case and punctuation do not count. Pure.
 */

/** Characters that nobody sees: soft hyphen, joiners, bidirectional controls, variation selectors, tag characters (Unicode: Default_Ignorable_Code_Point). */
const invisible = /\p{Default_Ignorable_Code_Point}/gu;
const betweenWords = /[^\p{L}\p{N}]+/gu;
/** How an address may begin without being another one. */
const addressBeginning = /^(?:https? )?(?:www )?/;
const writtenBeginning = /^(?:https?:\/\/)?(?:www\.)?/;

const seen = (text: string): string => text.normalize('NFKC').replace(invisible, '').toLowerCase();

/** Words in lower case, one space between them, none around. */
export function plainText(text: string): string {
  return seen(text).replace(betweenWords, ' ').trim();
}

/** The same of one value: `https://www.example.com/a` and `www.example.com/a` are one address. */
export const plainValue = (text: string): string => plainText(text).replace(addressBeginning, '');

/** Of an address the punctuation counts: `ada@example.com` is neither `ada@example.co` nor `ada@example.com.au`. One space for all white space. */
export const writtenText = (text: string): string => seen(text).replace(/\s+/g, ' ');

export const writtenValue = (text: string): string =>
  writtenText(text).trim().replace(writtenBeginning, '').replace(/\/$/, '');

/** Whether a written text names this address (of {@link writtenValue}) as a whole. Below a host that it names is another place. */
export function namesAddress(written: string, address: string): boolean {
  for (let at = written.indexOf(address); at >= 0; at = written.indexOf(address, at + 1)) {
    const before = written.slice(Math.max(0, at - 1), at);
    const after = written.slice(at + address.length, at + address.length + 2);
    const begins =
      !/[\p{L}\p{N}@_+-]/u.test(before) &&
      (before !== '.' || written.slice(Math.max(0, at - 4), at) === 'www.');
    if (begins && !/^(?:[\p{L}\p{N}@_-]|\.[\p{L}\p{N}])/u.test(after)) return true;
  }
  return false;
}

/** From this length on, and with this many digits, a value is a number that may be written in groups. */
const groupedFrom = 8;
const groupedTo = 64;
const groupedDigits = 4;

/** What finds a number that is written in groups, or in other ones, in a plain text with a space at each end; undefined when it is none. */
export function groupedPattern(plain: string): RegExp | undefined {
  const characters = plain.replaceAll(' ', '');
  const digits = characters.replace(/[^0-9]/g, '').length;
  if (characters.length < groupedFrom || characters.length > groupedTo || digits < groupedDigits)
    return undefined;
  // Letters and digits only, so that nothing of it means anything else to the expression.
  return /^[a-z0-9]+$/.test(characters) ? new RegExp(` ${[...characters].join(' ?')} `) : undefined;
}

/**
 * What reaches outside wherever it stands in a text: addresses of mail and of the web, account numbers (ISO 13616, in one piece or in groups of four).
 * Linear in the length of the text.
 */
const addresses =
  /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}|(?:https?:\/\/|www\.)[^\s<>"')\]]{1,2000}|[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}\/[^\s<>"')\]]{0,2000}|\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/gu;

const host = /^[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){0,7}\.\p{L}{2,63}$/u;

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
  return only === value.trim() || host.test(value.trim());
}

/** The words of a text that are no part of an address. */
export function wordsBesideAddresses(text: string): Set<string> {
  const words = text
    .replace(addresses, ' ')
    .split(/\s+/)
    .filter((word) => !host.test(word.replace(/[.,;:!?)('"]+$/, '')));
  return new Set(plainText(words.join(' ')).split(' '));
}
