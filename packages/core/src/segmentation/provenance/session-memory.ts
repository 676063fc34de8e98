/**
 * Room: segmentation (S-4). What a session has been given: the words of the person who wants something done, and what its tools returned, so that it can be
 * said where a value comes from. Nothing of it leaves but names of tools. Deterministic; bounded: what no longer fits is forgotten oldest first, and
 * the memory says so.
 */
import { leavesOf, readsDocuments } from './leaves.ts';
import {
  addressesIn,
  groupedPattern,
  isAddress,
  namesAddress,
  plainText,
  plainValue,
  wordsBesideAddresses,
  writtenText,
  writtenValue,
} from './plain-text.ts';
import type { Json, JsonObject } from '../../wire/json.ts';

/**
 * Where a value stands.
 * - `task`: in the words of the person; - `trusted`: in what a trusted tool returned;
 * - `listed`: a whole field of what an untrusted tool returned, and in none of its texts;
 * - `named`: in a text of an untrusted tool, but it bears a name that stands in the task, and nothing else of its kind does;
 * - `untrusted`: in a text of an untrusted tool, or nowhere in a memory that had to forget; - `unknown`: nowhere.
 */
export const origins = ['task', 'trusted', 'listed', 'named', 'untrusted', 'unknown'] as const;
export type Origin = (typeof origins)[number];

export interface Found {
  readonly origin: Origin;
  /** `server/tool` that returned it. */
  readonly from?: string;
}

export interface Observation {
  /** `server/tool`. */
  readonly tool: string;
  readonly trusted: boolean;
  readonly args: JsonObject;
  readonly result: Json;
}

interface Seen {
  readonly tool: string;
  readonly trusted: boolean;
  /** Plain values, each between bars. */
  readonly text: string;
  /** The same with the punctuation of addresses. */
  readonly written: string;
  readonly addresses: readonly string[];
}

/** Characters of plain values that are kept for one session. */
const keptMax = 262_144;
const observationsMax = 2_000;
/** Characters of an argument that is looked for in what the call returns; a longer one is text, and no value that decides. */
const echoMax = 4_096;
const addressesPerObservation = 200;
/** A number this short stands in every text by chance. */
const chanceDigits = /^[0-9]{1,3}$/;
/** Words of addresses that name nobody. */
const generic = new Set(
  'www com org net http https info mail email contact admin support help office team sales noreply reply the and for you html php index home page web website site online'.split(
    ' ',
  ),
);

export class SessionMemory {
  #words = '';
  #task = ' ';
  #taskWritten = '';
  #taskNames: ReadonlySet<string> = new Set();
  #seen: Seen[] = [];
  #kept = 0;
  /** Something that the session was given is not known here any more. */
  forgotten = false;

  /** The person's words, all turns. */
  setTask(words: string): void {
    this.#words = words;
    this.#task = ` ${plainText(words)} `;
    this.#taskWritten = writtenText(words);
    this.#taskNames = wordsBesideAddresses(words);
  }

  /** Takes in what a call returned. A value that the call was given says nothing new, and keeps the origin that it had. */
  observe({ tool, trusted, args, result }: Observation): void {
    const given = new Set(
      leavesOf(args)
        .filter(({ length }) => length <= echoMax)
        .map(plainValue),
    );
    const leaves = this.#bounded(leavesOf(result, readsDocuments(tool.slice(tool.indexOf('/') + 1))));
    const news = leaves.filter((leaf) => !given.has(plainValue(leaf)));
    const values = news.map(plainValue).filter((value) => value !== '');
    if (values.length === 0) return;
    const text = ` | ${values.join(' | ')} | `;
    const written = ` | ${news.map(writtenValue).join(' | ')} | `;
    const addresses = news.flatMap((leaf) => addressesIn(leaf, addressesPerObservation));
    this.#seen.push({ tool, trusted, text, written, addresses: addresses.slice(0, addressesPerObservation) });
    this.#kept += text.length + written.length;
    while (this.#kept > keptMax || this.#seen.length > observationsMax) {
      const oldest = this.#seen.shift();
      this.#kept -= (oldest?.text.length ?? 0) + (oldest?.written.length ?? 0);
      this.forgotten = true;
    }
  }

  /** The first values that fit; a memory that left something out says so. */
  #bounded(leaves: readonly string[]): string[] {
    let left = keptMax / 4;
    const fitting: string[] = [];
    for (const leaf of leaves) {
      fitting.push(leaf.slice(0, left));
      left -= leaf.length;
      if (left <= 0) {
        this.forgotten ||= left < 0 || fitting.length < leaves.length;
        break;
      }
    }
    return fitting;
  }

  /** Characters that are kept. */
  get kept(): number {
    return this.#kept;
  }

  /** The person's words; empty: none are known. */
  get task(): string {
    return this.#words;
  }

  find(value: string): Found {
    const sought = soughtOf(value);
    if (sought === undefined) return { origin: 'unknown' };
    if (stands(this.#task, this.#taskWritten, sought)) return { origin: 'task' };
    let field: string | undefined;
    let text: string | undefined;
    for (const seen of this.#seen) {
      const place = placeIn(seen, sought);
      if (place !== undefined && seen.trusted) return { origin: 'trusted', from: seen.tool };
      if (place?.field === true) field ??= seen.tool;
      if (place?.text === true) text ??= seen.tool;
    }
    if (field !== undefined && (text === undefined || chanceDigits.test(sought.plain)))
      return { origin: 'listed', from: field };
    if (this.#isNamed(value)) return { origin: 'named', ...(text === undefined ? {} : { from: text }) };
    if (text !== undefined) return { origin: 'untrusted', from: text };
    // It may have stood in what is not known any more.
    return { origin: this.forgotten ? 'untrusted' : 'unknown' };
  }

  /** Whether the task names it (`Dora`, for `dora@example.com`), and nothing else of its kind that the session has seen. */
  #isNamed(value: string): boolean {
    const at = value.indexOf('@');
    const names = plainValue(at < 0 ? value : value.slice(0, at)).split(' ');
    const shared = names.filter(
      (name) => name.length >= 3 && !generic.has(name) && !/^[0-9]+$/.test(name) && this.#taskNames.has(name),
    );
    if (shared.length === 0) return false;
    const own = plainValue(value);
    return !this.#seen.some(({ addresses }) =>
      addresses.some((other) => {
        const plain = plainValue(other);
        const sameKind = other.includes('@') === at >= 0;
        return sameKind && plain !== own && shared.some((name) => plain.split(' ').includes(name));
      }),
    );
  }
}

interface Sought {
  readonly plain: string;
  /** Set for addresses, which are compared as they are written. */
  readonly address: string | undefined;
  readonly grouped: RegExp | undefined;
}

function soughtOf(value: string): Sought | undefined {
  const plain = plainValue(value);
  if (plain === '') return undefined;
  const address = isAddress(value) && !/^[A-Z]{2}[0-9]{2}/.test(value) ? writtenValue(value) : undefined;
  return { plain, address, grouped: groupedPattern(plain) };
}

function stands(text: string, written: string, { plain, address, grouped }: Sought): boolean {
  if (address !== undefined) return namesAddress(written, address);
  return text.includes(` ${plain} `) || grouped?.test(text) === true;
}

/** As a whole field, inside of a longer text, or both. */
function placeIn(
  { text, written }: Seen,
  sought: Sought,
): { readonly field: boolean; readonly text: boolean } | undefined {
  const { plain, address } = sought;
  const among = address === undefined ? text : written;
  const field = among.includes(` | ${address ?? plain} | `);
  const without = field ? among.replaceAll(` | ${address ?? plain} |`, ' |') : among;
  const inText = stands(without, without, sought);
  return field || inText ? { field, text: inText } : undefined;
}
