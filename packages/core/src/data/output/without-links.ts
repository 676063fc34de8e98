/** Room: data (D-4). A result without links and images that carry data out: whoever shows it to a person would have them opened. */
import { isJsonObject, type Json } from '../../wire/json.ts';
import type { LinkKind } from '../../wire/output.ts';
import { carriedBy, isGrave, linksIn } from './links.ts';

/** Links of one value that are looked at; every further one is taken out. */
export const lookedMax = 20_000;
/** Between two turns of whoever waits. */
const turnLinks = 100;

export interface LinksOut {
  readonly value: Json;
  /** Links and images that carry data. */
  readonly found: number;
  /** Those that were taken out. */
  readonly masked: number;
}

export interface LinksOutOptions {
  readonly kinds: readonly LinkKind[];
  /** Whose links may carry data. */
  readonly hosts: readonly string[];
  /** Stands where a link stood: an address again where a schema wants one. */
  readonly instead: '[LINK]' | 'about:blank';
}

const nothing = () => false;

export function* withoutLinks(value: Json, options: LinksOutOptions): Generator<void, LinksOut> {
  const { kinds, hosts, instead } = options;
  let [looked, found, masked] = [0, 0, 0];
  function* text(said: string): Generator<void, string> {
    const parts: string[] = [];
    let at = 0;
    for (const link of linksIn(said)) {
      if (link === undefined || ++looked % turnLinks === 0) yield;
      if (link === undefined) continue;
      const carrying = looked > lookedMax ? undefined : carriedBy(link, { hosts, isSensitive: nothing });
      if (looked <= lookedMax && (carrying === undefined || !isGrave(carrying))) continue;
      found++;
      if (!kinds.includes(link.image ? 'image' : 'link')) continue;
      masked++;
      parts.push(said.slice(at, link.start), instead);
      at = link.end;
    }
    return parts.length === 0 ? said : parts.join('') + said.slice(at);
  }
  function* walk(each: Json): Generator<void, Json> {
    if (typeof each === 'string') return yield* text(each);
    if (Array.isArray(each)) {
      const items: Json[] = [];
      for (const item of each) items.push(yield* walk(item));
      return items;
    }
    if (!isJsonObject(each)) return each;
    const members: [string, Json][] = [];
    for (const [key, item] of Object.entries(each)) members.push([key, yield* walk(item)]);
    return Object.fromEntries(members);
  }
  const after = yield* walk(value);
  return { value: masked === 0 ? value : after, found, masked };
}
