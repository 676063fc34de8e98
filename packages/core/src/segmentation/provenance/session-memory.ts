/**
 * Room: segmentation (S-4). What a session has been given: the words of the person who wants something done, and what its tools returned, so that it can be
 * said where a value comes from. Nothing of it leaves but names of tools. Deterministic; bounded: what no longer fits is forgotten oldest first.
 */
import type { Json, JsonObject } from '../../wire/json.ts';
import { wordSet } from '../classify.ts';
import { leavesOf, readsDocuments, stringsOf } from './leaves.ts';
import {
  addressesIn,
  holdsNumber,
  isAddress,
  isMail,
  namesAddress,
  namesIn,
  numberIn,
  plainText,
  writtenAddress,
  writtenText,
} from './plain-text.ts';

/**
 * Where a value stands, from the best to the worst.
 * - `task`: in the words of the person; - `trusted`: in what a trusted tool returned;
 * - `listed`: a whole field of what an untrusted tool returned, and in none of its texts;
 * - `named`: a mail address in a text of an untrusted tool that bears a name out of the task, as nothing else does that the session was given;
 * - `unknown`: nowhere; - `untrusted`: in a text of an untrusted tool.
 */
export const origins = ['task', 'trusted', 'listed', 'named', 'unknown', 'untrusted'] as const;
export type Origin = (typeof origins)[number];

export interface Found {
  readonly origin: Origin;
  /** `server/tool` that returned it. */
  readonly from?: string;
  /** The action whose result it was; absent: it was no action's, or it is not known. */
  readonly action?: string;
}

export interface Observation {
  /** `server/tool`. */
  readonly tool: string;
  readonly trusted: boolean;
  readonly args: JsonObject;
  readonly result: Json;
  /** No text of it is structure, whatever the tool is called. */
  readonly document?: boolean;
  readonly action?: string;
}

/** A text as it is searched. Values stand between line ends, with a space on each side. */
interface Searched {
  readonly plain: string;
  readonly joined: string;
  readonly written: string;
}

/** What a call returned, ready to be searched. */
export interface Seen {
  readonly tool: string;
  readonly action?: string;
  readonly trusted: boolean;
  readonly said: Searched;
  /** What the call was given: that it comes back says nothing new. */
  readonly given: Searched;
  /** Mail addresses, as written. */
  readonly mails: readonly string[];
  /** Something was left out. */
  readonly cut: boolean;
}

/** Characters that are kept for one session, over all forms of each text. */
const keptMax = 524_288;
const saidMax = 65_536;
const givenMax = 16_384;
const observationsMax = 2_000;
const mailsMax = 200;
/** A number this short stands in every text by chance. */
const chanceDigits = /^[0-9]{1,3}$/;
/** Words of addresses that name nobody. */
const generic = wordSet(
  'info mail email contact admin support help office team sales noreply reply order orders billing invoice accounts service news hello',
);

/** A text is no whole field, also when it is nothing but the value. */
const inText = (value: string): string => `\r ${value} \r`;

function searched(fields: readonly string[], texts: readonly string[]): Searched {
  const lines = (form: (value: string) => string) =>
    `\n ${[...fields.map(form), ...texts.map((text) => inText(form(text)))].join(' \n ')} \n`;
  const plain = lines(plainText);
  return {
    plain,
    joined: plain.replaceAll(' ', ''),
    written: lines((value) => (isAddress(value) ? writtenAddress(value) : writtenText(value))),
  };
}

const lengthOf = ({ said, given }: Seen): number =>
  said.plain.length + said.joined.length + said.written.length + given.plain.length * 3;

/** The first values that fit. */
function within(
  values: readonly string[],
  max: number,
): { readonly values: string[]; readonly cut: boolean } {
  const fitting: string[] = [];
  let left = max;
  for (const value of values) {
    if (left <= 0) return { values: fitting, cut: true };
    fitting.push(value.slice(0, left));
    left -= value.length;
  }
  return { values: fitting, cut: left < 0 };
}

/** Takes a result apart, once for every memory that is to have it. */
export function seenOf({ tool, trusted, args, result, document = false, action }: Observation): Seen {
  const name = tool.slice(tool.indexOf('/') + 1);
  const given = within(stringsOf(args), givenMax);
  // Of arguments that are too long to be looked through nobody can say what came back: it counts as text.
  const leaves = leavesOf(result, document || given.cut || readsDocuments(name));
  const fields = within(leaves.fields, saidMax);
  const texts = within(leaves.texts, saidMax);
  const mails = [...fields.values, ...texts.values]
    .flatMap((value) => addressesIn(value, mailsMax).filter(isMail))
    .map(writtenAddress);
  return {
    tool,
    ...(action === undefined ? {} : { action }),
    trusted: trusted && !given.cut,
    said: searched(fields.values, texts.values),
    given: searched([], given.values),
    mails: [...new Set(mails)].slice(0, mailsMax),
    cut: fields.cut || texts.cut || mails.length > mailsMax,
  };
}

export class SessionMemory {
  #words = '';
  #task: Searched = searched([], []);
  #names: ReadonlySet<string> = new Set();
  #taskMails: readonly string[] = [];
  #seen: Seen[] = [];
  #kept = 0;
  #cut = false;
  /** Rises with everything that it is given. */
  revision = 0;

  /** The person's words, all turns. */
  setTask(words: string): void {
    if (words === this.#words) return;
    this.#words = words;
    this.#task = searched([], [words]);
    this.#names = namesIn(words);
    this.#taskMails = addressesIn(words, mailsMax).filter(isMail).map(writtenAddress);
    this.revision++;
  }

  /** The person's words; empty: none are known. */
  get task(): string {
    return this.#words;
  }

  /** Characters that are kept. */
  get kept(): number {
    return this.#kept;
  }

  add(seen: Seen): void {
    this.#seen.push(seen);
    this.#kept += lengthOf(seen);
    this.#cut ||= seen.cut;
    this.revision++;
    while (this.#kept > keptMax || this.#seen.length > observationsMax) {
      const oldest = this.#seen.shift();
      this.#kept -= oldest === undefined ? this.#kept : lengthOf(oldest);
      this.#cut = true;
    }
  }

  find(value: string): Found {
    const sought = soughtOf(value);
    if (sought === undefined) return { origin: 'unknown' };
    if (stands(this.#task, sought)) return { origin: 'task' };
    let field: Seen | undefined;
    let text: Seen | undefined;
    for (const seen of this.#seen) {
      const place = placeIn(seen, sought);
      if (place === undefined) continue;
      if (seen.trusted) return { origin: 'trusted', ...sourceOf(seen) };
      if (place.field) field ??= seen;
      if (place.text) text ??= seen;
    }
    if (field !== undefined && (text === undefined || chanceDigits.test(sought.plain)))
      return { origin: 'listed', ...sourceOf(field) };
    if (text === undefined) return { origin: 'unknown' };
    return { origin: this.#isNamed(value) ? 'named' : 'untrusted', ...sourceOf(text) };
  }

  /** Whether the task names it (`Dora`, for `dora@example.com`), and no other mail address that the session was given, or might have been. */
  #isNamed(value: string): boolean {
    if (!isMail(value.trim()) || this.#cut) return false;
    const own = writtenAddress(value);
    const shared = namesOf(own).filter((name) => this.#names.has(name));
    if (shared.length === 0) return false;
    const rivals = (mails: readonly string[]) =>
      mails.some((other) => other !== own && namesOf(other).some((name) => shared.includes(name)));
    return !rivals(this.#taskMails) && !this.#seen.some(({ mails }) => rivals(mails));
  }
}

const sourceOf = ({ tool, action }: Seen): Omit<Found, 'origin'> => ({
  from: tool,
  ...(action === undefined ? {} : { action }),
});

/** How a value stands in what a call returned; undefined: it does not, or it has nothing that could be compared. */
export function standsIn(seen: Seen, value: string): 'field' | 'text' | undefined {
  const sought = soughtOf(value);
  const place = sought === undefined ? undefined : placeIn(seen, sought);
  return place === undefined ? undefined : place.field ? 'field' : 'text';
}

const namesOf = (mail: string): string[] =>
  plainText(mail.slice(0, mail.indexOf('@')))
    .split(' ')
    .filter((name) => name.length >= 3 && !generic.has(name));

interface Sought {
  readonly plain: string;
  /** Set for addresses, which are compared as they are written. */
  readonly address: string | undefined;
  readonly number: string | undefined;
}

function soughtOf(value: string): Sought | undefined {
  if (value.length > saidMax) return undefined;
  const plain = plainText(value);
  if (plain === '' || plain.length > saidMax) return undefined;
  const address = isAddress(value) ? writtenAddress(value) : undefined;
  return { plain, address, number: address === undefined ? numberIn(plain) : undefined };
}

function stands({ plain, joined, written }: Searched, sought: Sought): boolean {
  if (sought.address !== undefined) return namesAddress(written, sought.address);
  if (plain.includes(` ${sought.plain} `)) return true;
  return sought.number !== undefined && holdsNumber(plain, joined, sought.number);
}

interface Place {
  readonly field: boolean;
  readonly text: boolean;
}

/** As a whole field, inside of a longer text, or both; undefined: not there, or only because the call was given it. */
function placeIn({ said, given }: Seen, sought: Sought): Place | undefined {
  const { address } = sought;
  const whole = address === undefined ? `\n ${sought.plain} \n` : `\n ${address} \n`;
  const among = address === undefined ? said.plain : said.written;
  const field = among.includes(whole);
  if (!field && !stands(said, sought)) return undefined;
  if (stands(given, sought)) return undefined;
  if (!field) return { field, text: true };
  // Line ends stay where the field was, so that nothing grows together.
  const without = among.replaceAll(whole, '\n\n').replaceAll(whole, '\n\n');
  const left =
    address === undefined ? { ...said, plain: without, joined: '' } : { ...said, written: without };
  return { field, text: stands(left, sought) };
}
