/**
 * Room: segmentation (S-1). What is looked at before a statement is parsed: bounds, and what databases cut into words differently from one another or by their
 * settings. The parser is PostgreSQL's; of other dialects only the part is taken that they and PostgreSQL cut into the same words.
 */
import type { Dialect } from '../../wire/database.ts';
import { wordSet } from '../classify.ts';

/** Characters of a statement. */
export const statementLengthMax = 20_000;
/** Words and signs, those of quoted text and comments as well: a parse tree is no deeper than this, and the parser was tried with more. */
export const statementWordsMax = 3_000;

const wordOrSign = /[\p{L}\p{N}_$]+|[^\s]/gu;
/** A text in single quotes; then a word or a number; then one sign. Each place of a text is looked at a bounded number of times. */
const tokenPattern = /'(?:[^']|'')*'|[\p{L}\p{N}_$]+|[^\s]/gu;

/** Signs outside quoted text that every dialect reads alike; a quote is none that ends a string. */
const sharedSign = /^[(),.*=<>!+\-/%;]$/;
const sharedWord = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+)$/;
/** Words after which a string begins everywhere. After another word it is its alias in one dialect and a typed value in the next. */
const beforeString = wordSet(
  'and or not like in between when then else select where values by on set having limit offset is case distinct escape all any as from',
);

const joined = /--|\/\*|\*\//;
// NUL ends the text for a parser in C, and who knows for whom else.
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

function sharedProblem(text: string, tokens: readonly string[]): string | undefined {
  const outside = text.replace(/'(?:[^']|'')*'/g, "''");
  if (joined.test(outside)) return 'databases differ on comments: leave them out';
  if (text.includes('\\')) return 'databases differ on a backslash: pass such a text as a parameter';
  let before = '';
  for (const token of tokens) {
    if (token.startsWith("'")) {
      const word = /^\w/.test(before);
      if (token.length === 1 || before.startsWith("'") || (word && !beforeString.has(before.toLowerCase())))
        return 'a text stands where databases read it differently';
    } else if (!sharedSign.test(token) && !sharedWord.test(token))
      return 'a sign or a quoted name that databases read differently: write names without quotes';
    before = token;
  }
  return undefined;
}

/** Why a statement is not even parsed; undefined: it may be. */
export function textProblem(text: string, dialect: Dialect): string | undefined {
  if (text.length > statementLengthMax) return `longer than ${statementLengthMax} characters`;
  if (!text.isWellFormed() || control.test(text)) return 'it holds a control character or half a character';
  // With standard_conforming_strings off the text would go on after this quote, with it on it ends here.
  if (text.includes("\\'"))
    return 'a backslash before a quote ends a text or does not, by a setting of the database';
  if ((text.match(wordOrSign)?.length ?? 0) > statementWordsMax)
    return `more than ${statementWordsMax} words and signs`;
  return dialect === 'postgresql' ? undefined : sharedProblem(text, text.match(tokenPattern) ?? []);
}

/** MySQL may tell `Orders` from `orders`, the parser does not: a table is written as the list has it. */
export function writtenOtherwise(text: string, name: string): boolean {
  const words = text.match(tokenPattern) ?? [];
  return words.some((word) => word !== name && word.toLowerCase() === name);
}
