/**
 * Room: data (D-1). Patterns of tool schemas come from tool servers, and what they are matched against from agents: together they could hang a
 * backtracking matcher for good. So a pattern runs on a linear-time engine (RE2), unless it has at most one unbounded repetition and
 * backtracking costs little; one that RE2 cannot express (look-around) runs only when analysis finds nothing that repeats ambiguously, and
 * on short strings. Everything else is refused, which makes the tool unusable until a person corrects its schema.
 */
import { RE2JS } from 're2js';
import { analyse } from 'scslre';

export const patternLengthMax = 1_024;
/** A longer string fits no pattern. */
export const patternSubjectMax = 8_192;
/** The same for patterns with look-around, which may backtrack polynomially. */
export const lookAroundSubjectMax = 320;

const unbounded = /[*+]|\{\d+,\d*\}/g;
const repeatedGroup = /\)(?:[*+]|\{)/;
const lookAround = /\(\?<?[=!]/;
/** Analysis does not see ambiguous alternatives below a repetition (`(?:a|aa)+`). */
const repeatedAlternative = /\((?:[^()\\]|\\.)*\|(?:[^()\\]|\\.)*\)(?:[*+]|\{)/;
const backReference = /\\(?:[1-9]|k<)/;

type Test = (text: string) => boolean;

function native(pattern: string, flags: string, lengthMax: number): Test {
  const compiled = new RegExp(pattern, flags);
  return (text) => text.length <= lengthMax && compiled.test(text);
}

function isPlain(pattern: string): boolean {
  return (
    (pattern.match(unbounded)?.length ?? 0) <= 1 && !repeatedGroup.test(pattern) && !lookAround.test(pattern)
  );
}

/** @throws when it cannot be shown to be harmless */
function withLookAround(pattern: string, flags: string): Test {
  if (!lookAround.test(pattern) || repeatedAlternative.test(pattern)) throw new Error('pattern refused');
  const { reports } = analyse(new RegExp(pattern, flags), { maxReports: 1 });
  if (reports.length > 0) throw new Error('pattern refused');
  return native(pattern, flags, lookAroundSubjectMax);
}

function linear(pattern: string): Test | undefined {
  try {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
    return (text) => text.length <= patternSubjectMax && compiled.matcher(text).find();
  } catch {
    return undefined;
  }
}

/** What ajv calls a pattern: it tells patterns apart by their text, so each must say which it is. */
export class SafePattern {
  readonly test: Test;
  readonly #text: string;

  /** @throws when the pattern is none, or cannot be shown to be harmless */
  constructor(pattern: string, flags: string) {
    if (pattern.length > patternLengthMax || backReference.test(pattern)) throw new Error('pattern refused');
    this.#text = String(new RegExp(pattern, flags));
    this.test = isPlain(pattern)
      ? native(pattern, flags, patternSubjectMax)
      : (linear(pattern) ?? withLookAround(pattern, flags));
  }

  toString(): string {
    return this.#text;
  }
}
