/** Room: data (D-3). What tells a secret from a word, a name or a placeholder. */

/** Shannon entropy of the characters, bits each. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** What people write where a secret would stand, and what programs put there later. */
const placeholder =
  /x{4,}|\*{3,}|#{4,}|\.{4,}|_{4,}|(.)\1{5,}|<[^>]{1,60}>|\$\{|\{\{|\$\(|%[sdv]\b|your|example(?!\.com\/)|sample|dummy|placeholder|changeme|replace|redacted|masked|insert|todo|test[-_]?(?:key|token|secret)|fake(?!123)|0123456789|123456789|abcdef(?:gh)?|qwerty/i;

export const isPlaceholder = (text: string): boolean => placeholder.test(text);

/** How often letters, digits and signs alternate: in what a machine made up they do, in words and identifiers hardly. */
export function isMixed(text: string): boolean {
  const digits = (text.match(/\d/g) ?? []).length;
  if (digits === 0) return false;
  const turns = (text.match(/[A-Za-z]\d|\d[A-Za-z]/g) ?? []).length;
  return turns >= 2 || digits / text.length > 0.3;
}
