/**
 * Room: data (D-3). What a text classifier reads at a time, and what its numbers mean. Pure. Imports nothing: the process that runs the model (onnx-worker.ts) can read little
 * else than this folder.
 */

/** Windows of one question. A model is asked about one after the other. */
export const windowsMax = 6_000;
/** Of a window, in characters for each token: a first guess. */
const charactersPerToken = 4;

/** From and to (exclusive), in UTF-16 units. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

export interface WindowScores extends Window {
  readonly scores: readonly number[];
}

/** One find as services say it (core/data/own/service.ts): positions count code points. */
export interface ModelFind {
  readonly text: number;
  readonly start: number;
  readonly end: number;
  readonly label: string;
  readonly score: number;
}

/** No cut goes through a pair of surrogates. */
const whole = (text: string, at: number): number => {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff && at > 0 ? at - 1 : at;
};

/**
 * Parts of a text that come to at most `max` tokens each (`tokens` counts them). A quarter of each stands in the next, too, so that what is cut in one stands whole in another.
 * @throws when a single character comes to more, or there are more than `windowsMax`
 */
export function windowsOf(text: string, tokens: (text: string) => number, max: number): Window[] {
  const windows: Window[] = [];
  let size = max * charactersPerToken;
  for (let start = 0; ; ) {
    let end = whole(text, Math.min(text.length, start + size));
    while (tokens(text.slice(start, end)) > max) {
      const half = whole(text, start + ((end - start) >> 1));
      if (half <= start) throw new Error('one character comes to more tokens than the model reads at a time');
      end = half;
    }
    windows.push({ start, end });
    if (end >= text.length) return windows;
    if (windows.length >= windowsMax) throw new Error('a text has too many windows');
    const next = whole(text, end - ((end - start) >> 2));
    size = Math.min(max * charactersPerToken, Math.max(2, (end - start) * 2));
    start = next > start ? next : end;
  }
}

/** @throws when a number is none, or no score */
export function scoresOf(numbers: readonly number[], how: 'softmax' | 'sigmoid' | 'none'): number[] {
  if (!numbers.every(Number.isFinite)) throw new Error('the model answers with what is no number');
  if (how === 'sigmoid') return numbers.map((number) => 1 / (1 + Math.exp(-number)));
  if (how === 'softmax') {
    const most = Math.max(...numbers);
    const powers = numbers.map((number) => Math.exp(number - most));
    const sum = powers.reduce((all, each) => all + each, 0);
    return powers.map((each) => each / sum);
  }
  if (numbers.some((number) => number < 0 || number > 1))
    throw new Error('the model answers with numbers that are no scores');
  return [...numbers];
}

/** What of a text counts: windows in which a class of `labels` has the score; those that overlap are one find. */
export function findsIn(
  text: string,
  at: number,
  windows: readonly WindowScores[],
  { classes, labels, threshold }: Counted,
): ModelFind[] {
  const found: { start: number; end: number; label: string; score: number }[] = [];
  for (const { start, end, scores } of windows) {
    const [best] = classes
      .map((label, of) => ({ label, score: scores[of] ?? 0 }))
      .filter(({ label, score }) => labels.includes(label) && score >= threshold)
      .toSorted((a, b) => b.score - a.score);
    if (best === undefined) continue;
    const last = found.at(-1);
    if (last === undefined || last.end < start) found.push({ start, end, ...best });
    else Object.assign(last, { end }, best.score > last.score ? best : {});
  }
  let [units, points] = [0, 0];
  const pointsTo = (until: number): number => {
    for (const _ of text.slice(units, until)) points++;
    units = until;
    return points;
  };
  return found.map(({ start, end, ...what }) => ({
    ...{ text: at, start: pointsTo(start), end: pointsTo(end) },
    ...what,
  }));
}

export interface Counted {
  readonly classes: readonly string[];
  readonly labels: readonly string[];
  readonly threshold: number;
}
