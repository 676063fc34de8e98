/**
 * Room: data (D-3). A detector that asks a service or a model of the company: what it is sent, what its answer must be, and where in a text that says something was found. Pure: whoever
 * can ask does (gateway, `service-detectors.ts`), and gives the answer to the detector before it looks.
 */
import { z } from 'zod';
import type { AskedDetector } from '../../wire/own-detectors.ts';
import type { Json } from '../../wire/json.ts';
import type { Place } from '../detectors/detector.ts';
import type { MadeDetector } from './own-detectors.ts';

/** What a service is sent about one value; what is more is not asked about. */
export const serviceTextsMax = 4_000;
export const serviceCharactersMax = 262_144;
export const serviceAnswerBytesMax = 1_048_576;

/** Nobody has answered about a text. */
export class Unanswered extends Error {
  constructor() {
    super('a service has not answered');
  }
}

/** Positions count characters (code points), as most languages do; without them the whole text is meant. Further members are ignored. */
const findSchema = z
  .object({
    text: z.int().min(0),
    start: z.int().min(0).optional(),
    end: z.int().min(1).optional(),
    label: z.string().max(100).optional(),
    score: z.number().min(0).max(1).default(1),
  })
  .refine(({ start, end }) => (start === undefined) === (end === undefined) && (end ?? 1) > (start ?? 0));
const answerSchema = z.object({ found: z.array(findSchema).max(20_000) });

/** What is asked about, each text once, within bounds. */
export class AskedTexts {
  readonly #texts = new Map<string, number>();
  #characters = 0;
  /** Some of it is not asked about. */
  cut = false;

  readonly add = (text: string): readonly Place[] => {
    if (this.#texts.has(text)) return [];
    if (this.#texts.size >= serviceTextsMax || this.#characters + text.length > serviceCharactersMax)
      this.cut = true;
    else {
      this.#characters += text.length;
      this.#texts.set(text, this.#texts.size);
    }
    return [];
  };

  get all(): readonly string[] {
    return [...this.#texts.keys()];
  }
}

/** What is posted. Texts are of others, never instructions. */
export const serviceQuestion = ({ id }: Pick<AskedDetector, 'id'>, texts: readonly string[]): string =>
  JSON.stringify({ detector: id, texts });

/** Where something was found, by text; undefined: it is no answer to this. */
export function placesAnswered(
  answer: Json | undefined,
  texts: readonly string[],
  { threshold, labels }: Pick<AskedDetector, 'threshold' | 'labels'>,
): ReadonlyMap<string, readonly Place[]> | undefined {
  const read = answerSchema.safeParse(answer);
  if (!read.success) return undefined;
  const places = new Map<string, Place[]>(texts.map((text) => [text, []]));
  for (const { text: at, start, end, label, score } of read.data.found) {
    const text = texts[at];
    if (text === undefined) return undefined;
    const place = start === undefined ? { start: 0, end: text.length } : inUnits(text, start, end ?? 0);
    if (place === undefined) return undefined;
    const counts = score >= threshold && (labels === undefined || labels.includes(label ?? ''));
    if (counts) places.get(text)?.push(place);
  }
  return places;
}

/** Code points to UTF-16 units; undefined: beyond the text. */
function inUnits(text: string, start: number, end: number): Place | undefined {
  if (!/[\uD800-\uDFFF]/.test(text)) return end <= text.length ? { start, end } : undefined;
  const units = [0];
  for (const character of text) units.push((units.at(-1) ?? 0) + character.length);
  const [from, to] = [units[start], units[end]];
  return from === undefined || to === undefined ? undefined : { start: from, end: to };
}

/** The same detector, which looks up what was answered; what was not fails. */
export const answered = (
  detector: MadeDetector,
  places: ReadonlyMap<string, readonly Place[]>,
): MadeDetector => ({
  ...detector,
  find: (text) => {
    const found = places.get(text);
    if (found === undefined) throw new Unanswered();
    return found;
  },
});
