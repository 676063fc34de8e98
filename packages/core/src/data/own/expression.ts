/**
 * Room: data (D-3). An expression that somebody wrote into the settings, made harmless before anything is matched against it: every repetition in it is bounded, it
 * matches neither nothing nor a page, and the ways in which it can be tried at one place of a text are counted. Where they are too many it runs on an engine whose time is linear in
 * the text whatever the expression is (RE2), which is slower.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';
import { matches, type Place } from '../detectors/detector.ts';

export const matchMin = 3;
export const matchMax = 500;
/** Ways to try it at one place, beyond which it runs on the slower engine. */
const waysMax = 300;

interface Measure {
  readonly min: number;
  readonly max: number;
  readonly ways: number;
}

const nothing: Measure = { min: 0, max: 0, ways: 1 };
const inRow = (parts: readonly Measure[]): Measure =>
  parts.reduce(
    (all, { min, max, ways }) => ({ min: all.min + min, max: all.max + max, ways: all.ways * ways }),
    nothing,
  );

/** @throws {Error} for what is not supported, in words */
function measure(node: AST.Element | AST.Alternative): Measure {
  switch (node.type) {
    case 'Alternative':
      return inRow(node.elements.map(measure));
    case 'Group':
    case 'CapturingGroup':
      return either(node.alternatives);
    case 'Assertion':
      return node.kind === 'lookahead' || node.kind === 'lookbehind'
        ? { ...nothing, ways: either(node.alternatives).ways }
        : nothing;
    case 'Quantifier':
      return repeated(node);
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
      return { min: 1, max: 1, ways: 1 };
    default:
      throw new Error('it refers back to what it matched, which takes a time that nobody can bound');
  }
}

function either(alternatives: readonly AST.Alternative[]): Measure {
  const all = alternatives.map(measure);
  return {
    min: Math.min(...all.map(({ min }) => min)),
    max: Math.max(...all.map(({ max }) => max)),
    ways: all.reduce((sum, { ways }) => sum + ways, 0),
  };
}

function repeated({ min, max, element }: AST.Quantifier): Measure {
  if (max === Number.POSITIVE_INFINITY) throw new Error('a repetition has no bound: write {1,20}, not +');
  const once = measure(element);
  // Each time it is repeated it may be tried in each way, and it may end after each time.
  const ways = once.ways === 1 ? max - min + 1 : (max - min + 1) * once.ways ** Math.min(max, 20);
  return { min: once.min * min, max: once.max * max, ways };
}

export interface Finder {
  readonly find: (text: string) => readonly Place[];
  /** Ways in which it may be tried at one place of a text. */
  readonly effort: number;
}

/** @throws {Error} in words, when the expression is none or cannot be shown to be harmless */
export function finderOf(expression: string, ignoreCase: boolean): Finder {
  const flags = ignoreCase ? 'giu' : 'gu';
  let parsed: AST.Pattern;
  try {
    parsed = new RegExpParser().parsePattern(expression, 0, expression.length, { unicode: true });
  } catch {
    throw new Error('it is no regular expression (JavaScript, with the flag u)');
  }
  const { min, max, ways } = either(parsed.alternatives);
  if (min < matchMin) throw new Error(`it may match fewer than ${matchMin} characters`);
  if (max > matchMax) throw new Error(`it may match more than ${matchMax} characters`);
  const pattern = new RegExp(expression, flags);
  return ways <= waysMax
    ? { find: (text) => matches(text, pattern), effort: ways }
    : { find: linear(expression, ignoreCase), effort: waysMax };
}

function linear(expression: string, ignoreCase: boolean): (text: string) => readonly Place[] {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(RE2JS.translateRegExp(expression), ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch {
    throw new Error('it can be tried in too many ways, and looks around, which the slower engine cannot');
  }
  return (text) => {
    const places: Place[] = [];
    const matcher = compiled.matcher(text);
    while (matcher.find()) places.push({ start: matcher.start(), end: matcher.end() });
    return places;
  };
}
