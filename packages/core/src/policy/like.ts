/** Room: policy (S-2). Cedar's `like`: `*` stands for any characters, everything else for itself. */
import type { Pattern } from './est-expression.ts';

/**
 * Whether `text` matches `pattern`, the literal pieces between the stars. Taking each piece at its first place is enough,
 * because a star takes any length; so the work is bounded by pieces × text, without backtracking. Comparing UTF-16 units
 * is exact, because both sides are whole characters.
 */
export const matchesPattern = (text: string, pattern: Pattern): boolean => {
  const first = pattern[0] ?? '';
  if (pattern.length <= 1) return text === first;
  const last = pattern[pattern.length - 1] ?? '';
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const end = text.length - last.length;
  let at = first.length;
  for (let index = 1; index < pattern.length - 1; index++) {
    const piece = pattern[index] ?? '';
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
};
