/**
 * Room: segmentation (S-2). Whether a person's words speak of the thing that a tool does something to, for calls no value of which says to what it is done: a task that
 * asks to change a street asks to change no password. By the nouns of the tool's name, the names of the arguments that are given, or a value that stands in the words.
 * Lexical and English, like the intent that it is a part of. Pure and bounded.
 */
import type { JsonObject } from '../../wire/json.ts';
import { wordSet, wordsOf } from '../classify.ts';
import type { ArgumentOrigin } from './argument-origins.ts';
import { stringsOf } from './leaves.ts';
import type { SessionMemory } from './session-memory.ts';

/** Word → what says the same, of groups of words. */
export function alikeIn(groups: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const group of groups)
    for (const word of group.split(' '))
      found.set(word, new Set([...(found.get(word) ?? []), ...group.split(' ')]));
  return found;
}

/** Things that people call by several names. */
const things = alikeIn([
  'event meeting appointment calendar invitation',
  'file document folder attachment',
  'email mail message dm',
  'user person people member colleague account',
  'payment bill invoice transaction money',
  'hotel room accommodation stay',
  'restaurant table dinner lunch',
  'car vehicle rental',
  'flight ticket',
  'issue ticket bug',
  'repository repo',
  'webpage page website site',
  'password passphrase',
]);

/** Words of names that say nothing of what is meant. */
const saysNothing = wordSet(
  'the for with new old all any key name names type value values title text body content contents description note notes subject date time start end day first last number count limit flag data item items object details info information options params request',
);
const shortestWord = 3;
/** Values of one call that are looked for in the task. */
const comparedMax = 32;

/** What a call is about where none of its values says to what it is done. */
export interface About {
  /** Names of the arguments that are given. */
  readonly names: readonly string[];
  /** One of the values stands in the task. */
  readonly holdsOfTask: boolean;
}

/** Undefined for a call with a value that says where it goes, to what or how much: the origin of that value says what is meant. */
export function aboutOf(
  memory: SessionMemory,
  found: readonly ArgumentOrigin[],
  args: JsonObject,
): About | undefined {
  if (found.some(({ role }) => role !== 'content')) return undefined;
  const given = Object.entries(args).filter(([, value]) => value !== null);
  const holdsOfTask = given
    .flatMap(([, value]) => stringsOf(value))
    .slice(0, comparedMax)
    .some((value) => value.length >= shortestWord && memory.find(value).origin === 'task');
  return { names: given.map(([name]) => name), holdsOfTask };
}

const singular = (word: string): string => (word.length > shortestWord ? word.replace(/s$/, '') : word);
const meaning = (words: readonly string[]): string[] =>
  words.filter((word) => word.length >= shortestWord && !saysNothing.has(word)).map(singular);

/** Whether words speak of one of the nouns of a tool's name, or of what its call is about. A tool whose name holds no noun is about anything. */
export function speaksOf(said: readonly string[], nouns: readonly string[], about: About): boolean {
  if (about.holdsOfTask) return true;
  const named = meaning(nouns);
  if (named.length === 0) return true;
  const meant = new Set([
    ...named.flatMap((noun) => [noun, ...(things.get(noun) ?? [])]),
    ...meaning(about.names.flatMap(wordsOf)),
  ]);
  return said.some((word) => meant.has(word) || meant.has(singular(word)));
}
