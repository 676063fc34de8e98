/**
 * Room: segmentation (S-4, D-2). A tool that chooses its index by an argument: of which registered values a call is. Only exactly what was registered counts. What is
 * absent, no text, in another spelling, or there twice, is no index that anybody knows, and nothing is guessed. Pure.
 */
import { compatibleForm } from '../compatible-form.ts';
import { pointerName } from '../json-pointer.ts';
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import type { SourceDoc, When } from '../wire/retrieval.ts';
import type { ToolDoc } from '../wire/feed.ts';
import { plainName } from './transaction.ts';

export const unknownIndexCauses = ['absent', 'no_text', 'unregistered', 'twice'] as const;
type Cause = (typeof unknownIndexCauses)[number];

/** Why nobody knows from which index a call would read. */
export interface UnknownIndex {
  readonly argument: string;
  readonly because: Cause;
}

/** A tool as one call of it reads: with the sources of this call alone. */
export interface CalledTool extends ToolDoc {
  readonly unknownIndex?: UnknownIndex;
}

const words: Readonly<Record<Cause, string>> = {
  absent: 'which the call does not say',
  no_text: 'which is no text in the call',
  unregistered: 'and no index is registered for the value that it has in the call',
  twice: 'which the call says twice, in different spellings',
};
export const unknownIndexWords = ({ argument, because }: UnknownIndex): string =>
  `chooses its index by ${argument}, ${words[because]}`;

/** Names of a JSON Pointer, from the outside in. */
export const namesOf = (argument: string): string[] => argument.slice(1).split('/').map(pointerName);

/** As somebody reads it who takes other case, blanks, invisible characters and normal forms for the same. */
const generous = (value: string): string =>
  compatibleForm(value)
    .toLowerCase()
    .replace(/[\s\p{Cc}\p{Cf}]/gu, '');

export const isLike = (one: string, other: string): boolean => generous(one) === generous(other);

/** A value that is what it looks like: in normal form C, without anything at its ends or between its letters that nobody sees. */
export const isPlainValue = (value: string): boolean =>
  value === value.normalize('NFC') &&
  value === value.trim() &&
  !/[\p{Cc}\p{Cf}\p{Cs}]|\s\s|[^\S ]/u.test(value);

/** What the call has there, or why nobody knows it. A tool might take a name in another spelling for this one. */
function valueAt(args: JsonObject, argument: string): { readonly value: string } | Cause {
  let within: Json = args;
  for (const name of namesOf(argument)) {
    if (!isJsonObject(within)) return 'absent';
    const plain = plainName(name);
    if (Object.keys(within).some((each) => each !== name && plainName(each) === plain)) return 'twice';
    const found: Json | undefined = Object.hasOwn(within, name) ? within[name] : undefined;
    if (found === undefined) return 'absent';
    within = found;
  }
  return typeof within === 'string' ? { value: within } : 'no_text';
}

type Chosen = { readonly sources: readonly SourceDoc[] } | UnknownIndex;
const hasWhen = (source: SourceDoc): source is SourceDoc & { readonly when: When } =>
  source.when !== undefined;

/** The sources of a call with these arguments: what answers whatever they say, and for every argument that chooses an index what is registered of its value. */
export function chosenSources(all: readonly SourceDoc[], args: JsonObject): Chosen {
  const chosen = all.filter(({ when }) => when === undefined);
  const byArgument = all.filter(hasWhen);
  for (const argument of new Set(byArgument.map(({ when }) => when.argument))) {
    const found = valueAt(args, argument);
    if (typeof found === 'string') return { argument, because: found };
    const of = byArgument.filter(({ when }) => when.argument === argument && when.value === found.value);
    if (of.length === 0) return { argument, because: 'unregistered' };
    chosen.push(...of);
  }
  return { sources: chosen };
}
