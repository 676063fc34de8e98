/**
 * Room: policy (S-1, S-4). What a changed definition of a tool would do to the policies in force that ask about its arguments: they were checked against the types of
 * the accepted one, and a comparison of what is now of another type would silently be false.
 */
import { readsOfSet } from '@atf/core/policy/reads';
import {
  type Attributes,
  attributesOf,
  changedPaths,
  typesDigest,
  typeWords,
} from '@atf/core/segmentation/bound-types';
import type { PolicyDoc } from '@atf/core/wire/feed';
import type { PolicyConcern } from '@atf/core/wire/policy-concerns';
import type { Db, Tx } from '../context.ts';
import type { ToolRow } from '../segmentation/store.ts';
import type { PolicyFiles } from './files.ts';
import { activeSet } from './store.ts';

type Files = PolicyFiles['files'];
type Definition = Readonly<Record<string, unknown>>;

/** `own.cedar:4:8`, where the policy names the argument; where it begins when it does not in plain words. */
function placeOf(files: Files, id: string, argument: string): string | undefined {
  const head = `@id(${JSON.stringify(id)})`;
  const file = files.find(({ name, text }) => name.endsWith('.cedar') && text.includes(head));
  if (file === undefined) return undefined;
  const start = file.text.indexOf(head);
  const next = file.text.indexOf('@id(', start + head.length);
  const own = file.text.slice(0, next < 0 ? undefined : next);
  const named = own.indexOf(argument, own.indexOf('context', start) + 1);
  const before = file.text.slice(0, named < 0 ? start : named);
  return `${file.name}:${before.split('\n').length}:${before.length - before.lastIndexOf('\n')}`;
}

/** Arguments that policies in force name and that the definition on offer has of another type, or not at all. None of a tool that nobody has accepted. */
export async function policyConcerns(
  db: Db | Tx,
  { tenant, server, name, accepted, definition, offered }: ToolRow,
): Promise<PolicyConcern[]> {
  if (!accepted || offered === null) return [];
  const set = await activeSet(db, tenant);
  if (set === undefined) return [];
  const about = readsOfSet(JSON.parse(set.policies) as PolicyDoc['policies']).bound.get(`${server}/${name}`);
  if (about === undefined) return [];
  const [before, after]: Attributes[] = [definition, offered].map((text) =>
    attributesOf(JSON.parse(text) as Definition),
  );
  if (before === undefined || after === undefined) return [];
  const files = JSON.parse(set.files) as Files;
  return about.flatMap(({ id, paths, typed }) =>
    changedPaths(before, after, paths).map((path): PolicyConcern => {
      const at = placeOf(files, id, path.at(-1) ?? 'args');
      return {
        policy: id,
        ...(at === undefined ? {} : { at }),
        argument: path.join('.') || 'args',
        before: typeWords(before, path),
        after: typeWords(after, path),
        fits: typed?.includes(typesDigest(after, paths)) ?? false,
      };
    }),
  );
}

export const concernWords = ({ policy, at, argument, before, after }: PolicyConcern): string =>
  `${at === undefined ? '' : `${at} `}${policy}: ${argument} is ${before}, and would be ${after}`;
