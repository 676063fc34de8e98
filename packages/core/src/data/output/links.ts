/**
 * Room: data (D-4). Links and images in a text, and whether they carry data out: whoever opens a link, or has an image shown, tells its server all that stands in the
 * address. What a link carries is judged by its parts: encoded text, what is never sent, what was read before, long runs that nobody can read. Pure; bounded.
 */
import { detectors } from '../detectors/index.ts';
import { readableIn } from './encoded-text.ts';

export interface Link {
  readonly start: number;
  readonly end: number;
  /** As a program would open it. */
  readonly url: string;
  /** It is fetched without anybody's doing. */
  readonly image: boolean;
}

/**
 * Why a link counts as carrying data. `sensitive`: what is never sent; `encoded`: text in base64, base32 or hexadecimal; `read`: what the session has read, in a place for data;
 * `template`: a place to be filled in, in an image; the rest alone prove little: `path`: what the session has read, in a path; `opaque`: a long run that nobody can read; `long`.
 */
export const carryings = ['sensitive', 'encoded', 'read', 'template', 'path', 'opaque', 'long'] as const;
export type Carrying = (typeof carryings)[number];

const urlLengthMax = 1_500;
/** Of one link: characters, or what stands for one. The longest of these is what a bracket holds. */
const linkUnitsMax = 4_096;
const linkLengthMax = 3 * linkUnitsMax;
const contextLength = 320;
/** A long text is searched piece by piece. */
const pieceLength = 131_072;
const opaqueMin = 32;
/** Shorter values stand in ordinary links, and in many texts by chance. */
const readMin = 24;

// `\/` and `\u0026` are what JSON in a string makes of `/` and `&`; what was masked stands in brackets.
const part = String.raw`(?:[^\s<>"'\x60\\()\[\]{}|^]|\\\/|\\u[0-9a-fA-F]{4}|\([^\s()<>"'\\]{0,200}\)|\{{1,2}[\w .$-]{1,40}\}{1,2}|\[[\w -]{1,40}\])`;
const scheme = String.raw`(?:https?|wss?|ftp):(?:\\?\/|\\){1,4}`;
/** Where an address without a scheme is one: Markdown, HTML, CSS. */
const relative = String.raw`(?=\\?\/)(?<=\]\(\s{0,3}<?|(?:src|href|srcset|poster|background|action)\s{0,3}=\s{0,3}\\?["']?|url\(\s{0,3}\\?["']?)(?:\\?\/){2}`;
const anyLink = new RegExp(`(?:${scheme}|${relative})${part}{1,${linkUnitsMax}}`, 'giu');
const imageBefore =
  /(?:!\[[^\]\n]{0,300}\]\(\s{0,3}<?|(?:src|srcset|poster|background)\s{0,3}=\s{0,3}\\?["']?|url\(\s{0,3}\\?["']?)$/i;
const referenceBefore = /(?:^|\n)[ \t]{0,3}\[[^\]\n]{1,300}\]:\s{0,3}<?$/;
const imageReference = /!\[[^\][\n]{0,300}\]\s?\[/;

const written = (raw: string): string =>
  raw
    .replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll('\\/', '/')
    .replaceAll('\\', '/')
    .replace(/^(?!\w+:)/, 'https:')
    .replace(/[.,;:!?*_~]+$/, '');

/** Undefined between two pieces of a long text: whoever waits may do something else. */
export function* linksIn(text: string): Generator<Link | undefined> {
  if (!/\/\/|\\\/|:\\/.test(text)) return;
  const references = imageReference.test(text);
  for (let from = 0, done = 0; from < text.length; from += pieceLength) {
    // What stands before a link says what it is.
    const first = Math.max(0, from - contextLength);
    for (const match of text.slice(first, from + pieceLength + linkLengthMax).matchAll(anyLink)) {
      const start = first + match.index;
      if (start < done || start < from) continue;
      if (start >= from + pieceLength) break;
      const raw = match[0].replace(/[.,;:!?*_~]+$/, '');
      const before = text.slice(Math.max(0, start - contextLength), start);
      const image = imageBefore.test(before) || (references && referenceBefore.test(before));
      done = start + raw.length;
      yield { start, end: done, url: written(raw), image };
    }
    yield undefined;
  }
}

/** A place of an address in which data may stand. */
interface Part {
  readonly at: 'user' | 'host' | 'path' | 'query' | 'fragment';
  readonly text: string;
}

const decodedOnce = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
      Buffer.from(run.replaceAll('%', ''), 'hex').toString('latin1'),
    );
  }
};

/** Percent signs over percent signs hide nothing. */
function decoded(text: string): string {
  let now = text;
  for (let depth = 0; depth < 3 && now.includes('%'); depth++) now = decodedOnce(now);
  return now;
}

function partsOf(url: string): { readonly host: string; readonly parts: readonly Part[] } | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) return undefined;
  const { hostname, username, password, pathname, search, hash } = parsed;
  const of = (at: Part['at'], texts: readonly string[]): Part[] =>
    texts.filter((text) => text !== '').map((text) => ({ at, text: decoded(text) }));
  const pairs = search
    .slice(1)
    .split(/[&;]/)
    .flatMap((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? [pair] : [pair.slice(0, equals), pair.slice(equals + 1)];
    });
  return {
    host: hostname,
    parts: [
      ...of('user', [username, password]),
      ...of('host', hostname.split('.').slice(0, -2)),
      // The last label, and what is said over several, as one.
      ...of('host', [hostname.split('.').slice(0, -2).join('')]),
      ...of('path', pathname.split('/')),
      ...of(
        'query',
        pairs.map((text) => text.replaceAll('+', ' ')),
      ),
      ...of('fragment', [hash.slice(1)]),
    ],
  };
}

export const isHostOf = (host: string, hosts: readonly string[]): boolean =>
  hosts.some((each) => (each.startsWith('*.') ? host.endsWith(each.slice(1)) : host === each));

/** Letters and digits without a separator; what only counts or spells a word is read by people. Digests have three lengths. */
function isOpaque({ at, text }: Part): boolean {
  if (at === 'path' && /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text)) return false;
  return (text.match(/[A-Za-z0-9+/=]{32,}/g) ?? []).some((run) => {
    const digits = run.replace(/\D/g, '').length;
    return run.length >= opaqueMin && digits >= 3 && run.length - digits >= 3;
  });
}

const masks = new RegExp(
  `\\[(?:${[...new Set(detectors.map(({ placeholder }) => placeholder))].join('|')})(?: \\d+)?\\]`,
);
const template = /\{\{?[^{}]{1,40}\}\}?|\[[\w -]{1,40}\]|<[\w -]{1,40}>|\$\w{2,40}/;

/** What a session was given, by value. */
export interface GivenValues {
  /** A tool returned it. */
  wasRead(value: string): boolean;
  /** A tool returned it, or it stands in the words of the task. */
  isKnown(value: string): boolean;
}

export interface LinkQuestion {
  /** Whose links may carry data. */
  readonly hosts: readonly string[];
  /** Whether a text holds what is never sent. */
  readonly isSensitive: (text: string) => boolean;
  /** What the session was given before; absent: it does not matter. */
  readonly given?: GivenValues | undefined;
}

/** What the link carries, the gravest of it; undefined: nothing. */
export function carriedBy(
  link: Link,
  { hosts, isSensitive, given: known }: LinkQuestion,
): Carrying | undefined {
  const { url } = link;
  const read = partsOf(url);
  // No program opens what is no address.
  if (read === undefined) return undefined;
  const { host, parts } = read;
  const readable = parts.map((each) => ({ each, hidden: readableIn(each.text) }));
  const texts = readable.flatMap(({ each, hidden }) => [each.text, ...hidden]);
  if (texts.some((text) => masks.test(text)) || isSensitive(texts.join('\n'))) return 'sensitive';
  if (isHostOf(host, hosts)) return undefined;
  const carrying = byItsForm(link, readable, known);
  // Who wrote a link that was read knows what stands in it.
  return carrying === undefined || known?.isKnown(url) === true ? undefined : carrying;
}

function byItsForm(
  { url, image }: Link,
  readable: readonly { readonly each: Part; readonly hidden: readonly string[] }[],
  known: GivenValues | undefined,
): Carrying | undefined {
  const parts = readable.map(({ each }) => each);
  if (readable.some(({ hidden }) => hidden.length > 0)) return 'encoded';
  const given = parts.filter(({ text }) => text.length >= readMin && known?.wasRead(text) === true);
  if (given.some(({ at }) => at !== 'path' || image)) return 'read';
  if (image && parts.some(({ at, text }) => at !== 'host' && template.test(text))) return 'template';
  if (given.length > 0) return 'path';
  if (parts.some(isOpaque)) return 'opaque';
  return url.length > urlLengthMax ? 'long' : undefined;
}

/** Whether it is enough by itself: also in calls that only read. */
export const isGrave = (carrying: Carrying): boolean =>
  carryings.indexOf(carrying) <= carryings.indexOf('template');
