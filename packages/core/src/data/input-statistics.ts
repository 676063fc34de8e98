/**
 * Room: data (D-2; B-3). Statistics of what an agent reads from a source: length, language, kinds of characters, labels, and words by hash, as counts in few buckets.
 * No word can be read out of them. Two periods are compared by the Jensen–Shannon divergence of each (Lin 1991, base 2: 0 alike, 1 nothing in common), less what
 * chance alone makes of so few results (k − 1 over 8 ln 2, by the harmonic size; Grosse et al. 2002).
 */
import { inputBuckets, type InputCounts, type InputDimension, inputDimensions } from '../wire/drift.ts';

/** Characters of a result that are looked at. */
export const sampledMax = 8_192;
const wordsMax = 400;

/** Above it a source has drifted. */
export const driftThreshold = 0.2;
/** Results of the newest hours, and of the days before. */
export const resultsMin = 20;
export const referenceMin = 50;

/** Words that stand in nearly every text of a language in Latin letters. */
const common: readonly (readonly [string, RegExp])[] = [
  ['en', /\b(?:the|and|of|to|is|for|with|that|this|not)\b/g],
  ['de', /\b(?:der|die|und|das|ist|nicht|mit|ein|eine|für)\b/g],
  ['fr', /\b(?:le|les|des|est|une|pour|dans|vous|qui|et)\b/g],
  ['es', /\b(?:el|los|las|una|por|para|que|con|del|es)\b/g],
  ['it', /\b(?:il|che|di|per|una|non|sono|della|con|è)\b/g],
  ['pt', /\b(?:o|os|uma|para|não|com|que|do|da|em)\b/g],
  ['nl', /\b(?:het|een|van|niet|dat|met|voor|zijn|de|op)\b/g],
];
const scripts: readonly RegExp[] = [
  /\p{Script=Cyrillic}/gu,
  /\p{Script=Greek}/gu,
  /\p{Script=Arabic}/gu,
  /\p{Script=Hebrew}/gu,
  /\p{Script=Han}/gu,
  /[\p{Script=Hiragana}\p{Script=Katakana}]/gu,
  /\p{Script=Hangul}/gu,
  /\p{Script=Devanagari}/gu,
  /\p{Script=Thai}/gu,
];
/** Latin by language, Latin of none of them, other scripts, nothing. */
const ofNoLanguage = common.length;
const ofNothing = ofNoLanguage + 1 + scripts.length;

const kinds: readonly RegExp[] = [/\p{L}/gu, /\p{N}/gu, /\s/gu, /[\p{P}\p{S}]/gu, /\p{C}/gu];
/** What labels a result may have; all others count as one. */
const labelsKnown = [
  'secret',
  'PCI',
  'PHI',
  'PII',
  'hidden',
  'unchecked',
  'uninspected',
  'injection',
  'toxic',
];

export function noCounts(): InputCounts {
  const zeros = (length: number) => Array.from({ length }, () => 0);
  return {
    results: 0,
    length: zeros(inputBuckets.length),
    language: zeros(inputBuckets.language),
    characters: zeros(inputBuckets.characters),
    labels: zeros(inputBuckets.labels),
    words: zeros(inputBuckets.words),
  };
}

const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

function languageOf(text: string): number {
  const lower = text.toLowerCase();
  const latin = countOf(text, /\p{Script=Latin}/gu);
  const others = scripts.map((pattern) => countOf(text, pattern));
  const most = Math.max(...others);
  // A character of Han says as much as several letters.
  if (most > 0 && most * 2 > latin) return ofNoLanguage + 1 + others.indexOf(most);
  if (latin === 0) return ofNothing;
  const known = common.map(([, pattern]) => countOf(lower, pattern));
  const best = Math.max(...known);
  return best < 2 ? ofNoLanguage : known.indexOf(best);
}

/** FNV-1a: many words share a bucket, so a bucket names none. */
function bucketOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % inputBuckets.words;
}

/** Adds one result: `length` of all of it, `sample` of its beginning. Each result weighs the same, however long it is. */
export function countResult(
  counts: InputCounts,
  {
    length,
    sample,
    labels,
  }: { readonly length: number; readonly sample: string; readonly labels: readonly string[] },
): void {
  const add = (dimension: InputDimension, at: number, weight = 1) => {
    counts[dimension][at] = (counts[dimension][at] ?? 0) + weight;
  };
  counts.results++;
  add('length', Math.min(inputBuckets.length - 1, Math.ceil(Math.log2(length + 1))));
  add('language', languageOf(sample));
  const found = kinds.map((pattern) => countOf(sample, pattern));
  for (const [at, count] of found.entries()) add('characters', at, count / Math.max(1, sample.length));
  const words = (sample.toLowerCase().match(/[\p{L}\p{N}]{2,30}/gu) ?? []).slice(0, wordsMax);
  for (const word of words) add('words', bucketOf(word), 1 / words.length);
  const known = new Set(
    labels.map((label) => (labelsKnown.indexOf(label) + labelsKnown.length + 2) % (labelsKnown.length + 2)),
  );
  if (known.size === 0) add('labels', inputBuckets.labels - 1);
  for (const at of known) add('labels', at, 1 / known.size);
}

export function addCounts(to: InputCounts, more: InputCounts): void {
  to.results += more.results;
  for (const dimension of inputDimensions)
    for (const [at, count] of more[dimension].entries()) to[dimension][at] = (to[dimension][at] ?? 0) + count;
}

const entropy = (shares: readonly number[]): number =>
  shares.reduce((sum, share) => (share > 0 ? sum - share * Math.log2(share) : sum), 0);

/** 0 to 1; of `results` many draws each. */
function divergenceOf(
  one: readonly number[],
  other: readonly number[],
  results: { readonly one: number; readonly other: number },
): number {
  const sharesOf = (counts: readonly number[]) => {
    const sum = counts.reduce((total, count) => total + count, 0);
    return counts.map((count) => (sum === 0 ? 0 : count / sum));
  };
  const [p, q] = [sharesOf(one), sharesOf(other)];
  const mixed = p.map((share, at) => (share + (q[at] ?? 0)) / 2);
  const raw = entropy(mixed) - (entropy(p) + entropy(q)) / 2;
  const occupied = mixed.filter((share) => share > 0).length;
  const chance = ((occupied - 1) / (8 * Math.LN2)) * (1 / results.one + 1 / results.other);
  return Math.max(0, Math.min(1, raw - chance));
}

export type Divergence = Record<InputDimension, number>;

/** How far the newest are from those before; undefined: there are too few to say. */
export function divergence(newest: InputCounts, before: InputCounts): Divergence | undefined {
  if (newest.results < resultsMin || before.results < referenceMin) return undefined;
  const results = { one: newest.results, other: before.results };
  return Object.fromEntries(
    inputDimensions.map((each) => [each, divergenceOf(newest[each], before[each], results)]),
  ) as Divergence;
}

/** In what it drifted. */
export const driftedIn = (found: Divergence): InputDimension[] =>
  inputDimensions.filter((each) => found[each] > driftThreshold);
