/**
 * Room: segmentation (S-4, D-1). Text as provenance compares it: what a value says, without what can hide it. Compatibility forms are unified (NFKC),
 * invisible and bidirectional characters are dropped, case and punctuation do not count; of addresses the punctuation does. Pure, and linear in the length of
 * what is looked at, which is bounded.
 */
import { compatibleForm } from '../../compatible-form.ts';

/** Characters that nobody sees: soft hyphen, joiners, bidirectional controls, variation selectors, tag characters (Unicode: Default_Ignorable_Code_Point). */
const invisible = /\p{Default_Ignorable_Code_Point}/gu;
const betweenWords = /[^\p{L}\p{N}]+/gu;

const seen = (text: string): string => compatibleForm(text).replace(invisible, '').toLowerCase();

/** Words in lower case, one space between them, none around. */
export const plainText = (text: string): string => seen(text).replace(betweenWords, ' ').trim();

/** One space for all white space, punctuation as it is. A sentence that begins without a space before it is no part of a host. */
export const writtenText = (text: string): string =>
  seen(text.replace(/(\p{Ll}\.)(?=\p{Lu}\p{Ll})/gu, '$1 '))
    .replace(/\s+/g, ' ')
    .trim();

/** An address as it is compared: `https://www.example.com/` and `example.com` are one. */
export const writtenAddress = (address: string): string =>
  seen(address)
    .trim()
    .replace(/^(?:https?:\/\/|mailto:)?(?:www\.)?/, '')
    .replace(/\/$/, '');

/** Whether a written text names this address (of {@link writtenAddress}) as a whole. Below a host that it names is another place. */
export function namesAddress(written: string, address: string): boolean {
  for (let at = written.indexOf(address); at >= 0; at = written.indexOf(address, at + 1)) {
    const before = written.slice(Math.max(0, at - 1), at);
    const after = written.slice(at + address.length, at + address.length + 2);
    const begins =
      !/[\p{L}\p{N}@_+.-]/u.test(before) ||
      /(?:^|[^\p{L}\p{N}.-])www\.$/u.test(written.slice(Math.max(0, at - 5), at));
    if (begins && !/^(?:[\p{L}\p{N}@_-]|\.[\p{L}\p{N}])/u.test(after)) return true;
  }
  return false;
}

const numberFrom = 8;
const numberTo = 64;
const numberDigits = 4;

/** The characters of a long number, which may be written in groups: an account, a card, a telephone; undefined when it is none. */
export function numberIn(plain: string): string | undefined {
  const characters = plain.replaceAll(' ', '');
  const digits = characters.replace(/[^0-9]/g, '').length;
  const fits = characters.length >= numberFrom && characters.length <= numberTo && digits >= numberDigits;
  return fits && /^[a-z0-9]+$/.test(characters) ? characters : undefined;
}

/** Whether a plain text with a space at each end holds the number as a whole, in whatever groups. `joined`: the text without spaces, which is asked first. */
export const holdsNumber = (text: string, joined: string, number: string): boolean =>
  // Letters and digits only, so that nothing of it means anything else to the expression.
  joined.includes(number) && new RegExp(` ${[...number].join(' ?')} `).test(text);

/** Characters of one text in which addresses are looked for. */
const lookedAtMax = 65_536;
const addressMax = 2_048;
const wordEnds = /[\s<>"'()[\]{},;|\\]+/;
const account = /\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g;
const host = /^[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){0,7}\.\p{L}{2,63}$/u;

const trimmed = (word: string): string =>
  word.replace(/^[.:!?*_`]{1,8}|[.:!?*_`]{1,8}$/g, '').replace(/^mailto:/i, '');

function isWordAddress(word: string): boolean {
  if (word.includes('@')) return word.length > 1;
  return (
    word.includes('://') ||
    /^www\./i.test(word) ||
    (word.includes('/') && host.test(word.slice(0, word.indexOf('/'))))
  );
}

/** Characters that are not looked at, or an address that is too long to be one: nobody can say where it comes from. */
export const unreadable = '\u0000';

/**
 * What reaches outside wherever it stands in a text: addresses of mail and of the web, account numbers (ISO 13616); with `hosts` bare host names too. At most `max`, in no
 * particular order.
 */
export function addressesIn(text: string, max: number, hosts = false): string[] {
  const looked = text.slice(0, lookedAtMax);
  const found: string[] = text.length > lookedAtMax ? [unreadable] : [];
  for (const word of looked.split(wordEnds)) {
    if (found.length >= max) return found;
    if (word.length > addressMax) {
      if (/[@/]/.test(word)) found.push(unreadable);
      continue;
    }
    const bare = trimmed(word);
    if (isWordAddress(bare) || (hosts && host.test(bare))) found.push(bare);
  }
  for (const [number] of looked.matchAll(account)) {
    if (found.length >= max) return found;
    found.push(number);
  }
  return found;
}

export const isMail = (value: string): boolean =>
  /^[^@\s]{1,64}@[^@\s]{1,255}$/.test(value) && host.test(value.slice(value.indexOf('@') + 1));

const isAccount = (value: string): boolean => new RegExp(`^(?:${account.source})$`).test(value);

/** Whether a value as a whole is one address. */
export const isAddress = (value: string): boolean => {
  const bare = value.trim();
  return bare.length <= addressMax && !wordEnds.test(bare) && (isWordAddress(bare) || host.test(bare));
};

/** Whether it is compared as it is written: an account number is one by its characters alone. */
export const reachesOutside = (value: string): boolean => isAddress(value) || isAccount(value.trim());

/** Words of a text that are no part of an address, and that are written as names are, in the middle of a sentence. */
export function namesIn(text: string): Set<string> {
  const names = new Set<string>();
  let begins = true;
  for (const word of text.slice(0, lookedAtMax).split(/[\s<>"()[\]{}|\\]+/)) {
    const bare = trimmed(word.replace(/[,;']+.*$/, ''));
    if (!begins && /^\p{Lu}\p{Ll}{2,}$/u.test(bare)) names.add(plainText(bare));
    begins = word === '' ? begins : /[.!?:]$/.test(word) || /^[0-9]+\.?$/.test(word);
  }
  return names;
}
