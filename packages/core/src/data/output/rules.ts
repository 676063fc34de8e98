/**
 * Room: data (D-4). A company's own rules about what leaves: words, or an expression that is harmless (safe-pattern.ts). A text is looked at in pieces that overlap, so that
 * its length hides nothing; time is linear in it for words, and bounded for each piece for expressions.
 */
import type { OutputRule } from '../../wire/output.ts';
import { compatibleForm } from '../../compatible-form.ts';
import { patternSubjectMax, SafePattern } from '../safe-pattern.ts';

export interface CompiledRule extends OutputRule {
  find(text: string): boolean;
}

const overlap = 1_024;

const wordsOf = (text: string): string[] =>
  compatibleForm(text)
    .toLowerCase()
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '');

function dictionary(words: readonly string[]): CompiledRule['find'] {
  const phrases = new Set(words.map((each) => wordsOf(each).join(' ')));
  phrases.delete('');
  if (phrases.size === 0) throw new Error('no words');
  const longest = Math.max(...[...phrases].map((phrase) => phrase.split(' ').length));
  return (text) => {
    const said = wordsOf(text);
    return said.some((_, at) => {
      for (let length = 1, phrase = ''; length <= longest && at + length <= said.length; length++) {
        phrase = length === 1 ? (said[at] as string) : `${phrase} ${said[at + length - 1]}`;
        if (phrases.has(phrase)) return true;
      }
      return false;
    });
  };
}

/** In small letters, of the same length. */
const small = (text: string): string =>
  text.replace(/\p{Lu}/gu, (letter) => {
    const lower = letter.toLowerCase();
    return lower.length === letter.length ? lower : letter;
  });

function expression(pattern: string): CompiledRule['find'] {
  const compiled = new SafePattern(pattern, 'u');
  const test = (piece: string) => compiled.test(piece) || compiled.test(small(piece));
  return (text) => {
    for (let from = 0; ; from += patternSubjectMax - overlap) {
      if (test(text.slice(from, from + patternSubjectMax))) return true;
      if (from + patternSubjectMax >= text.length) return false;
    }
  };
}

/** @throws when the expression is none or cannot be shown to be harmless, or the words hold no word */
export function compileRule(rule: OutputRule): CompiledRule {
  const { words, pattern = '' } = rule;
  return { ...rule, find: words === undefined ? expression(pattern) : dictionary(words) };
}

/** What is wrong with rules, by name. */
export function problemsOf(rules: readonly OutputRule[]): string[] {
  return rules.flatMap((rule) => {
    try {
      compileRule(rule);
      return [];
    } catch {
      return [
        `${rule.name}: its ${rule.words === undefined ? 'expression is none that is safe' : 'words hold none'}`,
      ];
    }
  });
}
