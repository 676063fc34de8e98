/**
 * Room: data (D-3). Detectors that a company describes in its settings, made into what the inspection asks. Control makes them when a set is checked, and runs their examples; a
 * gateway makes the same ones of the settings in force.
 */
import { sha256 } from '../../digest.ts';
import { canonicalJson, type Json, type JsonObject } from '../../wire/json.ts';
import type { AskedDetector, OwnDetector } from '../../wire/own-detectors.ts';
import type { Detector } from '../detectors/detector.ts';
import { compileSchema } from '../schema.ts';
import { dictionaryOf } from './dictionary.ts';
import { finderOf } from './expression.ts';
import { Unanswered } from './service.ts';

/** Looks at strings (`find`), or at objects and arrays as a whole (`holds`). */
export interface MadeDetector extends Detector {
  /** Of what it was made: whatever finds something else has another. */
  readonly version: string;
  readonly holds?: (value: Json) => boolean;
  /** It asks a service or a model: it is given the answers before it can look (service.ts). */
  readonly asked?: AskedDetector;
  /** What it may cost at one place of a text, in steps. */
  readonly effort: number;
}

/** What it finds, and where: summary and examples aside. */
export function essenceOf(own: OwnDetector): JsonObject {
  const { summary: _summary, examples: _examples, ...rest } = { examples: undefined, ...own };
  return JSON.parse(JSON.stringify(rest)) as JsonObject;
}

const versionOf = (own: OwnDetector): string => sha256(canonicalJson(essenceOf(own))).slice(0, 12);

/** All of them together: a text of the longest kind that is looked at in one go keeps nobody waiting. */
export const effortMax = 1_500;
/** A walk over words, a schema. */
const effortOfOthers = 20;

const unanswered = (): never => {
  throw new Unanswered();
};

type Name = Omit<MadeDetector, 'find' | 'holds'>;
const named = (own: OwnDetector): Name => ({
  ...{ id: own.id, summary: own.summary, category: own.category },
  // What servers put before the agent as words to follow is read by it, too.
  channels: own.channels.flatMap((each) => (each === 'read' ? (['read', 'prompt'] as const) : [each])),
  requirement: 'D-3',
  kind: 'label',
  cost: 'expression',
  examples: [],
  placeholder: own.id.slice('own.'.length).toUpperCase(),
  version: versionOf(own),
  effort: effortOfOthers,
});

/** @throws {Error} in words, when it cannot be made */
export function ownDetector(own: OwnDetector): MadeDetector {
  const made = named(own);
  if ('expression' in own) return { ...made, ...finderOf(own.expression, own.ignoreCase) };
  if ('dictionary' in own) return { ...made, find: dictionaryOf(own.dictionary) };
  if ('service' in own || 'model' in own) return { ...made, find: unanswered, asked: own };
  const fits = compileSchema(own.schema as Record<string, Json>);
  if (fits === undefined) throw new Error('its schema cannot be compiled strictly');
  return { ...made, find: () => [], holds: (value) => fits(value) === true };
}

/** What is wrong with them, in words; nothing: they can be made, find what their examples say, and cost together no more than is bearable. */
export function ownDetectorsProblems(all: readonly OwnDetector[]): string[] {
  const problems = all.flatMap((own) => ownDetectorProblems(own).map((problem) => `${own.id}: ${problem}`));
  if (problems.length > 0) return problems;
  const effort = all.reduce((sum, own) => sum + ownDetector(own).effort, 0);
  return effort <= effortMax
    ? []
    : [
        `together they can be tried in ${effort} ways at each place of a text; at most ${effortMax} are bearable`,
      ];
}

/** The same of one. */
export function ownDetectorProblems(own: OwnDetector): string[] {
  let made: MadeDetector;
  try {
    made = ownDetector(own);
  } catch (fault) {
    return [fault instanceof Error ? fault.message : 'it cannot be made'];
  }
  const finds = (example: unknown): boolean =>
    typeof example === 'string'
      ? made.find(example, nothingSeen).length > 0
      : made.holds?.(example as Json) === true;
  // What a service or a model finds is known where it can be asked.
  if (!('examples' in own)) return [];
  const { found, clean } = own.examples;
  return [
    ...found.flatMap((each, at) => (finds(each) ? [] : [`nothing is found in example ${at + 1} of found`])),
    ...clean.flatMap((each, at) => (finds(each) ? [`something is found in example ${at + 1} of clean`] : [])),
  ];
}

/** They ask no glance. */
const nothingSeen = {
  ...{ plain: false, numbers: [], digitsMax: 0, tokenMax: 0, base64: [], hex: false },
  words: new Set<never>(),
};

const made = new WeakMap<readonly OwnDetector[], readonly MadeDetector[]>();
const none: readonly MadeDetector[] = [];

/** Those of the settings; made once. One that cannot be made fails whenever it is asked, so that what it would have looked at is unchecked. */
export function ownDetectors(settings: readonly OwnDetector[] | undefined): readonly MadeDetector[] {
  if (settings === undefined) return none;
  const known = made.get(settings);
  if (known !== undefined) return known;
  const all = settings.map((own): MadeDetector => {
    try {
      return ownDetector(own);
    } catch (fault) {
      const fails = (): never => {
        throw fault;
      };
      return { ...named(own), find: fails };
    }
  });
  made.set(settings, all);
  return all;
}
