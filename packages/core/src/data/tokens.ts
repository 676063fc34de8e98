/** Room: data (D-3). How tokens look in texts, which values may become one, and which arguments are turned back. Pure; the values are control's. */
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import type { Sensitive } from '../wire/sensitive.ts';
import type { Level } from '../wire/words.ts';
import type { Detector } from './detectors/detector.ts';
import type { FoundPlace } from './places.ts';
import { isNamed } from './sensitive.ts';
import { tokensPerCallMax, tokenValueMax, tokensPerResultMax } from '../wire/tokens.ts';

export const tokenHoursDefault = 24;

/** An address stays one, so that a schema that wants an address takes it; nothing is ever delivered to it (RFC 2606). */
const email = 'EMAIL';
const whole = /^(?:(tok_[a-z2-7]{26})@email\.invalid|\[[A-Z][A-Z0-9_]{0,40}:(tok_[a-z2-7]{26})\])$/;

export const tokenText = (token: string, placeholder: string): string =>
  placeholder === email ? `${token}@email.invalid` : `[${placeholder}:${token}]`;

/** The token, where the text is one and nothing else. */
export function tokenIn(text: string): string | undefined {
  const found = whole.exec(text);
  return found?.[1] ?? found?.[2];
}

/** Whether what a level does not read becomes a token for it. */
export const isTokenised =
  ({ tokenised }: Sensitive, level: Level): ((detector: Pick<Detector, 'id' | 'category'>) => boolean) =>
  (detector) =>
    isNamed(tokenised?.[level] ?? [], detector);

export interface KeptValue {
  readonly detector: string;
  readonly value: string;
}

const keyOf = ({ detector, value }: KeptValue): string => `${detector}\u0000${value}`;

/** What whoever keeps values says of each: its token, or that it is masked. */
export type Tokens = readonly (string | null)[] | undefined;

/** Values of one result, or of one stream, on their way to a token: they are told first, and put in place in a second look. */
export class Tokenising {
  readonly #values = new Map<string, KeptValue>();
  readonly #told = new Set<string>();
  readonly #tokens = new Map<string, string>();
  readonly #is: (detector: Detector) => boolean;

  constructor(is: (detector: Detector) => boolean) {
    this.#is = is;
  }

  /** Values that were found since this was asked last. */
  fresh(): readonly KeptValue[] {
    const fresh = [...this.#values].filter(([key]) => !this.#told.has(key));
    for (const [key] of fresh) this.#told.add(key);
    return fresh.map(([, value]) => value);
  }

  know(values: readonly KeptValue[], tokens: Tokens): void {
    for (const [at, value] of values.entries()) {
      const token = tokens?.[at];
      if (token !== undefined && token !== null) this.#tokens.set(keyOf(value), token);
    }
  }

  /** What stands in a place that is masked; undefined: its placeholder. What was only read through a disguise is no value. */
  readonly instead = ({ detector, clear }: FoundPlace, value: string): string | undefined => {
    if (tokenIn(value) !== undefined) return value;
    if (clear !== true || value.length > tokenValueMax || !this.#is(detector)) return undefined;
    const kept = { detector: detector.id, value };
    const token = this.#tokens.get(keyOf(kept));
    if (token !== undefined) return tokenText(token, detector.placeholder);
    if (this.#values.size < tokensPerResultMax) this.#values.set(keyOf(kept), kept);
    return undefined;
  };
}

/** Tokens that stand in arguments which settings have turned back for this tool: as a whole value, or a whole member of a list. */
export function tokensToGive(
  { tokens }: Pick<Sensitive, 'tokens'>,
  tool: string,
  args: JsonObject,
): readonly { readonly argument: string; readonly token: string }[] {
  const found: { argument: string; token: string }[] = [];
  for (const argument of argumentsGiven(tokens, tool))
    for (const value of listOf(args[argument])) {
      const token = typeof value === 'string' ? tokenIn(value) : undefined;
      if (token !== undefined) found.push({ argument, token });
    }
  return found.slice(0, tokensPerCallMax + 1);
}

/** The arguments with values in place of tokens. */
export function withValues(
  args: JsonObject,
  given: readonly { argument: string; token: string; value: string }[],
): JsonObject {
  const put =
    (argument: string) =>
    (value: Json): Json =>
      (typeof value === 'string'
        ? given.find((each) => each.argument === argument && each.token === tokenIn(value))?.value
        : undefined) ?? value;
  const after = { ...args };
  for (const { argument } of given) {
    const before = args[argument];
    if (before !== undefined)
      after[argument] = Array.isArray(before)
        ? before.map((each) => put(argument)(each as Json))
        : put(argument)(before);
  }
  return after;
}

const listOf = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? (value as Json[]) : value === undefined || isJsonObject(value) ? [] : [value];

const argumentsGiven = (tokens: Sensitive['tokens'], tool: string): string[] => [
  ...new Set((tokens?.givenTo ?? []).filter((each) => each.tool === tool).map(({ argument }) => argument)),
];

/** Whether settings have a value of this detector turned back for this argument. */
export const isGivenTo = (
  { tokens }: Pick<Sensitive, 'tokens'>,
  tool: string,
  argument: string,
  detector: Pick<Detector, 'id' | 'category'>,
): boolean =>
  (tokens?.givenTo ?? []).some(
    (each) => each.tool === tool && each.argument === argument && isNamed(each.of, detector),
  );
